"""Where in the model's input space a row lies: what the sketches sum of its code, and can compare with the sample.

All products are of whole numbers below 2^24, which single precision adds without rounding, so that a row has one place
in whatever batch, split or process it is looked at.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Codes

FEATURES = 64
REGIONS = 64
PROJECTIONS = 8
"""Of the neighbourhood: more tell more inputs apart, and part more near-copies at the borders."""

_EXACT = float(1 << 24)
_TURN = 1 << 16
"""Phases are whole parts of a turn."""
_COSINE = np.rint(127.0 * np.cos(np.arange(_TURN) * (2.0 * np.pi / _TURN))).astype(np.int8)
_WEIGHT = 690
"""Sum of the metric's weights: any squared distance to a centre, halved and less the row's own part, stays exact."""
_PARTED = 0.97
"""Share of the sample's different codes that must keep neighbourhoods of their own."""
_FAR = 0.99
_ROUNDS = 8
_TILE = 2048
"""Rows whose products lie near the processor."""
_MIXERS = np.random.Generator(np.random.PCG64(1)).integers(1 << 62, 1 << 63, PROJECTIONS, dtype=np.uint64) | np.uint64(
    1
)
_UPPER = np.uint64(32)


class Placed(NamedTuple):
    """Places of n rows.

    features: (n, F) int8, 127 cos.  region: (n,) uint8, of the nearest centre.  far: (n,) float32 log distance to it,
    in standard deviations of the sample.  neighbourhood: (n,) uint32, equal for near-copies.
    """

    features: Array
    region: Array
    far: Array
    neighbourhood: Array


class Space(msgspec.Struct, frozen=True, dict=True, kw_only=True):
    """Random Fourier features, regions and neighbourhoods of codes (n, d), fitted to a sample of them.

    metric: (d,) whole weights of the squared code differences.  waves: (d, F) whole 1/65,536 turns a code unit, with
    phases (F,).  centres: (R, d) codes.  lines: (d, 8) whole, cut every `width` from `offsets` (8,) on.
    middle, spread: of the sample's log distances.  farthest: the `far` that 99 % of it stay below.
    mean: (F,) of the sample's features.  shares: (R,) of it in each region.
    """

    metric: Array
    waves: Array
    phases: Array
    centres: Array
    lines: Array
    offsets: Array
    width: float
    middle: float
    spread: float
    farthest: float
    mean: Array
    shares: Array

    @property
    def dimension(self) -> int:
        """d: how wide codes must be."""
        return int(self.metric.size)

    def place(self, codes: Codes) -> Placed:
        """Where rows lie; codes (n, d) int8 of this profile."""
        if len(codes) <= _TILE:
            return self._place(codes)
        tiles = (self._place(codes[start : start + _TILE]) for start in range(0, len(codes), _TILE))
        return Placed(*(np.concatenate(parts) for parts in zip(*tiles, strict=True)))

    def _place(self, codes: Codes) -> Placed:
        x = codes.astype(np.float32)
        product = x @ self._stacked
        phase = product[:, :FEATURES].astype(np.int32)
        phase += self.phases
        phase &= _TURN - 1
        halved = self._half - product[:, FEATURES:-PROJECTIONS]
        region = halved.argmin(axis=1)
        x *= x
        square = x @ self.metric.astype(np.float32) + 2.0 * halved[np.arange(len(x)), region].astype(np.float64)
        return Placed(
            _COSINE.take(phase),
            region.astype(np.uint8),
            ((_log_distance(square) - self.middle) / self.spread).astype(np.float32),
            _hashed(product[:, -PROJECTIONS:], self.offsets, self.width),
        )

    @cached_property
    def _stacked(self) -> Array:
        """(d, F + R + 8) float32: one product serves all."""
        return np.hstack([self.waves, self.metric[:, None] * self.centres.T, self.lines]).astype(np.float32)

    @cached_property
    def _half(self) -> Array:
        """(R,) half the squared length of each centre."""
        return (0.5 * (self.centres.astype(np.float64) ** 2 @ self.metric)).astype(np.float32)


def _log_distance(square: Array) -> Array:
    """Of whole squared distances; those below one unit are one."""
    return np.asarray(0.5 * np.log(np.maximum(square, 1.0)))


def _hashed(along: Array, offsets: Array, width: float) -> Array:
    """(n,) uint32 of the cells that positions (n, 8) on the lines fall into."""
    cells = along + offsets
    cells /= width
    np.floor(cells, out=cells)
    return np.asarray(((cells.astype(np.int64).view(np.uint64) @ _MIXERS) >> _UPPER).astype(np.uint32))


