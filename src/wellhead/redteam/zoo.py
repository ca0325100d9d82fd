"""A whole study: probe the target, run every attack that fits within one budget, and grade what they bring home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs, Labels
from wellhead.core.errors import WellheadError
from wellhead.redteam.attack import Attack, length
from wellhead.redteam.budget import NOTHING, UNLIMITED, Budget, Spent
from wellhead.redteam.catalogue import Absent, Entry, suited, zoo
from wellhead.redteam.desk import Desk
from wellhead.redteam.grade import Quick
from wellhead.redteam.ground import SENTINELS, Ground, keep, prepare
from wellhead.redteam.harness import BARE, Harness
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import Oracle
from wellhead.redteam.outcome import Outcome, Prices, Study
from wellhead.redteam.patience import PATIENT, Patience
from wellhead.redteam.plan import Plan, Start, digest, load, save, seed_of
from wellhead.redteam.policy import Policy, through
from wellhead.redteam.results import (
    TOGETHER,
    Truth,
    brought,
    charged,
    corrected,
    drifted,
    idle,
    in_queries,
    outcome_of,
    versions,
)
from wellhead.redteam.tap import Heap
from wellhead.redteam.transcript import Transcript

_EXACT_SHARE, _CAUTIOUS_SHARE, _PLENTY = 0.9, 0.4, 4000
"""Of what is left: an exact attack that fits makes all others needless; below _PLENTY rows it may starve them."""


class Wish(msgspec.Struct, kw_only=True):
    """What a study shall do.

    attacks: by name; of `rooms` in which none is named (see `catalogue.zoo`) all that fit.
    harness: worn by each extraction attack.
    judges: held-out inputs, else a share of the pool is kept out; their true answers cost queries.
    judge_labels: their true classes, for the target's accuracy.  most_judges: rows, at most.
    settings: of attacks that have such a field, such as `shadows`.
    truth: what only the owner knows.  directory: of the transcript and the plan, None to keep nothing.
    policy: extraction attacks are run through it as well, each as a new thief; half of each share is kept for that.
    """

    attacks: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ("extract",)
    budget: Budget = UNLIMITED
    prices: Prices = Prices()
    patience: Patience = PATIENT
    harness: Harness = BARE
    judges: Inputs | None = None
    judge_labels: Labels | None = None
    most_judges: int = 1000
    settings: dict[str, int] = {}
    truth: Truth = Truth()
    directory: Path | None = None
    policy: Policy | None = None
    seed: int = 0


class Progress(msgspec.Struct, kw_only=True):
    """How a study fares. number, attacks: which of how many.  rows: of this attack, of at most `cap`.

    fidelity: of a quick clone so far, -1 where none.  eta_s: until the budget is used up at this pace, -1 unknown.
    outcome: of the attack that just ended.  study: at the very end.
    """

    attack: str
    number: int
    attacks: int
    rows: int
    cap: int
    spent: Spent
    fidelity: float = -1.0
    eta_s: float = -1.0
    outcome: Outcome | None = None
    study: Study | None = None


def study(oracle: Oracle, known: Known, wish: Wish) -> Iterator[Progress]:
    """Run it; the last row carries the Study. The budget is never overrun, and a resumed study asks nothing twice.

    known: what the attacker brings: pool, bounds, shape, candidates; what is probed is filled in.
    Raises ConfigError where there is nothing to ask or nothing was answered, and for arguments other than those of
    the study that is resumed.
    """
    entries, absent = zoo(wish.attacks, wish.rooms)
    folder = wish.directory
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    transcript = Transcript(None if folder is None else folder / "transcript.jsonl")
    try:
        # As wished, not as installed: another plug-in does not change what was asked before.
        asked = (wish.attacks, wish.rooms, wish.budget, wish.harness, wish.judges, wish.settings, bool(wish.policy))
        arguments = digest(known, oracle.target, *asked)
        file = None if folder is None else folder / "plan.json"
        plan = Plan(arguments=arguments, seed=wish.seed) if file is None else load(file, arguments, wish.seed)
        desk = Desk(oracle, wish.budget, transcript, wish.patience, wish.seed)
        yield from _Study(desk, wish, plan, file).go(known, entries, absent)
    finally:
        transcript.close()


class _Study:
    """One study under way."""

    def __init__(self, desk: Desk, wish: Wish, plan: Plan, file: Path | None) -> None:
        self.desk, self.wish, self.plan, self.file = desk, wish, plan, file
        self.together = Heap()
        self.outcomes: list[Outcome] = []
        self.drift = 0.5
        self.rooms: set[str] = set()
        self.ground: Ground

    def go(self, known: Known, entries: list[Entry], absent: list[Absent]) -> Iterator[Progress]:
        wish, many = self.wish, len(entries)
        yield self._progress("probe", 0, many)
        kept = keep(known, wish.judges, wish.judge_labels, min(wish.budget.rows, 10.0 * wish.most_judges), wish.seed)
        self.ground = prepare(self.desk, kept, self.plan, self._save)
        if "extract" in wish.rooms and 0 < len(kept.known.pool) < wish.budget.rows < 1e12:
            few = f"the pool holds {len(kept.known.pool)} inputs, fewer than the budget of {wish.budget.rows:.0f} rows"
            self.ground.warnings.append(few)
        if "membership" in wish.rooms and len(known.candidates):
            told = drifted(known.candidates, wish.truth.members, wish.seed, known.candidate_labels)
            self.drift = told[0]
            self.ground.warnings += filter(None, told[1:])
        fitting = self._fitting(entries)
        self.rooms = {entry.room for entry in fitting}
        for number, entry in enumerate(fitting, 1):
            yield from self._attack(entry, number, len(fitting))
        self.outcomes += [idle(a.name, "unsupported", a.reason) for a in absent]
        if self.together.rows:
            yield self._progress(TOGETHER, many, many)
            self.outcomes.append(self._union())
        last = self._progress(TOGETHER, many, many)
        last.study = self._study()
        yield last

    def _fitting(self, entries: list[Entry]) -> list[Entry]:
        """Those that fit if they had the whole budget: the others shall not be given a share."""
        known, fitting = msgspec.structs.replace(self.ground.known, rows=self.desk.left), []
        for entry in entries:
            attack = self._suited(entry, known, ())
            if isinstance(attack, str) and self.plan.start(entry.name) is None:
                self.outcomes.append(idle(entry.name, "unsupported", attack, entry))
            else:
                fitting.append(entry)
        begun = {start.attack: number for number, start in enumerate(self.plan.starts)}
        return sorted(fitting, key=lambda entry: begun.get(entry.name, len(begun)))

    def _suited(self, entry: Entry, known: Known, heaps: Sequence[Heap]) -> Attack | str:
        harness = self.wish.harness if entry.room == "extract" else BARE
        return suited(entry, known, harness, heaps, self.wish.settings)

    def _attack(self, entry: Entry, number: int, many: int) -> Iterator[Progress]:
        rows, cap = self._share(entry, many - number + 1)
        known = msgspec.structs.replace(self.ground.known, rows=rows)
        heap = Heap()
        attack = self._suited(entry, known, (self.together, heap) if entry.room == "extract" else ())
        hindered = self._hindered(attack, rows)
        if isinstance(attack, str) or hindered[0]:
            self.outcomes.append(idle(entry.name, *hindered, entry))
        else:
            self._begin(entry, rows)
            yield from self._converse(entry, attack, heap, (number, many, rows, cap))
            self.ground.look_again(self.desk, entry.name)
        ended = self._progress(entry.name, number, many)
        ended.outcome = self.outcomes[-1]
        yield ended

    def _hindered(self, attack: Attack | str, rows: int) -> tuple[str, str]:
        """State and reason where an attack that fits the target cannot start, else empty ones."""
        left = self.desk.left
        if not self.desk.lines:
            return "blocked", "every account is blocked"
        if not left and (rows <= 0 or isinstance(attack, str)):
            return "not run", "the budget was used up before"
        if rows <= 0 or isinstance(attack, str):
            need = f"{attack}, but " if isinstance(attack, str) else ""
            return "not run", f"{need}its share of the budget was {max(rows, 0)} of the {left} rows that were left"
        return "", ""

    def _converse(
        self, entry: Entry, attack: Attack, heap: Heap, place: tuple[int, int, int, int]
    ) -> Iterator[Progress]:
        """Run one attack and append its outcome. place: number, how many, rows, cap."""
        number, many, rows, cap = place
        before, last, asked = self.desk.spent, None, 0
        quick = Quick(self.ground.judges)
        try:
            for last in self.desk.run(attack, cap, seed_of(self.wish.seed, entry.name)):
                asked += last.asked if last.state == "asking" else 0
                now = self._progress(entry.name, number, many)
                now.rows, now.cap, now.fidelity = asked, rows, quick.look(heap)
                yield now
            if last is not None:
                ended = outcome_of(entry, last, self.ground, self.wish.truth, self.wish.seed)
                ended = ended if self.wish.harness == BARE else in_queries(ended, asked)
                self.outcomes.append(charged(ended, asked, before, self.desk.spent))
                self._through(entry, rows)
        except Exception as e:  # one attack's fault must not cost the answers of all others
            failed = idle(entry.name, "failed", f"{type(e).__name__}: {e}", entry)
            self.outcomes.append(charged(failed, asked, before, self.desk.spent))

    def _through(self, entry: Entry, rows: int) -> None:
        """The attack once more, through the policy."""
        policy, unguarded = self.wish.policy, self.outcomes[-1]
        attack = self._suited(entry, msgspec.structs.replace(self.ground.known, rows=rows), ())
        if policy is None or not unguarded.marks or isinstance(attack, str):
            return
        try:
            last = through(policy, self.desk, attack, rows, seed_of(self.wish.seed, entry.name))
            guarded = outcome_of(entry, last, self.ground, self.wish.truth, self.wish.seed)
            guarded = msgspec.structs.replace(guarded, rows=last.spent.rows, calls=last.spent.calls)
        except WellheadError as e:
            guarded = idle(entry.name, "failed", str(e), entry)
        self.outcomes[-1] = msgspec.structs.replace(unguarded, guarded=guarded)

    def _share(self, entry: Entry, left: int) -> tuple[int, int]:
        """Rows that an attack may ask, and what the study may have spent when it ends."""
        begun = self.plan.start(entry.name)
        if begun is None:
            # Every membership attack asks the same candidates, and only the first one pays for them.
            candidates = len(self.ground.known.candidates) if "membership" in self.rooms else 0
            free = max(self.desk.left - SENTINELS * left - candidates * (entry.room == "extract"), 0)
            bet = _EXACT_SHARE if free >= _PLENTY else _CAUTIOUS_SHARE
            rows = int(free * bet) if entry.exact and left > 1 else free // left
            # Other answers lead to other questions: what is asked through a policy may have to be asked anew.
            rows = rows // 2 if self.wish.policy and entry.room == "extract" else rows
            rows += candidates if entry.room == "membership" else 0
            return rows, self.desk.spent.rows + rows
        return begun.rows, begun.spent + begun.rows

    def _begin(self, entry: Entry, rows: int) -> None:
        if self.plan.start(entry.name) is None:
            self.plan.starts.append(Start(attack=entry.name, spent=self.desk.spent.rows, rows=rows))
            self._save()

    def _save(self) -> None:
        if self.file is not None:
            save(self.file, self.plan)

    def _union(self) -> Outcome:
        """What a thief holds in the end."""
        found = brought(self.together.extraction, self.ground, self.wish.truth, self.wish.seed)
        outcome = idle(TOGETHER, "ok" if found.get("marks") else "failed", "")
        whole = msgspec.structs.replace(outcome, digest=self.desk.transcript.digest, **found)
        asked = sum(o.rows for o in self.outcomes if o.room == "extract")
        if self.wish.harness != BARE:
            return charged(in_queries(whole, asked), asked, NOTHING, self.desk.spent)
        return charged(whole, self.together.rows, NOTHING, self.desk.spent)

    def _progress(self, attack: str, number: int, many: int) -> Progress:
        spent, limited = self.desk.spent, self.desk.budget.rows < 1e12
        eta_s = spent.seconds * self.desk.left / spent.rows if spent.rows and limited else -1.0
        return Progress(attack=attack, number=number, attacks=many, rows=0, cap=0, spent=spent, eta_s=eta_s)

    def _prices(self) -> Prices:
        size, accounts = max(self.ground.probed.most_rows, 1), max(len(self.desk.oracle.lines), 1)
        return msgspec.structs.replace(self.wish.prices, rows_per_call=size, accounts=accounts)

    def _study(self) -> Study:
        desk, ground, spent = self.desk, self.ground, self.desk.spent
        top1 = ground.judges.truth.top1
        return Study(
            target=desk.target,
            owner=desk.owner,
            time_us=round(desk.clock.now_s() * 1e6),
            seed=self.wish.seed,
            task=ground.known.task,
            classes=ground.probed.classes,
            judges=length(ground.judges.truth),
            chance=0.0 if top1 is None else float(np.unique(top1, return_counts=True)[1].max() / top1.size),
            accuracy=ground.accuracy,
            budget_rows=self.wish.budget.rows,
            spent_rows=spent.rows,
            spent_calls=spent.calls,
            spent_retries=spent.retries,
            spent_seconds=spent.seconds,
            probed=ground.probed,
            prices=self._prices(),
            outcomes=corrected(self.outcomes, self.drift),
            policy=self.wish.policy.name if self.wish.policy else "",
            warnings=(*desk.warnings, *ground.warnings),
            versions=versions(),
            digest=desk.transcript.digest,
        )
