"""How unusual each detector's number is among honest principals at as many rows, and all of them together.

Two scores are added: surprise, which the strongest of each kind gives and which knows no thieves, and weighed evidence,
which adds what thieves were seen to do: the stronger of a voice for each way to steal. The weights are shipped (see
wellhead.detect.weights); everything else is fitted on development principals only, and the threshold comes from others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array

CHECKPOINTS = 44
"""Powers of two of the rows that are told apart."""
FEWEST = 16
"""Development principals that a checkpoint needs; below, nothing is read there."""
_TAIL = 0.1
_MOST = 1e9
_SUREST = 10.0
"""Nats that one detector's surprise counts at most: a few hundred principals tell nothing of what is rarer."""
_STEEPEST = 1.7
_SQUASH = 3.0
"""Standard scores far beyond so many count by their logarithm: a power-law tail becomes an exponential one."""
_RISE = 0.5
"""Standard scores over which surprise rises to that of the upper decile, at least, where the honest hardly differ."""
_EPS = 1e-9
_NINE_TENTHS = 1.645
"""Standard deviations on each side of the centre that hold 90 % of a normal distribution."""
_STRONGEST = 6.0
"""The most that one detector's weighed evidence counts, in standard deviations."""
_HALF = 0.5
"""What surprise counts for, where weighed evidence counts 1; both in units of the honest principals' 97 % quantile."""
_REACH = 0.97


class Panel(NamedTuple):
    """S detectors, as far as the yardstick needs them.

    sides: +1, -1 or both, of each.  kinds: of each.  least: (S,) difference below which a number says nothing.
    weights: of each voice, how much each detector's high and low side count; 0 leaves it to surprise.
    """

    sides: Sequence[Sequence[int]]
    kinds: Sequence[str]
    least: Sequence[float]
    weights: Sequence[Sequence[tuple[float, float]]] = ()

    @classmethod
    def plain(cls, sides: Sequence[Sequence[int]], kinds: Sequence[str]) -> Panel:
        """Detectors of which nothing more is known."""
        return cls(sides, kinds, [0.0] * len(sides))


