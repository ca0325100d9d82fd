import json

import numpy as np
from metering import classifier, inputs, softmax_model

from wellhead.capture.importers.kserve import KServe
from wellhead.capture.importers.registry import guess

NOW = 1.8e9


def event(i, half, body, who="ann", **more):
    return {
        "specversion": "1.0",
        "id": f"id-{i}",
        "source": "http://localhost:9081/",
        "type": f"org.kubeflow.serving.inference.{half}",
        "time": f"2026-01-01T00:00:{i % 60:02d}Z",
        "inferenceservicename": "iris",
        "namespace": "prod",
        "metadata": json.dumps({"x-user-id": [who], "user-agent": "curl"}),
        "data": body,
        **more,
    }


def written(tmp_path, events):
    path = tmp_path / "kserve.jsonl"
    path.write_text("".join(json.dumps(e) + "\n" for e in events))
    return path


def read(path, profile=None):
    reader = KServe(profile, NOW)
    return [b for b in reader.read(path) if len(b.visits)], reader.told


def test_pairs_become_rows_with_codes_and_scores(tmp_path):
    x = inputs(3).astype(float)
    p = softmax_model(x)
    path = written(
        tmp_path,
        [event(1, "request", {"instances": x.tolist()}), event(1, "response", {"predictions": p.tolist()}), {"id": 3}],
    )
    assert guess(path).name == "kserve"
    (block,), told = read(path, classifier())
    batch = block.batch
    np.testing.assert_array_equal(batch.codes, classifier().code(x.astype(np.float32)))
    np.testing.assert_array_equal(batch.top1, p.argmax(1))
    np.testing.assert_allclose(batch.confidence, p.max(1), rtol=1e-6)
    assert (batch.names, told.bad, len(set(batch.fingerprint.tolist()))) == (("ann",), 1, 3)
    assert batch.attributes[0] == {("agent", "curl")}


def test_flat_tensors_are_cut_by_their_shape(tmp_path):
    x = inputs(2).astype(float)
    ask = {"inputs": [{"name": "x", "shape": [2, 6], "datatype": "FP32", "data": x.ravel().tolist()}]}
    told = {"outputs": [{"name": "predict", "shape": [2], "datatype": "INT64", "data": [2, 0]}]}
    (block,), _ = read(written(tmp_path, [event(1, "response", told), event(1, "request", ask)]), classifier())
    np.testing.assert_array_equal(block.batch.codes, classifier().code(x.astype(np.float32)))
    assert block.batch.top1.tolist() == [2, 0]


def test_a_response_far_behind_its_request_is_found_and_one_that_never_comes_is_no_answer(tmp_path):
    body = {"instances": [[1.0, 2.0]]}
    events = [event(i, "request", body, f"p{i}") for i in range(5)]
    events += [event(i, "response", {"predictions": [1]}) for i in range(4)]
    blocks, _ = read(written(tmp_path, events))
    assert sum(b.answered for b in blocks) == 4
    assert sum(len(b.visits) for b in blocks) == 5
    assert sorted(n for b in blocks for n in b.visits.names) == ["p0", "p1", "p2", "p3", "p4"]


def test_headers_beside_the_body_are_read_too(tmp_path):
    def half(kind, body):
        return {
            "headers": {
                "Ce-Id": "a",
                "Ce-Type": f"org.kubeflow.serving.inference.{kind}",
                "Ce-Time": "2026-01-01T00:00:00Z",
            },
            "body": body,
        }

    path = written(tmp_path, [half("request", '{"instances": [[1, 2]]}'), half("response", {"predictions": [0.5]})])
    (block,), _ = read(path)
    assert block.batch.values.tolist() == [0.5]
    assert block.batch.names == ("unknown",)


def test_requests_without_a_readable_time_are_malformed_and_so_are_no_bytes_of_a_caller(tmp_path):
    body = {"instances": [[1.0, 2.0]]}
    path = written(tmp_path, [event(1, "request", body, time="whenever"), event(2, "request", body, "b@d")])
    path.write_bytes(path.read_bytes().replace(b"@", b"\xff"))
    blocks, told = read(path)
    assert (told.lines, told.bad, len(told.sample)) == (2, 1, 1)
    assert [n for b in blocks for n in b.visits.names] == ["b\ufffdd"]
