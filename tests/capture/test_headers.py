import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.headers import HeadReader, end_to_end, kept_of_answer
from wellhead.core.errors import Refusal

HOST = (b"host", b"a")


def status(*pairs, version="1.1", identity=()):
    try:
        HeadReader(identity).read(pairs, version)
    except Refusal as e:
        return e.status
    return 200


def test_what_is_named_and_what_goes_on():
    head = HeadReader().read(
        [HOST, (b"x-a", b"1"), (b"x_b", b"2"), (b"content-length", b"7"), (b"content-type", b"a/b"), (b"te", b"x")],
        "1.1",
    )
    assert head.named == {b"host": b"a", b"content-length": b"7", b"content-type": b"a/b"}
    assert head.forward == [(b"x-a", b"1"), (b"content-type", b"a/b")]
    assert (head.length, head.chunked) == (7, False)


@pytest.mark.parametrize(
    "name",
    [b"host", b"authorization", b"x-api-key", b"content-type", b"content-encoding", b"content-length", b"x-user"],
)
def test_what_must_come_once(name):
    pairs = [HOST, (name, b"1")] if name != b"host" else [HOST]
    assert status(*pairs, identity=("X-User",)) == 200
    assert status(*pairs, (name, b"1"), identity=("X-User",)) == 400


def test_an_identity_header_is_not_handed_on():
    head = HeadReader(("X-User", "")).read([HOST, (b"x-user", b"bob")], "1.1")
    assert head.named[b"x-user"] == b"bob" and head.forward == []


@pytest.mark.parametrize("length", [b"", b"+5", b"-5", b"5 ", b"0x5", b"5, 5", b"9" * 16, b"\xb2"])
def test_lengths_are_digits(length):
    assert status(HOST, (b"content-length", length)) == 400


def test_hops_of_several_lines_are_one_list_but_not_beside_trailers():
    hops = [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"2.2.2.2")]
    assert HeadReader().read([HOST, *hops], "1.1").named[b"x-forwarded-for"] == b"1.1.1.1, 2.2.2.2"
    chunked = (b"transfer-encoding", b"chunked")
    assert status(HOST, chunked, *hops) == 400
    assert status(HOST, chunked, hops[0]) == 200


def test_transfer_codings():
    assert status(HOST, (b"transfer-encoding", b"chunked"), (b"content-length", b"5")) == 400
    assert status(HOST, (b"transfer-encoding", b"chunked"), version="2") == 400
    assert status(HOST, version="2") == 200
    assert status(HOST, version="1.2") == 400


@pytest.mark.parametrize(
    "name",
    ["target-model", "target-variant", "target-container-hostname", "inference-component", "enable-explanations"],
)
def test_no_header_picks_another_model(name):
    pairs = [HOST, (b"x-amzn-sagemaker-" + name.encode(), b"b.tar.gz"), (b"x-amzn-sagemaker-inference-id", b"1")]
    assert HeadReader().read(pairs, "1.1").forward == [pairs[2]]


def test_of_an_answer_little_is_kept():
    pairs = [
        (b"content-type", b"a"),
        (b"x-scores", b"1"),
        (b"server", b"s"),
        (b"access-control-allow-origin", b"*"),
        (b"date", b"d"),
    ]
    assert [n for n, _ in kept_of_answer(pairs)] == [b"content-type", b"access-control-allow-origin"]
    assert [n for n, _ in end_to_end(pairs)] == [b"content-type", b"x-scores", b"access-control-allow-origin"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"host", b"a_b", b"connection", b"upgrade", b"x"]) | st.binary(max_size=9),
            st.binary(max_size=9),
        )
    )
)
def test_anything_is_a_head_or_a_refusal(pairs):
    assert status(*pairs) in (200, 400, 417, 431)


def test_equal_headers_are_read_once_but_never_for_others():
    reader = HeadReader()
    pairs = ((b"host", b"a"), (b"x-api-key", b"k"))
    assert reader.read(pairs, "1.1") is reader.read(list(pairs), "1.1")
    assert reader.read((*pairs, (b"content-length", b"1")), "1.1").length == 1
    for _ in range(2):
        with pytest.raises(Refusal):
            reader.read((*pairs, (b"x-api-key", b"k")), "1.1")
        with pytest.raises(Refusal):
            reader.read(pairs, "0.9")
    assert reader.read([[b"host", b"a"]], "1.1").named == {b"host": b"a"}


def test_what_is_remembered_of_headers_has_bounds(monkeypatch):
    monkeypatch.setattr("wellhead.capture.headers._REMEMBERED", 2)
    reader = HeadReader()
    for i in range(5):
        assert reader.read(((b"host", b"%d" % i),), "1.1").named == {b"host": b"%d" % i}
        assert len(reader._known) <= 2
    long = ((b"host", b"a"), (b"x", b"y" * 3000))
    assert reader.read(long, "1.1") is not reader.read(long, "1.1")
