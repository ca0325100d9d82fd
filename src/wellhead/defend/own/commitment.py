"""What is promised before anybody is accused: which key, and which test of which suspects.

All of it stands in the log, whose order says what came first. Secrets stay outside until they are opened.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.defend.mark import SCHEME, Marking

_encode = msgspec.json.Encoder(order="sorted").encode


_DIGITS = 6
"""From so many digits on a beacon is a number."""


class MarkPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Who is marked, and how; committed to as a whole. fingerprints: SHA-256 (hex) of the key of the fingerprints.

    plans, stance, classes: as in the config.  Others: as in `Marking`.
    """

    share: float
    variant: str
    never_from: tuple[int, ...] = ()
    never_to: tuple[int, ...] = ()
    plans: tuple[str, ...] = ()
    stance: str = ""
    fingerprints: str = ""
    classes: tuple[str, ...] = ()


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What opens a commitment. key, nonce: 32 secret bytes each.  model: digest or name.  policy: its JSON text."""

    key: bytes
    nonce: bytes
    model: str
    policy: str
    scheme: str = SCHEME

    def __repr__(self) -> str:
        return f"Opening({self.commitment[:12]})"

    @classmethod
    def of(cls, key: bytes, nonce: bytes, model: str, policy: MarkPolicy) -> Opening:
        """The opening of a new commitment."""
        return cls(key=key, nonce=nonce, model=model, policy=_encode(policy).decode())

    @property
    def commitment(self) -> str:
        """SHA-256 (hex) of key, scheme, model, policy and nonce, each led by its length in 8 bytes, big-endian."""
        parts = (self.key, self.scheme.encode(), self.model.encode(), self.policy.encode(), self.nonce)
        return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()

    @property
    def terms(self) -> MarkPolicy:
        """The policy; raises ConfigError where its text is none."""
        try:
            return msgspec.json.decode(self.policy, type=MarkPolicy)
        except msgspec.MsgspecError as e:
            raise ConfigError(f"expected a policy of marks, got {self.policy[:60]!r}", "restore the key file") from e

    @property
    def marking(self) -> Marking:
        """Key and policy, as answers are marked with them."""
        p = self.terms
        return Marking(self.key, p.share, p.variant, p.never_from, p.never_to)


class Committed(msgspec.Struct, frozen=True, tag="committed"):
    """Marks may be made from here on."""

    commitment: str


class Withdrawn(msgspec.Struct, frozen=True, tag="withdrawn"):
    """No marks are made from here on."""

    commitment: str


class Declaration(msgspec.Struct, frozen=True, kw_only=True, tag="declared"):
    """The test, before a suspect is asked.

    uid: its name.  commitments: of the keys.  suspects: who will be asked.  principals: whose marks, empty for all.
    marks: how many are drawn.  alpha: the corrected p-value that decides.  panel: the fewest independent models.
    near: a panel model with a p-value of at most this voids the test.  beacon: where the public randomness, not known
    yet, will come from.  classes: the suspects' order of our classes, empty where it is ours.
    """

    uid: str
    commitments: tuple[str, ...]
    suspects: tuple[str, ...]
    marks: int
    beacon: str
    principals: tuple[str, ...] = ()
    alpha: float = 1e-6
    panel: int = 19
    near: float = 1e-3
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.commitments and self.suspects and self.marks > 0 and self.beacon):
            raise ConfigError("expected a declaration with keys, suspects, marks and a beacon to come, got less")
        if not (0.0 < self.alpha <= 1e-3 and self.alpha < self.near < 1.0 and self.panel >= 19):
            raise ConfigError(
                "expected alpha of at most 0.001, near above it, and a panel of 19 models or more, "
                f"got {self.alpha:g}, {self.near:g} and {self.panel}"
            )


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """A suspect is asked from here on. marks: SHA-256 (hex) of what it is asked."""

    declaration: str
    suspect: str
    beacon: str
    marks: str


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """It has answered. answers: SHA-256 (hex) of all that it said."""

    declaration: str
    suspect: str
    answers: str


Entry: TypeAlias = Committed | Withdrawn | Declaration | Asked | Answered
"""What the log says of ownership; the detail of a Mark whose `what` is `ownership`."""
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def written(entry: Entry) -> str:
    """The detail of the log's record."""
    return _encode(entry).decode()


