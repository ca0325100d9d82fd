"""How well scores told members from non-members: the area, rates at few false positives, and their intervals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.errors import ConfigError
from wellhead.redteam.outcome import Leak

_POINTS = 200
_SUPPORT = 10
_Z95 = 1.959963984540054
_END = 0.0125


class Roc(NamedTuple):
    """Counts at the end of each block of equal scores, from the largest down, after a first (0, 0).

    false, true: (b + 1,) non-members and members at or above.  scores: (b,) of each block.
    """

    false: Array
    true: Array
    scores: Array

    @classmethod
    def of(cls, scores: Array, members: Array) -> Roc:
        """scores: (n,) finite or infinite.  members: (n,) bool."""
        order = np.argsort(-scores, kind="stable")
        ranked, inside = scores[order], members[order]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if ranked.size else np.zeros(0, np.int64)
        true, false = np.cumsum(inside)[ends], np.cumsum(~inside)[ends]
        return cls(np.append(0, false), np.append(0, true), ranked[ends])


class Rate(NamedTuple):
    """True positives at a bounded rate of false ones. value: ties never help.  interval: see `rate_interval`.

    false: interval of the false positives that there really were.  ties: value with ties broken at random, and in
    the attacker's favour.
    """

    value: float
    interval: tuple[float, float]
    false: tuple[float, float]
    ties: tuple[float, float]


def leak(scores: Array, members: Array, seed: int = 0) -> Leak:
    """What an attack's scores are worth. scores: (n,), larger is likelier, NaN is left out.  members: (n,) bool, truth.

    Thresholds for a rate of false positives come from one half of the non-members and are judged on the other, both
    ways round; rates are None with fewer than 10 / rate non-members. Raises ConfigError without both kinds.
    """
    scores, members = np.asarray(scores, np.float64), np.asarray(members, bool)
    told = ~np.isnan(scores)
    scores, members = scores[told], members[told]
    inside, outside = scores[members], scores[~members]
    if not inside.size or not outside.size:
        raise ConfigError(f"expected scores of members and non-members, got {inside.size} and {outside.size}")
    rng = np.random.default_rng(seed)
    roc = Roc.of(scores, members)
    one, tenth = (rate_at(inside, outside, f, rng) for f in (0.01, 0.001))
    balanced, epsilon = _halves(scores, members, rng)
    return Leak(
        members=inside.size,
        nonmembers=outside.size,
        auc=auc(scores, members),
        auc_interval=delong(inside, outside),
        tpr1=one.value if supported(outside.size, 0.01) else None,
        tpr1_interval=one.interval,
        tpr01=tenth.value if supported(outside.size, 0.001) else None,
        tpr01_interval=tenth.interval,
        advantage=float((roc.true / inside.size - roc.false / outside.size).max()),
        balanced_accuracy=balanced,
        epsilon=epsilon,
        curve=_curve(roc),
        false1=one.false,
        false01=tenth.false,
        ties1=one.ties,
        ties01=tenth.ties,
        p_value=min(1.0, 2 * min(rank_p(inside, outside), top_p(scores, members))),
    )


def supported(nonmembers: int, rate: float) -> bool:
    """Whether a true positive rate at this rate of false ones may be printed: ten of them, at the least."""
    return nonmembers * rate >= _SUPPORT - 1e-9


def auc(scores: Array, members: Array) -> float:
    """Chance that a member scores above a non-member, ties half; 0.5 where either is missing. NaN is left out."""
    told = ~np.isnan(scores)
    inside, outside = scores[told & members], scores[told & ~members]
    return float(_placements(inside, outside).mean()) if inside.size and outside.size else 0.5


def _placements(inside: Array, outside: Array) -> Array:
    """(m,): share of `outside` below each of `inside`, ties half."""
    line = np.sort(outside)
    below, upto = np.searchsorted(line, inside, "left"), np.searchsorted(line, inside, "right")
    return np.asarray((below + upto) / (2 * line.size))


def delong(inside: Array, outside: Array) -> tuple[float, float]:
    """95 % interval of the area (DeLong et al., Biometrics 1988), on the logit scale so that it stays within 0..1."""
    of_inside, of_outside = _placements(inside, outside), 1 - _placements(outside, inside)
    area, least = float(of_inside.mean()), min(inside.size, outside.size)
    if least < 2:
        return 0.0, 1.0
    variance = of_inside.var(ddof=1) / inside.size + of_outside.var(ddof=1) / outside.size
    if not 0 < area < 1 or variance == 0:
        # No variance was seen: what so few rows could hide.
        return clopper_pearson(round(area * least), least)
    centre, half = math.log(area / (1 - area)), _Z95 * math.sqrt(variance) / (area * (1 - area))
    return _logistic(centre - half), _logistic(centre + half)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share of `hits` in `n` (Biometrika 1934); (0, 1) where n is 0."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high


def rate_at(inside: Array, outside: Array, rate: float, rng: np.random.Generator) -> Rate:
    """True positives where at most `rate` of non-members are called members, in expectation and for any ties.

    A row is called a member where (1 + calibration rows that score as high) / (1 + calibration rows) <= rate; each
    half of the non-members calibrates for the other, and the two rates of true positives are averaged.
    """
    mixed = rng.permutation(outside)
    halves = (mixed[: mixed.size // 2], mixed[mixed.size // 2 :])
    value, at_random, lucky = (
        float(np.mean([called(inside, half, rate, ties).mean() for half in halves]))
        for ties in (1.0, rng.random(inside.size), 0.0)
    )
    false = sum(int(called(b, a, rate).sum()) for a, b in (halves, halves[::-1]))
    low, high = rate_interval(inside, outside, rate)
    return Rate(
        value,
        (min(low, value), max(high, value)),
        clopper_pearson(false, outside.size),
        (at_random, lucky),
    )


def rate_interval(inside: Array, outside: Array, rate: float) -> tuple[float, float]:
    """95 % interval, at least, of the true positives at a rate of false ones, whose threshold is estimated too.

    Of the non-members above the true threshold there are as many as a binomial tells: that bounds the threshold by two
    order statistics, and Clopper-Pearson bounds the members above each. Each of the four ends errs in 1.25 %.
    """
    from scipy.special import bdtr

    below = bdtr(np.arange(outside.size + 1), outside.size, rate)
    fewest, most = int((below <= _END).sum()), int((below < 1 - _END).sum())
    falling = np.concatenate([[np.inf], np.sort(outside)[::-1], [-np.inf]])
    sure, possible = (int((inside > cut).sum()) for cut in (falling[fewest], falling[most + 1]))
    possible = inside.size if most >= outside.size else possible
    return clopper_pearson(sure, inside.size, 1 - 2 * _END)[0], clopper_pearson(possible, inside.size, 1 - 2 * _END)[1]


def rank_p(inside: Array, outside: Array) -> float:
    """Chance of so large an area if members are like the others (Mann-Whitney, normal, corrected for ties)."""
    from scipy.special import ndtr

    m, n = inside.size, outside.size
    tied = np.unique(np.concatenate([inside, outside]), return_counts=True)[1].astype(np.float64)
    variance = m * n / 12 * (m + n + 1 - (tied**3 - tied).sum() / ((m + n) * (m + n - 1)))
    above = float(_placements(inside, outside).sum()) * n - m * n / 2
    return float(ndtr(-(above - 0.5) / math.sqrt(variance))) if variance > 0 else 1.0


def top_p(scores: Array, members: Array, share: float = 0.01) -> float:
    """Chance of so many members among the top `share` of all rows if members are like the others (Fisher, exact).

    The cut is known from the scores alone, so that it cannot lean towards members; a block of ties is in or out.
    """
    from scipy.special import gammaln

    roc = Roc.of(scores, members)
    fits = np.flatnonzero(roc.true + roc.false <= max(share * scores.size, 1))[-1]
    top, hits, inside = int(roc.true[fits] + roc.false[fits]), int(roc.true[fits]), int(members.sum())

    def ways(n: int, k: Array) -> Array:
        return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))

    others = scores.size - inside
    ks = np.arange(max(hits, top - others), min(top, inside) + 1)
    logs = ways(inside, ks) + ways(others, top - ks) - ways(scores.size, np.array(top))
    return min(1.0, float(np.exp(logs).sum()))


def called(scores: Array, calibration: Array, rate: float, ties: Array | float = 1.0) -> Array:
    """(n,) bool: scored higher than all but a share `rate` of the calibration rows, itself counted in.

    ties: how much an equal calibration row counts as higher, 1 where ties must not help.
    """
    line = np.sort(calibration)
    above, from_here = (line.size - np.searchsorted(line, scores, side) for side in ("right", "left"))
    as_high = above + ties * (from_here - above)
    return np.asarray(1 + as_high <= rate * (1 + line.size) + 1e-9)


def _halves(scores: Array, members: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Balanced accuracy, and the lower bound of epsilon: thresholds chosen on one half are judged on the other."""
    if min(members.sum(), (~members).sum()) < 2:
        return 0.5, 0.0
    half = np.zeros(members.size, bool)
    for kind in (members, ~members):
        own = rng.permutation(np.flatnonzero(kind))
        half[own[: own.size // 2]] = True
    choice = Roc.of(scores[half], members[half])
    balanced = _balanced(choice, scores[~half], members[~half])
    back = _balanced(Roc.of(scores[~half], members[~half]), scores[half], members[half])
    return (balanced + back) / 2, _epsilon(choice, scores[~half], members[~half])


def _balanced(choice: Roc, scores: Array, members: Array) -> float:
    """Of the threshold with the largest advantage among `choice`; 0.5 where none has any."""
    gains = choice.true[1:] / choice.true[-1] - choice.false[1:] / choice.false[-1]
    yes = scores >= choice.scores[int(gains.argmax())]
    return float((yes[members].mean() + 1 - yes[~members].mean()) / 2)


def _epsilon(choice: Roc, scores: Array, members: Array) -> float:
    """Lower bound of epsilon at delta 0 with 95 % confidence (Jagielski et al., NeurIPS 2020, arXiv 2006.07709)."""
    m, n = int(choice.true[-1]), int(choice.false[-1])
    # What each threshold would promise, by its counts, before it is judged on the rows that did not choose it.
    for_yes = np.log(choice.true[1:] + 0.5) - np.log(choice.false[1:] + 2.0)
    for_no = np.log(n - choice.false[1:] + 0.5) - np.log(m - choice.true[1:] + 2.0)
    best = choice.scores[int(np.maximum(for_yes + math.log(n / m), for_no + math.log(m / n)).argmax())]
    yes, inside = scores >= best, int(members.sum())
    true, false = int(yes[members].sum()), int(yes[~members].sum())
    outside = members.size - inside
    ratios = (
        (clopper_pearson(true, inside)[0], clopper_pearson(false, outside)[1]),
        (clopper_pearson(outside - false, outside)[0], clopper_pearson(inside - true, inside)[1]),
    )
    return max(0.0, *(math.log(low / high) for low, high in ratios if low > 0))


def _curve(roc: Roc) -> tuple[tuple[float, float], ...]:
    """At most 200 points, as dense among few false positives as among many."""
    false, true = roc.false / roc.false[-1], roc.true / roc.true[-1]
    keep = np.arange(false.size)
    if false.size > _POINTS:
        evenly = np.linspace(0, 1, _POINTS // 2 - 2)
        few = np.geomspace(1 / roc.false[-1], 1, _POINTS // 2 - 2)
        keep = np.searchsorted(false, np.concatenate([evenly, few]), "right") - 1
        keep = np.unique(np.concatenate([[0, false.size - 1], keep]))
    return tuple((float(f), float(t)) for f, t in zip(false[keep], true[keep], strict=True))
