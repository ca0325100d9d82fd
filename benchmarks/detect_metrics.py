"""What the detection benchmark reports, as numbers of plain arrays; and the records that it is kept in."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Array

Number = float | None
"""None where there is nothing to say; JSON has no NaN."""

NEVER = -1
"""Rows at the alarm of who was never found."""


class PeerCell(msgspec.Struct, frozen=True):
    """One detector on one scenario. found: share.  rows: median at the alarm, None where none was found.

    fidelity: median of the clone at the alarm, or of the full budget's where it was never found.
    """

    found: float
    rows: float | None
    fidelity: float


class ScenarioRow(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario against one victim.

    kind: attack (A1-A8), hard (A11-A18), campaign (A9, A10) or lookalike (B1-B15).  n: principals or campaigns.
    found: share of them that raised an alarm.  rows: median rows at the alarm of those found, None where none was;
    rows_low, rows_high: its 90 % interval.  share: median of the budget spent at the alarm, 1 where never found.
    fidelity, full, attainable: of the clone at the alarm, after the budget, and with all answers one could want.
    ratio: median disagreement at the alarm over that of the full budget's clone, with its interval.
    recall, precision, swept: campaigns' members named, share of the named that are members, honest named of all honest.
    coarse_found, coarse_rows, coarse_ratio: the same under a promise of 1 in 100.
    curve: (rows, fidelity) of an undisturbed thief.  peers: at the same realised false-alarm rate.
    """

    scenario: str
    title: str
    victim: str
    kind: str
    seeds: int
    n: int
    found: float
    rows: Number = None
    rows_low: Number = None
    rows_high: Number = None
    budget: int = 0
    share: float = 1.0
    fidelity: Number = None
    full: Number = None
    attainable: Number = None
    ratio: Number = None
    ratio_low: Number = None
    ratio_high: Number = None
    coarse_found: Number = None
    coarse_rows: Number = None
    coarse_ratio: Number = None
    accounts: int = 1
    recall: Number = None
    precision: Number = None
    swept: Number = None
    curve: tuple[tuple[float, float], ...] = ()
    peers: dict[str, PeerCell] = {}
    note: str = ""


class SegmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was promised and what was kept in one segment. calibration, test: honest principals, disjoint.

    alarms: of the test principals.  low, high: Clopper-Pearson bounds of the rate, each one-sided at 95 %.
    """

    segment: str
    victim: str
    alpha: float
    calibration: int
    test: int
    alarms: int
    word: str = ""

    @property
    def rate(self) -> float:
        """Realised share of honest principals alarmed."""
        return self.alarms / self.test if self.test else math.nan

    @property
    def low(self) -> float:
        """Lower bound of the rate."""
        return lower(self.alarms, self.test)

    @property
    def high(self) -> float:
        """Upper bound of the rate."""
        return upper(self.alarms, self.test)


class PeerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One peer over all single-account attacks.

    published: false-alarm share at the author's threshold, and found: at it.  rate: its honest alarms when matched with
    Wellhead's.  fidelity, wellhead: median clone at the alarm, both at that rate.  cost: milliseconds of a stream.
    """

    name: str
    published: Number
    published_found: Number
    rate: float
    found: float
    fidelity: float
    wellhead: float
    cost_ms: Number = None


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows beside the scenarios.

    tradeoff: for each detector (honest alarms per 1,000 principals, median fidelity at the alarm) over thresholds.
    costs: a number a name, the unit in the name.  notes: said under the tables.
    """

    segments: tuple[SegmentRow, ...] = ()
    peers: tuple[PeerRow, ...] = ()
    tradeoff: dict[str, tuple[tuple[float, float], ...]] = {}
    costs: dict[str, float] = {}
    notes: tuple[str, ...] = ()


def lower(alarms: int, principals: int, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson lower bound of a rate: 0 without alarms."""
    from scipy.stats import beta

    return float(beta.ppf(1 - confidence, alarms, principals - alarms + 1)) if alarms else 0.0


def upper(alarms: int, principals: int, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson upper bound of a rate: 1 where all alarmed."""
    from scipy.stats import beta

    return float(beta.ppf(confidence, alarms + 1, principals - alarms)) if alarms < principals else 1.0


def worst(segments: Sequence[SegmentRow], alpha: float) -> float:
    """The largest lower bound of the realised rate over the promise; NaN where no segment can be judged.

    A segment can be judged where it was promised this alpha and has at least 10 / alpha test principals.
    """
    judged = [s.low / s.alpha for s in segments if math.isclose(s.alpha, alpha) and s.test * alpha >= 10 - 1e-9]
    return max(judged, default=math.nan)


def bootstrap(
    values: Array, rng: np.random.Generator, statistic: Callable[..., Array] = np.median, draws: int = 2_000
) -> tuple[float, float]:
    """5 % and 95 % of a statistic over principals drawn again with replacement; NaN without principals."""
    values = np.asarray(values, float)
    if not values.size:
        return math.nan, math.nan
    drawn = values[rng.integers(0, len(values), (draws, len(values)))]
    low, high = np.quantile(statistic(drawn, axis=1), [0.05, 0.95])
    return float(low), float(high)


def at_alarm(rows: Array, fidelity: Callable[[int], float], budget: int) -> Array:
    """Fidelity of the clone of the rows answered until each alarm; never found is the whole budget's."""
    return np.array([fidelity(budget if r == NEVER else min(int(r), budget)) for r in rows])


def spent(rows: Array, budget: int) -> Array:
    """Share of the budget that was spent at each alarm, 1 where there was none."""
    rows = np.asarray(rows, float)
    return np.where(rows == NEVER, 1.0, np.minimum(rows / budget, 1.0))


def disagreement(alarm: Array, full: Array, reference: int) -> Array:
    """How often the clone at the alarm disagrees with the model, over how often the full budget's clone does.

    reference: inputs it was judged on; a clone that never disagrees counts as disagreeing on half an input.
    """
    least = 0.5 / reference
    return np.maximum(1 - np.asarray(alarm), least) / np.maximum(1 - np.asarray(full), least)


def beaten(wellhead: Array, peers: Mapping[str, Array]) -> dict[str, bool]:
    """Which peers let the median thief, over the same attacks, have a better clone before the alarm."""
    ours = float(np.median(wellhead))
    return {name: ours < float(np.median(theirs)) for name, theirs in peers.items()}


def beaten_share(wellhead: Array, peers: Mapping[str, Array]) -> float:
    """Share of the peers that are beaten."""
    return float(np.mean(list(beaten(wellhead, peers).values()))) if peers else math.nan


class CampaignScore(msgspec.Struct, frozen=True):
    """recall: share of the members that were named.  precision: share of the named that are members.

    swept: honest principals named in any finding, of all honest ones.
    """

    recall: float
    precision: float
    swept: float


def campaign(members: Collection[str], honest: Collection[str], findings: Sequence[Collection[str]]) -> CampaignScore:
    """Campaign findings against who was in it; a finding counts for the thief where most of it is the thief's."""
    members, honest = set(members), set(honest)
    named = [set(f) for f in findings]
    ours = set().union(*(f for f in named if 2 * len(f & members) > len(f)))
    swept = set().union(*named) & honest
    hit = len(ours & members)
    return CampaignScore(
        recall=hit / len(members) if members else math.nan,
        precision=hit / len(ours) if ours else math.nan,
        swept=len(swept) / len(honest) if honest else 0.0,
    )
