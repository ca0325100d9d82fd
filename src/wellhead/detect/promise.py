"""The promise: of how many honest principals may ever alarm in a period, and at which score.

The principal is what is exchangeable, never the event: its score is the largest of all its looks in a period, and the
threshold is an order statistic of the scores of honest principal-periods (split conformal on the supremum).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect import order
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.yardstick import CHECKPOINTS, Yardstick
from wellhead.meter import pack

COARSE = 0.01
"""The rate that is offered where the budget's cannot be promised."""
_NAME = "promise"
NOW, WATCHING = "promisable now", "not promisable: watching"
COARSELY = "promisable at 1 in 100 only"
COLD = "rules first: no promise yet, `wellhead calibrate` makes one"
_NONE = np.zeros(0)


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What `calibrate` found. A principal alarms when its largest score in a period exceeds its segment's threshold.

    names, kinds: of the S detectors.  scores: of each segment, the sorted scores (c,) of its calibration
    principal-periods, -inf for one that was never read.  first: sorted scores of all their first looks.
    holders: of each segment, all scores of the principals with the largest ones, the largest first.
    development: principal-periods that the yardstick was fitted on.  excluded: principal-periods left out.
    made_s: seconds since 1970 UTC.  origin_s: when the first period began.
    words: what principals of a segment are alike in (see Segments); empty where they are everybody, or unknown.
    """

    budget: AlarmBudget
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    yardstick: Yardstick
    scores: dict[str, Array]
    first: Array
    holders: dict[str, tuple[tuple[str, float], ...]] = {}
    development: int = 0
    excluded: int = 0
    made_s: float = 0.0
    origin_s: float = 0.0
    words: tuple[str, ...] = ()

    def score(self, values: Array, rows: Array) -> Array:
        """(u,) score of looks; values: (u, S) in the order of `names`, NaN where nothing is said; rows: (u,)."""
        return self.yardstick.score(values, rows)

    def contributions(self, values: Array, rows: Array) -> Array:
        """(u, S) what each detector adds to the score, >= 0: a look's score is their sum."""
        return self.yardstick.contributions(values, rows)

    def sides(self, values: Array, rows: Array) -> Array:
        """(u, S) int8 side on which each detector adds more, 0 where it adds nothing."""
        return self.yardstick.sides(values, rows)

    def level(self, segment: str) -> float:
        """The rate promised to this segment: the budget's, 0.01 where only that can be kept, 0 where none."""
        levels = (self.budget.alpha, max(COARSE, self.budget.alpha))
        return next((a for a in levels if self._rank(segment, a)), 0.0)

    def threshold(self, segment: str, alpha: float | None = None) -> float:
        """The score above which a principal of this segment alarms; +inf where alpha cannot be promised.

        alpha: the rate; None: what `level` says. The realised rate is at most alpha with 95 % confidence for all
        segments together that alpha is promised to.
        """
        m = self._rank(segment, self.level(segment) if alpha is None else alpha)
        return float(self.scores[segment][-m]) if m else math.inf

    def needed(self, alpha: float | None = None, segment: str = "") -> int:
        """Principal-periods that a segment needs before alpha (None: the budget's) can be promised to it.

        segment: one that alpha is promised to needs no more than its present share of the risk; any other, one more.
        """
        alpha = self.budget.alpha if alpha is None else alpha
        return order.needed(alpha, self._promised(alpha) + (not self._rank(segment, alpha)))

    def p_value(self, segment: str, score: float) -> float:
        """Conformal p-value of the largest score of a period; 1 in a segment that was never calibrated."""
        held = self.scores.get(segment, _NONE)
        return (1 + held.size - int(np.searchsorted(held, score, side="left"))) / (held.size + 1)

    def word(self, segment: str) -> str:
        """What can be promised to a segment: one of NOW, COARSELY, WATCHING."""
        level = self.level(segment)
        return WATCHING if not level else NOW if level == self.budget.alpha else COARSELY

    def interval(self, segment: str) -> tuple[float, float]:
        """5 % and 95 % quantile of the realised rate at the threshold; (0, 0) without a promise."""
        m = self._rank(segment, self.level(segment))
        return order.interval(self.scores[segment].size, m) if m else (0.0, 0.0)

    def without(self, segment: str) -> float:
        """The threshold if the segment's holders were reviewed as thieves and left out; +inf where none would be."""
        held = self.scores.get(segment, _NONE)
        for _, score in self.holders.get(segment, ()):
            held = np.delete(held, np.flatnonzero(held == score)[:1])
        return msgspec.structs.replace(self, scores={**self.scores, segment: held}).threshold(segment)

    def honest(self, detector: str, rows: int) -> tuple[float, float]:
        """Where 90 % of honest principals lie at as many rows; NaN where too few were seen."""
        s, k = self.names.index(detector), min(max(rows, 1).bit_length() - 1, CHECKPOINTS - 1)
        return float(self.yardstick.low[k, s]), float(self.yardstick.high[k, s])

    def _promised(self, alpha: float) -> int:
        return order.promised((s.size for s in self.scores.values()), alpha)

    def _rank(self, segment: str, alpha: float) -> int:
        held = self.scores.get(segment)
        if held is None or not alpha:
            return 0
        return order.rank(held.size, alpha, max(self._promised(alpha), 1))

    def to_bytes(self) -> bytes:
        """Packed, with a digest; `from_bytes` reads it."""
        plain: dict[str, Any] = msgspec.structs.asdict(self)
        plain["budget"], plain["yardstick"] = str(self.budget), msgspec.structs.asdict(self.yardstick)
        return pack.dump(_NAME, plain)

    @classmethod
    def from_bytes(cls, data: bytes) -> Promise:
        """The promise in these bytes; raises ProfileError where they are cut, edited, newer or something else."""
        plain = pack.load(_NAME, data)
        plain["budget"] = AlarmBudget.parse(plain["budget"])
        plain["yardstick"] = Yardstick(**plain["yardstick"])
        plain |= {field: tuple(plain.get(field, ())) for field in ("names", "kinds", "words")}
        plain["holders"] = {s: tuple((n, v) for n, v in found) for s, found in plain["holders"].items()}
        return cls(**plain)


def announced(promise: Promise | None, before: Promise | None = None) -> str:
    """One line for people: what may be relied on now, and what changed."""
    if promise is None:
        return COLD
    words = {s: promise.word(s) for s in promise.scores}
    now = sum(w == NOW for w in words.values())
    coarse = sum(w == COARSELY for w in words.values())
    said = f"{promise.budget}: {NOW} to {now} of {len(words)} segments" + (
        f", {COARSELY} to {coarse}" if coarse else ""
    )
    if not now + coarse:
        return f"{said}; still rules first, and watching"
    return (
        said
        if before is not None and any(before.level(s) for s in before.scores)
        else f"{said}; until now rules, the promise from now on"
    )


def segment_sizes(promise: Promise) -> Mapping[str, int]:
    """Calibration principal-periods of each segment, the largest first."""
    return dict(sorted(((s, v.size) for s, v in promise.scores.items()), key=lambda p: (-p[1], p[0])))
