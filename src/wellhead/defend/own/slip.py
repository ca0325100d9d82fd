"""What the log says of each row of a marked answer, so that only the owner of the key can open it.

A slip stands behind the answer in the log before anybody is suspected. Marked rows and others have slips that look
alike, and nothing that is kept beside the log can be edited without missing its slip.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import msgspec

from wellhead.core.codec import pack_bytes, unpack
from wellhead.core.errors import AuditError, ConfigError
from wellhead.core.event import Event

BYTES = 16
"""Of a slip."""


class Slips(msgspec.Struct, frozen=True, kw_only=True):
    """The slips of one stored event. request, part, principal: of that event.  slips: base64 of rows x BYTES bytes."""

    commitment: str
    request: str
    part: int
    principal: str
    slips: str

    @property
    def place(self) -> tuple[str, int, str]:
        """Which event it belongs to, among those that stand before it."""
        return self.request, self.part, self.principal

    def each(self, rows: int) -> list[bytes]:
        """One slip a row; none where there are not so many."""
        try:
            held = unpack(self.slips, "u1", rows)
        except AuditError:
            return []
        return [row.tobytes() for row in held] if held.shape[1] == BYTES else []


def place_of(event: Event) -> tuple[str, int, str]:
    """What its slips name it by."""
    return event.request, event.part, event.principal


def slip(nonce: bytes, principal: str, fingerprint: int, told: bytes = b"") -> bytes:
    """HMAC-SHA256 of a row under the secret nonce of the commitment, cut to BYTES.

    fingerprint: of the input, a uint64.  told: all of the mark, empty where the row has none.
    """
    parts = principal.encode(), fingerprint.to_bytes(8, "little"), told
    text = b"".join(len(p).to_bytes(8, "big") + p for p in parts)
    return hmac.digest(nonce, text, "sha256")[:BYTES]


def slips_of(commitment: str, event: Event, slips: Sequence[bytes]) -> Slips:
    """The record of an event's slips, one a row."""
    request, part, principal = place_of(event)
    held = pack_bytes(b"".join(slips))
    return Slips(commitment=commitment, request=request, part=part, principal=principal, slips=held)


def read(detail: str) -> Slips:
    """The slips in a detail of the log; raises ConfigError."""
    try:
        return msgspec.json.decode(detail, type=Slips)
    except msgspec.MsgspecError as e:
        raise ConfigError(f"expected slips of marks, got {detail[:60]!r}") from e


def written(slips: Slips) -> str:
    """The detail of the log's record."""
    return msgspec.json.encode(slips, order="sorted").decode()