class Yardstick(msgspec.Struct, frozen=True, kw_only=True):
    """Development moments of S detectors at K checkpoints (2^k rows) and the tails of T signed detectors.

    centre, spread, low, high: (K, S), NaN where unknown; low..high holds 90 % of honest principals.
    detector, side: (T,) the detector and the side (+1, -1) of each signed one.  kind: (T,) number of its kind.
    middle, upper, share: (T,) of the supremum over checkpoints of the squashed standard score: median, upper decile,
    share above that.  scale, power: (T,) of the Weibull tail there, P(excess > x) = exp(-(x / scale)^power).
    least: (S,) difference below which a number says nothing.  weight: (V, T) >= 0 of each in each voice.
    reach: (1 + V,) the 97 % quantile of honest principals' largest surprise and of each voice.
    """

    centre: Array
    spread: Array
    low: Array
    high: Array
    detector: Array
    side: Array
    kind: Array
    middle: Array
    upper: Array
    share: Array
    scale: Array
    power: Array
    least: Array
    weight: Array
    reach: Array

    def surprise(self, values: Array, rows: Array) -> Array:
        """(u, T) nats of how rare each signed number is among honest principals, 0 where it is nothing unusual.

        values: (u, S).  rows: (u,).  0 too where a detector says nothing, or has no moments at as many rows.
        """
        z = self.standard(values, rows)
        inner = np.clip((z - self.middle) / np.maximum(self.upper - self.middle, _RISE), 0.0, 1.0)
        beyond = (np.fmax(z - self.upper, 0.0) / self.scale) ** self.power
        # a NaN is nothing unusual
        return np.asarray(np.minimum(np.fmax(beyond - np.log(self.share) * inner, 0.0), _SUREST))

    def standard(self, values: Array, rows: Array) -> Array:
        """(u, T) standard score of each signed detector, squashed; NaN where it says nothing or nothing is known."""
        with np.errstate(invalid="ignore", over="ignore"):
            z = (values - self._between(self.centre, rows)) / self._between(self.spread, rows)
            return np.asarray(_SQUASH * np.arcsinh(z[:, self.detector] * self.side / _SQUASH))

    def unusual(self, values: Array, rows: Array) -> Array:
        """(u, T) 0..6 how far beyond the honest centre on its side, in deviations by the 90 % range on that side."""
        centre = self._between(self.centre, rows)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            above = np.fmax((self._between(self.high, rows) - centre) / _NINE_TENTHS, self.least)
            below = np.fmax((centre - self._between(self.low, rows)) / _NINE_TENTHS, self.least)
            z = (values - centre) / np.where(values > centre, above, below)
            squashed = _SQUASH * np.arcsinh(z[:, self.detector] * self.side / _SQUASH)
        return np.asarray(np.clip(np.nan_to_num(squashed, nan=0.0, posinf=_STRONGEST), 0.0, _STRONGEST))

    def voices(self, values: Array, rows: Array) -> Array:
        """(u, 1 + V, T) what each signed detector adds to surprise and to each voice, which are their sums.

        Surprise is the root of the sum of squares of the strongest of each kind: between their maximum and their sum.
        """
        surprise = self.surprise(values, rows)
        heard = surprise * _strongest(surprise, self.kind)
        length = np.sqrt((heard * heard).sum(axis=1, keepdims=True))
        weighed = self.unusual(values, rows)[:, None, :] * self.weight
        return np.concatenate([(heard * heard / np.maximum(length, _EPS))[:, None, :], weighed], axis=1)

    def parts(self, values: Array, rows: Array) -> Array:
        """(u, T) what each signed detector adds to the score, >= 0: they sum to it."""
        voices = self.voices(values, rows) / self.reach[:, None]
        if voices.shape[1] == 1:
            return np.asarray(_HALF * voices[:, 0])
        loudest = 1 + voices[:, 1:].sum(axis=2).argmax(axis=1)
        return np.asarray(_HALF * voices[:, 0] + voices[np.arange(len(voices)), loudest])

    def score(self, values: Array, rows: Array) -> Array:
        """(u,) all evidence in one number: higher is less like an honest principal; -inf where nothing was known."""
        known = np.isfinite(self.standard(values, rows)).any(axis=1)
        return np.where(known, self.parts(values, rows).sum(axis=1), -np.inf)

    def contributions(self, values: Array, rows: Array) -> Array:
        """(u, S) what each detector adds to the score."""
        parts = self.parts(values, rows)
        found = np.zeros((len(parts), self.centre.shape[1]))
        for t, s in enumerate(self.detector):
            found[:, s] += parts[:, t]
        return found

    def sides(self, values: Array, rows: Array) -> Array:
        """(u, S) int8: the side on which each detector adds more; 0 where it adds nothing."""
        parts = self.parts(values, rows)
        best = np.zeros((len(parts), self.centre.shape[1]))
        found = np.zeros(best.shape, dtype=np.int8)
        for t, (s, side) in enumerate(zip(self.detector, self.side, strict=True)):
            better = parts[:, t] > best[:, s]
            best[better, s] = parts[better, t]
            found[better, s] = side
        return found

    def _between(self, moments: Array, rows: Array) -> Array:
        """(u, S) the moments (K, S) at so many rows, linear in their logarithm between checkpoints that have them."""
        k = checkpoint(rows)
        here, there = moments[k], moments[np.minimum(k + 1, CHECKPOINTS - 1)]
        part = np.clip(np.log2(np.maximum(rows, 1)) - k, 0.0, 1.0)[:, None]
        return np.asarray(here + part * (np.where(np.isfinite(there), there, here) - here))


def checkpoint(rows: Array) -> Array:
    """(u,) k of the largest 2^k <= rows."""
    return np.asarray(np.minimum(np.frexp(np.maximum(rows, 1).astype(np.float64))[1] - 1, CHECKPOINTS - 1))


def _strongest(surprise: Array, kind: Array) -> Array:
    """(u, T) bool: the strongest of each kind, the first of equals: detectors of one kind are one voice."""
    found = np.zeros(surprise.shape, dtype=bool)
    for k in np.unique(kind):
        mine = np.flatnonzero(kind == k)
        found[np.arange(len(surprise)), mine[surprise[:, mine].argmax(axis=1)]] = True
    return found


def fit(values: Array, rows: Array, subject: Array, panel: Panel, main: Array | None = None) -> Yardstick:
    """The yardstick of development looks.

    values: (m, S).  rows: (m,).  subject: (m,) number of the principal and period of each look.
    A detector that is constant at a checkpoint speaks by its least difference, or not at all where that is 0.
    main: (subjects,) bool, whose looks count wherever there are enough of them; None: all.
    """
    chosen = np.ones(int(subject.max(initial=-1)) + 1, dtype=bool) if main is None else main
    signed = [(s, side) for s, both in enumerate(panel.sides) for side in both]
    words = list(dict.fromkeys(panel.kinds))
    detector = np.array([s for s, _ in signed], dtype=np.int64)
    plain, least = np.zeros(detector.size), np.array(panel.least, dtype=np.float64)
    bare = Yardstick(
        **_moments(values, rows, subject, (chosen[subject], least)),
        detector=detector,
        side=np.array([side for _, side in signed], dtype=np.float64),
        kind=np.array([words.index(panel.kinds[s]) for s in detector], dtype=np.int64),
        middle=plain,
        upper=plain,
        share=plain + 1.0,
        scale=plain + 1.0,
        power=plain + 1.0,
        least=least,
        weight=np.zeros((0, detector.size)),
        reach=np.ones(1),
    )
    tailed = msgspec.structs.replace(bare, **_tails(suprema(bare.standard(values, rows), subject)[chosen]))
    weight = [[of[s][side < 0] for s, side in signed] for of in panel.weights]
    return weighed(tailed, np.array(weight).reshape(-1, detector.size), (values, rows, subject), chosen)


