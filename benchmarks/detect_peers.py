"""Published detectors, each written anew from its paper, on the streams that Wellhead is measured on.

Every one reads what Wellhead reads: the profile's codes as feature vectors, fingerprints, answered classes and times.
A peer looks when its paper looks, at the first `ROWS` rows of a stream at most, and gives one number a look; it alarms
at the first look whose number exceeds its threshold: the author's own, the order statistic of honest calibration
streams that Wellhead's own promise stands on, or the one that alarms as many honest test streams as Wellhead did.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from benchmarks.detect_world import Stream, Table, fingerprints
from wellhead.core.arrays import Array

ROWS = 2_000


class Looks(NamedTuple):
    """at: (L,) rows seen at each look, ascending.  score: (L,) float64, high is suspicious."""

    at: Array
    score: Array

    @property
    def peak(self) -> float:
        """The largest score of the period, -inf where it never looked."""
        return float(self.score.max()) if self.score.size else -math.inf

    def alarm(self, threshold: float) -> int:
        """Rows seen at the first look above the threshold, -1 where there is none."""
        over = np.flatnonzero(self.score > threshold)
        return int(self.at[over[0]]) if over.size else -1


NOTHING = Looks(np.zeros(0, np.int64), np.zeros(0))


class Peer(Protocol):
    """A fitted detector. published: the author's threshold on the score, NaN where the paper gives none."""

    @property
    def name(self) -> str: ...

    @property
    def published(self) -> float: ...

    def looks(self, stream: Stream) -> Looks:
        """What it says of a stream, look by look."""
        ...


Fit = Callable[[Table, Sequence[Stream], np.random.Generator], Peer]


def makers() -> dict[str, Fit]:
    """How each peer is fitted: the table, honest development streams, randomness."""
    from benchmarks import detect_peer_coverage as coverage
    from benchmarks import detect_peer_distances as distances
    from benchmarks import detect_peer_mmd as mmd
    from benchmarks import detect_peer_volume as volume

    return {
        "volume 500/h": volume.Volume.fit,
        "three signals": volume.ThreeSignals.fit,
        "PRADA": distances.Prada.fit,
        "PRADA, distinct inputs": distances.Prada.fit_distinct,
        "SEAT-like": distances.Seat.fit,
        "SEAT-like, distinct inputs": distances.Seat.fit_distinct,
        "MMD window 1,500": mmd.Window.fit_1500,
        "MMD window 100": mmd.Window.fit_100,
        "CAP coverage": coverage.Cap.fit,
        "Kesarwani coverage": coverage.Kesarwani.fit,
    }


def fit(table: Table, development: Sequence[Stream], rng: np.random.Generator) -> list[Peer]:
    """All peers, fitted on honest development streams. The table must hold every row that will ever be looked at."""
    return [make(table, development, rng) for make in makers().values()]


class Honest(NamedTuple):
    """Honest streams of three disjoint sets of principals, and the segment that each is promised in."""

    development: Sequence[Stream]
    calibration: Sequence[Stream]
    test: Sequence[Stream]
    segment: Callable[[Stream], str]


class Ruling(NamedTuple):
    """What one peer says of one cast.

    calibration, test: peaks of the honest, as (segment, peak).  attacks: segment and looks of each, by stream name.
    cost_ms: processor time of one honest stream.
    """

    peer: str
    published: float
    calibration: list[tuple[str, float]]
    test: list[tuple[str, float]]
    attacks: dict[str, tuple[str, Looks]]
    cost_ms: float | None = None

    def thresholds(self, alpha: float) -> dict[str, float]:
        """By segment, recalibrated to the promise."""
        return {s: recalibrated((p for t, p in self.calibration if t == s), alpha) for s, _ in self.calibration}

    def realised(self, thresholds: dict[str, float] | float) -> float:
        """Share of the honest test streams that it alarms."""
        return float(np.mean([p > _of(thresholds, s) for s, p in self.test])) if self.test else math.nan

    def matched(self, share: float) -> float:
        """The one threshold at which it alarms as large a share of the honest test streams, or less."""
        return matched([p for _, p in self.test], share)

    def levelled(self) -> Ruling:
        """The same with scores that mean the same in every segment: 0 the median honest peak, 1 the 99th percentile.

        One threshold for all segments then alarms the best thieves that it can, as thresholds by segment would.
        """
        scales = {s: _scale([p for t, p in self.calibration if t == s]) for s, _ in self.calibration}
        level = {s: (lambda x, a=a, b=b: (x - a) / b) for s, (a, b) in scales.items()}
        same = {s for s, _ in self.test} | {s for s, _ in self.attacks.values()}
        level = {s: level.get(s, lambda x: x) for s in same}
        return self._replace(
            test=[(s, float(level[s](p))) for s, p in self.test],
            attacks={n: (s, Looks(k.at, level[s](k.score))) for n, (s, k) in self.attacks.items()},
        )

    def alarms(self, thresholds: dict[str, float] | float) -> dict[str, int]:
        """Rows at the alarm of each attack, -1 for never."""
        return {name: looks.alarm(_of(thresholds, s)) for name, (s, looks) in self.attacks.items()}


