"""Damage: what principals and groups have drawn, read from their ledgers; and when the valve closes for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from wellhead.core.batch import Batch
from wellhead.core.finding import Action, Evidence, Signal
from wellhead.detect.groups import Groups
from wellhead.detect.replication import Replication
from wellhead.gate.cases import SHOWN, SUSPECTED, Cases, Ground
from wellhead.gate.fresh import Fresh
from wellhead.gate.grading import Grading, next_drawn
from wellhead.gate.novelty import NOVELTY, left, over
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


Subject = tuple[tuple[str, ...], str]
"""Principals that are read together, and what ties them (empty for one)."""
_TITLES = {NOVELTY: "More new ground than agreed"}


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
        self.grading = Grading(cases)
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

    def judge(
        self,
        names: Iterable[str],
        now_s: float,
        hits: Mapping[str, tuple[Signal, ...]],
        anew: Collection[str] = (),
    ) -> list[Action]:
        """Read every ledger that these principals' rows may have filled, alone and in their groups; grades come first.

        hits: rule hits, which are the evidence of what is found.  anew: read these again however little they grew.
        """
        meter = self.meter
        if meter is None:
            return []
        watched = [n for n in dict.fromkeys((*names, *anew)) if meter.is_watched(n)]
        subjects: list[Subject] = [((n,), "") for n in watched]
        subjects += [(g.members, g.reason) for g in self.groups.of(watched)]
        due = [s for s in subjects if self._is_due(s[0], now_s) or not set(anew).isdisjoint(s[0])]
        graded: list[Action] = []
        found: list[Action] = []
        for members, reason in due:
            reading = self.read(members, now_s)
            if reading is not None:
                graded += self.grading.read(members, reading, reason, now_s)
                found += self._judge((members, reason), reading, now_s, hits)
        return graded + found

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
        self, subject: Subject, reading: Reading, now_s: float, hits: Mapping[str, tuple[Signal, ...]]
    ) -> list[Action]:
        members, reason = subject
        limit, max_bits = self._limits(members)
        signal = limit.judge(reading, members, reason) or over(reading, members, reason, max_bits)
        free = self._cases.open_of(members, now_s)
        self._read_at[members] = next_look(self.different(members), self._far(members, reading), bool(free))
        for m in free:
            self._cases.closed.pop(m, None)
        if signal is None or not free:
            return []
        ground = Ground(
            signal=signal.name,
            title=_TITLES.get(signal.name, SUSPECTED),
            detail=signal.detail,
            evidence=evidence_of(members, hits),
            atlas=signal.atlas,
        )
        return self._cases.open(ground, members, reading, reading.rows, now_s)

    def _far(self, members: tuple[str, ...], reading: Reading) -> float:
        """What may still be drawn before anything happens, 0..1; negative where it has been."""
        limit, max_bits = self._limits(members)
        bound = limit.max_drawn if len(members) == 1 else limit.max_drawn_group
        ahead = min(bound if bound > reading.drawn else math.inf, next_drawn(self.policy.grades, reading.drawn))
        return min((ahead if ahead < math.inf else bound) - reading.drawn, left(reading, max_bits))

    def _limits(self, members: tuple[str, ...]) -> tuple[Replication, float]:
        """The limit of one principal's plan, or of everybody; and the bits that new inputs may carry."""
        if len(members) > 1 or not self.policy.plans:
            return self.limit, self.policy.base.max_bits
        terms = self.policy.terms(self._known.plan_of(members[0]))
        return msgspec.structs.replace(self.limit, max_drawn=terms.max_drawn), terms.max_bits


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
