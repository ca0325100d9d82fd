"""`wellhead recommend`: which limits, exposure and grades reach a goal, by what was measured."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.toml_edit import changed, literal
from wellhead.core.errors import ConfigError, WellheadError

if TYPE_CHECKING:
    from wellhead.config import Config
    from wellhead.redteam.advice import Advice, Terms
    from wellhead.redteam.goal import Goal
    from wellhead.redteam.validation import Validation

_SHORT = 3


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("recommend", help="limits, exposure and grades that reach a goal, as a config diff")
    parser.add_argument(
        "-c", "--config", type=Path, default=Path("wellhead.toml"), help="file to change (default: %(default)s)"
    )
    parser.add_argument(
        "--study", type=Path, default=Path("wellhead-validate"), metavar="FILE_OR_DIR",
        help="of `wellhead validate` or `wellhead attack` (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--goal", default="cost to clone above value", help="(default: %(default)s)")
    parser.add_argument("--value", type=float, default=0.0, metavar="X", help="what the model is worth")
    parser.add_argument("--price", type=float, metavar="X", help="of one row (default: the study's)")
    parser.add_argument(
        "--account-price", type=float, metavar="X", help="of opening one account (default: the study's)"
    )
    parser.add_argument(
        "--fidelity", type=float, metavar="SHARE", help="of a clone worth having (default: the study's)"
    )
    parser.add_argument(
        "--honest-rows", type=int, default=100, metavar="N",
        help="a day that honest customers need; no quota below is proposed (default: %(default)s)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, advise, print the diff and where its figures come from; 3 where the goal is out of reach."""
    from wellhead.config import load
    from wellhead.redteam.advice import advise
    from wellhead.redteam.goal import parse_goal

    goal = parse_goal(arguments.goal, arguments.value)
    config, study = load(arguments.config), _study(arguments.study)
    terms = _terms(arguments, study, config)
    advice = advise(study, goal, terms)
    before = arguments.config.read_text(encoding="utf-8")
    after = proposed(before, config, study, advice, terms)
    diff = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(arguments.config), f"{arguments.config} (proposed)", lineterm=""
    )
    print("\n".join(diff))
    print()
    for sentence in explained(study, goal, terms, advice):
        print(f"- {sentence}")
    return 0 if advice.reached else _SHORT


def _study(path: Path) -> Validation:
    from wellhead.redteam.advice import from_study
    from wellhead.redteam.outcome import Study
    from wellhead.redteam.report.validated import STUDY, read

    if path.is_dir():
        path = path / STUDY if (path / STUDY).exists() else path / "report.json"
    if path.name != "report.json":
        return read(path)
    import msgspec

    try:
        return from_study(msgspec.json.decode(path.read_bytes(), type=Study))
    except OSError as e:
        raise ConfigError(
            f"expected a study at {path}, got: {e.strerror}", "run `wellhead validate`, or give --study"
        ) from e
    except msgspec.MsgspecError as e:
        raise ConfigError(f"expected a study at {path}, got: {e}") from e


def _terms(arguments: argparse.Namespace, study: Validation, config: Config) -> Terms:
    import msgspec

    from wellhead.redteam.advice import Terms

    prices = study.prices
    row = prices.row if arguments.price is None else arguments.price
    account = prices.account if arguments.account_price is None else arguments.account_price
    fidelity = study.goal if arguments.fidelity is None else arguments.fidelity
    if not (row >= 0 and account >= 0 and 0 < fidelity <= 1 and arguments.honest_rows >= 1):
        raise ConfigError("expected prices of 0 or more, a fidelity in (0, 1] and --honest-rows of 1 or more")
    return Terms(
        prices=msgspec.structs.replace(prices, row=row, account=account),
        fidelity=fidelity,
        honest_rows=arguments.honest_rows,
        window_days=config.valve.window_days,
    )


def proposed(text: str, config: Config, study: Validation, advice: Advice, terms: Terms) -> str:
    """The config file with the advice in it; raises ConfigError where it cannot be put there."""
    from wellhead.config import parse
    from wellhead.gate.policy import compile_policy
    from wellhead.redteam.validation import UNDEFENDED

    quota = literal(advice.rows_per_day)
    text = changed(text, "limits", {"rows_per_day": quota})
    text = changed(text, "valve", {"max_drawn": literal(min(config.valve.max_drawn, advice.max_drawn))})
    if advice.policy.policy != UNDEFENDED:
        text = changed(text, "exposure", {"answers": literal(advice.policy.answers)})
    for name, rows in tiers(config, study, terms):
        text = changed(text, f"plans.{name}.limits", {"rows_per_day": literal(rows)})
    if not config.grades and not config.stances:
        text = text.rstrip("\n") + "\n\n" + _grades(advice)
    try:
        compile_policy(parse(text))
    except WellheadError as e:
        raise ConfigError(f"expected a file that can be changed line by line, got one that then says: {e}") from e
    return text


