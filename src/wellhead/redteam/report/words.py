"""What a study comes to, in sentences that somebody who reads nothing else can act on."""

from __future__ import annotations

from wellhead.redteam import cost
from wellhead.redteam.outcome import Leak, Outcome, Study
from wellhead.redteam.report.figures import between, count, level, money, share, shares, small, span
from wellhead.redteam.report.summary import Summary, about_nothing, almost_surely, at_chance, may_be_drift, summarise

STATES = {
    "ok": "ran",
    "exhausted": "ran until the budget ended",
    "blocked": "every account was blocked",
    "unsupported": "does not fit this target",
    "failed": "failed",
    "not run": "not run",
}

SILENT = {
    "ok": "Came back with nothing",
    "exhausted": "Ran out of budget before anything could be measured",
    "blocked": "Blocked by the target",
    "unsupported": "Did not fit this target",
    "failed": "Failed",
    "not run": "Not run",
}


def headline(study: Study) -> str:
    """The one thing to know."""
    s = summarise(study)
    if study.task == "classifier" and study.classes == 1:
        return "Every answer was the same class: nothing to steal was seen"
    return _copied_headline(study, s) or (_leak_headline(s.leak[1], may_be_drift(study)) if s.leak else _least(s))


def _copied_headline(study: Study, s: Summary) -> str:
    if s.recovered and s.exact:
        return f"{count(s.exact[0].rows)} queries recover this model itself"
    if s.main and s.best and s.best.mark.low > study.chance:
        return f"{count(s.main.need.rows or 0)} queries buy {copy(study, s.main.need.goal)}"
    if s.best and s.best.mark.low > study.chance:
        return f"{count(s.best.mark.rows)} queries bought a {level(study, s.best.mark.fidelity)} copy of this model"
    if s.best:
        return "No clone of this model was better than guessing"
    return ""


def _least(s: Summary) -> str:
    return "What the answers show of each class" if s.likenesses else "Nothing was measured"


def _leak_headline(leak: Leak, drift: bool) -> str:
    if about_nothing(leak):
        return "The answers tell about nothing of who was in the training set"
    if drift:
        return "Members and non-members differ by themselves: what tells them apart may be drift, not leakage"
    if leak.tpr1 is None or not almost_surely(leak):
        return "The answers tell something of who was in the training set"
    return f"{share(leak.tpr1)} of the training rows can be recognised by the model's answers"


def verdict(study: Study) -> str:
    """One paragraph: how cheaply the model is cloned, what its answers leak, and what this does not say."""
    s = summarise(study)
    parts = [
        _warned(study),
        _recovered(study, s),
        _copied(study, s),
        _needed(study, s),
        _guarded(study),
        _priced(study, s),
        _leaked(study, s),
        _inverted(s),
        _apart(s),
    ]
    return " ".join(part for part in parts if part)


def _warned(study: Study) -> str:
    n = len(study.warnings)
    return f"Read the {'warning' if n == 1 else f'{n} warnings'} above first." if n else ""


def _guarded(study: Study) -> str:
    """What the policy leaves of the attack that does best through it."""
    left = [(o, o.guarded.marks[-1]) for o in study.outcomes if o.guarded and o.guarded.marks]
    tried = [o for o in study.outcomes if o.guarded]
    if not tried:
        return ""
    if not left:
        return f"Through {study.policy} no attack got answers enough for a clone."
    outcome, mark = max(left, key=lambda pair: pair[1].fidelity)
    return (
        f"Through {study.policy} the best of {count(len(tried))} attacks ({outcome.attack}) still gets a clone with "
        f"{level(study, mark.fidelity)} ({between(study, mark.low, mark.high)}), from {count(mark.rows)} answers; "
        f"without it the same attack came to {level(study, outcome.marks[-1].fidelity)}."
    )


def goal_word(study: Study, goal: float) -> str:
    """A fidelity to reach: 95 %, or R² 0.95 for regressors."""
    return f"R² {goal:g}" if study.task == "regressor" else f"{100 * goal:.0f} %"


def copy(study: Study, goal: float) -> str:
    """A copy of that fidelity."""
    word = goal_word(study, goal)
    return f"a copy of this model with {word}" if study.task == "regressor" else f"a {word} copy of this model"


def _recovered(study: Study, s: Summary) -> str:
    if not s.recovered or not s.exact:
        return ""
    outcome, exact = s.exact
    same = "values" if study.task == "regressor" else "probabilities"
    return (
        f"The model itself was recovered: after {count(outcome.rows)} queries the copy that {outcome.attack} built "
        f"gives the same {same} to within {small(exact.error)} on {count(exact.points)} held-out inputs, and with "
        f"95 % confidence at most {share(exact.bound)} of such inputs differ by more."
    )


def _copied(study: Study, s: Summary) -> str:
    if s.recovered:
        return ""
    if not s.best:
        tried = s.ran and any(o.room == "extract" for o in study.outcomes)
        return "No clone was measured; that is no sign that none can be made." if tried else ""
    outcome, mark = s.best
    if mark.low <= study.chance:
        start = "No clone did better than guessing"
    elif mark.low >= 0.9:
        start = "Anyone who may ask can copy what this model does"
    else:
        start = "Part of what this model does was copied"
    agrees = "reaches" if study.task == "regressor" else "agrees with it on"
    guess = "the mean alone gives 0" if study.task == "regressor" else f"guessing gives {share(study.chance)}"
    of = "on" if study.task == "regressor" else "of"
    own = mark.learner in ("", "its own")
    by = f" ({outcome.attack})" if own else f" ({outcome.attack}, {mark.learner})"
    return (
        f"{start}: after {count(mark.rows)} queries the best clone{by} {agrees} {level(study, mark.fidelity)} {of} "
        f"{count(study.judges)} inputs that were not asked "
        f"(95 % interval {between(study, mark.low, mark.high)}; {guess})."
    )


