"""The adaptive policy: what somebody has drawn, and how unlike honest principals it asks, turned into a stance.

A grade never weakens what holds already: the gate does what the strongest decision in force says. It expires, and is
renewed before that as long as its ground stands; one that an operator lifted stays lifted for its time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from wellhead.core.finding import Action, Decide
from wellhead.core.verdict import Decision, Stance
from wellhead.core.words import chance, drawn, share
from wellhead.gate.cases import GRADE, Cases
from wellhead.gate.policy import Graded
from wellhead.meter.reading import Reading

RENEWED = 0.5
"""A grade is looked at anew when this share of its time is over, so that whoever goes on finds no gap."""


def strongest(grades: Iterable[Graded], drawn: float, p: float) -> Graded | None:
    """The grade that holds for a share drawn (0..1) and a conformal p-value, each -1 unknown; None where none does."""
    holding = [g for g in grades if _by_drawn(g, drawn) or _by_p(g, p)]
    return max(holding, key=lambda g: (g.stance, g.for_s), default=None)


def next_drawn(grades: Iterable[Graded], drawn: float) -> float:
    """The least share drawn, above this one, from which on a grade holds; +inf where there is none."""
    return min((g.drawn for g in grades if g.drawn is not None and g.drawn > drawn), default=math.inf)


def _by_drawn(grade: Graded, drawn: float) -> bool:
    return grade.drawn is not None and drawn >= grade.drawn


def _by_p(grade: Graded, p: float) -> bool:
    return grade.p is not None and 0.0 <= p <= grade.p


class Grading:
    """The grades in force, and the decisions that put them there."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases
        self._grades = cases.policy.grades
        self._force: dict[str, Decision] = {}
        self._anew: dict[str, float] = {}
        self._next_s = math.inf
        self._made = 0

    @property
    def by_drawn(self) -> bool:
        """True where what was drawn decides about any grade."""
        return any(g.drawn is not None for g in self._grades)

    def read(self, members: tuple[str, ...], reading: Reading, why: str, now_s: float) -> list[Action]:
        """Grade these by what they have drawn, alone or together; why: what ties them."""
        grade = strongest(self._grades, reading.drawn, -1.0)
        return [] if grade is None else self._give(members, grade, _of_drawn(grade, members, reading, why), now_s)

    def look(self, standing: Iterable[tuple[str, float]], now_s: float) -> list[Action]:
        """Grade principals by their conformal p-values, -1 unknown."""
        graded = [(name, p, strongest(self._grades, -1.0, p)) for name, p in standing]
        return [a for name, p, g in graded if g is not None for a in self._give((name,), g, _of_p(g, p), now_s)]

    def due(self, now_s: float) -> tuple[str, ...]:
        """Those whose grades should be looked at anew, each once."""
        if now_s < self._next_s:
            return ()
        found = tuple(name for name, at_s in self._anew.items() if at_s <= now_s)
        for name in found:
            del self._anew[name]
        self._next_s = min(self._anew.values(), default=math.inf)
        return found

    def restore(self, decision: Decision) -> None:
        """An earlier run has decided this; what observe mode only noted does not hold in enforce mode."""
        if decision.origin == GRADE and not (decision.simulated and self._cases.policy.enforce):
            self._note(decision)

    def _give(self, members: Sequence[str], grade: Graded, reason: str, now_s: float) -> list[Action]:
        wanting = [m for m in members if m not in self._cases.policy.allow and self._wants(m, grade, now_s)]
        return [Decide(self._decide(m, grade, reason, (now_s, members))) for m in wanting]

    def _wants(self, name: str, grade: Graded, now_s: float) -> bool:
        """True where nothing as strong holds, or what does is half over and was not lifted."""
        held = self._force.get(name)
        if held is None or held.expires_us <= now_s * 1e6 or held.stance < grade.stance:
            return True
        half_s = (1.0 - RENEWED) * grade.for_s
        return held.stance == grade.stance and held.uid in self._cases.made and held.expires_us / 1e6 - now_s <= half_s

    def _decide(self, name: str, grade: Graded, reason: str, given: tuple[float, Sequence[str]]) -> Decision:
        now_s, members = given
        self._made += 1
        decision = Decision(
            uid=f"G-{int(now_s * 1e6)}-{self._made}-{name}",
            principal=name,
            stance=int(grade.stance),
            reason=reason,
            origin=GRADE,
            start_us=int(now_s * 1e6),
            expires_us=int((now_s + grade.for_s) * 1e6),
            exposure=int(self._cases.policy.exposure_of(grade.stance)),
            simulated=int(not self._cases.policy.enforce),
            subjects=tuple(members),
        )
        self._cases.made[decision.uid] = decision
        self._note(decision)
        return decision

    def _note(self, decision: Decision) -> None:
        """Keep the strongest, and of equals the last."""
        held = self._force.get(decision.principal)
        if held is None or held.stance <= decision.stance or held.expires_us <= decision.start_us:
            self._force[decision.principal] = decision
            at_s = (decision.start_us + RENEWED * (decision.expires_us - decision.start_us)) / 1e6
            self._anew[decision.principal] = at_s
            self._next_s = min(self._next_s, at_s)


def _of_drawn(grade: Graded, members: Sequence[str], reading: Reading, why: str) -> str:
    who = "this principal" if len(members) == 1 else f"{len(members)} principals together"
    tie = f" ({why})" if why else ""
    said = drawn(reading.replication, reading.attainable, reading.at_least)
    return (
        f"{who}{tie} drew {share(reading.drawn)} of what can be drawn, in {reading.rows} answers: a clone reproduces "
        f"{said}; {_said(grade)} from {share(grade.drawn or 0.0)} drawn"
    )


def _of_p(grade: Graded, p: float) -> str:
    from_p = chance(grade.p or 0.0)
    return f"asks as few honest principals do: {chance(p)} among those like it; {_said(grade)} from {from_p}"


def _said(grade: Graded) -> str:
    """`watch for 24 hours`."""
    hours = grade.for_s / 3600.0
    return f"{Stance(grade.stance).name.lower()} for " + (f"{hours:g} hours" if hours >= 1 else f"{grade.for_s:g} s")
