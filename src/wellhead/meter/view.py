"""What the sketches say of one principal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.meter import course, ground
from wellhead.meter.sample import unique_ratio
from wellhead.meter.traits import TOP

MIN_GAPS = 16
"""Below so many gaps nothing is said about timing."""
_PER_MILLE = 1000.0
_WHO = ("principal", "attributes")

Attribute = tuple[str, str]


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sketches say of one principal; the fields that rules may test.

    rows: queries so far.  volume_60s, volume_3600s: rows in the last minute and hour before `last_s` (or before the
    `now_s` of the reader), from two buckets, as if the older one were spread evenly.
    unique_ratio: distinct inputs / rows; exact up to 255 distinct inputs, and 1 for whoever never repeats.
    full_confidence_ratio: share of the rows answered with a confidence where it was >= 0.99.
    boundary_ratio: share with p1 - p2 < 0.1, of those of which scores tell it, or the confidence of one of two classes.
    scores_asked_ratio: share of rows asking for scores.
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


class Views(msgspec.Struct, frozen=True, kw_only=True):
    """What the sketches say of many principals: columns (u,) float64, NaN where a number is not known.

    The columns that View has too mean the same. distinct: estimated distinct inputs.
    requests, error_ratio, docs_ratio, endpoints: HTTP requests; shares of them that failed with 4xx (but 429, which
    the valve answers too) and that went to documentation, metadata or health pages; how many different paths (of 64).
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

    def view(self, index: int) -> View:
        """One row as a View; what is not known is 0 there, but for timing_cv."""
        plain = {f: float(getattr(self, f)[index]) for f in View.__struct_fields__ if f not in _WHO}
        return _view(plain, self.names[index], self.attributes[index])


def look(record: Array, names: Sequence[str], attributes: Sequence[frozenset[Attribute]], now_s: float | None) -> Views:
    """The Views of records (u,); volumes are those before now_s, or before the last row where it is None or earlier."""
    requests, scored, placed = (record[f].astype(np.float64) for f in ("requests", "scored", "placed"))
    labels = record["labels"]
    plain = _plain(record, now_s)
    distinct = plain["unique_ratio"] * plain["rows"]
    return Views(
        names=tuple(names),
        attributes=tuple(attributes),
        **plain,
        distinct=np.nan_to_num(distinct),
        requests=requests,
        error_ratio=_ratio(record["errors"], requests),
        docs_ratio=_ratio(record["docs"], requests),
        endpoints=np.bitwise_count(record["endpoints"]).astype(np.float64),
        hours=record["active"].copy(),
        sample=record["hashes"].copy(),
        placed=placed,
        near_ratio=ground.near_ratio(record["pairs"], plain["unique_ratio"] * placed),
        features=(record["features"] / (127.0 * np.maximum(placed, 1.0))[:, None]).astype(np.float32),
        regions=record["regions"].copy(),
        far=_ratio(record["far"] / ground.FAR_STEPS, placed),
        far_ratio=_ratio(record["outside"], placed),
        texture=_ratio(record["texture"] / TOP, record["textured"]),
        residue=_ratio(record["residue"] / TOP, record["coded"]),
        grain=_ratio(record["grain"] / TOP, record["textured"]),
        confidence=_ratio(record["sure"] / _PER_MILLE, scored),
        trend=course.trend(record),
        top_share=_ratio(labels.max(axis=1), labels.sum(axis=1)),
    )


def _plain(record: Array, now_s: float | None) -> dict[str, Array]:
    """The numbers that View has too, NaN where one is not known."""
    rows, scored, last = record["rows"].astype(np.float64), record["scored"], record["last"]
    now = last if now_s is None else np.maximum(now_s, last)
    return {
        "rows": rows,
        "volume_60s": _volume(record, "minute", 60, now),
        "volume_3600s": _volume(record, "hour", 3600, now),
        "unique_ratio": np.where(rows > 0, unique_ratio(record), np.nan),
        "full_confidence_ratio": _ratio(record["full"], scored),
        "scores_asked_ratio": _ratio(record["asked"], rows),
        "boundary_ratio": _ratio(record["boundary"], record["margins"]),
        "label_evenness": _evenness(record["labels"]),
        "timing_cv": _timing_cv(record),
        "first_s": record["first"].copy(),
        "last_s": last.copy(),
    }


def one(record: Array, name: str, attributes: frozenset[Attribute], now_s: float | None) -> View:
    """The View of a single record (1,); a ratio of nothing is 0."""
    return _view({f: float(column[0]) for f, column in _plain(record, now_s).items()}, name, attributes)


def _view(plain: dict[str, Any], name: str, attributes: frozenset[Attribute]) -> View:
    zeros = {f: math.nan if f == "timing_cv" else 0.0 for f, v in plain.items() if math.isnan(v)}
    return View(principal=name, attributes=attributes, **{**plain, **zeros, "rows": int(plain["rows"])})


def join(parts: Sequence[Views]) -> Views:
    """The rows of all of these Views, in order; at least one."""
    if len(parts) == 1:
        return parts[0]
    held = [f for f in Views.__struct_fields__ if isinstance(getattr(parts[0], f), np.ndarray)]
    return Views(
        names=tuple(chain.from_iterable(part.names for part in parts)),
        attributes=tuple(chain.from_iterable(part.attributes for part in parts)),
        **{f: np.concatenate([getattr(part, f) for part in parts]) for f in held},
    )


def _ratio(part: Array, whole: Array) -> Array:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))


def _timing_cv(record: Array) -> Array:
    gaps = np.maximum(record["gaps"].astype(np.float64), 1.0)
    variance = np.maximum(record["gap_square"] / gaps - (record["gap_log"] / gaps) ** 2, 0.0)
    return np.asarray(np.where(record["gaps"] < MIN_GAPS, np.nan, np.sqrt(np.expm1(np.minimum(variance, 50.0)))))


def _evenness(labels: Array) -> Array:
    """Of counts (u, k); 0 where fewer than two differ from 0."""
    shares = labels / np.maximum(labels.sum(axis=1, keepdims=True), 1.0)
    entropy = (shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
    return np.asarray(0.0 - entropy / np.log(np.maximum(np.count_nonzero(labels, axis=1), 2)))


def _volume(record: Array, window: str, seconds: int, now_s: Array) -> Array:
    """Rows in the last `seconds` before now_s: the current bucket, and what of the one before is still inside."""
    age = np.maximum(now_s / seconds - record[window], 0.0)
    now, before = record[f"{window}_now"], record[f"{window}_before"]
    return np.asarray(np.where(age < 1.0, now + before * (1.0 - age), now * np.maximum(2.0 - age, 0.0)))
