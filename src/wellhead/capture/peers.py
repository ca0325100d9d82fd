"""Which address a request really comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from wellhead.core.errors import ConfigError

_KEPT = 65_536
_MAX_HOPS = 32
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Peers:
    """Proxies whose X-Forwarded-For, identity and certificate headers are believed, as networks; nobody by default."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._networks = tuple(_network(text) for text in trusted)
        self._known: dict[str, bool] = {}

    def trusts(self, peer: str) -> bool:
        """True for the address of a declared proxy."""
        if not self._networks:
            return False
        known = self._known.get(peer)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            address = parse_address(peer)
            known = self._known[peer] = address is not None and any(address in n for n in self._networks)
        return known

    def address(self, peer: str, forwarded: bytes | None) -> str:
        """The rightmost hop of X-Forwarded-For that is no declared proxy; the peer itself where that is none."""
        if forwarded is None or not self.trusts(peer):
            return peer
        nearest = peer
        for hop in reversed(forwarded.decode("latin-1").rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
            address = parse_address(_without_port(hop.strip()))
            if address is None:
                break
            nearest = str(address)
            if not self.trusts(nearest):
                break
        return nearest


def parse_address(text: str) -> Address | None:
    """An address, IPv4-mapped IPv6 as IPv4; None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f"expected a network such as 10.0.0.0/8 in trusted_proxies, got `{text[:60]}`") from None
