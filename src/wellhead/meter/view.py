"""What the sketches say of one principal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wellhead.core.arrays import Array
from wellhead.meter.sample import unique_ratio

MIN_GAPS = 16
"""Below so many gaps nothing is said about timing."""

Attribute = tuple[str, str]


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sketches say of one principal; the fields that rules may test.

    rows: queries so far.  volume_60s, volume_3600s: rows in the last minute and hour before `last_s` (or before the
    `now_s` of the reader), from two buckets, as if the older one were spread evenly.
    unique_ratio: distinct inputs / rows; exact up to 255 distinct inputs, and 1 for whoever never repeats.
    full_confidence_ratio, boundary_ratio: share of the rows answered with a confidence where it was >= 0.99, and where
    p1 - p2 < 0.1 (confidence < 0.55 where only that is known).  scores_asked_ratio: share of rows asking for scores.
    label_evenness: entropy of the answered labels / its maximum; 0 where one label was answered.
    timing_cv: coefficient of variation of the gaps between requests (log-normal moments); NaN below 16 gaps.
    first_s, last_s: seconds since 1970.  attributes: (attribute, value), at most 8 values each.
    """

    principal: str = ""
    rows: int = 0
    volume_60s: float = 0.0
    volume_3600s: float = 0.0
    unique_ratio: float = 0.0
    full_confidence_ratio: float = 0.0
    scores_asked_ratio: float = 0.0
    boundary_ratio: float = 0.0
    label_evenness: float = 0.0
    timing_cv: float = math.nan
    first_s: float = 0.0
    last_s: float = 0.0
    attributes: frozenset[Attribute] = frozenset()


def look(record: Mapping[str, Any], name: str, attributes: frozenset[Attribute], now_s: float | None) -> View:
    """The View of one record; volumes are those before now_s, or before the last row where it is None or earlier."""
    rows, scored, last = record["rows"], record["scored"], record["last"]
    now = last if now_s is None else max(now_s, last)
    return View(
        principal=name,
        rows=rows,
        volume_60s=_volume(record, "minute", 60, now),
        volume_3600s=_volume(record, "hour", 3600, now),
        unique_ratio=unique_ratio(record),
        full_confidence_ratio=_ratio(record["full"], scored),
        scores_asked_ratio=_ratio(record["asked"], rows),
        boundary_ratio=_ratio(record["boundary"], scored),
        label_evenness=_evenness(record["labels"]),
        timing_cv=_timing_cv(record["gaps"], record["gap_log"], record["gap_square"]),
        first_s=record["first"],
        last_s=last,
        attributes=attributes,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _timing_cv(gaps: int, total: float, square: float) -> float:
    if gaps < MIN_GAPS:
        return math.nan
    variance = max(square / gaps - (total / gaps) ** 2, 0.0)
    return math.sqrt(math.expm1(min(variance, 50.0)))


def _evenness(labels: Sequence[int]) -> float:
    total = sum(labels)
    shares = [n / total for n in labels if n]
    if len(shares) < 2:
        return 0.0
    return -sum(p * math.log(p) for p in shares) / math.log(len(shares))


def _volume(record: Mapping[str, Any], window: str, seconds: int, now_s: float) -> float:
    """Rows in the last `seconds` before now_s: the current bucket, and what of the one before is still inside."""
    age = max(now_s / seconds - record[window], 0.0)
    now, before = record[f"{window}_now"], record[f"{window}_before"]
    if age < 1.0:
        return float(now + before * (1.0 - age))
    return float(now * max(2.0 - age, 0.0))


class Views(msgspec.Struct, frozen=True, kw_only=True):
    """What the sketches say of many principals: columns (u,) float64, NaN where a number is not known.

    The columns that View has too mean the same. distinct: estimated distinct inputs.
    requests, error_ratio, docs_ratio, endpoints: HTTP requests; shares of them that failed with 4xx and that went to
    documentation, metadata or health pages; how many different paths (of 64).
    hours: (u, 96) uint8, one bit for each of the last 768 hours in which it was active (hour since 1970 modulo 768).
    sample: (u, SAMPLE) uint32 hashes of inputs, 0 free: the same inputs of two principals have the same hashes.

    From codes, so NaN or zeros where no profile has coded the rows. placed: rows that were.
    near_ratio: distinct neighbourhoods / distinct inputs; below 1 inputs come in near-copies.
    features: (u, F) float32 mean of the profile's random Fourier features.  regions: (u, R) uint8 rows in each region,
    saturated.  far: mean log distance to the nearest region, in standard deviations of the sample.
    far_ratio: share of rows farther out than 99 % of the sample.
    texture, residue, grain: means, 0..1, of how rough an input is, how much of it lies off the profile's axes, and how
    round its numbers are (see wellhead.meter.traits).
    confidence: mean.  trend: standard score of confidence rising with time.  top_share: share of the commonest label.

    Filled in by whoever knows. moved: how far the second half of the rows lies from the first (squared mean discrepancy
    less its expectation).  drawn: of the last reading.
    """

    names: tuple[str, ...]
    attributes: tuple[frozenset[Attribute], ...]
    rows: Array
    volume_60s: Array
    volume_3600s: Array
    distinct: Array
    unique_ratio: Array
    full_confidence_ratio: Array
    scores_asked_ratio: Array
    boundary_ratio: Array
    label_evenness: Array
    timing_cv: Array
    first_s: Array
    last_s: Array
    requests: Array
    error_ratio: Array
    docs_ratio: Array
    endpoints: Array
    hours: Array
    sample: Array
    placed: Array
    near_ratio: Array
    features: Array
    regions: Array
    far: Array
    far_ratio: Array
    texture: Array
    residue: Array
    grain: Array
    confidence: Array
    trend: Array
    top_share: Array
    moved: Array | None = None
    drawn: Array | None = None

    def __len__(self) -> int:
        return len(self.names)