def weighed(yardstick: Yardstick, weight: Array, looks: tuple[Array, Array, Array], chosen: Array) -> Yardstick:
    """The yardstick with these weights (V, T) >= 0.

    looks: the development ones: values, rows, subject.  chosen: (subjects,) bool, whose looks count.
    """
    values, rows, subject = looks
    made = msgspec.structs.replace(yardstick, weight=np.asarray(weight, dtype=np.float64))
    peaks = suprema(made.voices(values, rows).sum(axis=2), subject)[chosen]
    reach = np.quantile(peaks, _REACH, axis=0) if len(peaks) else np.zeros(peaks.shape[1])
    return msgspec.structs.replace(made, reach=np.where((reach > _EPS) & (reach < np.inf), reach, 1.0))


def suprema(scores: Array, subject: Array) -> Array:
    """(subjects, ...) the largest of each subject's looks, NaN ignored; -inf where it has none."""
    found = np.full((int(subject.max(initial=-1)) + 1, *scores.shape[1:]), -np.inf)
    np.maximum.at(found, subject, np.nan_to_num(scores, nan=-np.inf, posinf=np.inf, neginf=-np.inf))
    return found


def _moments(values: Array, rows: Array, subject: Array, held: tuple[Array, Array]) -> dict[str, Array]:
    """Winsorised mean, deviation and the middle 90 % of each detector at each checkpoint; a subject counts once.

    held: (m,) bool, whose looks count wherever there are enough of them, and (S,) least differences.
    """
    main, least = held
    found = {f: np.full((CHECKPOINTS, values.shape[1]), np.nan) for f in ("centre", "spread", "low", "high")}
    at = checkpoint(rows)
    for k in np.unique(at):
        looks = np.flatnonzero(at == k)
        looks = looks[np.unique(subject[looks], return_index=True)[1]]
        looks = looks[main[looks]] if main[looks].sum() >= 2 * FEWEST else looks
        for s in range(values.shape[1]):
            column = values[looks, s]
            column = column[np.isfinite(column)]
            if column.size >= FEWEST:
                for f, v in zip(found, _robust(column, float(least[s])), strict=True):
                    found[f][k, s] = v
    return {f: _held(table) for f, table in found.items()}


def _held(table: Array) -> Array:
    """Whoever has asked more than any development principal is compared with those who asked the most."""
    known = np.isfinite(table)
    last = np.where(known, np.arange(len(table))[:, None], 0).max(axis=0)
    beyond = np.arange(len(table))[:, None] > last
    return np.where(beyond & known.any(axis=0), table[last, np.arange(table.shape[1])], table)


def _robust(column: Array, least: float) -> tuple[float, float, float, float]:
    """Centre, spread, 5 % and 95 % quantile; a few thieves among the honest move none of them far."""
    low, high = np.quantile(column, (0.05, 0.95))
    held = np.clip(column, low, high)
    centre, spread = float(held.mean()), float(held.std())
    if spread <= _EPS * max(abs(centre), _EPS):
        centre, spread = float(column.mean()), float(column.std())
    tiny = spread <= _EPS * max(abs(centre), _EPS)
    return centre, (np.nan if tiny and not least else max(spread, least)), float(low), float(high)


def _tails(sup: Array) -> dict[str, Array]:
    """Of each column of (subjects, T), in which -inf is no number: median, upper decile and the tail above it."""
    columns = [_tail(c[np.isfinite(c)]) for c in sup.T]
    table = np.array(columns, dtype=np.float64).reshape(-1, 5)
    return dict(zip(("middle", "upper", "share", "scale", "power"), table.T, strict=True))


def _tail(column: Array) -> tuple[float, float, float, float, float]:
    if column.size < FEWEST:
        return 0.0, _MOST, 1.0, 1.0, 1.0
    middle, upper = np.quantile(column, (0.5, 1.0 - _TAIL))
    beyond = column[column > upper]
    share = (beyond.size + 1.0) / (column.size + 1.0)
    # an excess of nothing and one of a deviation steady the fit where few lie beyond
    excess = np.append(beyond - upper, (0.0, 1.0))
    power = min(max((excess.mean() / excess.std()) ** 1.086, 1.0), _STEEPEST)
    return float(middle), float(upper), share, float(excess.mean()) / math.gamma(1.0 + 1.0 / power), power
