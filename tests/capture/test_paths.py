from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.paths import Router, decode_path, raw_path_of
from wellhead.config import Model
from wellhead.core.errors import Refusal
from wellhead.protocols.base import ONLY_MODEL, Called
from wellhead.protocols.open_inference import OpenInference
from wellhead.protocols.sagemaker import SageMaker
from wellhead.protocols.tensorflow_serving import TensorFlowServing
from wellhead.protocols.torchserve import TorchServe


def match(method, path):
    return Called("m") if (method, path) == ("POST", "/v2/m") else None


def status(raw, method="POST", query=b""):
    try:
        return Router(match, Model(name="m"), ("/health",)).route(method, raw, query)
    except Refusal as e:
        return e.status


def test_routes():
    assert status(b"/v2/m").model == "m"
    assert status(b"/v2/%6d").path == "/v2/m"
    assert status(b"/health", "GET").model is None and status(b"/health", "HEAD").model is None
    assert status(b"/health") == status(b"/health/", "GET") == status(b"/v2/m", "GET") == 404
    assert status(b"/v2/m", query=b"a=%20b").model == "m"
    assert status(b"/v2/m", query=b"a b") == status(b"/v2/m", query=b"a\r\n") == 400
    assert status(b"/v2/m", query=b"a" * 9_000) == 414


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"*", b"v2/m", b"http://evil/v2/m", b"//v2/m", b"/v2//m", b"/./m", b"/../m", b"/a/%2e%2e/m", b"/v2%2fm",
        b"/v2%5cm", b"/v2\\m", b"/v2/m;x", b"/v2/m%3bx", b"/v2/m%00", b"/v2/m%0a", b"/v2/%ff", b"/v2/%zz", b"/v2/%6",
        b"/v2/%256d", b"/v2/m?x", b"/v2/m%3fx", b"/v2/m#x", b"/v2 /m", b"/v2/\xc3\xb6",
    ],
)  # fmt: skip
def test_ambiguous_paths_are_refused(raw):
    assert status(raw) == 400


@given(st.text())
def test_a_path_reads_as_it_was_written_or_not_at_all(text):
    try:
        assert decode_path(quote(text, safe="/").encode()) == text
    except Refusal as e:
        assert e.status == 400


@given(st.binary(max_size=40))
def test_no_bytes_are_an_error(raw):
    assert status(raw) in (400, 404) or status(raw).model == "m"


def test_the_memory_of_routes_is_bounded():
    router = Router(lambda m, p: ONLY_MODEL, Model())
    for i in range(3_000):
        router.route("POST", b"/%d" % i, b"")
    assert len(router._known) <= 1_024


OTHERS = [
    (OpenInference, "/v2/models/junk/infer", ""),
    (OpenInference, "/v2/models/m/versions/7/infer", ""),
    (OpenInference, "/v2/models/m/versions/7/infer", "8"),
    (OpenInference, "/v2/models/M/infer", ""),
    (OpenInference, "/v2/models/m/infer", "7"),
    (OpenInference, "/v2/models/model/infer", ""),
    (TensorFlowServing, "/v1/models/m/labels/canary:predict", ""),
    (TensorFlowServing, "/v1/models/m/labels/7:predict", "7"),
    (TensorFlowServing, "/v1/models/m/versions/7:predict", "labels/7"),
    (TorchServe, "/predictions/m/2.0", ""),
    (TorchServe, "/predictions/junk", ""),
    (SageMaker, "/endpoints/junk/invocations", ""),
]


@pytest.mark.parametrize(("protocol", "path", "version"), OTHERS)
def test_any_other_model_or_version_is_refused(protocol, path, version):
    router = Router(protocol().match, Model(name="m", version=version))
    for _ in range(2):
        with pytest.raises(
            Refusal, match=r"^expected model 'm' with .*, got model '.*' with .* in the path$"
        ) as refused:
            router.route("POST", path.encode(), b"")
        assert refused.value.status == 404


@pytest.mark.parametrize(
    ("protocol", "path", "version"),
    [
        (OpenInference, "/v2/models/m/infer", ""),
        (OpenInference, "/v2/models/%6d/versions/7/infer", "7"),
        (TensorFlowServing, "/v1/models/m/labels/canary:predict", "labels/canary"),
        (TensorFlowServing, "/v1/models/m/versions/7:predict", "7"),
        (TorchServe, "/predictions/m/2.0", "2.0"),
        (SageMaker, "/endpoints/m/invocations", ""),
        (SageMaker, "/invocations", ""),
    ],
)
def test_the_guarded_model_passes(protocol, path, version):
    router = Router(protocol().match, Model(name="m", version=version))
    assert router.route("POST", path.encode(), b"").model == "m"


def test_a_server_that_gives_no_raw_path():
    assert raw_path_of("/v2/ö m:predict", None) == b"/v2/%C3%B6%20m:predict"
    assert raw_path_of("/x", b"/y") == b"/y"