def _needed(study: Study, s: Summary) -> str:
    if not s.goals or s.recovered:
        return ""
    said = [f"{goal_word(study, g.need.goal)} took {_took(g.need)}" for g in s.goals if g.need.rows]
    missed = [goal_word(study, g.need.goal) for g in s.goals if g.need.rows is None]
    asked = max(g.need.asked for g in s.goals)
    if missed:
        said.append(f"{_and(missed)} {'was' if len(missed) == 1 else 'were'} not reached within {count(asked)}")
    return f"{', '.join(said)} queries."


def _and(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _took(n: cost.Need) -> str:
    """Rows, and those at which the lower end of the interval is there too."""
    sure = "" if n.surely == n.rows else f" ({count(n.surely)} to be sure)" if n.surely else " (perhaps more)"
    return f"{count(n.rows or 0)}{sure}"


def _priced(study: Study, s: Summary) -> str:
    """Money and time of the main goal, of the model itself, or of the best clone."""
    if not s.best or s.best.mark.low <= study.chance:
        return ""
    reached = s.main.need.rows if s.main else None
    rows = s.exact[0].rows if s.recovered and s.exact else reached or s.best.mark.rows
    return _money(study, rows) + _time(study, rows)


def _money(study: Study, rows: int) -> str:
    prices, total = study.prices, cost.bill(rows, study.prices).total
    if total <= 0:
        return "No price was given, so what this costs is counted in queries only."
    text = f"Those {count(rows)} queries and what goes with them cost {money(total)}"
    part = cost.of_build(total, prices)
    return text + (f": {share(part)} of the {money(prices.build)} that the model cost to build." if part else ".")


def _time(study: Study, rows: int) -> str:
    prices = study.prices
    if prices.rows_per_s <= 0:
        return ""
    took = span(cost.seconds(rows, prices.rows_per_s, prices.accounts))
    if prices.accounts == 1:
        return f" At {prices.rows_per_s:g} queries a second one account takes {took}."
    return f" At {prices.rows_per_s:g} queries a second each, {count(prices.accounts)} accounts take {took}."


def _leaked(study: Study, s: Summary) -> str:
    if not s.leak:
        return ""
    outcome, leak = s.leak
    if may_be_drift(study) and not about_nothing(leak):
        area = f"AUC {leak.auc:.3f} ({leak.auc_interval[0]:.3f} to {leak.auc_interval[1]:.3f})"
        return f"{outcome.attack} tells members from others with {area}, but that may be drift, not leakage."
    return leak_sentence(leak, outcome.attack)


def leak_sentence(leak: Leak, attack: str) -> str:
    """What one membership attack found, in words."""
    area = f"AUC {leak.auc:.3f} ({leak.auc_interval[0]:.3f} to {leak.auc_interval[1]:.3f})"
    if about_nothing(leak):
        least = "which chance explains" if at_chance(leak) else "hardly above guessing"
        return (
            f"Of who was in the training set the answers told about nothing: {attack}, the best, has {area}, {least}."
        )
    if leak.tpr1 is None:
        return (
            f"The answers tell members of the training set from others ({attack}, {area}); {count(leak.nonmembers)} "
            f"non-members are too few to say how many are recognised almost surely."
        )
    if not almost_surely(leak):
        return (
            f"The answers tell members of the training set from others ({attack}, {area}); whether any is recognised "
            f"almost surely is not known ({shares(*leak.tpr1_interval)} while accusing 1 % of strangers)."
        )
    return (
        f"The answers give away training rows: {attack} recognises {share(leak.tpr1)} of them "
        f"({shares(*leak.tpr1_interval)}) while accusing 1 % of strangers, {area}."
    )


def _inverted(s: Summary) -> str:
    known = [v.similarity for o in s.likenesses for v in o.likenesses if v.similarity > -1]
    if not s.likenesses:
        return ""
    if not known:
        return "Inputs made up from the answers alone are in the gallery; there was nothing to compare them with."
    return (
        f"Inputs made up from the answers alone are {sum(known) / len(known):.2f} similar to the mean input of their "
        f"class (mean of {len(known)}; 1 is equal, 0 unlike)."
    )


def _apart(s: Summary) -> str:
    """What did not run, and what a study cannot say."""
    words = {state: [o.attack for o in s.silent if o.state == state] for state in SILENT}
    said = [f"{SILENT[state]}: {_names(names)}." for state, names in words.items() if names]
    if not s.ran:
        said.append("Nothing was measured, so this report is no sign of safety.")
    elif not s.recovered:
        said.append("These are lower bounds: an attack not tried, a larger budget or better inputs can do more.")
    return " ".join(said)


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


def state(outcome: Outcome) -> str:
    """The state of an attack in plain words."""
    return STATES.get(outcome.state, outcome.state)
