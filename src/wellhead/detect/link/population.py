"""How honest principals spread: the model that groups are judged by, and looks at real ones beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.errors import ProfileError
from wellhead.detect.link import habit
from wellhead.detect.link.source import MOST_ROWS, Source
from wellhead.meter import pack
from wellhead.meter.view import Views

LEAST_ROWS = 16
"""Who has asked less is not looked at."""
BANDS = 7
"""16, 32, 64, ... 1,024 rows or more: honest looks are compared with looks of the same band."""
KEPT = 1500
"""Honest looks kept of each band."""
ENOUGH = 50
"""Looks that a band needs to be compared with."""
HASHES = 32
"""Inputs of each principal by which groups are searched for repeats: every input has one hash, whoever asks it."""
NEAR = 0.05
"""Groups more probable than this are not looked for among the honest."""
INPUTS = ("features",)
ANSWERS = ("confidence", "boundary_ratio", "full_confidence_ratio")
"""Means over rows, as Source takes them to be; the evenness of labels is none."""

Segments = Mapping[str, str] | Callable[[str], str]


class Points(msgspec.Struct, frozen=True):
    """Principals as the linker sees them: (u, K) coordinates of what they ask and (u, k) of what they are answered.

    alone: (u, 2) log-density of each of these two among honest principals.
    rows: (u,) distinct inputs, 1..MOST_ROWS.  band: (u,) 0..BANDS-1.  part: (u,) of the way to the next band, 0..1.
    unique: (u,) distinct inputs / rows.
    hashes: (u, HASHES) uint32 the largest of its inputs' hashes, falling, 0 where there are fewer.
    """

    inputs: Array
    answers: Array
    alone: Array
    rows: Array
    band: Array
    part: Array
    unique: Array
    hashes: Array

    def __len__(self) -> int:
        return int(self.rows.size)

    def take(self, which: Array) -> Points:
        """These points, by index or mask."""
        return Points(*(getattr(self, field)[which] for field in self.__struct_fields__))


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """Honest principals, fitted once at calibration and kept beside the promise.

    inputs, answers: how means of queries and of answers spread.  looks: at honest principals, some in each band.
    owner: (m,) which principal each look is of.  segment: (m,) index into `segments`.
    honest: (w, 2) of each search among honest principals that the model was not fitted on: how many they were, and the
    log-probability of the least probable group that was found among them, 0 where none was.
    """

    inputs: Source
    answers: Source
    looks: Points
    owner: Array
    segment: Array
    segments: tuple[str, ...]
    honest: Array

    def points(self, views: Views) -> Points:
        """These principals' coordinates; those below LEAST_ROWS placed rows must have been left out."""
        rows = np.clip(views.distinct, 1.0, MOST_ROWS)
        hashes = np.sort(views.sample, axis=1)[:, : -HASHES - 1 : -1]
        places = [s.place(columns_of(views, f)) for s, f in ((self.inputs, INPUTS), (self.answers, ANSWERS))]
        noise = blurred(hashes[:, 0], np.clip(views.distinct, 1.0, None), sum(p.shape[1] for p in places))
        inputs, answers = places[0] + noise[:, : places[0].shape[1]], places[1] + noise[:, places[0].shape[1] :]
        return Points(
            inputs,
            answers,
            np.stack((self.inputs.alone(inputs, rows), self.answers.alone(answers, rows)), axis=1),
            rows,
            *bands(views.rows),
            np.asarray(views.unique_ratio, np.float64),
            hashes,
        )

    def usual(self, points: Points) -> Array:
        """(u,) log-density of each point's share of distinct inputs among honest looks with as many rows."""
        found = np.zeros(len(points))
        for b in range(BANDS):
            at = np.flatnonzero(points.band == b)
            if at.size:
                honest = self.looks.unique[self.some(b, KEPT)]
                found[at] = habit.usual(points.unique[at], points.rows[at], honest)
        return found

    def some(self, band: int, most: int) -> Array:
        """Index of honest looks at a band; where it has too few, those of the nearest band with fewer rows, or all."""
        for b in range(band, -1, -1):
            found = np.flatnonzero(self.looks.band == b)
            if found.size >= ENOUGH:
                return found[:most]
        return np.arange(len(self.looks))[:most]

    def usual_crowd(self, principals: int) -> float:
        """Log-probability of the least probable group that so many honest principals would form; -inf where it is
        not known.

        A niche that a share of the honest have in common grows improbable in proportion to how many they are; so does
        one that was not improbable enough to be seen among fewer.
        """
        if not len(self.honest):
            return -np.inf
        times = principals / self.honest[:, 0]
        # of fewer, chance may put more into a niche than its share
        times = np.maximum(times, np.sqrt(times.clip(0.0, 1.0)))
        return float(np.minimum(self.honest[:, 1] * times, np.log(NEAR) * np.maximum(times - 1.0, 0.0)).min())

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads and checks."""
        record = {
            "inputs": self.inputs.record(),
            "answers": self.answers.record(),
            "looks": {field: getattr(self.looks, field) for field in Points.__struct_fields__},
            "owner": self.owner,
            "segment": self.segment,
            "segments": list(self.segments),
            "honest": self.honest,
        }
        return pack.dump("population", record)

    @classmethod
    def from_bytes(cls, data: bytes) -> Population:
        """Raises ProfileError where the bytes are cut, edited, of something else or of an earlier release."""
        record = pack.load("population", data)
        if "honest" not in record:
            raise ProfileError("expected a population with honest groups, got one of an earlier release")
        return cls(
            inputs=Source(**record["inputs"]),
            answers=Source(**record["answers"]),
            looks=Points(**record["looks"]),
            owner=record["owner"],
            segment=record["segment"],
            segments=tuple(record["segments"]),
            honest=record["honest"],
        )


def blurred(seed: Array, rows: Array, count: int) -> Array:
    """(u, count) noise that makes a mean of so many rows as uncertain as one of MOST_ROWS; 0 where they are fewer.

    Without it the busiest would lie closer to any source than every honest look that they are compared with.
    seed: (u,) uint32, so that a principal has the same noise wherever it is listed.
    """
    scale = np.sqrt(np.maximum(1.0 / MOST_ROWS - 1.0 / rows, 0.0))
    found = np.zeros((rows.size, count))
    for i in np.flatnonzero(scale):
        found[i] = np.random.default_rng(int(seed[i])).normal(0.0, scale[i], count)
    return found


def bands(rows: Array) -> tuple[Array, Array]:
    """(u,) 0 for 16..31 rows, 1 for 32..63, up to BANDS - 1; and how much of the way to the next has been gone."""
    place = np.clip(np.log2(np.maximum(rows, 1)) - 4.0, 0.0, BANDS - 1.0)
    whole = place.astype(np.int64)
    return whole, place - whole


def columns_of(views: Views, fields: Sequence[str]) -> Array:
    """(u, F) float64 of these fields of Views side by side."""
    return np.hstack([np.asarray(getattr(views, f), np.float64).reshape(len(views), -1) for f in fields])


def rows_of(views: Views, which: Array) -> Views:
    """The views of these principals, by index or mask."""
    index = np.arange(len(views))[which]
    columns: dict[str, Any] = {}
    for field in Views.__struct_fields__:
        value = getattr(views, field)
        if isinstance(value, tuple):
            columns[field] = tuple(value[i] for i in index)
        else:
            columns[field] = None if value is None else value[index]
    return Views(**columns)


def visible(views: Views) -> Array:
    """(v,) index of the principals that asked enough, in codes, to be looked at."""
    return np.flatnonzero((np.nan_to_num(views.placed) >= LEAST_ROWS) & np.isfinite(views.features).all(axis=1))


def segment_word(segments: Segments, name: str) -> str:
    """The segment of a name."""
    return segments(name) if callable(segments) else segments.get(name, "")


def named(names: Sequence[str], segments: Segments | None, known: Sequence[str]) -> Array:
    """(u,) index of each name's segment among the known ones; -1 where it is none of them or segments is None."""
    numbers = {word: i for i, word in enumerate(known)}
    return np.array([-1 if segments is None else numbers.get(segment_word(segments, n), -1) for n in names], np.int64)
