"""Ownership marks: a small, secret, repeatable share of answers is wrong, so that a clone of them can be recognised.

Stateless and keyed: d = HMAC-SHA256(HMAC-SHA256(K, principal), fingerprint). The input is marked where the first 8
bytes of d, read as a share of 2^64, lie below `share`; the next 8 bytes say which class is served instead. After DAWN
(Szyller, Atli, Marchal, Asokan, ACM MM 2021), with the whole exact input in place of a learnt latent.
"""

from __future__ import annotations

import hmac

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Labels, Scores
from wellhead.core.errors import ConfigError
from wellhead.defend.guarantees import Argmax, Context, Depends, Guarantees, Stage

SCHEME = "hmac-sha256-swap-1"
"""Names what this file does; it is part of what is committed to."""
FIRST, SECOND = "first", "second"
LEAST_CLASSES = 3
VISIBLE = 0.01
"""How far apart two scores must lie for their order to be a mark: a clone hardly learns that of closer ones."""
_TWO_CLASSES = "a mark is impossible with 2 classes: the label served instead would be forced, so it proves no key"
_REMEDY = "remove [ownership] for this model; to check `mark` alone, give `--classes 3` or more"


class Marking(msgspec.Struct, frozen=True):
    """Which answers are marked, and how. key: 32 secret bytes.  share: of inputs, above 0, at most 0.5.

    variant: `first` serves another best class; `second` orders the second and third class by key, the best stays, where
    their scores are VISIBLE apart.
    never_from, never_to: class indices that are never replaced (`second`: the best), and never moved.
    Raises ConfigError for other values.
    """

    key: bytes
    share: float = 0.005
    variant: str = FIRST
    never_from: tuple[int, ...] = ()
    never_to: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.key) < 16:
            raise ConfigError(f"expected an ownership key of 16 bytes or more, got {len(self.key)}")
        if not 0.0 < self.share <= 0.5:
            raise ConfigError(f"expected a share of marked answers above 0 and at most 0.5, got {self.share}")
        if self.variant not in (FIRST, SECOND):
            raise ConfigError(f"expected variant {FIRST} or {SECOND}, got {self.variant!r}")

    def __repr__(self) -> str:
        return f"Marking(share={self.share}, variant={self.variant!r})"

    def draws(self, principal: str, fingerprints: Array) -> tuple[Array, Array]:
        """(n,) bool, which of the (n,) uint64 fingerprints are drawn for a principal; (n,) uint64 that choose."""
        own = hmac.digest(self.key, principal.encode(), "sha256")
        raw = fingerprints.astype("<u8").tobytes()
        found = [hmac.digest(own, raw[i : i + 8], "sha256")[:16] for i in range(0, len(raw), 8)]
        words = np.frombuffer(b"".join(found), ">u8").astype(np.uint64).reshape(-1, 2)
        return words[:, 0] < np.uint64(int(self.share * 2**64)), words[:, 1]

    def among(self, classes: int) -> int:
        """How many classes a mark is drawn from, at least: 1 / among is the chance of a match without this key.

        Raises ConfigError where that is fewer than two, since such a mark proves nothing.
        """
        if classes < LEAST_CLASSES:
            raise ConfigError(f"{_TWO_CLASSES}, got {classes}", _REMEDY)
        left = 2 if self.variant == SECOND else classes - 1 - len(set(self.never_to))
        if left < 2:
            raise ConfigError(
                f"expected two classes or more that a mark may move to, got {left}", "shorten ownership.never_to"
            )
        return left


class Marked(msgspec.Struct, frozen=True):
    """The marks of a batch. rows: (m,) which rows of it.  served, rival: (m,) classes: `served` is put before `rival`.

    Variant `first`: rival is the model's own best class.  Variant `second`: the two are the second and the third.
    """

    rows: Array
    served: Labels
    rival: Labels


