"""Detectors and rules at every look of a scan, each only where the log holds what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch, Visits
from wellhead.core.finding import Signal
from wellhead.detect.detectors import Detectors
from wellhead.detect.held import Held
from wellhead.detect.looks import Looking
from wellhead.detect.rules import Rule, Rules
from wellhead.meter.view import View, Views

_OPS: dict[str, Callable[[Array, float], Array]] = {
    ">=": np.greater_equal,
    ">": np.greater,
    "<=": np.less_equal,
    "<": np.less,
}
_PLAIN = tuple(f for f in View.__struct_fields__ if f not in ("principal", "attributes", "rows"))


class Watcher:
    """Reads views like Detectors do, and runs the rules on the same views.

    held: what the log has shown so far; what a detector or a rule needs beyond it is unknown (NaN).
    hits: of each principal, what each rule said when it hit at most rows.
    """

    def __init__(self, detectors: Detectors, rules: Rules, registered: bool = False) -> None:
        self.detectors = detectors
        self.rules = rules.rules
        self.held = Held(registered)
        self.hits: dict[str, dict[str, Signal]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the detectors."""
        return self.detectors.names

    def silent(self) -> dict[str, str]:
        """The detectors and rules that could not be computed, each with what it lacks."""
        lacking = {f"rule {r.name}": self.held.lacks(c.field for c in r.conditions) for r in self.rules}
        return self.held.missing(self.detectors) | {name: words for name, words in lacking.items() if words}

    def read(self, views: Views) -> Array:
        """(u, S) as of Detectors, NaN in the columns of those that lack something; rules are run beside."""
        self._run(views)
        return self.values(views)

    def values(self, views: Views) -> Array:
        """The same, and no rule is run."""
        values = self.detectors.read(views)
        values[:, self.held.blind(self.detectors)] = np.nan
        return values

    def _run(self, views: Views) -> None:
        for rule in self.rules:
            for i in np.flatnonzero(self._holds(rule, views)).tolist():
                signal = rule.read(view_of(views, i))
                if signal is not None:
                    self._keep(signal)

    def _keep(self, signal: Signal) -> None:
        """A period starts anew: what a rule says later may be of fewer rows."""
        hits = self.hits.setdefault(signal.principal, {})
        if signal.name not in hits or signal.n >= hits[signal.name].n:
            hits[signal.name] = signal

    def _holds(self, rule: Rule, views: Views) -> Array:
        """(u,) bool: as Rule.read, for many at once."""
        if self.held.lacks(c.field for c in rule.conditions):
            return np.zeros(len(views), bool)
        hit = np.asarray(views.rows >= rule.min_rows)
        for c in rule.conditions:
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
        yield batch.take(of_row == period), some(visits, np.flatnonzero(of_visit == period))


def some(visits: Visits, index: Array) -> Visits:
    """These requests (index) alone; names are kept."""
    return msgspec.structs.replace(
        visits,
        principal=visits.principal[index],
        time_s=visits.time_s[index],
        status=visits.status[index],
        endpoint=tuple(visits.endpoint[i] for i in index.tolist()),
    )


def parts(batch: Batch, visits: Visits, rows: int) -> Iterator[tuple[Batch, Visits]]:
    """So many rows at a time, as a gate has them, each with the requests that had come by then; at least one part."""
    starts = range(0, max(len(batch), 1), rows)
    if len(starts) == 1:
        yield batch, visits
        return
    ends = np.maximum.accumulate(np.maximum.reduceat(batch.time_s, np.array(starts)))
    part = np.minimum(np.searchsorted(ends, visits.time_s), len(starts) - 1)
    order = np.argsort(part, kind="stable")
    cuts = np.searchsorted(part[order], np.arange(len(starts) + 1))
    for i, start in enumerate(starts):
        mine = np.arange(start, min(start + rows, len(batch)))
        yield _present(batch.take(mine)), some(visits, order[cuts[i] : cuts[i + 1]])


def _present(batch: Batch) -> Batch:
    """Without the names that do not occur: folding takes its time by them."""
    present, principal = np.unique(batch.principal, return_inverse=True)
    return msgspec.structs.replace(
        batch,
        names=tuple(batch.names[i] for i in present),
        attributes=tuple(batch.attributes[i] for i in present),
        principal=principal.astype(np.int32),
    )