def fit_space(codes: Codes, step: Array, rng: np.random.Generator) -> Space:
    """The space of a sample's codes (n, d), n >= 2; step: (d,) of the code map.

    Features after Rahimi and Recht 2007 (algorithm 1), at the median distance of random pairs; neighbourhoods after
    Datar et al. 2004 (p-stable hashing), as wide as lets 97 % of the different codes stay apart.
    """
    metric = _metric(step)
    distinct = rng.permutation(np.unique(codes, axis=0)).astype(np.float64)
    centres = _centres(distinct[: max(len(distinct) // 2, 1)], metric, rng)
    waves = _waves(metric, _median_distance(distinct, metric, rng), rng)
    lines = _whole(rng.normal(size=(step.size, PROJECTIONS)) * np.sqrt(metric)[:, None], 1 << 10)
    offsets = np.floor(rng.random(PROJECTIONS) * _EXACT)
    space = Space(
        metric=metric,
        waves=waves,
        phases=rng.integers(0, _TURN, FEATURES).astype(np.int32),
        centres=centres.astype(np.int8),
        lines=lines,
        offsets=offsets,
        width=_width(distinct @ lines, offsets),
        middle=0.0,
        spread=1.0,
        farthest=0.0,
        mean=np.zeros(FEATURES, np.float32),
        shares=np.zeros(len(centres), np.float32),
    )
    return _judged(space, codes, distinct[len(distinct) // 2 :].astype(np.int8))


def _judged(space: Space, codes: Codes, apart: Codes) -> Space:
    """The space with what the sample looks like in it; apart: (m, d) codes that no centre was fitted to."""
    placed = space.place(codes)
    logs = space.place(apart).far.astype(np.float64)
    middle, spread = float(logs.mean()), max(float(logs.std()), 1e-3)
    return msgspec.structs.replace(
        space,
        middle=middle,
        spread=spread,
        farthest=(float(np.quantile(logs, _FAR)) - middle) / spread,
        mean=(placed.features.mean(axis=0) / 127.0).astype(np.float32),
        shares=(np.bincount(placed.region, minlength=len(space.centres)) / len(codes)).astype(np.float32),
    )


def _metric(step: Array) -> Array:
    """(d,) int64, as the squared width of a code unit; 1 at least, and _WEIGHT in all."""
    square = step.astype(np.float64) ** 2
    spare = max(_WEIGHT - step.size, 0)
    return np.asarray(1 + np.floor(spare * square / square.sum()).astype(np.int64))


def _whole(weights: Array, limit: float) -> Array:
    """Weights (d, k) as whole float32; no column's sum with codes of 127 leaves the exact range. limit: the largest."""
    scaled = weights * (limit / np.abs(weights).max())
    most = np.abs(scaled).sum(axis=0) * 128.0
    return np.asarray(np.rint(scaled * np.minimum(1.0, (_EXACT / 2) / most)).astype(np.float32))


def _waves(metric: Array, distance: float, rng: np.random.Generator) -> Array:
    """(d, F) whole parts of a turn a code unit."""
    turns = rng.normal(size=(metric.size, FEATURES)) * np.sqrt(metric)[:, None] / distance * (_TURN / (2.0 * np.pi))
    return _whole(turns, float(np.abs(turns).max()))


def _median_distance(distinct: Array, metric: Array, rng: np.random.Generator) -> float:
    one, other = rng.integers(0, len(distinct), (2, 4096))
    square = ((distinct[one] - distinct[other]) ** 2) @ metric
    return float(np.sqrt(np.median(square[square > 0]))) if (square > 0).any() else 1.0


def _centres(rows: Array, metric: Array, rng: np.random.Generator) -> Array:
    """(R, d) whole: k-means from rows drawn by squared distance (Arthur and Vassilvitskii 2007)."""
    scaled = rows * np.sqrt(metric)
    chosen = [int(rng.integers(len(rows)))]
    nearest = ((scaled - scaled[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(REGIONS, len(rows)) and nearest.sum() > 0:
        chosen.append(int(rng.choice(len(rows), p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, ((scaled - scaled[chosen[-1]]) ** 2).sum(axis=1))
    centres = scaled[chosen]
    for _ in range(_ROUNDS):
        owner = ((centres**2).sum(axis=1) - 2.0 * scaled @ centres.T).argmin(axis=1)
        count = np.bincount(owner, minlength=len(centres))[:, None]
        sums = np.zeros_like(centres)
        np.add.at(sums, owner, scaled)
        centres = np.where(count > 0, sums / np.maximum(count, 1), centres)
    return np.rint(centres / np.sqrt(metric))


def _width(along: Array, offsets: Array) -> float:
    """The widest cells, by halving, in which enough of these different codes stay apart; along: (n, 8) positions."""
    low, high = 1.0, max(float(np.ptp(along, axis=0).max()), 2.0)
    for _ in range(24):
        middle = float(np.sqrt(low * high))
        apart = np.unique(_hashed(along, offsets, middle)).size >= _PARTED * len(along)
        low, high = (middle, high) if apart else (low, middle)
    return low
