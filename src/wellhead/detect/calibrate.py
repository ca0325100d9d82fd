"""From honest looks to a promise: development principals make the yardstick, calibration principals the thresholds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.errors import ConfigError
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.looks import Looks
from wellhead.detect.promise import Promise
from wellhead.detect.weights import weights
from wellhead.detect.yardstick import FEWEST, Panel, Yardstick, fit, suprema

DEVELOPMENT = 600
"""Development principals that are enough, where there are many."""
MOST = 1 / 3
"""The most of all principals that become development ones."""
COMMON = 150
"""Development principals of the commonest segment that are enough to fit on them alone."""
HELD = 5
"""Principals with the largest scores that are named."""


class Named(Protocol):
    """The detectors, as far as calibration needs them."""

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the columns."""
        ...

    @property
    def sides(self) -> Sequence[Sequence[int]]:
        """+1, -1 or both, of each."""
        ...


SegmentOf = Mapping[str, str] | Callable[[str], str] | None
"""Of each principal; None: those that the looks say."""


def calibrate(
    looks: Looks,
    segments: SegmentOf,
    budget: AlarmBudget,
    detectors: Named,
    *,
    key: bytes = b"",
    excluded: Collection[str] = (),
) -> Promise:
    """The promise that these looks of (supposedly) honest principals allow.

    key: of the hash that splits the principals into development and calibration, up to 64 bytes.
    excluded: principals known not to be honest (a review said theft; drills): left out of both.
    Raises ConfigError where too few principals were seen to fit anything.
    """
    out = set(excluded)
    kept = ~np.isin(looks.principal, [i for i, n in enumerate(looks.names) if n in out])
    pairs, subject = np.unique(
        np.stack([looks.principal[kept], looks.period[kept]], axis=1), axis=0, return_inverse=True
    )
    subject = subject.reshape(-1)
    develops = development(looks.names, key)[pairs[:, 0]] if len(pairs) else np.zeros(0, dtype=bool)
    values, rows = looks.values[kept], looks.rows[kept]
    names = [looks.names[i] for i in pairs[:, 0]]
    of = _segments(looks, segments, kept, subject, names)
    mine = develops[subject]
    yardstick = _fit((values[mine], rows[mine], subject[mine]), develops, _commonest(of, develops), detectors)
    scores = yardstick.score(values, rows)
    largest = suprema(scores, subject)
    held, holders = _by_segment(largest, of, names, ~develops)
    return Promise(
        budget=budget,
        names=tuple(detectors.names),
        kinds=_kinds(detectors),
        yardstick=yardstick,
        scores=held,
        first=_first(scores, subject, ~develops),
        holders=holders,
        development=int(develops.sum()),
        excluded=int(len(np.unique(np.stack([looks.principal, looks.period]), axis=1).T) - len(pairs)),
    )


def development(names: Sequence[str], key: bytes = b"") -> Array:
    """(n,) bool: which principals the yardstick is fitted on; the same principal always falls on the same side."""
    return drawn(names, key) < min(MOST, DEVELOPMENT / max(len(names), 1))


def drawn(names: Sequence[str], key: bytes = b"") -> Array:
    """(n,) a number in 0..1 of each name, always the same."""
    draws = [int.from_bytes(hashlib.blake2b(n.encode(), digest_size=8, key=key).digest(), "big") for n in names]
    return np.array(draws, dtype=np.float64) / 2.0**64


def _fit(looks: tuple[Array, Array, Array], develops: Array, main: Array, detectors: Named) -> Yardstick:
    """The yardstick of the development looks (values, rows, subject); main: (subjects,) bool."""
    if develops.sum() < FEWEST:
        raise ConfigError(
            f"expected at least {int(FEWEST / MOST)} honest principals to calibrate on, got {develops.size}",
            "gather more traffic first; the rules hold until then",
        )
    values, rows, subject = looks
    held, numbers = np.unique(subject, return_inverse=True)
    return fit(values, rows, numbers.reshape(-1), _panel(detectors), main[held])


def _commonest(of: Sequence[str], develops: Array) -> Array:
    """(subjects,) bool: of the commonest segment among the development ones, where that has enough of them; else all.

    Load tests and batch jobs that were declared so must not make what they do look usual for everybody.
    """
    words, counts = np.unique([s for s, d in zip(of, develops, strict=True) if d] or [""], return_counts=True)
    if counts.max() < COMMON:
        return np.ones(len(of), dtype=bool)
    commonest = words[counts.argmax()]
    return np.array([s == commonest for s in of], dtype=bool)


def _panel(detectors: Named) -> Panel:
    """Detectors that no weights were learnt for, a plugin's say, count in the surprise alone."""
    least = getattr(detectors, "least", (0.0,) * len(detectors.names))
    voices = [[of.get(name, (0.0, 0.0)) for name in detectors.names] for of in weights().values()]
    return Panel(detectors.sides, _kinds(detectors), least, voices)


def _kinds(detectors: Named) -> tuple[str, ...]:
    """Of each detector; where the detectors name none, each is a voice of its own."""
    return tuple(getattr(detectors, "kinds", detectors.names))


def _segments(looks: Looks, segments: SegmentOf, kept: Array, subject: Array, names: list[str]) -> list[str]:
    """The segment of each subject."""
    if segments is None:
        first = np.unique(subject, return_index=True)[1]
        at = np.flatnonzero(kept)[first]
        return [looks.segments[i] for i in at]
    of = segments.__getitem__ if isinstance(segments, Mapping) else segments
    return [of(name) for name in names]


def _by_segment(
    largest: Array, of: list[str], names: list[str], mine: Array
) -> tuple[dict[str, Array], dict[str, tuple[tuple[str, float], ...]]]:
    held, holders = {}, {}
    words = np.array(of, dtype=object)
    for segment in sorted(set(of)):
        at = np.flatnonzero(mine & (words == segment))
        at = at[np.argsort(largest[at], kind="stable")]
        held[segment] = largest[at]
        highest = set(list(dict.fromkeys(names[i] for i in at[::-1]))[:HELD])
        holders[segment] = tuple((names[i], float(largest[i])) for i in at[::-1] if names[i] in highest)
    return held, holders


def _first(scores: Array, subject: Array, mine: Array) -> Array:
    """Sorted scores of the first look of each calibration subject at which anything was read."""
    read = np.flatnonzero(np.isfinite(scores) & mine[subject])
    first = read[np.unique(subject[read], return_index=True)[1]]
    return np.sort(scores[first])
