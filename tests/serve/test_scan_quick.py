import json

import duckdb
import pytest

from wellhead.capture.importers.registry import named
from wellhead.core.errors import ConfigError
from wellhead.serve.scan_quick import aggregates, quick

EVENTS = [
    {
        "time": i,
        "principal": f"p{i % 3}",
        "ip": f"10.0.0.{i % 4}",
        "input": str(i // 2),
        "confidence": 1.0 if i % 2 else 0.5,
    }
    for i in range(240)
]


def slow(name):
    mine = [e for e in EVENTS if e["principal"] == name]
    sure = [e["confidence"] for e in mine]
    return len(mine), len({e["ip"] for e in mine}), sum(sure) / len(sure), sum(s >= 0.9895 for s in sure)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_aggregates_are_those_of_a_loop(tmp_path, suffix):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(e) + "\n" for e in EVENTS))
    if suffix == "parquet":
        duckdb.sql(f"COPY (FROM '{path}') TO '{tmp_path}/log.parquet'")
    found = aggregates(named("json"), [tmp_path / f"log.{suffix}"])
    assert [(f.principal, (f.requests, f.addresses, f.confidence, f.full)) for f in found] == [
        (n, slow(n)) for n in ("p0", "p1", "p2")
    ]
    assert all(abs(f.inputs - 80) <= 12 for f in found)


@pytest.mark.parametrize("odd", ['"x"', "5", "[1, 2]", '[{"principal": "z"}]', "true", "{half"])
@pytest.mark.parametrize("keys", [("principal",), ("principal", "time"), ("principal", "confidence")])
def test_one_line_that_is_no_object_is_malformed_and_no_other(tmp_path, odd, keys):
    lines = [json.dumps({k: e[k] for k in keys}) for e in EVENTS]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([*lines[:120], odd, *lines[120:]]) + "\n")
    found = quick([(named("json"), (path,))])
    assert [(f.principal, f.requests) for f in found.lines] == [("p0", 80), ("p1", 80), ("p2", 80)]
    assert found.nobody == 1


def test_lines_of_text_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="leave out --quick"):
        aggregates(named("combined"), [tmp_path / "x.log"])


def written(path, events, *more):
    path.write_text("".join(json.dumps(e) + "\n" for e in events) + "".join(more))
    return path


def test_pairs_of_events_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="got kserve"):
        aggregates(named("kserve"), [tmp_path / "x.jsonl"])


def test_a_caller_without_a_principal_is_its_address_and_none_is_counted(tmp_path):
    events = [*EVENTS[:10], {"time": 1, "ip": "10.9.9.9:55"}, {"time": 2, "principal": "-", "ip": "10.9.9.9"}]
    path = written(tmp_path / "log.jsonl", [*events, {"time": 3}], "no line of it\n")
    found = quick([(named("json"), (path,))])
    assert {f.principal: f.requests for f in found.lines} == {"p0": 4, "p1": 3, "p2": 3, "10.9.9.9": 2}
    assert found.nobody == 2


def test_a_credential_is_hashed_as_by_a_full_scan(tmp_path):
    path = written(tmp_path / "log.jsonl", [{"time": i, "api_key": "secret"} for i in range(3)])
    ((name, n),) = [(f.principal, f.requests) for f in aggregates(named("json"), [path])]
    assert (name[:4], len(name), n) == ("key-", 20, 3)


def test_numbers_are_names_and_what_is_not_there_is_unknown(tmp_path):
    duckdb.sql(f"COPY (SELECT 42 AS user_id, 1.7e9 AS timestamp FROM range(9)) TO '{tmp_path}/log.parquet'")  # noqa: S608
    (line,) = aggregates(named("json"), [tmp_path / "log.parquet"])
    assert (line.principal, line.requests) == ("42", 9)
    assert (line.inputs, line.addresses, line.confidence, line.full) == (None,) * 4


def test_files_of_all_kinds_are_one_table(tmp_path):
    lines = written(tmp_path / "log.jsonl", EVENTS)
    duckdb.sql(f"COPY (FROM '{lines}') TO '{tmp_path}/log.parquet'")
    kong = written(tmp_path / "kong.log", [{"started_at": 1, "consumer": {"username": "p0"}, "client_ip": "10.0.0.1"}])
    found = quick([(named("json"), (lines, tmp_path / "log.parquet")), (named("kong"), (kong,))])
    assert [(f.principal, f.requests, f.addresses) for f in found.lines] == [
        ("p0", 161, 4),
        ("p1", 160, 4),
        ("p2", 160, 4),
    ]
    assert found.lines[1].confidence == pytest.approx(slow("p1")[2])
    assert quick([]).lines == []


def test_nobody_has_more_different_inputs_than_requests(tmp_path):
    """They are estimated, within some per cent either way."""
    rows = [{"principal": f"u{i % 40}", "input": f"{i:08x}"} for i in range(40 * 500)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = aggregates(named("json"), [tmp_path / "log.jsonl"])
    assert {line.requests for line in lines} == {500}
    assert all(400 < line.inputs <= 500 for line in lines)
