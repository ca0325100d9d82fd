"""`wellhead recommend`: which limits, exposure and grades reach a goal, by what was measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.toml_edit import patch
from wellhead.core.errors import ConfigError, WellheadError

if TYPE_CHECKING:
    from wellhead.cli.proposed import Proposal
    from wellhead.config import Config
    from wellhead.redteam.advice import Advice, Effort, Terms
    from wellhead.redteam.goal import Goal
    from wellhead.redteam.validation import Validation

_SHORT, _MOST_ROWS = 3, 2**53


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
    from wellhead.cli.proposed import by_hand, propose
    from wellhead.config import load
    from wellhead.redteam.goal import parse_goal

    goal = parse_goal(arguments.goal, arguments.value)
    config = load(arguments.config)
    study, task = _study(arguments.study)
    terms = _terms(arguments, study, config, task)
    before = arguments.config.read_bytes().decode()
    advice, proposal = propose(before, config, study, goal, terms)
    print(patch(before, proposal.text, str(arguments.config)) or "Nothing to change.\n")
    if proposal.by_hand:
        print("These lines could not be put into the file as it is written. Set them by hand:\n")
        print(by_hand(proposal.by_hand), end="\n\n")
    for sentence in explained(config, study, goal, terms, advice, proposal):
        print(f"- {sentence}")
    return 0 if proposal.reached else _SHORT


def _study(path: Path) -> tuple[Validation, str]:
    """The study, and the task of the model it is of."""
    from wellhead.redteam.advice import checked, from_study
    from wellhead.redteam.outcome import Study
    from wellhead.redteam.report.validated import STUDY, read

    if path.is_dir():
        old = path / "report.json"
        path = old if old.exists() and not (path / STUDY).exists() else path / STUDY
    if path.name != "report.json":
        return checked(read(path)), "classifier"
    import msgspec

    try:
        study = msgspec.json.decode(path.read_bytes(), type=Study)
    except OSError as e:
        raise ConfigError(
            f"expected a study at {path}, got: {e.strerror}", "run `wellhead validate`, or give --study"
        ) from e
    except msgspec.MsgspecError as e:
        raise ConfigError(f"expected a study at {path}, got: {e}", "run `wellhead attack` again") from e
    return checked(from_study(study)), study.task


def _terms(arguments: argparse.Namespace, study: Validation, config: Config, task: str) -> Terms:
    import msgspec

    from wellhead.redteam.advice import Terms
    from wellhead.redteam.goal import checked_prices

    prices = study.prices
    row = prices.row if arguments.price is None else arguments.price
    account = prices.account if arguments.account_price is None else arguments.account_price
    fidelity = study.goal if arguments.fidelity is None else arguments.fidelity
    if not 0 < fidelity <= 1:
        raise ConfigError(f"expected a fidelity in (0, 1], got {fidelity:g}", "give another --fidelity")
    if not 1 <= arguments.honest_rows <= _MOST_ROWS:
        raise ConfigError(
            f"expected honest rows of 1 to {_MOST_ROWS:,}, got {arguments.honest_rows}", "give another --honest-rows"
        )
    return Terms(
        prices=checked_prices(msgspec.structs.replace(prices, row=row, account=account)),
        fidelity=fidelity,
        honest_rows=arguments.honest_rows,
        window_days=config.valve.window_days,
        flip_labels=config.exposure.flip_labels,
        regressor="regressor" in (task, config.model.task),
    )


def explained(
    config: Config, study: Validation, goal: Goal, terms: Terms, advice: Advice, proposal: Proposal
) -> list[str]:
    """Where each figure comes from, and whether the goal is reached. config: before anything is changed."""
    said = [
        *_mode(config, proposal),
        *(_limits_only(study, goal, terms, advice) if terms.regressor else _why(config, study, goal, terms, advice)),
        *_unready(proposal.config),
        *_drawn(study, goal, terms, advice, proposal),
    ]
    if proposal.grades:
        said.append("The grades are a convention, not a measurement: slower, and less told, on the way to the valve.")
    return [*said, *_quotas(proposal), *_verdict(goal, terms, proposal)]


def _mode(config: Config, proposal: Proposal) -> list[str]:
    if config.mode == "enforce":
        return []
    if proposal.config.mode != "enforce":
        return [
            "The environment sets `mode` to observe: nothing is enforced, and none of this holds until that is changed."
        ]
    return ["Your config only observes, and enforces nothing: none of this holds until `mode` is set as proposed."]


def _limits_only(study: Validation, goal: Goal, terms: Terms, advice: Advice) -> list[str]:
    return [
        "Of a regressor only limits are proposed: there is no best class to keep, and defences of probabilities do "
        f"nothing. A thief needs {advice.rows.words} answers for a clone with {_level(terms.of(goal), terms)}, at "
        f"budget {study.budget:,}. What coarser numbers ([exposure] decimals) are worth was not measured."
    ]


def _why(config: Config, study: Validation, goal: Goal, terms: Terms, advice: Advice) -> list[str]:
    from wellhead.redteam.advice import candidates, served
    from wellhead.redteam.report.claims import figure
    from wellhead.redteam.worth import rows_to

    chosen, best, fidelity = advice.policy, advice.policy.best, terms.of(goal)
    told = [rows_to(t, fidelity) for t in candidates(study, terms.flip_labels)]
    others = ", ".join(f"{rows.policy} {rows.words}" for rows in told if rows.policy != chosen.policy)
    unknown = advice.answers is None and served(study, config.exposure) is None
    verb = "Your answers were not measured, and count as those of" if unknown else "Serve" if advice.answers else "Keep"
    changed = chosen.notice.answered - chosen.notice.kept
    kept = f"the best class changed for {changed or 'none'} of {chosen.notice.answered:,} honest questions"
    if not chosen.notice.answered:
        kept = "whether the best class changes for honest customers was not measured"
    return [
        f"{verb} {chosen.policy}: through it {_level(fidelity, terms)} takes a thief {advice.rows.words} answers"
        f"{f' ({others})' if others else ''}. The best thief got {figure(best) if best else 'no clone'} at budget "
        f"{study.budget:,}; {kept}.",
        "Give more than that only in a plan for customers you know, in [plans.NAME.exposure].",
    ]


def _level(fidelity: float, terms: Terms) -> str:
    from wellhead.redteam.report.figures import share

    return f"R² {fidelity:.12g}" if terms.regressor else share(fidelity)


def _unready(config: Config) -> list[str]:
    """What leaves until a profile is fitted, where a defence waits for one."""
    from wellhead.redteam.advice import missing
    from wellhead.serve import profiles

    try:
        codebook = getattr(profiles.load(config), "codebook", None)
    except WellheadError:  # of another model, or not there: nothing to serve with either
        codebook = None
    if not any(missing((text,), codebook) == "codebook" for text in config.exposure.answers):
        return []
    return [
        f"{' '.join(config.exposure.answers)} waits for a profile, and there is none that fits: until "
        "`wellhead profile fit` has made one, only labels leave."
    ]


def _drawn(study: Validation, goal: Goal, terms: Terms, advice: Advice, proposal: Proposal) -> list[str]:
    from wellhead.redteam.report.figures import share

    if terms.regressor:
        return []
    return [
        f"max_drawn is at most {advice.max_drawn:g}: there a clone has {share(terms.of(goal))}, on the way from "
        f"guessing ({share(study.chance)}) to the best clone that was measured. Yours is then "
        f"{proposal.config.valve.max_drawn:g}."
    ]


def _quotas(proposal: Proposal) -> list[str]:
    """Where the quota of each plan comes from."""
    said = []
    for name, effort in proposal.efforts.items():
        section = ("plans", name, "limits") if name else ("limits",)
        kept = "" if "rows_per_day" in proposal.changes.get(section, {}) else ", as it is"
        quota = f"rows_per_day = {effort.rows_per_day:,}{_of(name)} (answers: {effort.rows.policy}){kept}"
        said.append(f"{quota}: {_slow(effort)}")
    return said


def _of(name: str) -> str:
    return f" for plan {name}" if name else ""


def _slow(effort: Effort) -> str:
    """What a quota does for as long as the goal asks."""
    rows = effort.rows
    if not effort.rows_per_day:
        return "no limit."
    asked = (
        f"any {24 * (effort.spell - 1):,} hours touch up to {effort.spell:,} UTC days, in which an account has "
        f"{effort.rows_per_day * effort.spell:,} answers"
    )
    if rows.most:
        return f"{asked}; {rows.enough:,} may be enough, and fewer were not measured, so no quota is called safe."
    return f"{asked}; {rows.number:,} were not enough for any thief."


def _verdict(goal: Goal, terms: Terms, proposal: Proposal) -> list[str]:
    short = [name or "whoever has no plan" for name, effort in proposal.efforts.items() if not effort.reached]
    if proposal.reached:
        head = "Reached once this is served, as far as was measured."
    elif short:
        head = f"Not reached, as far as was measured, for: {', '.join(short)}."
    else:
        head = "Not reached: nothing is enforced."
    needs = [f"A thief{_of(name)} {_needs(e, goal, terms)}" for name, e in proposal.efforts.items()]
    return [head, *needs, "Accounts that are linked are summed; others each count alone."]


def _needs(effort: Effort, goal: Goal, terms: Terms) -> str:
    from wellhead.redteam.goal import COST
    from wellhead.redteam.report.figures import money, share

    bound = "at most" if effort.rows.most else "at least"
    accounts = f"{bound} {effort.accounts:,} account{'s' if effort.accounts > 1 else ''}"
    alone = f", or one account for {bound} {effort.days:,} UTC days" if effort.days else ""
    paid = f"within the window it pays {bound} {money(effort.cost)}"
    said = f"needs {accounts} to be done within {terms.window_days} days{alone}; {paid}"
    if goal.kind != COST:
        return f"{said}."
    if effort.reached:
        return f"{said}, above {money(goal.bound)}."
    return (
        f"{said}, {share(min(effort.cost / goal.bound, 1.0))} of {money(goal.bound)}. It would take more than "
        f"{money(effort.price)} a row, or {money(effort.deposit)} for opening an account. Short of that, limits slow a "
        "thief down, findings show who it is, and ownership can be shown afterwards."
    )
