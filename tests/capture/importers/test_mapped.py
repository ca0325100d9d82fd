import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from metering import classifier

from wellhead.capture.importers.mapping import shipped
from wellhead.capture.importers.registry import Setting, guess, importer

GOLDEN = Path(__file__).parents[2] / "golden" / "logs"
NOW, FIRST = 1.8e9, 1_791_633_336.0
ELASTIC = Path(os.environ.get("WELLHEAD_DATA", "absent")) / "traffic" / "elastic_apache_10k.log.gz"


def read(path, profile=None):
    """All blocks of a file as one list, and what was said of its lines."""
    mapping = guess(path)
    reader = importer(mapping, Setting(profile=profile, now_s=NOW, files=(path,)))
    return mapping.name, list(reader.read(path)), reader.told


def told(name):
    """Of each request of a golden file: who, when (seconds after the first), status, path; and what "
    "its callers share."""
    path = next(GOLDEN.glob(f"{name}.*"))
    found, (block,), said = read(path)
    assert (found, said.bad) == (name, 0)
    v = block.visits
    rows = [
        (v.names[p], round(float(t) - FIRST, 3), int(s), e)
        for p, t, s, e in zip(v.principal, v.time_s, v.status, v.endpoint, strict=True)
    ]
    return rows, dict(zip(block.batch.names, map(dict, block.batch.attributes), strict=True)), block


def test_combined():
    rows, shared, block = told("combined")
    assert rows == [
        ("alice", 0.0, 200, "/v1/models/iris:predict"),
        ("alice", 1.0, 429, "/v1/models/iris:predict"),
        ("2001:db8:1:2::7", 2.0, 200, "/docs"),
        ("198.51.100.4", 3.0, 200, "/v1/models/iris:predict"),
    ]
    assert shared["alice"] == {"network": "203.0.113.0/24", "agent": "python-requests/2.31"}
    assert shared["2001:db8:1:2::7"]["network"] == "2001:db8:1::/48"
    assert block.answered == 2


def test_envoy_shows_no_secret():
    rows, shared, block = told("envoy")
    assert [r[:3] for r in rows[:2]] == [("alice", 0.123, 200), ("198.51.100.4", 1.123, 401)]
    assert rows[2][0].startswith("key-")
    assert "secret" not in rows[2][0]
    assert shared["alice"]["network"] == "203.0.113.0/24"
    assert block.answered == 2


def test_kong():
    rows, shared, _ = told("kong")
    assert rows == [("acct-1", 0.123, 200, "/v1/models/iris:predict")]
    assert shared["acct-1"] == {"organisation": "default", "network": "203.0.113.0/24", "agent": "curl/8.5"}


def test_kong_in_batches(tmp_path):
    one = json.loads((GOLDEN / "kong.jsonl").read_text())
    path = tmp_path / "kong.jsonl"
    path.write_text(
        json.dumps([one, {**one, "request": {**one["request"], "id": "a2"}}]) + "\n" + json.dumps([one]) + "\n"
    )
    _, (block,), said = read(path)
    assert (len(block.visits), block.twice, said.lines, said.bad) == (2, 1, 3, 0)


def test_aws_api_gateway_as_cloudwatch_exports_it():
    rows, shared, block = told("aws_api_gateway")
    assert rows == [("k8s7d", 0.123, 200, "/predict"), ("203.0.113.9", 1.0, 403, "/predict")]
    assert shared["k8s7d"]["organisation"] == "123456789012"
    assert block.answered == 1


def test_litellm():
    rows, shared, block = told("litellm")
    key = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
    assert rows == [(key, 0.123, 200, "acompletion"), (key, 2.123, 500, "acompletion")]
    assert shared[key] == {"organisation": "team-1", "network": "203.0.113.0/24"}
    assert (block.answered, bool(block.batch.fingerprint.all())) == (1, True)


def test_json_with_inputs_and_scores():
    _, (block,), _ = read(GOLDEN / "json.jsonl", classifier())
    batch = block.batch
    assert [batch.names[i] for i in batch.principal] == ["alice", "alice", "bob"]
    inputs = np.array([[0.5, 1.0, 0, 0, 0, 0], [0.25, 1.5, 0, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(batch.codes[:2], classifier().code(inputs))
    assert batch.top1.tolist() == [1, 0, 0]
    np.testing.assert_allclose(batch.confidence, [0.7, 0.8, 0.75], rtol=1e-6)
    assert batch.given.tolist() == [3, 3, 2]
    assert not batch.codes[2].any()
    assert any(n.startswith("key-") for n in block.visits.names)


def test_every_shipped_mapping_has_a_golden_file():
    assert {p.stem for p in GOLDEN.iterdir()} == set(shipped())


def test_packed_files_read_alike(tmp_path):
    import zstandard

    text = (GOLDEN / "kong.jsonl").read_bytes()
    packed = {".jsonl": bytes, ".jsonl.gz": gzip.compress, ".jsonl.zst": zstandard.ZstdCompressor().compress}
    times = []
    for suffix, pack in packed.items():
        path = tmp_path / f"kong{suffix}"
        path.write_bytes(pack(text))
        times.append(read(path)[1][0].visits.time_s.tolist())
    assert times[0] == times[1] == times[2]


def test_malformed_lines_are_counted_shown_and_never_fatal(tmp_path):
    path = tmp_path / "x.jsonl"
    good = (GOLDEN / "envoy.jsonl").read_bytes()
    path.write_bytes(b"{half\n" + good + b'\n\n\xff\xfe{"start_time":\n{"start_time":"never","user":"u"}\n' + good)
    _, (block,), said = read(path)
    assert (said.lines, said.bad, block.twice) == (9, 3, 3)
    assert said.sample[0] == "{half"


def test_absurd_clocks_are_mended(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f'{{"time":{t},"principal":"p"}}\n' for t in (1.7e9, 5, 9e9, 1.7e9 + 9)))
    _, (block,), said = read(path)
    assert block.batch.time_s.tolist() == [1.7e9, 1.7e9, 1.7e9, 1.7e9 + 9]
    assert (block.clocks, said.bad) == (2, 0)


@pytest.mark.skipif(not ELASTIC.exists(), reason="needs traffic/elastic_apache_10k.log.gz under WELLHEAD_DATA")
def test_a_real_apache_log():
    name, blocks, said = read(ELASTIC)
    assert (name, said.lines, said.bad) == ("combined", 10_000, 0)
    assert len({n for b in blocks for n in b.visits.names}) == 1753
