"""Knockoff Nets with adaptive sampling, a batch at a time."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.redteam.clone import matrix, softmax
from wellhead.redteam.extract.choose import margin
from wellhead.redteam.extract.gathered import Gathered
from wellhead.redteam.extract.pool import Chooser, Pool
from wellhead.redteam.known import Known
from wellhead.redteam.learner import fit_answers, targets_of

_SWEEPS = 10
_TINY = 1e-12


class Knockoff(Pool, frozen=True, kw_only=True, eq=False):
    """Learn which kinds of inputs teach most: a gradient bandit over groups of the pool, updated a batch at a time.

    labels: (n,) groups of the pool, such as the thief's own labels; None finds `groups` of them by k-means.
    rate: of the bandit, for one row. A row's reward is the mean of how certain its answer is, how far it departs from
    the answers before, and how much it surprises the clone, each standardised within the batch.
    """

    name: ClassVar[str] = "knockoff"
    paper: ClassVar[str] = "Orekondy et al., Knockoff Nets, CVPR 2019, arXiv 1812.02766, section 4.2"

    labels: Labels | None = None
    groups: int = 16
    rate: float = 0.1

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Groups are the pool's labels where it has any, else clusters, twice as many as classes."""
        groups = int(np.clip(2 * known.classes, 8, 64))
        return msgspec.structs.replace(super().suit(known), labels=known.labels, groups=groups)

    def _chooser(self, inputs: Inputs, rng: np.random.Generator) -> Chooser:
        return _Bandit(self, grouped(inputs, self.labels, self.groups, rng), inputs, rng)


class _Bandit:
    """Preferences for groups; what was chosen last waits for its reward."""

    def __init__(self, attack: Knockoff, group: Labels, inputs: Inputs, rng: np.random.Generator) -> None:
        self._attack, self._group, self._inputs, self._rng = attack, group, inputs, rng
        self._preferences = np.zeros(int(group.max()) + 1)
        self._asked = np.zeros(0, np.int64)
        self._clone: Any = None

    def __call__(self, left: Array, gathered: Gathered, rows: int) -> Array:
        if gathered.rows:
            self._learn(gathered)
        group = self._group[left]
        weights = softmax(self._preferences[None])[0][group] / np.bincount(group)[group]
        # The largest of log weight + Gumbel noise are a weighted sample without replacement.
        chosen: Array = np.argsort(-np.log(weights + _TINY) - self._rng.gumbel(size=left.size))[:rows]
        self._asked = left[chosen]
        return chosen

    def _learn(self, gathered: Gathered) -> None:
        """Reward the groups of the last batch: the gradient step of a softmax policy."""
        group, rewards = self._group[self._asked[gathered.heard]], self._rewards(gathered)
        share = softmax(self._preferences[None])[0]
        drawn = np.bincount(group, rewards, minlength=share.size)
        self._preferences += self._attack.rate * (drawn - rewards.sum() * share)
        seed = int(self._rng.integers(2**31))
        self._clone = fit_answers(gathered.inputs, gathered.answer, self._attack.learner, seed)

    def _rewards(self, gathered: Gathered) -> Array:
        """(n,) of the last batch."""
        targets, inputs = targets_of(gathered.answer), gathered.last_inputs
        kinds = np.arange(targets.shape[-1])
        if targets.dtype == np.int64:
            kinds, group = np.unique(targets, return_inverse=True)
            targets = np.zeros((len(group), kinds.size))
            targets[np.arange(len(group)), group] = 1.0
        told, before = targets[-len(inputs) :], targets[: -len(inputs)]
        usual = before.mean(axis=0) if len(before) else 0.0 * told[0]
        if targets.ndim == 1:
            surprise = np.zeros(len(told)) if self._clone is None else np.abs(self._clone.predict(inputs) - told)
            return np.asarray(_standard(np.abs(told - usual)) + _standard(surprise)) / 2
        surprise = np.zeros(len(told))
        if self._clone is not None:
            surprise = _surprise(told, self._clone.predict_proba(inputs), kinds)
        departs = np.maximum(told - usual, 0.0).sum(axis=1)
        return np.asarray(_standard(-margin(told)) + _standard(departs) + _standard(surprise)) / 3


def _surprise(told: Array, guessed: Array, kinds: Labels) -> Array:
    """(n,) cross-entropy in nats; classes that the clone has never seen are very surprising.

    kinds: (k,) the class of each column of told.
    """
    known, seen = np.zeros_like(told), kinds < guessed.shape[1]
    known[:, seen] = guessed[:, kinds[seen]]
    return np.asarray(-(told * np.log(known + 1e-4)).sum(axis=1))


def _standard(rewards: Array) -> Array:
    return np.asarray((rewards - rewards.mean()) / (rewards.std() + _TINY))


def grouped(inputs: Inputs, labels: Labels | None, groups: int, rng: np.random.Generator) -> Labels:
    """(n,) group of each input: labels for the first of them, where given, and the nearest group's for the others.

    Without labels the groups are found by k-means (Lloyd, 1982).
    """
    x = matrix(inputs)
    if labels is None:
        centres = x[rng.permutation(len(x))[:groups]]
        for _ in range(_SWEEPS):
            centres = _centres(x, _nearest(x, centres), centres)
        return _nearest(x, centres)
    first = np.unique(labels, return_inverse=True)[1]
    centres = _centres(x[: first.size], first, np.zeros((int(first.max()) + 1, x.shape[1])))
    return np.concatenate([first, _nearest(x[first.size :], centres)])


def _nearest(x: Array, centres: Array) -> Labels:
    return np.asarray(((centres**2).sum(axis=1) - 2.0 * x @ centres.T).argmin(axis=1))


def _centres(x: Array, group: Labels, before: Array) -> Array:
    """Mean of each group; one that is empty stays where it was."""
    sums, counts = np.zeros_like(before), np.bincount(group, minlength=len(before))
    np.add.at(sums, group, x)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], before)
