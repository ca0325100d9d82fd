"""What every detector promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.meter.space import Space
from wellhead.meter.view import Views

KINDS = ("volume", "novelty", "inputs", "ground", "answers", "timing", "access", "account", "damage")
"""Families of evidence; what two kinds say is taken for independent, two detectors of one kind for one voice."""

NEEDS: Mapping[str, str] = {
    "inputs": "the inputs, or their fingerprints",
    "raw_inputs": "the inputs themselves",
    "answers": "the answers' labels",
    "confidence": "answers with a confidence",
    "margins": "the scores of the two best classes, or a confidence of two classes",
    "profile": "a fitted profile",
    "requests": "all requests, refused ones too",
    "attributes": "where each caller came from",
    "registrations": "`wellhead principals import`",
    "readings": "readings of what was drawn",
}
"""What a detector may need beyond names and times, and what to say where it is missing."""


class Detector(Protocol):
    """One number a principal, read from the sketches; it folds no events itself, and its configuration is frozen.

    name: unique, a word or two with underscores.  kind: one of KINDS.  unit: one of UNITS, or words for people.
    sides: +1 where a high value is suspicious, -1 where a low one is, both where both are.
    high, low: what a suspicious value says, as a plain clause with `{value}` in it; empty where that side says nothing.
    honest: who else does so, and is no attacker.  needs: of NEEDS, what it cannot do without.  atlas: techniques.

    of_rows: True, where it is there, for a share of all rows: people are shown it without the half counts of `odds`.

    A detector that needs something of the population has fields named as those of Context, and is given them.
    What it says is evidence: never by itself an accusation or an action.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    unit: ClassVar[str]
    sides: ClassVar[tuple[int, ...]]
    high: ClassVar[str]
    low: ClassVar[str]
    honest: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    atlas: ClassVar[tuple[str, ...]]

    def read(self, views: Views) -> Array:
        """(u,) float64, one number a principal; NaN where nothing can be said. Pure, vectorised, order-free."""
        ...


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What detectors are told of the population.

    centre: (F,) mean feature of the profile's sample.  shares: (R,) of the sample in each region; both None unknown.
    cohort: suspicion of each registered principal (see wellhead.detect.cohort).
    """

    centre: Array | None = None
    shares: Array | None = None
    cohort: Mapping[str, float] = {}

    @classmethod
    def of(cls, space: Space | None, cohort: Mapping[str, float] | None = None) -> Context:
        """The context of a profile's space, and of those who are registered."""
        if space is None:
            return cls(cohort=cohort or {})
        return cls(centre=space.mean, shares=space.shares, cohort=cohort or {})


SHARE, COUNT, TIMES, DEVIATIONS, PLAIN = "share, as log-odds", "count, as log10", "times, as ln", "sd", "number"


def odds(share: Array, n: Array) -> Array:
    """(u,) log-odds of shares of n, each side half a count larger; NaN where the share or n is unknown or none.

    Shares of honest principals pile up at 0 or 1, where one more of a thousand says as much as a tenth in the middle.
    """
    share, n = np.clip(np.asarray(share, np.float64), 0.0, 1.0), np.asarray(n, np.float64)
    known = np.where(n >= 1.0, n, np.nan)
    return np.asarray(np.log(share * known + 0.5) - np.log((1.0 - share) * known + 0.5))


def log_count(count: Array) -> Array:
    """(u,) log10 of 1 + a count or rate; NaN where it is unknown."""
    return np.asarray(np.log10(1.0 + np.maximum(np.asarray(count, np.float64), 0.0)))


def where(known: Array, value: Array) -> Array:
    """(u,) float64 the value, NaN where it is not known."""
    return np.where(known, np.asarray(value, np.float64), np.nan)


def _percent(value: float) -> str:
    share = 100.0 / (1.0 + math.exp(-max(min(value, 40.0), -40.0)))
    digits = 0 if 10.0 <= share <= 90.0 else 1 if 1.0 <= share <= 99.0 else 2
    return f"{share:.{digits}f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


UNITS: Mapping[str, Callable[[float], str]] = {
    SHARE: _percent,
    COUNT: lambda v: _number(max(10.0 ** min(v, 300.0) - 1.0, 0.0)),
    TIMES: lambda v: _number(math.exp(min(v, 700.0))),
    DEVIATIONS: lambda v: f"{v:.1f}",
    PLAIN: lambda v: f"{v:.3g}",
}
"""How a detector's number is shown to people."""
LEAST: Mapping[str, float] = {SHARE: 0.25, COUNT: 0.05, TIMES: 0.1, DEVIATIONS: 0.1, PLAIN: 0.01}
"""A smaller difference means nothing, even where honest principals differ by less, or not at all."""


def counted(value: float, n: int) -> str:
    """A share of n, as `odds` tells it, as people counted it; empty where it is unknown."""
    if not math.isfinite(value):
        return ""
    share = ((n + 1) / (1.0 + math.exp(-max(min(value, 40.0), -40.0))) - 0.5) / n
    if not 1e-9 < share < 1.0 - 1e-9:
        return "100 %" if share > 0.5 else "0 %"
    return _percent(math.log(share / (1.0 - share)))


def shown(unit: str, value: float) -> str:
    """The number as people read it, in its unit; empty where it is unknown."""
    if not math.isfinite(value):
        return ""
    return UNITS.get(unit, UNITS[PLAIN])(value)
