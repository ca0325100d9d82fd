"""ModelGuard-W (Tang et al., USENIX Security 2024): the answer, within L1 epsilon, that misleads a clone the most.

A linear programme for each row y with best class t: minimise sum_j log(y_j + 1e-6) y'_j over probabilities y' with
||y' - y||_1 <= epsilon and y'_t >= y'_j + margin. For a fixed T = y'_t it is solved greedily: what may move goes from
the likeliest other classes to the least likely, which are filled up to T - margin one after the other. The optimum as
a function of T is convex and piecewise linear, and pieces end where a class is just full, just empty, or just at the
ceiling: at roots of lines. So all of these are tried at once, in O(k log k), and no solver is needed.

It punishes those who train on the probabilities as they come. Who keeps only the best class loses nothing by it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Scores
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage

MARGIN = 1e-4
"""By which the best class leads at least, where it led by as much before."""
LEAST = 1e-9
"""By which it leads where it led by less: rows with ties at the top are lifted so far."""
_FLOOR = 1e-6
_SAME = 1e-12
"""Costs that differ by less are equal: logarithms differ in the last bit between machines, and answers must not."""
_TINY = 1e-300
_BITS = 20
_MOST = (1 << _BITS) - 1
"""Classes; counts up to it share one number."""
_TILE = 1 << 11
"""Numbers of a batch that are worked on at a time, to stay near the processor."""


class _Rows(NamedTuple):
    """Rows ready to be solved: k classes each, m = k - 1 of them not the best.

    sorted: (n, k) probabilities, rising, the best class last.  h: (n, 1) half of what may move.  margin: (n, 1).
    """

    sorted: Scores
    h: Array
    margin: Array

    @property
    def top(self) -> Array:
        """(n, 1)."""
        return self.sorted[:, -1:]


class ModelGuardW(msgspec.Struct, frozen=True):
    """Moves each row by at most `epsilon`, 0..2, in L1, against the model's own order of the other classes."""

    defeated_by: ClassVar[str] = "reading labels alone, and computing the model's own answer back"
    epsilon: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] = 1.0

    @property
    def name(self) -> str:
        """`modelguard_w`."""
        return "modelguard_w"

    @property
    def stage(self) -> Stage:
        """Perturbation."""
        return Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """The best class stays, alone; of several equal ones the first."""
        return Guarantees(argmax=Argmax.STRICT, l1_max=self.epsilon)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k); below an epsilon of 1e-8 a copy."""
        if self.epsilon < 10 * LEAST or scores.shape[1] < 2:
            return scores.copy()
        shaped = np.empty_like(scores, order="C")
        step = max(_TILE // scores.shape[1], 1)
        for start in range(0, len(scores), step):
            shaped[start : start + step] = _shape(np.ascontiguousarray(scores[start : start + step]), self.epsilon)
        return shaped


def _shape(scores: Scores, epsilon: float) -> Scores:
    n, k = scores.shape
    order = (-scores).argsort(axis=1, kind="stable")[:, ::-1] + _starts(n, k)
    rows = _prepare(scores.take(order), epsilon)
    shaped = np.empty(n * k)
    shaped[order] = _answer(rows, _best(rows))
    return shaped.reshape(n, k)


def _starts(n: int, width: int) -> Array:
    """(n, 1): where each row of a flattened (n, width) array begins."""
    return np.arange(0, n * width, width)[:, None]


def _prepare(rising: Scores, epsilon: float) -> _Rows:
    """Rows in rising order as distributions whose best class leads; what that moves is taken off what may move."""
    total = rising.sum(axis=1, keepdims=True)
    y = rising / total
    lift = LEAST * (y[:, -1:] - y[:, -2:-1] < LEAST)
    y[:, -1:] += lift
    y /= 1.0 + lift
    h = np.minimum(np.maximum(0.5 * (epsilon - abs(total - 1.0)) - lift, 0.0), 1.0)
    return _Rows(y, h, np.minimum(y[:, -1:] - y[:, -2:-1], MARGIN))


def _answer(rows: _Rows, top: Array) -> Scores:
    """The cheapest answer (n, k) in which the best class, the last, gets `top` (n, 1), which must be feasible.

    The least likely classes are filled first, and what there is to hand out ends before the likeliest.
    """
    ceiling = top - rows.margin
    held = np.minimum(rows.sorted[:, :-1], ceiling)
    room = ceiling - held
    free = rows.h - np.maximum(top - rows.top, 0.0)
    held += np.minimum(np.maximum(free - (room.cumsum(axis=1) - room), 0.0), room)
    shaped = np.empty_like(rows.sorted)
    shaped[:, :-1] = np.minimum(np.maximum(1.0 - top - (held.cumsum(axis=1) - held), 0.0), held)
    shaped[:, -1:] = top
    return shaped


def _best(rows: _Rows) -> Array:
    """T (n, 1): the share of the best class in the optimum; of equally good ones the smallest."""
    n, k = rows.sorted.shape
    table = _table(rows.sorted)
    full, empty = _full(table[0], rows), _empty(table[0], rows)
    least = np.minimum(np.maximum(empty[:, -1:], (1.0 + (k - 1) * rows.margin) / k), rows.top)
    flush = rows.sorted[:, :-1] + rows.margin
    keys = np.concatenate((full, empty, flush, rows.top, _loose(table, rows.margin)), axis=1)
    order = keys.argsort(axis=1, kind="stable")
    t = keys.take(order + _starts(n, keys.shape[1]))
    f = _cost(table, rows, np.maximum(t, least), _pointers(order, k))
    f[(t < least) | (t > np.minimum(rows.top + rows.h, 1.0))] = np.inf
    found = (f <= f.min(axis=1, keepdims=True) + _SAME).argmax(axis=1)
    share: Array = t[np.arange(n), found][:, None]
    return share


def _table(y: Scores) -> Array:
    """(4, n, k): sums over the classes below each of probabilities, costs, and their products; and the costs."""
    table = np.empty((4, *y.shape))
    table[0] = y
    table[1] = np.log(y + _FLOOR)
    table[2] = y * table[1]
    table[3] = table[1]
    table[:3] = table[:3].cumsum(axis=2) - table[:3]
    return table


def _pointers(order: Array, k: int) -> tuple[Array, Array, Array]:
    """At each T: classes below p are full, from r on empty, from l on they were above the ceiling; l no more than r."""
    passed = _steps(k).take(order).cumsum(axis=1)
    p = k - (passed & _MOST) - (order >= k)
    r = k - (passed >> _BITS & _MOST)
    return p, r, np.minimum(passed >> 2 * _BITS, r)


@lru_cache(maxsize=8)
def _steps(k: int) -> Array:
    """(3k + 1,): what passing each of the keys adds to three counts in one number."""
    return np.repeat((1, 1 << _BITS, 1 << 2 * _BITS, 0), (k, k, k - 1, 2))


def _cost(table: Array, rows: _Rows, t: Array, pointers: tuple[Array, Array, Array]) -> Array:
    """What the cheapest answer costs at each T of t (n, K).

    Of the class that is being filled `add` is on top of what it had, of the one that is being emptied `take` is gone.
    """
    n, k = rows.sorted.shape
    start, flat = _starts(n, k), table.reshape(4, -1)
    p, r, low = pointers
    ceiling, rest, free = t - rows.margin, 1.0 - t, rows.h - np.maximum(t - rows.top, 0.0)
    mass, costs, spent, cost = flat.take(p + start, axis=1, mode="clip")
    mass_l, costs_l, spent_l = flat[:3].take(low + start, axis=1, mode="clip")
    costs_r, cost_r = flat[1].take(r + start, mode="clip"), flat[3].take(r + (start - 1), mode="clip")
    add, take = free - (p * ceiling - mass), free + mass_l + (r - low) * ceiling - rest
    f = ceiling * (costs + costs_r - costs_l) + spent_l - spent + add * cost - take * cost_r
    # Where filling from below has met emptying from above, only the ceiling and the sum of 1 - T bind.
    whole = (rest / ceiling).astype(np.int64)
    met = flat[1::2].take(whole + start, axis=1, mode="clip")
    loose = ceiling * met[0] + (rest - whole * ceiling) * met[1]
    return np.asarray(np.where(p >= low, loose, f) + t * table[3, :, -1:])


def _full(mass: Array, rows: _Rows) -> Array:
    """(n, k), falling: the largest T at which the p least likely classes are full, for p = 0..m."""
    p = np.arange(mass.shape[1])
    held = mass + rows.h + p * rows.margin
    largest = (held + rows.top) / (p + 1)
    np.minimum(largest[:, 1:], held[:, 1:] / p[1:], out=largest[:, 1:])
    return np.minimum.accumulate(largest, axis=1)


def _empty(mass: Array, rows: _Rows) -> Array:
    """(n, k), falling: the smallest T at which the classes from q on are empty, for q = 0..m; 2 where there is none.

    Up to the best class's own share: what is above the ceiling below q, and all from q on, is h - (top - T) together.
    """
    n, k = mass.shape
    number = np.arange(k)
    left = 1.0 - rows.h - rows.margin - mass
    until = number + left / (rows.sorted + _TINY)
    last = np.minimum(np.maximum(np.minimum.accumulate(until, axis=1), 0.0), k).astype(np.int64)
    counts = np.bincount((last + _starts(n, k + 1)).reshape(-1), minlength=n * (k + 1)).reshape(n, k + 1)
    below = np.minimum(counts[:, :0:-1].cumsum(axis=1)[:, ::-1], number)
    root = left.take(below + _starts(n, k)) / (number + 1 - below) + rows.margin
    root[root > rows.top] = 2.0
    return np.asarray(root)


def _loose(table: Array, margin: Array) -> Array:
    """(n, 1): the best T were there no bound on what may move."""
    costs, cost = table[1], table[3]
    slopes = costs - np.arange(1, cost.shape[1] + 1) * cost + cost[:, -1:]
    count = (slopes[:, :-1] > 0.0).sum(axis=1, keepdims=True)
    return np.asarray((1.0 + count * margin) / (count + 1))
