import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.peers import Peers
from wellhead.core.errors import ConfigError

TRUSTED = ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", b"9.9.9.9", "9.9.9.9"),
        ("9.9.9.9", b"8.8.8.8", "9.9.9.9"),
        ("10.0.0.1", b"1.1.1.1, 9.9.9.9, 10.2.3.4", "9.9.9.9"),
        ("10.0.0.1", b"10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ("10.0.0.1", b"9.9.9.9:4711", "9.9.9.9"),
        ("10.0.0.1", b"[2001:DB9::1]:80", "2001:db9::1"),
        ("2001:db8::5", b"::ffff:9.9.9.9", "9.9.9.9"),
        ("::ffff:10.0.0.1", b"9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", b"9.9.9.9, unknown", "10.0.0.1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("", b"9.9.9.9", ""),
    ],
)
def test_the_rightmost_hop_that_is_no_proxy(peer, forwarded, address):
    assert Peers(TRUSTED).address(peer, forwarded) == address


def test_nobody_is_believed_by_default():
    assert Peers().address("127.0.0.1", b"9.9.9.9") == "127.0.0.1" and not Peers().trusts("127.0.0.1")


@given(st.lists(st.ip_addresses(), max_size=6), st.ip_addresses())
def test_like_a_slow_walk(hops, peer):
    peers = Peers(("0.0.0.0/1", "::/1"))
    chain, trusted = [*hops], [ipaddress.ip_network("0.0.0.0/1"), ipaddress.ip_network("::/1")]
    if getattr(peer, "ipv4_mapped", None):
        return  # the walk's own text of such a peer is another one; its trust is tested above
    nearest = peer
    while chain and any(nearest in n for n in trusted):
        nearest = chain.pop()
        nearest = getattr(nearest, "ipv4_mapped", None) or nearest
    assert peers.address(str(peer), ", ".join(map(str, hops)).encode() or None) == str(nearest)


@given(st.binary(max_size=60))
def test_junk_is_never_an_error(junk):
    assert Peers(TRUSTED).address("10.0.0.1", junk)


def test_a_network_must_be_one():
    with pytest.raises(ConfigError, match=r"10\.0\.0\.0/8"):
        Peers(("everybody",))
