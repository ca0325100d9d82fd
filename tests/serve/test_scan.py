import json

import numpy as np
import pytest
from metering import classifier, inputs, softmax_model

from wellhead.capture.importers.registry import named
from wellhead.core.errors import ConfigError, StoreError
from wellhead.serve.scan import scan, sources
from wellhead.serve.scan_words import Question

NOW = 1.8e9


def line(i, who, x, scores=True):
    p = softmax_model(np.array([x], np.float32))[0]
    told = {"scores": p.tolist()} if scores else {"label": int(p.argmax())}
    return {
        "time": 1.7e9 + i,
        "request": f"r{i}",
        "principal": who,
        "inputs": [x],
        "status": 200,
        "ip": "10.0.0.1",
        **told,
    }


def written(tmp_path, lines, name="log.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(e) + "\n" for e in lines))
    return str(path)


@pytest.fixture(scope="module")
def traffic():
    rng = np.random.default_rng(3)
    thief = [line(i, "thief", x) for i, x in enumerate(rng.normal(size=(1500, 6)).round(5).tolist())]
    honest = [
        line(5000 + 40 * k + i, f"c{k}", x)
        for k in range(30)
        for i, x in enumerate(np.repeat(inputs(8, k), 5, 0).tolist())
    ]
    return thief + honest


def test_a_thief_is_found_and_what_it_drew_is_read(tmp_path, traffic):
    found = scan(Question(logs=(written(tmp_path, traffic),), profile=classifier()), now_s=NOW)
    assert (found.rows, found.coded, found.principals, found.bad) == (2700, 2700, 31, 0)
    thief = next(f for f in found.findings if f.members == ("thief",))
    assert thief.replication_ppm > 0.8e6
    assert {e.name for e in thief.evidence} >= {"unique_ratio"}
    assert found.watching[0].principal == "thief"
    assert set(found.stages) >= {"reading", "folding and looking", "ledgers"}


def test_without_inputs_and_answers_it_says_which_detectors_are_silent_and_accuses_nobody_by_them(tmp_path):
    lines = [{"time": 1.7e9 + i * 60, "principal": f"p{i % 3}", "status": 200} for i in range(900)]
    found = scan(Question(logs=(written(tmp_path, lines),)), now_s=NOW)
    assert found.findings == []
    assert "unique" in found.silent
    assert "rule unique_ratio" in found.silent
    assert "volume" not in found.silent


def test_a_second_copy_of_the_log_changes_nothing(tmp_path, traffic):
    one = scan(Question(logs=(written(tmp_path, traffic),)), now_s=NOW)
    twice = scan(Question(logs=(written(tmp_path, traffic), written(tmp_path, traffic, "copy.jsonl"))), now_s=NOW)
    assert (twice.rows, twice.twice) == (one.rows, 2700)


def test_an_empty_history_is_no_error(tmp_path):
    found = scan(Question(logs=(written(tmp_path, []),)), now_s=NOW)
    assert (found.requests, found.findings, found.watching) == (0, [], [])


def test_one_principal_with_one_row_and_one_with_many(tmp_path):
    lines = [line(0, "once", [1.0] * 6)] + [line(i, "often", [float(i % 7)] * 6, scores=False) for i in range(1, 3000)]
    found = scan(Question(logs=(written(tmp_path, lines),), profile=classifier()), now_s=NOW)
    assert (found.rows, found.principals) == (3000, 2)


def test_a_promise_over_other_detectors_is_refused(tmp_path):
    class Other:
        names = ("volume",)

    with pytest.raises(ConfigError, match="wellhead calibrate"):
        scan(Question(logs=(written(tmp_path, []),), promise=Other()), now_s=NOW)


def test_sources_are_sorted_by_format_and_unknown_ones_refused(tmp_path, traffic):
    a, b = written(tmp_path, traffic[:3], "a.jsonl"), written(tmp_path, [], "b.jsonl")
    ((mapping, files),) = sources(Question(logs=(a, b), changes={"principal": ("/ip",)}))
    assert (mapping.name, mapping.principal, [p.name for p in files]) == ("json", ("/ip",), ["a.jsonl"])
    odd = tmp_path / "odd.log"
    odd.write_text("what is this\n")
    with pytest.raises(ConfigError, match="known format"):
        sources(Question(logs=(str(odd),)))
    assert sources(Question(logs=(str(odd),), format=named("combined")))
    with pytest.raises(StoreError):
        sources(Question(logs=("absent",)))
