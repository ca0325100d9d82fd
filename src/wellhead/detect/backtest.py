"""What a test of principals would have done: a rule, an expression or the promise, at every look of the past."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.errors import ConfigError
from wellhead.detect.guilt import Guilt
from wellhead.detect.looks import FIRST_ROWS, Looks
from wellhead.detect.promise import Promise
from wellhead.detect.reader import Reader
from wellhead.detect.rules import Condition, Rule

DAY_S = 86_400.0
_OPS: Mapping[str, Callable[[Array, float], Array]] = {
    ">=": np.greater_equal,
    ">": np.greater,
    "<=": np.less_equal,
    "<": np.less,
}
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*([-+.\deE]+)\s*")


class Struck(msgspec.Struct, frozen=True):
    """A look (its row in the Looks) that a test hit, and why, in words."""

    look: int
    said: str


class Test(Protocol):
    """What is tried on the past. names: of the detectors and fields that it reads."""

    text: str
    names: tuple[str, ...]

    def hits(self, looks: Looks) -> list[Struck]:
        """The looks that it hits; each principal may be hit again and again."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What people should know who see no hits."""
        ...


class _Seen(msgspec.Struct):
    """What a condition met: the least and largest value, and whether it ever held."""

    low: float = math.inf
    high: float = -math.inf
    held: bool = False

    def add(self, values: Array, held: bool) -> None:
        known = values[np.isfinite(values)]
        self.held |= held
        self.low, self.high = float(known.min(initial=self.low)), float(known.max(initial=self.high))


class Conditions:
    """All of some conditions, over fields of View and detectors. min_rows: fewer rows are not judged."""

    def __init__(self, text: str, conditions: Sequence[Condition], min_rows: int, reader: Reader) -> None:
        self.text = text
        self.names = tuple(dict.fromkeys(c.field for c in conditions))
        self._conditions, self._min_rows, self._reader = tuple(conditions), min_rows, reader
        self._seen = [_Seen() for _ in conditions]

    def hits(self, looks: Looks) -> list[Struck]:
        """As Test; what is not known (NaN) never holds."""
        shown = self._reader.shown(looks.values)
        columns = [shown[:, self._reader.names.index(c.field)] for c in self._conditions]
        judged = looks.rows >= max(self._min_rows, FIRST_ROWS)
        holds = judged
        for c, column, seen in zip(self._conditions, columns, self._seen, strict=True):
            held = _OPS[c.op](column, c.value)
            seen.add(column[judged], bool((held & judged).any()))
            holds = holds & held
        return [Struck(i, self._said([float(column[i]) for column in columns])) for i in np.flatnonzero(holds).tolist()]

    def notes(self) -> tuple[str, ...]:
        """As Test: conditions that held of nobody, beside what was seen: a share is written 0.95, not 95."""
        pairs = zip(self._conditions, self._seen, strict=True)
        return tuple(
            f"`{c.field}{c.op}{c.value:g}` held of nobody: the values seen lie in {seen.low:.4g} to {seen.high:.4g}"
            for c, seen in pairs
            if not seen.held and seen.low <= seen.high
        )

    def _said(self, values: Sequence[float]) -> str:
        pairs = zip(self._conditions, values, strict=True)
        return ", ".join(f"{c.field} {value:.4g} {c.op} {c.value:g}" for c, value in pairs)


class Promised:
    """The promise in force: who would have alarmed."""

    def __init__(self, promise: Promise, reader: Reader) -> None:
        if promise.names != reader.detectors.names:
            raise ConfigError(
                "expected a promise over the detectors that are installed, got one over others",
                "make it anew with `wellhead calibrate`",
            )
        self.text = f"promise of {promise.budget}"
        self.names = promise.names
        self._guilt, self._detectors = Guilt(promise), len(promise.names)

    def hits(self, looks: Looks) -> list[Struck]:
        """As Test."""
        mine = msgspec.structs.replace(looks, values=looks.values[:, : self._detectors])
        return [Struck(a.look, f"score {a.score:.2f} > {a.threshold:.2f}") for a in self._guilt.fold(mine)]

    def notes(self) -> tuple[str, ...]:
        """As Test."""
        return ()


def of_rule(rule: Rule, reader: Reader) -> Conditions:
    """The test that a rule makes."""
    return Conditions(rule.name, rule.conditions, rule.min_rows, reader)


