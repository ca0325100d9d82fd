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
    assert shared["acct-1"] == {"network": "203.0.113.0/24", "agent": "curl/8.5"}


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
    # the account is that of whoever runs the API
    assert "organisation" not in shared["k8s7d"]
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
    assert said.sample[0] == "{xxxx"


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


def lines(tmp_path, *entries, name="x.jsonl"):
    path = tmp_path / name
    path.write_text("".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in entries))
    return read(path)


def test_a_log_of_rows_without_inputs_shows_no_inputs(tmp_path):
    _, (block,), _ = lines(tmp_path, *({"time": 1.7e9 + i, "user": "u", "rows": 500} for i in range(3)))
    assert len(block.batch) == 1500
    assert not block.batch.fingerprint.any()


@pytest.mark.parametrize("nothing", [{}, [], None, ""])
def test_what_stands_for_no_input_is_none(tmp_path, nothing):
    entry = json.loads((GOLDEN / "litellm.jsonl").read_text().splitlines()[0])
    empty = entry | {"messages": nothing, "proxy_server_request": {}}
    asked = [{"role": "user"}]
    found = [empty, entry | {"request_id": "b", "messages": nothing, "proxy_server_request": {"body": asked}}]
    name, (block,), _ = lines(tmp_path, *found)
    assert (name, (block.batch.fingerprint > 0).tolist()) == ("litellm", [False, True])


WHEN = '[05/Oct/2026:10:00:31 +0200] "POST /v1/models/m:predict HTTP/1.1" 200 5 "-" "curl"'


@pytest.mark.parametrize(
    ("line", "who", "network"),
    [
        ("api.example.com:443 203.0.113.9 - - ", "203.0.113.9", "203.0.113.0/24"),
        ("api.example.com 203.0.113.9 - ann ", "ann", "203.0.113.0/24"),
        ("[2001:db8::1]:443 2001:db8:7::9 - - ", "2001:db8:7::9", "2001:db8:7::/48"),
        ("2001:db8::9 - a b ", "a b", "2001:db8::/48"),
        ("203.0.113.9 - a [b ", "a [b", "203.0.113.0/24"),
        ("203.0.113.9 - 198.51.100.7 - - ", "198.51.100.7 - -", "203.0.113.0/24"),
        ("203.0.113.9 - x [05/Oct/2026:10:00:31 +0200] ", "x [05/Oct/2026:10:00:31 +0200]", "203.0.113.0/24"),
        ('203.0.113.9 - "" ', "203.0.113.9", "203.0.113.0/24"),
        ("client.example.com - ann ", "ann", None),
        ("client.example.com - - ", "client.example.com", None),
    ],
)
def test_who_asked_in_lines_of_text(tmp_path, line, who, network):
    name, (block,), said = lines(tmp_path, line + WHEN)
    assert (name, said.bad, block.visits.names) == ("combined", 0, (who,))
    assert dict(block.batch.attributes[0]).get("network") == network


def test_another_column_in_front_is_not_read_as_an_address(tmp_path):
    _, blocks, said = lines(tmp_path, "203.0.113.9 - - " + WHEN, "pod-1 host:80 203.0.113.9 - - " + WHEN)
    assert (said.lines, said.bad, len(blocks[0].visits)) == (2, 1, 1)


def test_a_caller_cannot_leave_the_log_by_what_it_sends(tmp_path):
    entry = json.loads((GOLDEN / "kong.jsonl").read_text())
    hidden = [{**entry, "request": {**entry["request"], "id": str(i)}, "client_ip": "203.0.113.9@"} for i in range(2)]
    path = tmp_path / "kong.jsonl"
    text = "".join(json.dumps(e) + "\n" for e in hidden).encode().replace(b"@", b"\xff", 1).replace(b"@", b"\\ud800")
    path.write_bytes(text + json.dumps(entry).encode().replace(b"curl", b"\\ud83d\\ude00 \\\\ud800") + b"\n")
    _, (block,), said = read(path)
    assert (len(block.visits), said.bad) == (3, 0)
    assert ("agent", "\U0001f600 \\ud800/8.5") in {pair for pairs in block.batch.attributes for pair in pairs}


def test_a_caller_that_sends_one_id_again_and_again_is_counted(tmp_path):
    entry = {"time": 1.7e9, "user": "u", "request_id": "same"}
    _, (block,), _ = lines(tmp_path, entry, entry, entry | {"time": 1.7e9 + 1}, entry | {"time": 1.7e9 + 2})
    assert (len(block.visits), block.twice) == (3, 1)


def test_times_before_the_first_good_one_are_mended_by_it(tmp_path):
    _, (block,), _ = lines(tmp_path, *({"time": t, "user": "u"} for t in (0, 9e9, 1.7e9, 5)))
    assert (block.visits.time_s.tolist(), block.clocks) == ([1.7e9] * 4, 3)


@pytest.mark.parametrize("kind", ["TIMESTAMP_NS", "TIMESTAMPTZ_NS", "TIMESTAMPTZ", "TIMESTAMP", "TIMESTAMP_MS", "DATE"])
def test_times_in_parquet(tmp_path, kind):
    import duckdb

    path = tmp_path / "x.parquet"
    duckdb.sql(f"COPY (SELECT 'u' AS user, CAST(CAST('2023-11-14' AS DATE) AS {kind}) AS time) TO '{path}'")
    assert read(path)[1][0].visits.time_s.tolist() == [1_699_920_000.0]


@pytest.mark.parametrize("told", [["cat"], [[1, 2]], "cat", ["cat", 1]])
def test_predictions_that_are_no_numbers_are_unknown(tmp_path, told):
    _, (block,), _ = lines(tmp_path, *({"time": 1.7e9, "user": "u", "prediction": p} for p in (told, [0.5])))
    np.testing.assert_array_equal(block.batch.values, [np.nan, 0.5])


def test_the_method_is_no_part_of_a_route(tmp_path):
    one = {"requestId": "a", "requestTime": "05/Oct/2026:08:00:31 +0000", "ip": "203.0.113.9", "status": "200"}
    routes = ("POST /v1/m", "$default", "ANY /{proxy+}")
    found = [one | {"requestId": r, "httpMethod": "POST", "routeKey": r} for r in routes]
    assert lines(tmp_path, *found)[1][0].visits.endpoint == ("/v1/m", "$default", "/{proxy+}")
