"""What `wellhead recommend` changes of a config: never to less, and judged by what the changed file says."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from wellhead.cli.toml_edit import Path, changed, dotted, literal, merged
from wellhead.config import Config, Plan, parse
from wellhead.core.errors import ConfigError, WellheadError
from wellhead.redteam.advice import Terms, advise, effort, labels, least_known, quota_for, served
from wellhead.redteam.goal import Goal
from wellhead.redteam.worth import Rows, rows_to

if TYPE_CHECKING:
    from wellhead.redteam.advice import Advice, Effort
    from wellhead.redteam.validation import Validation

Settings = dict[Path, dict[str, str]]
_LEAST_DRAWN = 0.05


class Proposal(NamedTuple):
    """text: the file with the changes in it.  by_hand: tables and keys that it could not take.

    config: what holds with all of them.  changes: all of them.  grades: the adaptive policy that is added, or nothing.
    efforts: of a thief without a plan (an empty name), and on each plan.
    """

    text: str
    by_hand: Settings
    config: Config
    changes: Settings
    grades: str
    efforts: dict[str, Effort]

    @property
    def reached(self) -> bool:
        """True where the goal holds on every plan, and the config enforces it."""
        return self.config.mode == "enforce" and all(e.reached for e in self.efforts.values())


def propose(text: str, config: Config, study: Validation, goal: Goal, terms: Terms) -> tuple[Advice, Proposal]:
    """The advice, and the file that follows it; raises ConfigError where no gate could run with that.

    config: the file and the environment.  A limit that is already stricter stays, on every plan.
    """
    advice = advise(study, goal, terms, config.exposure)
    tree, changes = tomllib.loads(text), _of_all(config, advice, terms)
    changes |= _quota(_read(_set(tree, changes)), study, goal, terms)
    changes |= _of_plans(_read(_set(tree, changes)), study, goal, terms, advice)
    tree = _set(tree, changes)
    after = _read(tree)
    grades = "" if terms.regressor else _grades(after)
    _check(tree, grades)
    by_hand: Settings = {}
    for section, keys in changes.items():
        new = changed(text, section, keys)
        text = text if new is None else new
        by_hand |= {section: keys} if new is None else {}
    efforts = _efforts(after, study, goal, terms)
    return advice, Proposal(_added(text, grades), by_hand, after, changes, grades, efforts)


def _of_all(config: Config, advice: Advice, terms: Terms) -> Settings:
    found: Settings = {}
    if config.mode != "enforce":
        found[()] = {"mode": literal("enforce")}
    if advice.max_drawn < config.valve.max_drawn and not terms.regressor:
        found["valve",] = {"max_drawn": literal(advice.max_drawn)}
    if advice.answers is not None:
        found["exposure",] = {"answers": literal(advice.answers)}
    return found


def _quota(config: Config, study: Validation, goal: Goal, terms: Terms) -> Settings:
    now = config.limits.rows_per_day
    quota = fewer(now, quota_for(through(study, config, Plan(), terms.of(goal)), goal, terms))
    return {("limits",): {"rows_per_day": literal(quota)}} if quota != now else {}


def _of_plans(config: Config, study: Validation, goal: Goal, terms: Terms, advice: Advice) -> Settings:
    """What plans need of their own once the whole is changed."""
    found: Settings = {}
    for name, plan in config.plans.items():
        rows = through(study, config, plan, terms.of(goal))
        now = (plan.limits or config.limits).rows_per_day
        quota = fewer(now, quota_for(rows, goal, terms))
        if quota != now:
            found["plans", name, "limits"] = {"rows_per_day": literal(quota)}
        if (plan.max_drawn or 0.0) > advice.max_drawn and not terms.regressor:
            found["plans", name] = {"max_drawn": literal(advice.max_drawn)}
    return found


def _efforts(config: Config, study: Validation, goal: Goal, terms: Terms) -> dict[str, Effort]:
    found = {}
    for name, plan in {"": Plan(), **config.plans}.items():
        rows = through(study, config, plan, terms.of(goal))
        found[name] = effort(rows, (plan.limits or config.limits).rows_per_day, goal, terms)
    return found


def through(study: Validation, config: Config, plan: Plan, fidelity: float) -> Rows:
    """Rows to a fidelity through what leaves on a plan; answers that were not measured count as none at all."""
    return rows_to(served(study, plan.exposure or config.exposure) or least_known(study), fidelity)


def fewer(now: int, wanted: int) -> int:
    """The smaller of two limits, of which 0 is none."""
    return min(now, wanted) if now else wanted


def _grades(config: Config) -> str:
    """The adaptive policy, where the config has none: less is told, and slower, on the way to the valve."""
    most = config.valve.max_drawn
    if config.grades or config.stances or most < _LEAST_DRAWN:
        return ""
    exposures = [config.exposure, *(plan.exposure for plan in config.plans.values() if plan.exposure)]
    told = "" if all(labels(e) for e in exposures) else (
        f'[stances.reduce]\nanswers = ["label_only"]\n\n[[grades]]\nstance = "reduce"\ndrawn = {round(most / 2, 3)}\n\n'
    )  # fmt: skip
    return f'{told}[[grades]]\nstance = "delay"\ndrawn = {round(0.75 * most, 3)}\n'


def _added(text: str, grades: str) -> str:
    """The text with these tables at its end, in its own way of ending lines."""
    if not grades:
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    return text.rstrip("\r\n") + (2 * end if text.strip() else "") + grades.replace("\n", end)


def _set(tree: dict[str, object], settings: Settings) -> dict[str, object]:
    for section, keys in settings.items():
        tree = merged(tree, section, keys)
    return tree


def _read(tree: dict[str, object], more: str = "") -> Config:
    lines = [f"{dotted((key,))} = {literal(value)}" for key, value in tree.items()]
    return parse("\n".join([*lines, more]), os.environ)


def _check(tree: dict[str, object], grades: str) -> None:
    from wellhead.gate.policy import compile_policy

    try:
        compile_policy(_read(tree, grades))
    except WellheadError as e:
        raise ConfigError(f"expected a config that a gate can run with once it is changed, got: {e}") from e


def by_hand(settings: Settings) -> str:
    """Tables and keys as lines of TOML."""
    parts = ["\n".join([*([f"[{dotted(s)}]"] if s else []), *(f"{k} = {v}" for k, v in keys.items())])
             for s, keys in settings.items()]  # fmt: skip
    return "\n\n".join(parts)