def judge(table: Table, honest: Honest, attacks: Iterable[Stream], rng: np.random.Generator) -> list[Ruling]:
    """Fit every peer and let it look at everybody. About 10 ms of one core a stream, all peers together."""
    attacks, rulings = list(attacks), []
    for peer in fit(table, honest.development, rng):
        began = time.process_time()
        peaks = [[(honest.segment(s), peer.looks(s).peak) for s in part] for part in (honest.calibration, honest.test)]
        cost_ms = 1_000 * (time.process_time() - began) / max(sum(map(len, peaks)), 1)
        seen = {s.name: (honest.segment(s), peer.looks(s)) for s in attacks}
        rulings.append(Ruling(peer.name, peer.published, *peaks, seen, cost_ms))
    return rulings


def rank(principals: int, alpha: float, confidence: float = 0.95) -> int:
    """The order statistic k (1-based) of so many honest peaks above which at most alpha lie, at this confidence.

    The share of honest principals above the k-th smallest is Beta(n + 1 - k, k); 0 where no k will do (n < 299 for
    1 in 100, n < 2,995 for 1 in 1,000 at 95 %).
    """
    from scipy.stats import beta

    k = np.arange(1, principals + 1)
    enough = np.flatnonzero(beta.cdf(alpha, principals + 1 - k, k) >= confidence)
    return int(k[enough[0]]) if enough.size else 0


def recalibrated(peaks: Iterable[float], alpha: float, confidence: float = 0.95) -> float:
    """The threshold that honest calibration peaks allow: at most alpha of honest principals exceed it; inf if none."""
    ordered = np.sort(np.fromiter(peaks, float))
    k = rank(ordered.size, alpha, confidence)
    return float(ordered[k - 1]) if k else math.inf


def matched(peaks: Sequence[float], share: float) -> float:
    """The lowest threshold that at most this share of the peaks exceeds; inf without peaks."""
    ordered = np.sort(np.asarray(peaks, float))
    over = int(share * ordered.size + 1e-9)
    return float(ordered[-1 - over]) if over < ordered.size else -math.inf if ordered.size else math.inf


def distinct(stream: Stream, table: Table) -> Array:
    """(n,) bool: the stream's first ROWS rows whose input it has not had before."""
    prints = fingerprints(table, stream)[:ROWS]
    first = np.zeros(prints.size, bool)
    first[np.unique(prints, return_index=True)[1]] = True
    return first


def pooled(streams: Sequence[Stream]) -> Array:
    """Table rows of streams, one after the other, each stream's first ROWS."""
    return np.concatenate([s.rows[:ROWS] for s in streams]) if streams else np.zeros(0, np.int64)


def _scale(peaks: Sequence[float]) -> tuple[float, float]:
    there = np.array([p for p in peaks if math.isfinite(p)])
    if not there.size:
        return 0.0, 1.0
    low, high = np.quantile(there, [0.5, 0.99])
    return float(low), max(float(high - low), 1e-9 * (1 + abs(float(low))))


def _of(thresholds: dict[str, float] | float, segment: str) -> float:
    return thresholds if isinstance(thresholds, float) else thresholds.get(segment, math.inf)
