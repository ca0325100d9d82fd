"""What matters most in a study: the best clone, the worst leak, and what did not run."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec

from wellhead.redteam.cost import GOALS, Need, need
from wellhead.redteam.outcome import Exact, Leak, Mark, Outcome, Study

RECOVERED = 1e-6
"""Largest difference of probabilities at which a copy counts as the model itself."""

_SLIGHT_AREA, _SLIGHT_RATE = 0.53, 0.02
_CHANCE = 0.05

_DRIFT = "about drift, not leakage"

BASELINES = ("random", "pool")
"""Attacks that ask at random: what the clever ones have to beat."""


class Best(NamedTuple):
    """The best clone of a study: whose it was and how good."""

    outcome: Outcome
    mark: Mark


class Goal(NamedTuple):
    """Rows to a fidelity, with the attack that took fewest, empty where none reached it."""

    need: Need
    attack: str


class Summary(NamedTuple):
    """The heads of a study. Each is None or empty where nothing was measured.

    exact: the most exact recovery, and whose.  leak: the attack that tells members best, and what it told.
    likenesses: outcomes with a gallery.  recovered: the model itself is known.
    ran: every outcome that measured something.  silent: those that did not.
    """

    best: Best | None
    exact: tuple[Outcome, Exact] | None
    goals: tuple[Goal, ...]
    leak: tuple[Outcome, Leak] | None
    likenesses: tuple[Outcome, ...]
    recovered: bool
    ran: tuple[Outcome, ...]
    silent: tuple[Outcome, ...]

    @property
    def main(self) -> Goal | None:
        """The goal that headlines speak of: 95 % where it was reached, else 90 %."""
        return next((g for g in self.goals[1::-1] if g.need.rows is not None), None)


def summarise(study: Study) -> Summary:
    """The heads of a study."""
    # Where every answer was the same class, agreeing with it is no theft.
    told = () if study.task == "classifier" and study.classes == 1 else study.outcomes
    marked = [Best(o, max(o.marks, key=lambda m: m.fidelity)) for o in told if o.marks]
    exact = [(o, o.exact) for o in told if o.exact]
    leaks = [(o, o.leak) for o in study.outcomes if o.leak]
    # Regressors have no probabilities: what counts as exact there was judged on their own scale.
    recovered = any(e.error <= RECOVERED or study.task == "regressor" for _, e in exact)
    ran = tuple(o for o in study.outcomes if o.marks or o.exact or o.leak or o.likenesses)
    return Summary(
        best=max(marked, key=_worth, default=None),
        exact=min(exact, key=lambda e: (e[1].error, e[0].rows), default=None),
        goals=tuple(_cheapest(study, goal) for goal in GOALS) if marked else (),
        leak=max(leaks, key=lambda e: _tells(e[1]), default=None),
        likenesses=tuple(o for o in study.outcomes if o.likenesses),
        recovered=recovered,
        ran=ran,
        silent=tuple(o for o in study.outcomes if o not in ran),
    )


def _worth(best: Best) -> tuple[float, int]:
    """Better is worth more; of equals, what took fewer rows."""
    return best.mark.fidelity, -best.mark.rows


def _cheapest(study: Study, goal: float) -> Goal:
    needs = [(need(o.marks, goal), o.attack) for o in study.outcomes if o.marks]
    reached = [(n, attack) for n, attack in needs if n.rows is not None]
    if reached:
        return Goal(*min(reached, key=lambda pair: (pair[0].rows or 0, pair[0].surely or math.inf)))
    return Goal(max((n for n, _ in needs), key=lambda n: (n.soonest is not None, n.asked)), "")


def _tells(leak: Leak) -> tuple[bool, float, float]:
    """How well a leak tells members: surely above chance and drift first, then true positives at 1 %, then area."""
    return (
        not about_nothing(leak) and beats_drift(leak),
        leak.tpr1_interval[0] if leak.tpr1 is not None else 0.0,
        leak.auc,
    )


def about_nothing(leak: Leak) -> bool:
    """True where nothing was found, or so little that it comes to the same."""
    rare = leak.tpr1 is None or leak.tpr1_interval[1] < _SLIGHT_RATE
    return at_chance(leak) or (leak.auc_interval[1] < _SLIGHT_AREA and rare)


def at_chance(leak: Leak) -> bool:
    """True where chance, given how many attacks were tried, explains what was found."""
    low, _ = leak.auc_interval
    if leak.p_value < 0:
        return low <= 0.5 and (leak.tpr1 is None or leak.tpr1_interval[0] <= 0.01)
    return leak.p_value * leak.attacks >= _CHANCE


def may_be_drift(study: Study) -> bool:
    """True where members and non-members differ by themselves, as a warning of the study says, and nothing beats it."""
    surely = any(o.leak and o.leak.drift > 0.5 and beats_drift(o.leak) for o in study.outcomes)
    return any(_DRIFT in warning for warning in study.warnings) and not surely


def almost_surely(leak: Leak) -> bool:
    """True where surely more than 1 % of members are recognised at 1 % false positives."""
    return leak.tpr1 is not None and leak.tpr1_interval[0] > 0.01


def beats_drift(leak: Leak) -> bool:
    """True where the area is surely above that of the inputs and labels alone, or these tell nothing."""
    return leak.drift <= 0.5 or leak.auc_interval[0] > leak.drift


def is_baseline(attack: str) -> bool:
    """True for an attack that asks at random."""
    return attack in BASELINES


def finite(study: Study) -> Study:
    """The study with every figure a finite number, so that JSON can carry it.

    An unlimited budget is 0; any other infinity or NaN becomes the field's default, or -1, and a warning says so.
    """
    if math.isinf(study.budget_rows):
        study = msgspec.structs.replace(study, budget_rows=0.0)
    lost: list[str] = []
    cleaned: Study = made_finite(study, lost)
    if not lost:
        return study
    warning = f"{len(lost)} figures were no finite numbers and are shown as unknown: {', '.join(sorted(set(lost)))}"
    return msgspec.structs.replace(cleaned, warnings=(*cleaned.warnings, warning))


def made_finite(value: Any, lost: list[str]) -> Any:
    """A struct, or tuple of them, with every figure a finite number; the fields that had others are added to `lost`."""
    if isinstance(value, tuple):
        return tuple(made_finite(item, lost) for item in value)
    if not isinstance(value, msgspec.Struct):
        return value
    changes = {}
    for field in msgspec.structs.fields(value):
        old = getattr(value, field.name)
        new = _number(old, field, lost) if isinstance(old, float) else made_finite(old, lost)
        changes[field.name] = _plain(new, field.name, lost)
    return msgspec.structs.replace(value, **changes)


def _number(old: float, field: msgspec.structs.FieldInfo, lost: list[str]) -> float:
    if math.isfinite(old):
        return old
    lost.append(field.name)
    return field.default if isinstance(field.default, float) else -1.0


def _plain(value: Any, name: str, lost: list[str]) -> Any:
    """Rows of numbers such as pixels and intervals, NaN and infinities as 0."""
    if not isinstance(value, tuple):
        return value
    cleaned = tuple(
        _plain(v, name, lost) if isinstance(v, tuple) else 0.0 if isinstance(v, float) and not math.isfinite(v) else v
        for v in value
    )
    if cleaned != value:
        lost.append(name)
    return cleaned
