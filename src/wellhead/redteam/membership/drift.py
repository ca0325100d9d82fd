"""Whether members differ from non-members before any model is asked."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.redteam.attack import join_inputs, take_inputs
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.membership.leak import auc, delong

_REAL = 0.52
_MOST_ROWS = 2000
_FOLDS = 5


class Drift(NamedTuple):
    """Area of a classifier that never asked the model, 0.5 is none, and its 95 % interval."""

    area: float
    interval: tuple[float, float]

    @property
    def real(self) -> bool:
        """True where the interval lies above 0.5 by more than a trifle."""
        return self.interval[0] > _REAL


def drift(members: Inputs, nonmembers: Inputs, seed: int = 0, labels: tuple[Labels, Labels] | None = None) -> Drift:
    """Area of classifiers that tell members from non-members by inputs, and labels if known, cross-validated.

    Where it is real, a membership score measures that the two come from different distributions, not a leak. At most
    2,000 rows of each are used. labels: classes of members and of non-members. Several learners are tried, and their
    log-odds summed. Raises ConfigError with fewer than five of either.
    """
    if min(len(members), len(nonmembers)) < _FOLDS:
        raise ConfigError(f"expected {_FOLDS} members and non-members or more")
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(len(x))[:_MOST_ROWS] for x in (members, nonmembers)]
    inputs = join_inputs([take_inputs(x, c) for x, c in zip((members, nonmembers), chosen, strict=True)])
    inside = np.repeat([True, False], [c.size for c in chosen])
    fold = np.empty(inside.size, np.int64)
    for kind in (False, True):
        fold[inside == kind] = rng.permutation(np.arange((inside == kind).sum()) % _FOLDS)
    known = None if labels is None else np.concatenate([y[c] for y, c in zip(labels, chosen, strict=True)])
    # Values of a regressor are no classes.
    known = known if known is not None and known.dtype.kind in "biu" else None
    return _averaged([(_told(inputs, known, inside, fold == f, seed), inside[fold == f]) for f in range(_FOLDS)])


def _averaged(folds: list[tuple[Array, Array]]) -> Drift:
    """Mean area of the folds, each (scores, members); the interval is as if folds were independent."""
    area = float(np.mean([auc(*fold) for fold in folds]))
    ends = np.array([delong(scores[inside], scores[~inside]) for scores, inside in folds])
    half = math.sqrt(float((((ends[:, 1] - ends[:, 0]) / 2) ** 2).sum())) / len(folds)
    return Drift(area, (max(area - half, 0.0), min(area + half, 1.0)))


def _told(inputs: Inputs, labels: Labels | None, inside: Array, judged: Array, seed: int) -> Array:
    """Log-odds of the judged rows under learners that saw the others, and under how often members have each label."""
    learners = ("logistic",) if isinstance(inputs, list) else ("logistic", "gradient_boosting")
    total = np.zeros(int(judged.sum()))
    if labels is not None:
        total += _by_label(labels, inside, judged)
        if not isinstance(inputs, list):
            flat = np.asarray(inputs).reshape(len(inputs), -1)
            inputs = np.hstack([flat, labels[:, None] == np.unique(labels)]).astype(flat.dtype)
    for name in learners:
        clone = LEARNERS[name](take_inputs(inputs, ~judged), inside[~judged].astype(np.int64), seed)
        shares = np.clip(clone.predict_proba(take_inputs(inputs, judged))[:, 1], 1e-9, 1 - 1e-9)
        total += np.log(shares / (1 - shares))
    return total


def _by_label(labels: Labels, inside: Array, judged: Array) -> Array:
    """Log-odds of membership by class alone, counted on the other rows, one more of each kind."""
    classes = labels[:, None] == np.unique(labels)
    kinds = [classes[~judged & kind].sum(axis=0) + 1.0 for kind in (inside, ~inside)]
    return np.asarray(np.log(kinds[0] / kinds[1])[classes[judged].argmax(axis=1)])