def of_expression(text: str, reader: Reader) -> Conditions:
    """The test of `unique>=0.9 and rows>=100`: fields and detectors, in the numbers that people are shown.

    Raises ConfigError where it is no such expression, or names something that does not exist.
    """
    found = []
    for part in re.split(r"\s+and\s+|,", text):
        match = _CONDITION.fullmatch(part)
        value = _number(match[3]) if match else math.nan
        if match is None or math.isnan(value):
            raise ConfigError(f"expected such as `unique>=0.9 and rows>=100`, got `{text}`", "use >= > <= < and `and`")
        if match[1] not in reader.names:
            raise ConfigError(f"there is no field or detector `{match[1]}`", f"known: {', '.join(reader.names)}")
        found.append(Condition(match[1], match[2], value))
    return Conditions(text, found, 0, reader)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A principal that would have been hit, when first, at how many rows of that period, and in how many periods.

    review: what people found it to be, `theft` or `honest`; empty where nobody looked.
    """

    principal: str
    time_s: float
    rows: int
    said: str
    periods: int = 1
    review: str = ""


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What a test would have done.

    period_days: after it everybody starts anew.  first_s, last_s: of the looks, or of what Tally.saw was told.
    judged: principals with FIRST_ROWS rows in some period.  rate: share of principal-periods that were hit.
    days: first hits by day (UTC), since first_s.  theft, honest: (hit, of so many reviewed).
    silent: what the test reads and the logs do not hold, each with what it needs.  notes: see Test.
    """

    test: str
    period_days: float
    first_s: float
    last_s: float
    principals: int
    judged: int
    hits: tuple[Hit, ...]
    share: float
    rate: float
    days: tuple[int, ...]
    theft: tuple[int, int]
    honest: tuple[int, int]
    silent: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()


class Tally:
    """Runs a test over looks as they come, and counts."""

    def __init__(self, test: Test) -> None:
        self.test = test
        self._first: dict[str, Hit] = {}
        self._hit: set[tuple[str, int]] = set()
        self._seen: set[tuple[str, int]] = set()
        self._judged: set[str] = set()
        self._span = (math.inf, -math.inf)

    def fold(self, looks: Looks) -> None:
        """Take up looks, in the order of time."""
        if not len(looks):
            return
        names = [looks.names[i] for i in looks.principal.tolist()]
        self._seen.update(zip(names, looks.period.tolist(), strict=True))
        self._judged.update(n for n, rows in zip(names, looks.rows.tolist(), strict=True) if rows >= FIRST_ROWS)
        first, last = self._span
        self._span = min(first, float(looks.time_s.min())), max(last, float(looks.time_s.max()))
        for struck in self.test.hits(looks):
            name = names[struck.look]
            self._hit.add((name, int(looks.period[struck.look])))
            if name not in self._first:
                self._first[name] = Hit(
                    principal=name,
                    time_s=float(looks.time_s[struck.look]),
                    rows=int(looks.rows[struck.look]),
                    said=struck.said,
                )

    def saw(self, first_s: float, last_s: float) -> None:
        """Requests came from this time to that, whether or not there was a look."""
        first, last = self._span
        self._span = min(first, first_s), max(last, last_s)

    def done(self, period_days: float, reviews: Mapping[str, str]) -> Backtest:
        """What came of it. reviews: of each reviewed principal, `theft` or `honest`."""
        periods: dict[str, int] = {}
        for name, _ in self._hit:
            periods[name] = periods.get(name, 0) + 1
        hits = tuple(
            msgspec.structs.replace(h, periods=periods[n], review=reviews.get(n, "")) for n, h in self._first.items()
        )
        names = {name for name, _ in self._seen}
        first, last = self._span if math.isfinite(self._span[0]) else (0.0, 0.0)
        return Backtest(
            test=self.test.text,
            period_days=period_days,
            first_s=first,
            last_s=last,
            principals=len(names),
            judged=len(self._judged),
            hits=hits,
            share=len(hits) / max(len(names), 1),
            rate=len(self._hit) / max(len(self._seen), 1),
            days=_by_day([h.time_s for h in hits], first, last),
            theft=_overlap("theft", periods, names, reviews),
            honest=_overlap("honest", periods, names, reviews),
            notes=self.test.notes(),
        )


def _by_day(times: Sequence[float], first_s: float, last_s: float) -> tuple[int, ...]:
    start = int(first_s // DAY_S)
    days = [int(t // DAY_S) - start for t in times]
    return tuple(np.bincount(days, minlength=int(last_s // DAY_S) - start + 1).tolist()) if days else ()


def _overlap(word: str, hit: Mapping[str, int], names: set[str], reviews: Mapping[str, str]) -> tuple[int, int]:
    known = [n for n, verdict in reviews.items() if verdict == word and n in names]
    return sum(n in hit for n in known), len(known)
