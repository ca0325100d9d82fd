"""Policies against thieves: the same questions through the gate of each policy, and real clones of the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs, Labels
from wellhead.core.errors import ConfigError, Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.adaptive import THIEVES, Thief
from wellhead.redteam.attack import Attack, Membership, answered, length, take_inputs
from wellhead.redteam.budget import Budget
from wellhead.redteam.curves import Curves
from wellhead.redteam.desk import Desk, are_logits
from wellhead.redteam.grade import Judges, judges_of
from wellhead.redteam.ground import Kept, keep
from wellhead.redteam.known import Known
from wellhead.redteam.membership.boundary import Robust
from wellhead.redteam.membership.leak import leak
from wellhead.redteam.membership.thresholds import Threshold
from wellhead.redteam.noticed import HONEST, added_us, noticed
from wellhead.redteam.outcome import Leak, Prices
from wellhead.redteam.policy import behind
from wellhead.redteam.results import Truth, versions
from wellhead.redteam.theft import DAY_S, Loot, Trial, ask, patience_of, steal, summed
from wellhead.redteam.transcript import Transcript
from wellhead.redteam.validation import Notice, Taken, Tried, Validation

_MOST_JUDGES = 1000
_COPIES, _MOST_NOISY = 20, 20_000


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """budget: inputs that each thief learns from.  days: how long it keeps at it, in simulated time.

    judges: held-out inputs, else a third of the pool; judge_labels: their true classes.  truth: who is a member.
    """

    budget: int = 1000
    seeds: int = 3
    seed: int = 0
    days: float = 30.0
    goal: float = 0.9
    prices: Prices = Prices()
    judges: Inputs | None = None
    judge_labels: Labels | None = None
    truth: Truth = Truth()
    thieves: tuple[Thief, ...] = THIEVES

    def __post_init__(self) -> None:
        if self.budget < 1 or self.seeds < 1 or not self.days > 0 or not 0 < self.goal <= 1:
            raise ConfigError("expected a budget and seeds of 1 or more, days above 0 and a goal in (0, 1]")


class Step(NamedTuple):
    """How a validation fares. done, steps: of the whole.  tried: the policy that just ended.  found: at the end."""

    policy: str
    what: str
    done: int
    steps: int
    tried: Tried | None = None
    found: Validation | None = None


def validate(desk: Desk, known: Known, trials: Sequence[Trial], terms: Terms) -> Iterator[Step]:
    """Try every policy; the last step carries the Validation. The target answers each input once.

    known: pool, bounds, and candidates where membership is measured.
    Raises ConfigError for a target that is no classifier or that answers no judge, and without a pool.
    """
    matrix = _Matrix(desk, known, terms)
    steps, tried = len(trials) * matrix.steps, []
    for number, trial in enumerate(trials):
        found = Tried(policy=trial.name, answers=trial.answers, state="not ready", reason=trial.problem)
        for at, (what, so_far) in enumerate(() if trial.problem else matrix.tried(trial)):
            yield Step(trial.name, what, number * matrix.steps + at, steps)
            found = so_far
        tried.append(found)
        yield Step(trial.name, "done", len(tried) * matrix.steps, steps, found)
    yield Step("", "done", steps, steps, None, matrix.validation(tuple(tried)))


class _Matrix:
    """One validation under way."""

    def __init__(self, desk: Desk, known: Known, terms: Terms) -> None:
        if not len(known.pool):
            raise ConfigError("expected inputs to ask, got none", "give --pool FILE")
        held = min(_MOST_JUDGES, max(len(known.pool) // 3, 20))
        kept = keep(known, terms.judges, terms.judge_labels, 20.0 * held, terms.seed)
        self.judges, self.labels = _judges(desk, kept)
        truth = self.judges.truth
        self.classes = desk.classes or int(np.max(truth.top1, initial=0)) + 1  # type: ignore[arg-type]
        _check_candidates(known, desk.classes)
        self.known = msgspec.structs.replace(kept.known, classes=self.classes, exposure=truth.kind)
        self.desk, self.terms, self.model = desk, terms, behind(desk)
        self.curves = Curves(self.judges, self.labels, self.classes)
        self.warnings = [*kept.warnings, *self._few()]

    def _few(self) -> list[str]:
        have, want = len(self.known.pool), self.terms.budget
        if have >= want:
            return []
        return [f"the pool holds {have} inputs beside the judges, the budget is {want}: more are mixed from two each"]

    @property
    def steps(self) -> int:
        """That one policy takes."""
        ways = len({thief.way for thief in self.terms.thieves})
        return ways * self.terms.seeds + 2 + 2 * bool(len(self.known.candidates))

    def tried(self, trial: Trial) -> Iterator[tuple[str, Tried]]:
        """What comes next, and the policy as far as it was tried."""
        terms = self.terms
        found = Tried(policy=trial.name, answers=trial.answers, l1_promised=trial.l1_promised)
        yield "honest customers", found
        notice, loots = self._noticed(trial), []
        for way in dict.fromkeys(thief.way for thief in terms.thieves):
            thieves = [thief for thief in terms.thieves if thief.way == way]
            for seed in range(terms.seed, terms.seed + terms.seeds):
                yield f"{way}, seed {seed}", found
                effort = (terms.budget, terms.days, seed)
                loots.append(steal(trial, self.model, thieves, self.known, self.curves, effort))
        found = msgspec.structs.replace(found, notice=notice, takings=self._takings(loots))
        if len(self.known.candidates):
            yield "membership by scores", found
            leaked, why = self._leak(trial, Threshold)
            found = msgspec.structs.replace(found, by_scores=leaked, why_scores=why)
            yield "membership by labels", found
            leaked, why = self._leak(trial, Robust)
            found = msgspec.structs.replace(found, by_labels=leaked, why_labels=why)
        yield "summing up", found

    def _takings(self, loots: Sequence[dict[str, Loot]]) -> tuple[Taken, ...]:
        many = length(self.judges.truth)
        return tuple(summed(t, [x[t.name] for x in loots if t.name in x], many) for t in self.terms.thieves)

    def _noticed(self, trial: Trial) -> Notice:
        held, truth = self.judges.held, self.judges.truth
        days = self.terms.days
        with trial.guard(self.model, (HONEST,)) as oracle:
            told = Desk(oracle, Budget(seconds=days * DAY_S), Transcript(), patience_of(days)).ask(held)
        with trial.guard(self.model, (HONEST,)) as oracle:
            us = added_us(oracle, held, truth)
        return msgspec.structs.replace(noticed(told, truth), added_us=us)

    def _leak(self, trial: Trial, kind: type[Threshold] | type[Robust]) -> tuple[Leak | None, str]:
        """How well members are told through the policy, or why that is not known."""
        members = self.terms.truth.members
        rows = min(_COPIES * members.size, max(_MOST_NOISY, 5 * members.size))
        try:
            attack: Attack = kind.suit(msgspec.structs.replace(self.known, rows=rows))
            last = ask(trial, self.model, (HONEST,), attack, self.terms.days, self.terms.seed)
        except Unsuited as e:
            return None, e.message
        if not isinstance(last.result, Membership):
            return None, last.reason
        told = ~np.isnan(last.result.scores)
        if members[told].any() and (~members[told]).any():
            return leak(last.result.scores, members, self.terms.seed), ""
        inside, outside = int(members[told].sum()), int((~members[told]).sum())
        return None, f"{inside} members and {outside} others were answered: {last.reason or 'too few'}"

    def validation(self, tried: tuple[Tried, ...]) -> Validation:
        """All of it."""
        truth, terms, desk = self.judges.truth, self.terms, self.desk
        top1 = np.zeros(0, np.int64) if truth.top1 is None else truth.top1
        return Validation(
            target=desk.target,
            owner=desk.owner,
            time_us=round(desk.clock.now_s() * 1e6),
            seed=terms.seed,
            seeds=terms.seeds,
            budget=terms.budget,
            judges=length(truth),
            classes=self.classes,
            chance=float(np.unique(top1, return_counts=True)[1].max() / top1.size),
            accuracy=-1.0 if self.labels is None else float((self.labels == top1).mean()),
            goal=terms.goal,
            prices=terms.prices,
            tried=tried,
            spent_rows=desk.spent.rows,
            warnings=(*desk.warnings, *self.warnings),
            versions=versions(),
        )


def _check_candidates(known: Known, classes: int) -> None:
    """Raises ConfigError where candidates have labels that the model has no class for. classes: 0 where unknown."""
    most = int(np.max(known.candidate_labels, initial=-1)) if known.candidate_labels is not None else -1
    if 0 < classes <= most:
        raise ConfigError(
            f"expected labels 0..{classes - 1} of members and non-members, as the model has {classes} classes, "
            f"got {most}",
            "give the classes that this model tells apart",
        )


def _judges(desk: Desk, kept: Kept) -> tuple[Judges, Labels | None]:
    """Judges with their true answers, and their classes where known; the desk learns what scores are."""
    first = behind(desk)(take_inputs(kept.held, np.arange(min(len(kept.held), 4))))
    if not isinstance(first, Answer) or first.top1 is None:
        raise ConfigError("expected a classifier, got a regressor's values", "for others there is `wellhead attack`")
    if first.scores is not None:
        desk.classes = first.scores.shape[1]
        desk.scores = Exposure.LOGITS if are_logits(first.scores) else first.kind
    told = desk.ask(kept.held)
    heard = answered(told)
    nothing = Answer(Exposure.NONE, labels=np.full(0, -1))
    judges = judges_of(kept.held, told, kept.spread[:0], nothing)
    return judges, None if kept.labels is None else kept.labels[heard]