def read(detail: str) -> Entry:
    """The entry in a detail; raises ConfigError."""
    try:
        return _decoder.decode(detail)
    except msgspec.MsgspecError as e:
        raise ConfigError(f"expected an entry on ownership, got {detail[:60]!r}") from e


def spelt(beacon: str) -> str:
    """The public randomness as it draws: its digits where there are six or more, else its letters and digits.

    Blanks, dashes and words around a number are no choice that anybody has.
    """
    digits = "".join(c for c in beacon if c in "0123456789")
    return digits if len(digits) >= _DIGITS else "".join(c for c in beacon.casefold() if c.isalnum())


def draw(marks: Sequence[str], n: int, beacon: str, declaration: str) -> list[int]:
    """Which n of the marks, by name, are asked: those whose SHA-256 with the beacon and declaration is least."""

    def rank(i: int) -> bytes:
        return hashlib.sha256(b"\0".join(t.encode() for t in (beacon, declaration, marks[i]))).digest()

    return sorted(range(len(marks)), key=rank)[:n]


def faults(found: Sequence[tuple[int, Entry]], signed: int, test: Declaration, first_mark: dict[str, int]) -> list[str]:
    """What is wrong with the order of the log's entries for a declared test, before its suspect is asked.

    found: (index in the log, entry).  signed: entries under the checkpoint.  first_mark: of each commitment, the index
    of the first marked answer that is used.
    """
    declared = next((i for i, e in found if e == test), -1)
    wrong = [] if 0 <= declared < signed else [f"declaration {test.uid} is not in the log under a checkpoint"]
    if sum(isinstance(e, Declaration) and e.uid == test.uid for _, e in found) > 1:
        wrong.append(f"declaration {test.uid} is in the log more than once")
    for commitment in test.commitments:
        at = min((i for i, e in found if isinstance(e, Committed) and e.commitment == commitment), default=-1)
        if not 0 <= at < signed:
            wrong.append(f"commitment {commitment[:12]} is not in the log under a checkpoint")
        elif at > first_mark.get(commitment, at):
            wrong.append(f"commitment {commitment[:12]} is younger than a mark that it should vouch for")
        elif at > declared:
            wrong.append(f"commitment {commitment[:12]} is younger than the declaration")
    return wrong


def peeked(found: Sequence[tuple[int, Entry]], test: Declaration, suspect: str, beacon: str) -> list[str]:
    """Earlier askings that void this one: under no declaration, or of the same test with another beacon."""
    declared = {e.uid: i for i, e in reversed(found) if isinstance(e, Declaration)}
    asked = [(i, e) for i, e in found if isinstance(e, Asked)]
    wild = [i for i, e in asked if e.suspect == suspect and i < declared.get(e.declaration, i + 1)]
    wrong = [f"{suspect} was asked at entry {i}, before the declaration" for i in wild]
    mine = [(i, e) for i, e in asked if e.declaration == test.uid]
    wrong += [f"the test was begun at entry {i} with another beacon" for i, e in mine if e.beacon != beacon]
    heard = [i for i, e in found if isinstance(e, Answered) and (e.declaration, e.suspect) == (test.uid, suspect)]
    wrong += [f"{suspect} answered this test at entry {i}; a second look needs a second declaration" for i in heard]
    if suspect not in test.suspects:
        wrong.append(f"{suspect} is not among the declared suspects")
    return wrong


def comparisons(found: Sequence[tuple[int, Entry]], test: Declaration) -> int:
    """What Bonferroni multiplies by: keys, suspects, i (i + 1) for the i-th test of this log, of whomsoever, and every
    order of the classes where another than ours was chosen: marks could be made to match by choosing it.

    All the tests that could ever follow then have a chance of alpha together, since the sum of 1 / (i (i + 1)) is 1.
    One suspect has many spellings, so that no name can say which tests are of the same one.
    """
    look = 1 + len({e.declaration for _, e in found if isinstance(e, Asked)} - {test.uid})
    orders = math.factorial(len(test.classes))
    return len(test.commitments) * len(test.suspects) * look * (look + 1) * orders
