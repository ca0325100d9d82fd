"""Membership without shadow models: learn how sure the target is of rows it has not seen, and look for surer ones."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError, Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Membership, length, scored
from wellhead.redteam.clone import load_sklearn, matrix
from wellhead.redteam.known import Known
from wellhead.redteam.membership.told import ask, both, need_candidates, outsiders, softmax, told_margins

_FEW = 100
_Z95 = 1.959963984540054


class Qmia(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Quantile regression attack (Bertran et al., NeurIPS 2023, arXiv 2307.03694, section 3).

    A gradient-boosted regressor learns from non-members which sureness a row of these inputs and this label exceeds
    with probability `alpha`; a candidate's score is how far it lies above, less what an eighth of the non-members, kept
    for it, must be raised by so that the line keeps its promise (Romano et al., NeurIPS 2019, arXiv 1905.03222).
    candidates, labels: (n, ...) and their true classes.  outsiders, outsider_labels: rows that were not trained on;
    another eighth of them is kept to check the rate of false positives.
    by: sureness as `margin` (logit of the true label) or `hinge` (its logit less the largest other).
    Needs probabilities. One query for each candidate and outsider, in one round.
    """

    name: ClassVar[str] = "qmia"
    paper: ClassVar[str] = "Bertran et al., NeurIPS 2023, arXiv 2307.03694"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.000",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    candidates: Inputs
    labels: Labels
    outsiders: Inputs
    outsider_labels: Labels
    alpha: float = 0.05
    by: str = "margin"
    decimals: int = -1

    def __post_init__(self) -> None:
        if self.by not in ("margin", "hinge") or not 0 < self.alpha < 1:
            raise ConfigError(f"expected by margin or hinge and alpha in 0..1, got {self.by!r} and {self.alpha}")
        if len(self.labels) != len(self.candidates) or len(self.outsider_labels) != len(self.outsiders):
            raise ConfigError("expected one true label for each candidate and for each outsider")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """The labelled pool is what was not trained on; raises Unsuited where it or the budget is too small."""
        labels = need_candidates(known)
        inputs, theirs = outsiders(known)
        room = min(known.rows - labels.size, len(theirs))
        known.need(room >= _FEW, f"needs {_FEW} labelled rows that are no candidates, and the budget to ask them")
        return cls(
            candidates=known.candidates,
            labels=labels,
            outsiders=inputs[:room],
            outsider_labels=theirs[:room],
            decimals=known.decimals,
        )

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask once, then fit; raises Unsuited where the inputs tell nothing of how sure the target is."""
        inputs = both(self.candidates, self.outsiders)
        labels, n = np.concatenate([self.labels, self.outsider_labels]), len(self.labels)
        answer = yield from ask(inputs)
        sure = self._sureness(answer, labels)
        told = n + np.flatnonzero(~np.isnan(sure[n:]))
        if np.isnan(sure[:n]).all() or told.size < 2:
            return Membership(scores=np.full(n, np.nan), detail="candidates or outsiders were not answered")
        told = rng.permutation(told)
        raising, kept, learnt = np.split(told, [told.size // 8, told.size // 4])
        features = _features(inputs, labels)
        model = self._fit(features[learnt], sure[learnt], int(rng.integers(2**31)))
        above = sure - model.predict(features)
        if np.std(model.predict(features[:n])) < 1e-9 * max(float(np.nanstd(sure)), 1e-300):
            raise Unsuited("its quantiles are all the same: the inputs tell nothing of how sure the target is")
        above -= _raise(above[raising], self.alpha)
        return Membership(scores=above[:n], detail=_checked(above[kept], self.alpha, learnt.size, raising.size))

    def _sureness(self, answer: Answer, labels: Labels) -> Array:
        if self.by == "margin":
            return told_margins(answer, labels, self.decimals)
        return _hinge(answer, labels)

    def _fit(self, features: Array, sure: Array, seed: int) -> Any:
        ensemble = load_sklearn("ensemble")
        settings = {"max_iter": 100, "max_leaf_nodes": 15, "early_stopping": False, "random_state": seed}
        regressor = ensemble.HistGradientBoostingRegressor(loss="quantile", quantile=1 - self.alpha, **settings)
        return regressor.fit(features, sure)


def _features(inputs: Inputs, labels: Labels) -> Array:
    """(n, f + c): the input, and one column for each class."""
    return np.hstack([matrix(inputs), np.eye(int(labels.max()) + 1)[labels]])


def _hinge(answer: Answer, labels: Labels) -> Array:
    """(n,): logit of the true label less the largest other's; NaN where not answered or the label has no column."""
    found = np.full(labels.size, np.nan)
    heard = scored(answer) if length(answer) == labels.size else np.zeros(labels.size, bool)
    if answer.scores is None or answer.scores.shape[1] < 2:
        return found
    rows = np.flatnonzero(heard & (labels < answer.scores.shape[1]))
    shares = answer.scores[rows] if answer.kind is Exposure.PROBABILITIES else softmax(answer.scores[rows])
    shares = np.clip(shares, 1e-15, 1 - 1e-15)
    logits, at = np.log(shares) - np.log1p(-shares), np.arange(rows.size)
    true = logits[at, labels[rows]]
    logits[at, labels[rows]] = -np.inf
    found[rows] = true - logits.max(axis=1)
    return found


def _raise(above: Array, alpha: float) -> float:
    """What to add to the line so that a new non-member is above it with probability `alpha` at most.

    With fewer than 1 / alpha rows nothing keeps that promise: then the largest of them, 0 of none.
    """
    rank = min(math.ceil((1 - alpha) * (above.size + 1)), above.size)
    return float(np.sort(above)[rank - 1]) if above.size else 0.0


def _checked(above: Array, alpha: float, learnt: int, raised: int) -> str:
    """What the rows that were kept say of the rate of false positives."""
    # The line is drawn from a few rows as well: its own rate varies as much as theirs.
    few = 1 / max(above.size, 1) + 1 / max(raised, 1)
    rate, slack = float((above > 0).mean()) if above.size else math.nan, _Z95 * math.sqrt(alpha * (1 - alpha) * few)
    word = "as promised" if abs(rate - alpha) <= slack else "NOT as promised"
    return (
        f"quantiles learnt from {learnt} non-members and raised by {raised} more; {rate:.1%} of {above.size} others "
        f"lie above the {alpha:.0%} line, {word}"
    )