def tiers(config: Config, study: Validation, terms: Terms) -> list[tuple[str, int]]:
    """Plans that serve answers of their own, and the quota that goes with these."""
    from wellhead.redteam.advice import quota_for, rows_to
    from wellhead.redteam.goal import FIDELITY, Goal
    from wellhead.redteam.validation import LABEL_ONLY, UNDEFENDED

    found = []
    for name, plan in config.plans.items():
        if plan.exposure is None:
            continue
        alike = [t for t in study.tried if plan.exposure.answers and t.answers == plan.exposure.answers]
        word = LABEL_ONLY if plan.exposure.exposure == "label" else UNDEFENDED
        tried = alike[0] if alike else study.find(word)
        if tried is not None and tried.best is not None:
            rows = rows_to(tried, terms.fidelity, terms.prices)
            found.append((name, quota_for(rows, Goal(FIDELITY, terms.fidelity), terms)[0]))
    return found


def _grades(advice: Advice) -> str:
    """The adaptive policy: less is told, and slower, on the way to the valve."""
    half, most = round(advice.max_drawn / 2, 2), round(0.75 * advice.max_drawn, 2)
    reduce = f'[stances.reduce]\nanswers = ["label_only"]\n\n[[grades]]\nstance = "reduce"\ndrawn = {half}\n\n'
    told = "" if advice.policy.answers[:1] == ("label_only",) else reduce
    return f'{told}[[grades]]\nstance = "delay"\ndrawn = {most}\n'


def explained(study: Validation, goal: Goal, terms: Terms, advice: Advice) -> list[str]:
    """Where each figure comes from, and whether the goal is reached."""
    from wellhead.redteam.goal import FIDELITY
    from wellhead.redteam.report.figures import share

    fidelity = goal.bound if goal.kind == FIDELITY else terms.fidelity
    return [
        *_why(study, terms, advice, fidelity),
        f"rows_per_day = {advice.rows_per_day:,}: {_quota(terms, advice)}",
        f"max_drawn is at most {advice.max_drawn:g}: there a clone has {share(fidelity)}, on the way from guessing "
        f"({share(study.chance)}) to the best clone that was measured.",
        "The grades are a convention, not a measurement: labels alone from half of that, a delay from three quarters.",
        *_verdict(goal, terms, advice),
    ]


def _why(study: Validation, terms: Terms, advice: Advice, fidelity: float) -> list[str]:
    from wellhead.redteam.advice import candidates, rows_to
    from wellhead.redteam.report.claims import figure
    from wellhead.redteam.report.figures import share

    chosen, best = advice.policy, advice.policy.best
    left = figure(best) if best else "no clone"
    told = [rows_to(t, fidelity, terms.prices) for t in candidates(study)]
    others = ", ".join(f"{rows.policy} {rows.words}" for rows in told if rows.policy != chosen.policy)
    beside = f" ({others})" if others else ""
    return [
        f"Serve {chosen.policy}: through it {share(fidelity)} takes a thief {advice.rows.words} answers{beside}. The "
        f"best thief got {left} at budget {study.budget:,}; the best class changed for nobody.",
        "Give more than that only in a plan for customers you know, in [plans.NAME.exposure].",
    ]


def _quota(terms: Terms, advice: Advice) -> str:
    window, rows = terms.window_days, advice.rows
    if rows.most:
        return f"what --honest-rows asks for; {rows.words} answers were enough, and fewer were not measured."
    if advice.rows_per_day * window < rows.number:
        return f"in {window} days an account has fewer than {rows.number:,} answers."
    return (
        f"what --honest-rows asks for; an account has {rows.number:,} answers in {advice.days:.1f} days, before the "
        f"window of {window} days is over."
    )


def _verdict(goal: Goal, terms: Terms, advice: Advice) -> list[str]:
    from wellhead.redteam.goal import COST
    from wellhead.redteam.report.figures import money, share

    rows = advice.rows
    bound = "at least " if rows.least else "at most " if rows.most else ""
    accounts = f"{advice.accounts:,} account{'s' if advice.accounts > 1 else ''}"
    needs = (
        f"a thief needs {bound}{accounts} to be done within {terms.window_days} days, or one account for {bound}"
        f"{advice.days:.1f} days; within the window it pays {bound}{money(advice.cost)}"
    )
    if goal.kind != COST:
        reached = "Reached for one account" if advice.reached else "Not reached by limits"
        return [f"{reached}: {needs}. Accounts that are linked are summed; others each count alone."]
    if advice.reached:
        return [f"Reached: {needs}, above {money(goal.bound)}."]
    part = share(min(advice.cost / goal.bound, 1.0))
    return [
        f"Not reached by price and limits{', as far as was measured' * rows.least}: {needs}, {part} of "
        f"{money(goal.bound)}.",
        f"It would take {money(advice.price)} a row, or {money(advice.deposit)} for opening an account. Short of that, "
        "limits slow a thief down, findings show who it is, and ownership can be shown afterwards.",
    ]
