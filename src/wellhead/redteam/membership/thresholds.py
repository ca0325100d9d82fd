"""Membership from one number of the answer: surer than others of the true label means a training row."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Membership, answered, length, scored, take
from wellhead.redteam.known import Known
from wellhead.redteam.learner import probabilities
from wellhead.redteam.membership.told import ask, both, need_candidates, outsiders, told_margins

MEASURES = ("gap", "loss", "entropy", "mentr")
_LEAST = 1e-300
_FEW = 20


class Threshold(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One threshold on one number (Yeom et al., CSF 2018; Song and Mittal, USENIX Security 2021).

    candidates, labels: (n, ...) rows asked about and their true classes.
    by: `gap` (is the label right), `loss` (of the true label, as a logit, which does not saturate), `entropy`, or
    `mentr`, entropy that knows the true label.
    outsiders, outsider_labels: rows that were not trained on; with them each class gets its own threshold, the
    quantile 1 - `alpha` of theirs. decimals: to which answers are rounded, -1 for full precision.
    Needs probabilities, `gap` labels alone. Asks every candidate and outsider once, in one round.
    """

    name: ClassVar[str] = "loss"
    paper: ClassVar[str] = "Yeom et al., CSF 2018, arXiv 1709.01604; Song and Mittal, USENIX Security 2021"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.000",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    candidates: Inputs
    labels: Labels
    by: str = "loss"
    outsiders: Inputs = np.zeros((0, 0), np.float32)
    outsider_labels: Labels = np.zeros(0, np.int64)
    alpha: float = 0.1
    decimals: int = -1

    def __post_init__(self) -> None:
        if self.by not in MEASURES:
            raise ConfigError(f"expected by to be one of {', '.join(MEASURES)}, got {self.by!r}")
        if len(self.labels) != len(self.candidates) or len(self.outsider_labels) != len(self.outsiders):
            raise ConfigError("expected one true label for each candidate and for each outsider")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """One threshold over all classes; raises Unsuited without labelled candidates."""
        labels = need_candidates(known)
        return cls(candidates=known.candidates, labels=labels, decimals=known.decimals)

    @classmethod
    def per_class(cls, known: Known) -> Self:
        """A threshold for each class; raises Unsuited without a labelled pool and the budget to ask it."""
        labels = need_candidates(known)
        inputs, theirs = outsiders(known)
        room = known.rows - labels.size
        known.need(min(room, len(theirs)) >= _FEW, "needs a labelled pool, and the budget to ask it")
        return cls(
            candidates=known.candidates,
            labels=labels,
            outsiders=inputs[:room],
            outsider_labels=theirs[:room],
            decimals=known.decimals,
        )

    def run(self, rng: np.random.Generator) -> Conversation:  # noqa: ARG002  nothing here is drawn
        """Ask once."""
        answer = yield from ask(both(self.candidates, self.outsiders))
        labels = np.concatenate([self.labels, self.outsider_labels])
        found = measure(answer, labels, self.by, self.decimals)
        n = len(self.labels)
        mine, theirs = found[:n], found[n:]
        told = int((~np.isnan(mine)).sum())
        if len(theirs):
            mine = mine - _thresholds(theirs, self.outsider_labels, self.labels, self.alpha)
        each = ", a threshold for each class" if len(theirs) else ""
        return Membership(scores=mine, detail=f"{told} of {n} candidates answered, told by {self.by}{each}")


class Gap(Threshold, frozen=True, kw_only=True, eq=False):
    """The baseline that needs labels alone: what is classified rightly was trained on (Yeom et al., CSF 2018).

    Fields as of Threshold. One query for each candidate.
    """

    name: ClassVar[str] = "gap"
    needs: ClassVar[Exposure] = Exposure.LABEL

    by: str = "gap"


def measure(answer: Answer, labels: Labels, by: str, decimals: int = -1) -> Array:
    """(n,) float64, larger is likelier a member, NaN where the answer lacks what `by` needs."""
    if by == "loss":
        return told_margins(answer, labels, decimals)
    found = np.full(labels.size, np.nan)
    if length(answer) != labels.size:
        return found
    if by == "gap":
        heard, top = answered(answer), answer.top1
        if top is not None:
            found[heard] = (top == labels)[heard]
        return found
    heard = scored(answer)
    if heard.any():
        found[heard] = -_entropy(probabilities(take(answer, heard)), labels[heard], by == "mentr")
    return found


def _entropy(shares: Array, labels: Labels, knows: bool) -> Array:
    """(n,): entropy, or Song and Mittal's modified one (equation 8), which is low only where the true label is sure."""
    logs = np.log(np.maximum(shares, _LEAST))
    if not knows:
        return np.asarray(-(shares * logs).sum(axis=1))
    rows, out = np.arange(labels.size), labels >= shares.shape[1]
    mine = np.where(out, 0, labels)
    rest = shares * np.log(np.maximum(1 - shares, _LEAST))
    true = np.where(out, 0.0, shares[rows, mine])
    others = rest.sum(axis=1) - np.where(out, 0.0, rest[rows, mine])
    return np.asarray(-(1 - true) * np.log(np.maximum(true, _LEAST)) - others)


def _thresholds(theirs: Array, their_labels: Labels, labels: Labels, alpha: float) -> Array:
    """(n,): the quantile of the outsiders of each candidate's class; of all of them where a class has few."""
    told = ~np.isnan(theirs)
    if not told.any():
        return np.zeros(labels.size)
    cuts = np.full(labels.size, np.quantile(theirs[told], 1 - alpha))
    for label in np.unique(labels):
        own = theirs[told & (their_labels == label)]
        if own.size >= _FEW:
            cuts[labels == label] = np.quantile(own, 1 - alpha)
    return cuts
