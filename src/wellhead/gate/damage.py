"""Damage: what principals and groups have drawn, read from their ledgers; and when the valve closes for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from wellhead.core.batch import Batch
from wellhead.core.finding import Action, Evidence, Signal
from wellhead.detect.groups import Groups
from wellhead.detect.replication import Replication
from wellhead.gate.cases import SHOWN, Cases, Ground
from wellhead.gate.fresh import Fresh
from wellhead.gate.policy import Policy
from wellhead.gate.quota import DAY_S
from wellhead.meter.meter import Meter
from wellhead.meter.reading import Reading, read

SOONEST, LATEST, FARTHEST = 1.2, 2.0, 128
"""A ledger is read again when its different inputs have grown by a factor between the first two (the nearer to its
limit, the sooner) and by FARTHEST at most, so that a narrow past does not hide a broad present. Repeats do not count:
nobody can push the next reading away with them."""

Recall = Callable[[tuple[str, ...], float, str], Batch]
"""(principals, since_s, profile id) -> their answered rows in history, coded by that profile."""


class Refitted(msgspec.Struct, frozen=True):
    """What real learners made of the answers of some principals. share: replication, 0..1."""

    share: float
    time_s: float


class Known(NamedTuple):
    """What is known of principals beside their rows.

    plan_of: of one, empty unknown.  is_far_out: whether inputs of any of these lie far from the population.
    """

    plan_of: Callable[[str], str]
    is_far_out: Callable[[tuple[str, ...]], bool]


class Damage:
    """Ledgers of the watched, and their last readings. recall: rows of the past, from any thread."""

    def __init__(self, cases: Cases, limit: Replication, recall: Recall, known: Known) -> None:
        self.policy: Policy = cases.policy
        self.limit = limit
        self.meter: Meter | None = None
        self.groups = Groups(self.policy.share)
        self.fresh = Fresh()
        self.readings: dict[tuple[str, ...], Reading] = {}
        self.refits: dict[tuple[str, ...], Refitted] = {}
        self._cases = cases
        self.recall = recall
        self._known = known
        self._read_at: dict[tuple[str, ...], float] = {}

    def add(self, batch: Batch) -> None:
        """Fold answered rows into the ledgers of the watched."""
        if self.meter is not None:
            self.meter.add(batch)
        self.fresh.add(batch)

    def watch(self, names: Iterable[str], now_s: float) -> None:
        """Build the ledgers of these from history, and keep them from now on."""
        meter = self.meter
        due = [] if meter is None else [n for n in names if not meter.is_watched(n)]
        if meter is None or not due:
            return
        past = self.recall(tuple(due), now_s - self.policy.window_days * DAY_S, meter.profile.id)
        for name in due:
            meter.watch(name, past)
            self.fresh.watch(name, past)

    def judge(self, names: Iterable[str], now_s: float, hits: Mapping[str, tuple[Signal, ...]]) -> list[Action]:
        """Read every ledger that these principals' rows may have filled, alone and in their groups.

        hits: rule hits, which are the evidence of what is found.
        """
        meter = self.meter
        if meter is None:
            return []
        watched = [n for n in names if meter.is_watched(n)]
        subjects: list[tuple[tuple[str, ...], str]] = [((n,), "") for n in watched]
        subjects += [(g.members, g.reason) for g in self.groups.of(watched)]
        due = [(members, reason) for members, reason in subjects if self._is_due(members, now_s)]
        return [action for members, reason in due for action in self._judge(members, reason, now_s, hits)]

    def read(self, members: tuple[str, ...], now_s: float) -> Reading | None:
        """Their summed ledger, read now; None without a profile. What a refit reached stands where it is more."""
        meter = self.meter
        if meter is None:
            return None
        reading = read(meter.ledger(members, now_s), meter.profile)
        refit = self.refits.get(members)
        if refit and refit.share > reading.replication and now_s - refit.time_s < self.policy.window_days * DAY_S:
            reading = msgspec.structs.replace(reading, replication=refit.share, by="refit")
        elif refit is None and self._known.is_far_out(members):
            reading = msgspec.structs.replace(reading, at_least=True)
        self.readings[members] = reading
        return reading

    def refitted(self, members: tuple[str, ...], share: float, now_s: float) -> None:
        """Real learners reproduced this share of the model from what these were told; look again at the next batch."""
        before = self.refits.get(members)
        self.refits[members] = Refitted(max(share, before.share if before else 0.0), now_s)
        self._read_at.pop(members, None)

    def different(self, members: tuple[str, ...]) -> int:
        """Different inputs of these principals, each on its own."""
        return sum(self.fresh.count(m) for m in members)

    def _is_due(self, members: tuple[str, ...], now_s: float) -> bool:
        """True where the ledger may have grown enough, or a closing has expired."""
        closed = self._cases.closed
        return self.different(members) >= self._read_at.get(members, 1) or any(
            m in closed and closed[m] <= now_s for m in members
        )

    def _judge(
        self, members: tuple[str, ...], reason: str, now_s: float, hits: Mapping[str, tuple[Signal, ...]]
    ) -> list[Action]:
        reading = self.read(members, now_s)
        if reading is None:
            return []
        limit = self._limit(members)
        signal = limit.judge(reading, members, reason)
        free = self._cases.open_of(members, now_s)
        bound = limit.max_drawn if len(members) == 1 else limit.max_drawn_group
        self._read_at[members] = next_look(self.different(members), bound - reading.drawn, bool(free))
        for m in free:
            self._cases.closed.pop(m, None)
        if signal is None or not free:
            return []
        ground = Ground(
            signal=signal.name, detail=signal.detail, evidence=evidence_of(members, hits), atlas=signal.atlas
        )
        return self._cases.open(ground, members, reading, reading.rows, now_s)

    def _limit(self, members: tuple[str, ...]) -> Replication:
        """The limit of one principal's plan, or of everybody."""
        if len(members) > 1 or not self.policy.plans:
            return self.limit
        terms = self.policy.terms(self._known.plan_of(members[0]))
        return msgspec.structs.replace(self.limit, max_drawn=terms.max_drawn)


def evidence_of(members: Iterable[str], hits: Mapping[str, tuple[Signal, ...]]) -> tuple[Evidence, ...]:
    """The rule hits of these principals as evidence."""
    found = [(m, s) for m in members for s in hits.get(m, ())]
    return tuple(Evidence(name=s.name, kind="rule", said=f"{m}: {s.detail}") for m, s in found[:SHOWN])


def next_look(different: int, far: float, is_open: bool) -> float:
    """At how many different inputs a ledger is read again.

    far: what may still be drawn, 0..1.  is_open: somebody could be closed.
    """
    grown = min(max(1.0 + 2.0 * far, SOONEST), LATEST) * different
    return min(grown, different + FARTHEST) if is_open else LATEST * different
