import json

import duckdb
import pytest

from wellhead.capture.importers.registry import named
from wellhead.core.errors import ConfigError
from wellhead.serve.scan_quick import aggregates

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


def test_lines_of_text_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="leave out --quick"):
        aggregates(named("combined"), [tmp_path / "x.log"])
