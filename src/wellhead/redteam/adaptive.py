"""Thieves that adapt to a defence: how they ask, with how many accounts, and what they make of the answers."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer, Caller
from wellhead.redteam.attack import Attack, Extraction, answered, scored, take, take_inputs
from wellhead.redteam.extract.active import Random
from wellhead.redteam.extract.synthetic import mixed
from wellhead.redteam.known import Known
from wellhead.redteam.learner import probabilities
from wellhead.redteam.wrap.averaged import Averaged
from wellhead.redteam.wrap.covered import Covered
from wellhead.redteam.wrap.jittered import Jittered
from wellhead.redteam.wrap.recovered import Shape, undo

TIMES, ACCOUNTS = 3, 8
"""How often repeats and jitter ask each input, and over how many accounts the splitting thief spreads."""
_JITTER, _COVER, _SAMPLES = 0.02, 0.5, 50


class Thief(NamedTuple):
    """way: how it asks, thieves of one way share their conversation.  reads: `scores`, `labels` or `undone`.

    words: what it does, one clause.  paper: where it comes from.
    """

    name: str
    way: str
    reads: str
    words: str
    paper: str


_SMOOTH = Averaged.paper
THIEVES = (
    Thief("soft", "plain", "scores", "learns from all that is answered", "Orekondy et al., CVPR 2019"),
    Thief("label-only", "plain", "labels", "keeps the best class alone", "Orekondy et al., ICLR 2020, 5.2.3"),
    Thief("recovery", "plain", "undone", "undoes the defence, which it knows, by partial Bayes",
          "Tang et al., USENIX Security 2024"),
    Thief("repeats", "repeats", "scores", f"asks each input {TIMES} times and averages", _SMOOTH),
    Thief("jitter", "jitter", "scores", f"asks {TIMES} copies of each input with a little noise and averages",
          _SMOOTH),
    Thief("split soft", "split", "scores", f"as soft, over {ACCOUNTS} unlike accounts", "Sybils"),
    Thief("split label-only", "split", "labels", f"as label-only, over {ACCOUNTS} unlike accounts", "Sybils"),
    Thief("cover soft", "cover", "scores", "as soft, hidden among as many decoys", Covered.paper),
    Thief("cover label-only", "cover", "labels", "as label-only, hidden among as many decoys", Covered.paper),
)  # fmt: skip
"""In the order of the matrix."""


def ask_as(way: str, known: Known, budget: int) -> Attack:
    """The attack that asks `budget` inputs of the pool this way; the inputs are the same for every way.

    Repeats, copies and decoys are asked on top. Raises Unsuited where the inputs do not allow it.
    """
    known = msgspec.structs.replace(known, rows=budget)
    attack: Attack = Random.suit(known)
    if way == "cover":
        return Covered(attack=attack, decoys=_decoys(known), share=_COVER)
    if way in ("repeats", "jitter"):
        attack = Averaged(attack=attack, times=TIMES)
    if way == "jitter":
        known.need_numbers()
        return Jittered(attack=attack, low=known.low, high=known.high, arities=known.arities, scale=_JITTER)
    return attack


def _decoys(known: Known) -> Inputs:
    """Inputs such as customers send, none of which the thief asks itself."""
    if isinstance(known.pool, list):
        raise Unsuited("needs inputs that are numbers to make decoys of")
    return mixed(known.pool, known.rows, known.arities, np.random.default_rng(known.rows))


def callers_of(way: str) -> tuple[Caller, ...]:
    """The accounts: one, or several that share neither network, client, nor day of sign-up."""
    many = ACCOUNTS if way == "split" else 1
    return tuple(
        Caller(
            principal=f"thief-{n}",
            key=f"thief-{n}",
            address=f"198.{18 + n % 2}.{n % 256}.{n * 37 % 256}",
            agent=f"client-{n}/{n}.0",
            created_day=f"2025-{1 + n % 12:02}-{1 + n % 28:02}",
        )
        for n in range(1, many + 1)
    )


def reading(thief: Thief, got: Extraction, undoing: Shape | None, seed: int) -> tuple[Inputs, Array]:
    """What the thief trains on: inputs with (n, k) probabilities or (n,) labels.

    Raises Unsuited where there is nothing to undo.
    """
    if thief.reads == "labels":
        return _labelled(got.inputs, got.answer)
    answer = got.answer if thief.reads == "scores" else _undone(got, undoing, seed)
    rows = np.flatnonzero(scored(answer))
    shares = probabilities(take(answer, rows)) if rows.size else np.zeros((0, 1))
    # Certainties are labels in another dress, and teach the same.
    if (shares == 1.0).any(axis=1).all():
        return _labelled(got.inputs, answer)
    return take_inputs(got.inputs, rows), shares


def _labelled(inputs: Inputs, answer: Answer) -> tuple[Inputs, Array]:
    rows, labels = np.flatnonzero(answered(answer)), answer.top1
    return take_inputs(inputs, rows), np.zeros(0, np.int64) if labels is None else labels[rows]


def _undone(got: Extraction, undoing: Shape | None, seed: int) -> Answer:
    rows = scored(got.answer)
    certain = got.answer.scores is None or (got.answer.scores[rows] == 1.0).any(axis=1).all()
    if undoing is None or certain:
        raise Unsuited("there is nothing to undo, or a secret key is in the way")
    return undo(got.inputs, got.answer, undoing, _SAMPLES, np.random.default_rng([seed, 5]))
