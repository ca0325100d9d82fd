"""All detectors in force, side by side: one table of numbers, and what each number says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wellhead import plugins
from wellhead.core.arrays import Array
from wellhead.core.errors import ConfigError
from wellhead.detect.signal import LEAST, NEEDS, PLAIN, Context, Detector, counted, shown
from wellhead.meter.view import Views

_NOTHING = Context()


class Detectors:
    """Reads S detectors at once, always in the same order.

    names: of detectors, or detectors' classes; None: all that are installed and need no readings.  Raises ConfigError
    for a name that is none. names, kinds: (S,).  sides: (S,), each a tuple of +1 and -1.  needs: (S,), each of NEEDS.
    least: (S,) differences below which a value says nothing, however alike honest principals are.
    """

    def __init__(self, names: Sequence[str | type[Any]] | None = None, context: Context = _NOTHING) -> None:
        found = _installed() if names is None else [_class(name) for name in names]
        self._detectors = tuple(_made(detector, context) for detector in found)
        self.names = tuple(d.name for d in self._detectors)
        self.kinds = tuple(d.kind for d in self._detectors)
        self.sides = tuple(d.sides for d in self._detectors)
        self.needs = tuple(d.needs for d in self._detectors)
        self.least = tuple(LEAST.get(d.unit, LEAST[PLAIN]) for d in self._detectors)
        if len(set(self.names)) < len(self.names):
            raise ConfigError(f"expected detectors of different names, got {', '.join(sorted(self.names))}")

    def __len__(self) -> int:
        return len(self._detectors)

    def __getitem__(self, index: int) -> Detector:
        return self._detectors[index]

    def read(self, views: Views) -> Array:
        """(u, S) float64: what each detector reads of each principal, NaN where it can say nothing."""
        table = np.full((len(views), len(self)), np.nan)
        # numbers that cannot be computed are NaN here, not warnings
        with np.errstate(all="ignore"):
            for column, detector in enumerate(self._detectors):
                table[:, column] = detector.read(views)
        table[~np.isfinite(table)] = np.nan
        return table

    def said(self, index: int, side: int, value: float, rows: int = 0) -> str:
        """What a value of the index-th detector says where it is suspicious to that side (+1, -1); plain words.

        rows: that it was read of; 0 unknown.
        """
        detector = self._detectors[index]
        text = detector.high if side > 0 else detector.low
        return text.format(value=self.shown(index, value, rows) or "an unknown amount")

    def shown(self, index: int, value: float, rows: int = 0) -> str:
        """A value of the index-th detector as people read it, empty where unknown; also for the ends of a range."""
        detector = self._detectors[index]
        return counted(value, rows) if rows and getattr(detector, "of_rows", False) else shown(detector.unit, value)

    def missing(self, have: Sequence[str]) -> dict[str, str]:
        """The detectors that cannot be computed from what is there (words of NEEDS), each with what it lacks."""
        lacks = {n: [w for w in need if w not in have] for n, need in zip(self.names, self.needs, strict=True)}
        return {name: "needs " + " and ".join(NEEDS.get(w, w) for w in words) for name, words in lacks.items() if words}


def _installed() -> list[type[Any]]:
    """The detectors among all installed signals that can read everybody; rules and limits are signals of other kinds.

    Only the watched have ledgers, so what needs readings is not calibrated: it is damage, and no part of guilt.
    """
    found = (plugins.find("signals", name) for name in plugins.names("signals"))
    return [component for component in found if hasattr(component, "sides") and "readings" not in component.needs]


def _class(name: str | type[Any]) -> type[Any]:
    found = plugins.find("signals", name) if isinstance(name, str) else name
    if not hasattr(found, "sides"):
        raise ConfigError(f"expected a detector, got {name!r}", "rules and limits are configured elsewhere")
    return found


def _made(detector: type[Any], context: Context) -> Detector:
    """A detector that is told as much of the context as it has fields for."""
    fields = getattr(detector, "__struct_fields__", ())
    told = {field: getattr(context, field) for field in Context.__struct_fields__ if field in fields}
    return detector(**told)  # type: ignore[no-any-return]
