"""Detectors and rules at every look of a scan, each only where the log holds what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import compress

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch, Visits
from wellhead.core.finding import Signal
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looking
from wellhead.detect.rules import Rule, Rules
from wellhead.detect.signal import NEEDS
from wellhead.meter.view import View, Views

_OPS: dict[str, Callable[[Array, float], Array]] = {
    ">=": np.greater_equal,
    ">": np.greater,
    "<=": np.less_equal,
    "<": np.less,
}
_FIELDS = {
    "unique_ratio": "inputs",
    "full_confidence_ratio": "confidence",
    "boundary_ratio": "confidence",
    "label_evenness": "answers",
    "scores_asked_ratio": "answers",
}
"""Fields of a View that mean nothing where the log lacks this."""
_PLAIN = tuple(f for f in View.__struct_fields__ if f not in ("principal", "attributes", "rows"))


class Watcher:
    """Reads views like Detectors do, and runs the rules on the same views.

    have: words of NEEDS that the log has shown so far; what a detector or a rule needs beyond them is unknown (NaN).
    hits: of each principal, what each rule said last.
    """

    def __init__(self, detectors: Detectors, rules: Rules) -> None:
        self.detectors = detectors
        self.rules = rules.rules
        self.have: set[str] = set()
        self.hits: dict[str, dict[str, Signal]] = {}
        self._blind: Array = np.zeros(0, np.intp)
        self._seen: frozenset[str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the detectors."""
        return self.detectors.names

    def notice(self, batch: Batch) -> None:
        """Learn from a batch what the log holds."""
        have = self.have
        if len(batch) and len(have) < len(NEEDS):
            shown: dict[str, Callable[[], object]] = {
                "inputs": batch.fingerprint.any,
                "raw_inputs": batch.traits.any,
                "answers": lambda: (batch.top1 >= 0).any() or not np.isnan(batch.values).all(),
                "confidence": lambda: not np.isnan(batch.confidence).all(),
                "profile": batch.codes.any,
                "attributes": lambda: any(batch.attributes),
            }
            have.update(word for word, look in shown.items() if word not in have and look())

    def silent(self) -> dict[str, str]:
        """The detectors and rules that could not be computed, each with what it lacks."""
        rules = {
            r.name: sorted({_FIELDS[c.field] for c in r.conditions if c.field in _FIELDS} - self.have)
            for r in self.rules
        }
        lacking = {
            f"rule {n}": "needs " + " and ".join(NEEDS[w] for w in missing) for n, missing in rules.items() if missing
        }
        return self._lacking() | lacking

    def _lacking(self) -> dict[str, str]:
        return self.detectors.missing([w for w in NEEDS if w in self.have])

    def read(self, views: Views) -> Array:
        """(u, S) as of Detectors, NaN in the columns of those that lack something; rules are run beside."""
        self._run(views)
        return self.values(views)

    def values(self, views: Views) -> Array:
        """The same, and no rule is run."""
        values = self.detectors.read(views)
        values[:, self._blinded()] = np.nan
        return values

    def _blinded(self) -> Array:
        if self._seen is None or self._seen != frozenset(self.have):
            self._seen = frozenset(self.have)
            missing = self._lacking()
            self._blind = np.array([i for i, n in enumerate(self.detectors.names) if n in missing], np.intp)
        return self._blind

    def _run(self, views: Views) -> None:
        for rule in self.rules:
            for i in np.flatnonzero(self._holds(rule, views)).tolist():
                signal = rule.read(view_of(views, i))
                if signal is not None:
                    self.hits.setdefault(views.names[i], {})[rule.name] = signal

    def _holds(self, rule: Rule, views: Views) -> Array:
        """(u,) bool: as Rule.read, for many at once."""
        hit = np.asarray(views.rows >= rule.min_rows)
        for c in rule.conditions:
            if _FIELDS.get(c.field, "") not in (*self.have, ""):
                return np.zeros(len(views), bool)
            with np.errstate(invalid="ignore"):
                hit = hit & _OPS[c.op](np.asarray(getattr(views, c.field), np.float64), c.value)
        return hit


def view_of(views: Views, i: int) -> View:
    """One row of the columns."""
    plain = {f: float(getattr(views, f)[i]) for f in _PLAIN}
    view = View(principal=views.names[i], rows=int(views.rows[i]), attributes=views.attributes[i])
    return msgspec.structs.replace(view, **plain)


def by_period(batch: Batch, visits: Visits, looking: Looking) -> Iterator[tuple[Batch, Visits]]:
    """Rows and requests of each period together, since requests count in the period that is current when they come."""
    times = [float(part.time_s.min()) for part in (batch, visits) if len(part)]
    times += [float(part.time_s.max()) for part in (batch, visits) if len(part)]
    if len({looking.period_of(t) for t in times}) <= 1:
        yield batch, visits
        return
    of_row, of_visit = (np.array(list(map(looking.period_of, part.time_s)), np.int64) for part in (batch, visits))
    periods = np.union1d(of_row, of_visit)
    for period in periods.tolist():
        mine = of_visit == period
        yield (
            batch.take(of_row == period),
            msgspec.structs.replace(
                visits,
                principal=visits.principal[mine],
                time_s=visits.time_s[mine],
                status=visits.status[mine],
                endpoint=tuple(compress(visits.endpoint, mine.tolist())),
            ),
        )
