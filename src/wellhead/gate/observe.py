"""What follows from answered queries: sketches and ledgers updated, readings taken, actions asked for.

Pure: history comes in as a function, the time as an argument. One thread owns an Observer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from wellhead.core.batch import Batch
from wellhead.core.finding import Action, Alert, Decide, Evidence, Finding, Signal
from wellhead.core.verdict import Decision, Stance
from wellhead.detect.groups import Groups
from wellhead.detect.replication import Replication
from wellhead.detect.rules import Rules
from wellhead.gate.fresh import Fresh
from wellhead.gate.policy import Policy
from wellhead.gate.quota import DAY_S
from wellhead.meter.meter import Meter
from wellhead.meter.profile import Profile
from wellhead.meter.reading import Reading, read
from wellhead.meter.sketch import Sketches

FIRST_ROWS = 32
"""Nothing is judged below so many rows."""
WATCH_ROWS = 128
"""Volume that makes a principal interesting without any rule hit."""
SOONEST, LATEST, FARTHEST = 1.2, 2.0, 128
"""A ledger is read again when its different inputs have grown by a factor between the first two (the nearer to its
limit, the sooner) and by FARTHEST at most, so that a narrow past does not hide a broad present. Repeats do not count:
nobody can push the next reading away with them."""

OPERATOR = "operator"
"""Origin of decisions that people made."""

Recall = Callable[[tuple[str, ...], float, str], Batch]
"""(principals, since_s, profile id) -> their answered rows in history, coded by that profile."""


class Observer:
    """The meter, the detectors, and what they have said so far."""

    def __init__(self, policy: Policy, sketches: Sketches, rules: Rules, limit: Replication, recall: Recall) -> None:
        self.policy = policy
        self.sketches = sketches
        self.meter: Meter | None = None
        self.rules = rules
        self.limit = limit
        self.recall = recall
        self.groups = Groups(policy.share)
        self.fresh = Fresh()
        self.rows: dict[str, int] = {}
        self.hits: dict[str, tuple[Signal, ...]] = {}
        self.readings: dict[tuple[str, ...], Reading] = {}
        self.findings: list[Finding] = []
        self.closed: dict[str, float] = {}
        self._read_at: dict[tuple[str, ...], float] = {}

    def observe(self, batch: Batch, now_s: float) -> list[Action]:
        """Account for answered rows; returns alerts and decisions, alerts first."""
        (self.meter or self.sketches).update(batch)
        for name, more in zip(batch.names, batch.counts(), strict=True):
            self.rows[name] = self.rows.get(name, 0) + more
        for name in self.sketches.due:
            if self.rows[name] >= FIRST_ROWS:
                self._judge_rules(name)
        self.fresh.add(batch)
        self._watch(batch.names, now_s)
        return self.judge(batch.names, now_s)

    def _judge_rules(self, name: str) -> None:
        """Run the rules, at n = 2^k rows; a hit is evidence, never an action by itself."""
        view = self.sketches.view(name)
        signals = tuple(self.rules.read(view))
        if signals:
            self.hits[name] = signals
            self.groups.add(name, view.attributes)

    def _watch(self, names: Iterable[str], now_s: float) -> None:
        """Build the ledgers of those that have become interesting, from history."""
        meter = self.meter
        if meter is None:
            return
        due = [n for n in names if (n in self.hits or self.rows[n] >= WATCH_ROWS) and not meter.is_watched(n)]
        if due:
            past = self.recall(tuple(due), now_s - self.policy.window_days * DAY_S, meter.profile.id)
            for name in due:
                meter.watch(name, past)
                self.fresh.watch(name, past)

    def judge(self, names: Iterable[str], now_s: float) -> list[Action]:
        """Read every ledger that these principals' rows may have filled, alone and in their groups."""
        meter = self.meter
        if meter is None:
            return []
        watched = [n for n in names if meter.is_watched(n)]
        subjects: list[tuple[tuple[str, ...], str]] = [((n,), "") for n in watched]
        subjects += [(g.members, g.reason) for g in self.groups.of(watched)]
        due = [(members, reason) for members, reason in subjects if self._is_due(members, now_s)]
        return [action for members, reason in due for action in self._judge_ledger(meter, members, reason, now_s)]

    def _different(self, members: tuple[str, ...]) -> int:
        """Different inputs of these principals, each on its own."""
        return sum(self.fresh.count(m) for m in members)

    def _is_due(self, members: tuple[str, ...], now_s: float) -> bool:
        """True where the ledger may have grown enough, or a closing has expired."""
        return self._different(members) >= self._read_at.get(members, 1) or any(
            m in self.closed and self.closed[m] <= now_s for m in members
        )

    def _judge_ledger(self, meter: Meter, members: tuple[str, ...], reason: str, now_s: float) -> list[Action]:
        reading = read(meter.ledger(members, now_s), meter.profile)
        self.readings[members] = reading
        limit = self._limit(members)
        signal = limit.judge(reading, members, reason)
        open_members = tuple(m for m in members if self.closed.get(m, 0.0) <= now_s and m not in self.policy.allow)
        bound = limit.max_drawn if len(members) == 1 else limit.max_drawn_group
        self._read_at[members] = next_look(self._different(members), bound - reading.drawn, bool(open_members))
        for m in open_members:
            self.closed.pop(m, None)
        if signal is None or not open_members:
            return []
        finding = self._finding(signal, reading, now_s)
        self.findings.append(finding)
        return [Alert(finding), *(Decide(self._close(m, finding, now_s)) for m in open_members)]

    def _limit(self, members: tuple[str, ...]) -> Replication:
        """The limit of one principal's plan, or of everybody."""
        if len(members) > 1 or not self.policy.plans:
            return self.limit
        plans = [value for attribute, value in self.sketches.view(members[0]).attributes if attribute == "plan"]
        return msgspec.structs.replace(self.limit, max_drawn=self.policy.terms(plans[0] if plans else "").max_drawn)

    def _finding(self, signal: Signal, reading: Reading, now_s: float) -> Finding:
        members = signal.members or (signal.principal,)
        now_us = int(now_s * 1e6)
        return Finding(
            uid=f"F-{now_us}-{len(self.findings) + 1}",
            time_us=now_us,
            title="Model extraction suspected",
            signal=signal.name,
            members=members,
            rows=reading.rows,
            replication_ppm=int(reading.replication * 1e6),
            attainable_ppm=int(reading.attainable * 1e6),
            bits_milli=int(reading.bits * 1e3),
            detail=signal.detail,
            evidence=tuple(
                Evidence(name=s.name, kind="rule", said=f"{m}: {s.detail}") for m in members for s in self.hits.get(m, ())
            )[:5],
            simulated=int(not self.policy.enforce),
        )

    def _close(self, member: str, finding: Finding, now_s: float) -> Decision:
        """Close the valve for new inputs of one member, until it expires."""
        self.closed[member] = now_s + self.policy.closed_for_s
        return Decision(
            uid=f"{finding.uid}-{member}",
            principal=member,
            stance=int(Stance.THROTTLE),
            reason=finding.detail,
            origin=finding.signal,
            start_us=finding.time_us,
            expires_us=int(self.closed[member] * 1e6),
            simulated=finding.simulated,
            subjects=finding.members,
        )

    def fitted(self, profile: Profile, now_s: float) -> list[Action]:
        """Take up a profile: build every ledger that is due."""
        self.meter = Meter(profile, self.policy.window_days, self.sketches)
        self._watch(self.rows, now_s)
        return self.judge(self.rows, now_s)

    def restore(self, record: Finding | Decision) -> None:
        """Take up what an earlier run had decided.

        A closing that the valve decided holds until its time is over, also where an operator lifted it: the operator
        has spoken. What observe mode only noted does not hold in enforce mode; an operator's decisions close nothing.
        """
        if isinstance(record, Finding):
            self.findings.append(record)
        elif record.origin != OPERATOR and not (record.simulated and self.policy.enforce):
            self.closed[record.principal] = record.expires_us / 1e6


def next_look(different: int, far: float, is_open: bool) -> float:
    """At how many different inputs a ledger is read again.

    far: what may still be drawn, 0..1.  is_open: somebody could be closed.
    """
    grown = min(max(1.0 + 2.0 * far, SOONEST), LATEST) * different
    return min(grown, different + FARTHEST) if is_open else LATEST * different
