"""Proof of work as friction: a puzzle that costs its solver seconds and us milliseconds.

It slows down honest scripts as much as thieves, and whoever has many machines hardly at all: off by default, and only
an answer to risk. The puzzle is bound to one principal and one body, so that a solution buys exactly one answer however
often it is sent, and nothing has to be remembered. scrypt (RFC 7914) with 1 MiB keeps cheap hardware from being a
thousand times faster than a customer's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

from wellhead.core.errors import WellheadError

HEADER = b"wellhead-challenge"
SOLUTION = b"wellhead-solution"
LIVES_S = 300
MOST_BITS = 24
_N, _R = 1024, 8
_FORM = re.compile(rb"v1;(\d{1,2});(\d{1,12});([0-9a-f]{64})")
_SOLVED = re.compile(rb"(v1;[0-9a-f;]{1,90});(\d{1,12})")


class Asked(NamedTuple):
    """What a puzzle is bound to. principal: who asks.  body: of the request.  key: the gate's secret."""

    principal: str
    body: bytes
    key: bytes


def puzzle(asked: Asked, bits: int, now_s: float) -> bytes:
    """The puzzle as a header's value: `v1;BITS;EXPIRES;MAC`. bits: 1..24; each doubles the work."""
    if not 1 <= bits <= MOST_BITS:
        raise WellheadError(f"expected a puzzle of 1 to {MOST_BITS} bits, got {bits}")
    head = b"v1;%d;%d" % (bits, int(now_s) + LIVES_S)
    return head + b";" + _mac(head, asked)


def _mac(head: bytes, asked: Asked) -> bytes:
    bound = b"\0".join((b"wellhead puzzle", head, asked.principal.encode(), hashlib.sha256(asked.body).digest()))
    return hmac.new(asked.key, bound, "sha256").hexdigest().encode()


def is_ours(value: bytes, asked: Asked, bits: int, now_s: float) -> bool:
    """True for the solution's header where its puzzle is one of ours for this very request, alive and hard enough."""
    found = _SOLVED.fullmatch(value)
    form = _FORM.fullmatch(found[1]) if found else None
    if form is None:
        return False
    head = form[0].rsplit(b";", 1)[0]
    right = hmac.compare_digest(form[3], _mac(head, asked))
    return right and int(form[1]) >= bits and now_s < int(form[2]) <= now_s + LIVES_S + 1


def is_solved(value: bytes) -> bool:
    """True where the solution's number solves its puzzle. One scrypt of 1 MiB: ask `is_ours` first."""
    found = _SOLVED.fullmatch(value)
    form = _FORM.fullmatch(found[1]) if found else None
    return found is not None and form is not None and _zeros(form[0], found[2]) >= int(form[1])


def solve(challenge: bytes) -> bytes:
    """What a client sends back in `wellhead-solution`; takes about 2^bits times one scrypt.

    Raises WellheadError for a header that is no puzzle.
    """
    form = _FORM.fullmatch(challenge)
    if form is None or int(form[1]) > MOST_BITS:
        raise WellheadError("expected a puzzle `v1;BITS;EXPIRES;MAC`, got something else")
    number = 0
    while _zeros(challenge, b"%d" % number) < int(form[1]):
        number += 1
    return b"%b;%d" % (challenge, number)


def _zeros(challenge: bytes, number: bytes) -> int:
    """Leading zero bits, 0..32, of the scrypt of a number salted with the puzzle."""
    digest = hashlib.scrypt(number, salt=challenge, n=_N, r=_R, p=1, dklen=4)
    return 32 - int.from_bytes(digest).bit_length()
