import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.identify import Identify
from wellhead.capture.keys import Holder, Keys
from wellhead.config import Access, Identity
from wellhead.core.errors import ConfigError, Refusal

EDGE = Identity(header="X-User", certificate_header="X-Cert", trusted_proxies=("10.0.0.0/8",))


def principal(identify, headers, peer="9.9.9.9"):
    return identify.caller(headers, peer, 1_000.0).principal


def refused(identify, headers, peer="9.9.9.9"):
    with pytest.raises(Refusal) as caught:
        identify.caller(headers, peer, 1_000.0)
    assert caught.value.status == 401 and "\n" not in str(caught.value)


@pytest.fixture
def token(keys):
    return keys.add(Holder(owner="alice", plan="gold"), 0.0).encode()


def test_a_key_in_either_header(keys, token):
    identify = Identify(Identity(), Access(), keys)
    for headers in (
        {b"x-api-key": token},
        {b"authorization": b"Bearer " + token},
        {b"authorization": b"bearer  " + token},
    ):
        caller = identify.caller(headers | {b"user-agent": b"curl\xe9"}, "9.9.9.9", 1_000.0)
        assert (caller.principal, caller.plan, caller.address, caller.agent) == ("alice", "gold", "9.9.9.9", "curl\xe9")
    assert principal(identify, {b"x-api-key": token, b"authorization": b"Bearer " + token}) == "alice"
    refused(identify, {b"x-api-key": token, b"authorization": b"Bearer wh_other"})
    refused(identify, {b"x-api-key": b"other", b"authorization": b"Basic x"})


def test_an_agent_is_cut(keys, token):
    identify = Identify(Identity(), Access(), keys)
    assert len(identify.caller({b"x-api-key": token, b"user-agent": b"a" * 9_000}, "", 0.0).agent) == 256


def test_an_edge_is_believed_only_where_it_is_declared(keys, token):
    identify = Identify(EDGE, Access(), keys)
    assert principal(identify, {b"x-user": b"bob"}, "10.1.1.1") == "edge:bob"
    assert principal(identify, {b"x-cert": b"CN=bob"}, "10.1.1.1") == "certificate:CN=bob"
    refused(identify, {b"x-user": b"bob"})
    for absurd in (b"", b" ", b"a" * 300, b"b\xc3\xb6b", b"a\x01"):
        refused(identify, {b"x-user": absurd}, "10.1.1.1")
    assert principal(identify, {b"x-user": b"bob", b"x-api-key": token}, "10.1.1.1") == "alice"


@pytest.mark.parametrize("key", ["header", "certificate_header"])
def test_an_edge_without_a_network_is_a_mistake(keys, key):
    with pytest.raises(ConfigError, match=rf"identity\.trusted_proxies beside identity\.{key}, got none"):
        Identify(Identity(**{key: "X-User"}), Access(), keys)


def test_a_bearer_token_counts_by_its_hash(keys):
    identify = Identify(Identity(bearer=True), Access(), keys)
    first = principal(identify, {b"authorization": b"Bearer no-hex-here"})
    assert first.startswith("bearer:") and "no-hex-here" not in first
    assert first != principal(identify, {b"authorization": b"Bearer abd"})
    for absurd in (b"Bearer ", b"Bearer " + b"a" * 10_000, b"Bearer \xff", b"Basic abc"):
        refused(identify, {b"authorization": absurd})


def test_without_proof_it_is_refused_or_pooled(keys):
    refused(Identify(Identity(), Access(), keys), {})
    pool = Identify(Identity(), Access(unauthenticated="pool"), keys)
    assert principal(pool, {}) == principal(pool, {b"x-api-key": b"not ours"}) == "anonymous"
    refused(pool, {b"x-api-key": b"wh_bad"})


def test_changed_keys_are_taken_up(keys):
    identify = Identify(Identity(), Access(), Keys.load(keys.path))
    token = keys.add(Holder(owner="new"), 0.0).encode()
    refused(identify, {b"x-api-key": token})
    identify.reload()
    assert principal(identify, {b"x-api-key": token}) == "new"


NAMES = st.sampled_from([b"x-api-key", b"authorization", b"x-user", b"x-cert", b"x-forwarded-for", b"user-agent"])
VALUES = st.one_of(
    st.binary(max_size=80), st.binary(max_size=60).map(lambda b: b"wh_" + b), st.binary().map(lambda b: b"Bearer " + b)
)


@given(st.dictionaries(NAMES, VALUES), st.sampled_from(["10.0.0.1", "", "junk", "::1"]))
def test_anything_is_a_caller_or_a_401(tmp_path_factory, headers, peer):
    keys = Keys.open(tmp_path_factory.getbasetemp() / "any.json")
    try:
        assert Identify(EDGE, Access(), keys).caller(headers, peer, 0.0).principal.startswith(("edge:", "certificate:"))
    except Refusal as e:
        assert e.status == 401
