"""Detectors and the fields of rules, read together of every look at the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.detectors import Detectors
from wellhead.detect.held import Held
from wellhead.detect.rules import FIELDS
from wellhead.detect.signal import COUNT, SHARE, TIMES
from wellhead.meter.view import Views

_PLAIN: Mapping[str, Callable[[Array], Array]] = {
    SHARE: lambda v: 1.0 / (1.0 + np.exp(-np.clip(v, -40.0, 40.0))),
    COUNT: lambda v: 10.0 ** np.minimum(v, 300.0) - 1.0,
    TIMES: lambda v: np.exp(np.minimum(v, 700.0)),
}
"""From a detector's number to the one that people are shown, and write in an expression."""


class Reader:
    """Reads what detectors read, and beside it fields of View, so that both come with every look.

    names: of the detectors, then of the fields.  held: what logs have shown so far, where they may lack something.
    """

    def __init__(self, detectors: Detectors, fields: Sequence[str] = FIELDS, held: Held | None = None) -> None:
        self.detectors = detectors
        self.held = held
        self.names = (*detectors.names, *fields)
        self._fields = tuple(fields)
        self._known = np.zeros(len(self.names), bool)
        self._looked = False

    def read(self, views: Views) -> Array:
        """(u, S + fields) float64; a share of nothing is 0, as in rules, and what the logs lack is NaN."""
        read, plain = self.detectors.read(views), [np.asarray(getattr(views, f), np.float64) for f in self._fields]
        self._known |= np.isfinite(np.column_stack([read, *plain])).any(axis=0)
        self._looked |= len(views) > 0
        values = np.column_stack([read, *map(_filled, self._fields, plain)])
        if self.held is not None:
            values[:, self.held.blind(self.detectors)] = np.nan
            values[:, [self.names.index(f) for f in self._fields if self.held.lacks([f])]] = np.nan
        return values

    def silent(self, names: Sequence[str]) -> dict[str, str]:
        """Those of these that could not be computed, each with what is lacking."""
        missing = {} if self.held is None else self.held.missing(self.detectors)
        return {n: why for n in names if (why := missing.get(n) or self._lacking(n))}

    def _lacking(self, name: str) -> str:
        """What a detector or field lacks that was known of nobody, as far as can be told."""
        if self.held is not None and (why := self.held.lacks([name])):
            return why
        if not self._looked or self._known[self.names.index(name)]:
            return ""
        # nothing at hand: then all that it needs is named
        bare = Held()
        return bare.missing(self.detectors).get(name) or bare.lacks([name]) or "known of nobody"

    def shown(self, values: Array) -> Array:
        """The same columns with the detectors' numbers as people are shown them."""
        units = [self.detectors[i].unit for i in range(len(self.detectors))]
        columns = [_PLAIN[u](values[:, i]) if u in _PLAIN else values[:, i] for i, u in enumerate(units)]
        return np.column_stack([*columns, values[:, len(units) :]])


def _filled(field: str, column: Array) -> Array:
    return column if field == "timing_cv" else np.nan_to_num(column)
