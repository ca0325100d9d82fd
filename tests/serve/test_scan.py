import json

import numpy as np
import pytest
from metering import classifier, inputs, softmax_model

from wellhead.core.errors import ConfigError
from wellhead.serve.scan import scan
from wellhead.serve.scan_words import Question
from wellhead.store.columns import connect

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


def fields(found):
    """What does not depend on how long it took."""
    return [(f.members, f.signal, f.rows, f.replication_ppm) for f in found.findings], found.rows, found.principals


def test_lines_out_of_order_make_the_same_findings(tmp_path, traffic):
    order = np.random.default_rng(1).permutation(len(traffic))
    mixed = written(tmp_path, [traffic[i] for i in order], "mixed.jsonl")
    one = scan(Question(logs=(written(tmp_path, traffic),), profile=classifier()), now_s=NOW)
    other = scan(Question(logs=(mixed,), profile=classifier()), now_s=NOW)
    assert fields(one) == fields(other)
    assert (one.first_s, one.last_s) == (other.first_s, other.last_s)


def test_a_constant_skew_of_the_clock_changes_no_finding(tmp_path, traffic):
    late = [{**e, "time": e["time"] + 7200} for e in traffic]
    one = scan(Question(logs=(written(tmp_path, traffic),), profile=classifier()), now_s=NOW)
    other = scan(Question(logs=(written(tmp_path, late, "late.jsonl"),), profile=classifier()), now_s=NOW)
    assert (fields(one), other.clocks) == (fields(other), 0)


@pytest.mark.parametrize("wrong", [0.0, 4e9])
def test_absurd_times_are_mended_and_counted(tmp_path, traffic, wrong):
    bad = [{**e, "time": wrong} if i % 10 == 5 else e for i, e in enumerate(traffic)]
    found = scan(Question(logs=(written(tmp_path, bad),), profile=classifier()), now_s=NOW)
    assert (found.clocks, found.rows) == (270, 2700)
    assert 1.7e9 <= found.first_s <= found.last_s <= 1.7e9 + 7000


def test_one_principal_with_nearly_all_of_the_rows_beside_one_with_one(tmp_path):
    path = tmp_path / "big.parquet"
    with connect() as c:
        c.execute(
            "COPY (SELECT 1.7e9 + i * 0.01 AS time, CASE WHEN i = 500 THEN 'once' ELSE 'often' END AS principal, "
            "CAST(i % 1000 AS VARCHAR) AS input FROM range(300000) t(i)) TO ? (FORMAT parquet)",
            [str(path)],
        )
    found = scan(Question(logs=(str(path),)), now_s=NOW)
    assert (found.rows, found.principals) == (300_000, 2)
    assert all(f.members != ("once",) for f in found.findings)


def test_why_no_campaigns_are_sought_is_said(tmp_path, traffic):
    log = written(tmp_path, traffic[:100])
    assert "--population" in scan(Question(logs=(log,)), now_s=NOW).unsought
    assert "coded" in scan(Question(logs=(log,), population=object()), now_s=NOW).unsought


def test_scores_of_another_model_than_the_profile_leave_replication_unknown_and_the_rest_is_said(tmp_path, traffic):
    other = [{**e, "scores": [0.5, 0.5]} for e in traffic]
    found = scan(Question(logs=(written(tmp_path, other),), profile=classifier()), now_s=NOW)
    assert "classes" in found.silent["replication"]
    assert (found.rows, found.watching[0].principal) == (2700, "thief")


DAYS = 4


def daily(who, rows, input_of):
    """So many rows a day on each of some days, the last of them in another period of two days."""
    return [
        {"time": 1.7e9 + d * 86_400 + i, "principal": who, "input": input_of(d, i)}
        for d in range(DAYS)
        for i in range(rows)
    ]


def test_names_and_rows_are_of_all_periods_and_a_finding_has_the_rows_of_its_hit(tmp_path):
    lines = daily("steady", 30, lambda d, i: "same") + daily("new", 200, lambda d, i: f"{d}/{i}")
    lines += [{"time": 1.7e9 + i, "principal": "early", "input": str(i)} for i in range(300)]
    lines += [{"time": 1.7e9 + i, "principal": "refused", "input": "x", "status": 403} for i in range(5)]
    log = written(tmp_path, sorted(lines, key=lambda e: e["time"]))
    found = scan(Question(logs=(log,), period_days=2.0), now_s=NOW)
    assert (found.principals, found.periods) == (4, 3)
    rules = {f.members[0]: f for f in found.findings}
    assert set(rules) == {"new", "early"}
    for f in found.findings:
        assert f"at {f.rows} rows" in f.detail
    assert rules["early"].rows == 300


def test_what_was_drawn_in_a_period_that_is_over_is_found(tmp_path, traffic):
    thief = [e for e in traffic if e["principal"] == "thief"]
    later = [{**line(9000 + i, "late", [0.0] * 6), "time": 1.7e9 + 40 * 86_400 + i} for i in range(40)]
    question = Question(logs=(written(tmp_path, thief + later),), profile=classifier(), period_days=30.0, watched=0)
    question.rules.rules = ()
    found = scan(question, now_s=NOW)
    assert [(f.signal, f.members, f.rows) for f in found.findings] == [("replication", ("thief",), 1500)]