def label_for(top: Labels, choice: Array, classes: int) -> Labels:
    """(n,) the class served in place of `top`: any other, by the (n,) uint64 choice."""
    step = (choice % np.uint64(classes - 1)).astype(np.int64)
    return np.asarray((top + 1 + step) % classes)


def marks_of(marking: Marking, scores: Scores, principal: str, fingerprints: Array) -> Marked:
    """The marks that (n, k) scores for these inputs of one principal get. Raises ConfigError for k < 3.

    Whether a row can be marked depends on no draw, except that a class of `never_to` is passed over: so a stranger's
    answer matches with a chance of at most 1 / among.
    """
    marking.among(scores.shape[1])
    drawn, choice = marking.draws(principal, fingerprints)
    rows = np.flatnonzero(drawn)
    if not rows.size:  # most requests
        return Marked(rows, rows, rows)
    kind = _second if marking.variant == SECOND else _first
    found, top, clear = kind(rows, scores[rows], choice[rows])
    fit = clear & ~np.isin(top, marking.never_from) & ~np.isin(found.served, marking.never_to)
    fit &= (found.rival == top) | ~np.isin(found.rival, marking.never_to)
    return Marked(found.rows[fit], found.served[fit], found.rival[fit])


def _first(rows: Array, scores: Scores, choice: Array) -> tuple[Marked, Labels, Array]:
    """The marks, the best class, and where it is alone at the top."""
    top = scores.argmax(axis=1)
    clear = (scores == scores.max(axis=1, keepdims=True)).sum(axis=1) == 1
    return Marked(rows, label_for(top, choice, scores.shape[1]), top), top, clear


def _second(rows: Array, scores: Scores, choice: Array) -> tuple[Marked, Labels, Array]:
    """By the key the lower or the higher of the two class indices comes second; the best is above both."""
    order = np.argsort(-scores, axis=1, kind="stable")
    pair = np.sort(order[:, 1:3], axis=1)
    bit = (choice % np.uint64(2)).astype(np.int64)[:, None]
    values = np.take_along_axis(scores, pair, axis=1)
    served, rival = np.take_along_axis(pair, bit, axis=1)[:, 0], np.take_along_axis(pair, 1 - bit, axis=1)[:, 0]
    clear = (np.abs(values[:, 0] - values[:, 1]) >= VISIBLE) & (values.max(axis=1) < scores.max(axis=1))
    return Marked(rows, served, rival), order[:, 0], clear


class KeyedMark(msgspec.Struct, frozen=True):
    """Swaps two scores of the marked rows, so that it composes with whatever follows. marking: key and policy."""

    marking: Marking

    @property
    def name(self) -> str:
        """`mark`."""
        return "mark"

    @property
    def stage(self) -> Stage:
        """After perturbations, before truncation."""
        return Stage.MARK

    @property
    def guarantees(self) -> Guarantees:
        """`first` changes the best class; `second` keeps it, and the second best is at most 1/2."""
        if self.marking.variant == SECOND:
            return Guarantees(argmax=Argmax.STRICT, l1_max=1.0, deterministic=Depends.INPUT, keyed=True)
        return Guarantees(argmax=Argmax.NONE, l1_max=2.0, deterministic=Depends.INPUT, keyed=True)

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k); raises ConfigError without fingerprints, or for k < 3."""
        if context.fingerprints is None:
            raise ConfigError("expected fingerprints of the inputs to mark, got none", "give them in the context")
        found = marks_of(self.marking, scores, context.principal, context.fingerprints)
        if not found.rows.size:
            return scores
        shaped = scores.copy()
        best, least = np.maximum(*_pair(scores, found)), np.minimum(*_pair(scores, found))
        shaped[found.rows, found.served], shaped[found.rows, found.rival] = best, least
        return shaped


def _pair(scores: Scores, found: Marked) -> tuple[Array, Array]:
    return scores[found.rows, found.served], scores[found.rows, found.rival]
