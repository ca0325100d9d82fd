"""`wellhead principals import|list`: what your accounts' registrations say of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wellhead.core.errors import ConfigError
from wellhead.core.words import count

if TYPE_CHECKING:
    from rich.table import Table

    from wellhead.detect.cohort import Cohort, Registered
    from wellhead.store.exports import Account, Accounts
    from wellhead.store.personal import Personal
    from wellhead.store.registry import Registration, Registry

_SHOWN_BAD = 5
_SHOWN_MEMBERS = 6


class Places(NamedTuple):
    """Where registrations and the values behind their tokens lie."""

    registry: Path
    personal: Path


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    principals = commands.add_parser("principals", help="registrations: who signed up when, from where, for what")
    verbs = principals.add_subparsers(dest="verb", metavar="VERB", required=True)
    importing = verbs.add_parser("import", help="take accounts from a CSV or JSON file, also an identity provider's")
    importing.add_argument("file", type=Path, help="the export; usual column names are recognised")
    importing.add_argument(
        *("--map", "-m"),
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="principal, created, email, signup_ip, plan or use, where its column is called otherwise",
    )
    importing.set_defaults(run=run_import)
    listing = verbs.add_parser("list", help="the cohorts among them: accounts that look made by one hand")
    listing.add_argument("--all", action="store_true", help="every principal, the most suspicious first")
    listing.set_defaults(run=run_list)
    for verb in (importing, listing):
        verb.add_argument("-c", "--config", default="wellhead.toml", help="config file (default: %(default)s)")


def run_import(arguments: argparse.Namespace) -> int:
    """Take the accounts over; those known already are updated. 1 where not one line could be read."""
    from wellhead.store.exports import read_accounts
    from wellhead.store.personal import Personal
    from wellhead.store.registry import Registry

    places = _places(arguments.config)
    read = read_accounts(_text(arguments.file), _mapping(arguments.map))
    places.registry.parent.mkdir(parents=True, exist_ok=True)
    registry, personal = Registry.load(places.registry), Personal(places.personal)
    before = len(registry.principals)
    for account in read.accounts:
        old = registry.principals.get(account.principal)
        registry.principals[account.principal] = _registered(account, personal, old)
    _judge(registry, personal)
    registry.save(places.registry)
    _report(read, len(registry.principals) - before)
    return 0 if read.accounts or not read.bad else 1


def run_list(arguments: argparse.Namespace) -> int:
    """Print the cohorts, or everybody."""
    from rich.console import Console

    from wellhead.detect.cohort import cohorts
    from wellhead.store.personal import Personal
    from wellhead.store.registry import Registry

    places = _places(arguments.config)
    registry = Registry.load(places.registry)
    console = Console(highlight=False)
    if arguments.all:
        console.print(_everybody(registry))
        return 0
    found = cohorts(_people(registry, Personal(places.personal)))
    if found:
        console.print(_cohorts(found))
    dated = sum(r.created_s is not None for r in registry.principals.values())
    print(f"{count(len(registry.principals), 'principal')}, {dated} with a sign-up time, {count(len(found), 'cohort')}")
    if found:
        print("A cohort is evidence, no verdict: classes, companies and launches sign up together too.")
    return 0


def _places(config: str) -> Places:
    """As the config says, or its defaults where there is no config file."""
    from wellhead.config import Config, load

    held = load(config) if Path(config).exists() or config != "wellhead.toml" else Config()
    folder = Path(held.audit.directory)
    return Places(Path(held.detect.principals or folder / "principals.json"), folder / "personal.jsonl")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"expected a list of accounts at {file}, got: {e}", "export it as CSV or JSON, UTF-8") from e


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    mapping = dict(pair.partition("=")[::2] for pair in pairs)
    if not all(mapping) or not all(mapping.values()):
        raise ConfigError(f"expected --map FIELD=COLUMN, got {' '.join(pairs)!r}", "for example --map created=born")
    return mapping


def _registered(account: Account, personal: Personal, old: Registration | None) -> Registration:
    """The registration of an account; what it does not say is what was known before."""
    from wellhead.gate.record import network_of
    from wellhead.store.registry import Registration

    old = old or Registration()
    token = personal.token
    return Registration(
        created_s=old.created_s if account.created_s is None else account.created_s,
        email=token("email", account.email) or old.email,
        address=token("address", account.signup_ip) or old.address,
        network=token("network", network_of(account.signup_ip)) or old.network,
        plan=account.plan or old.plan,
        use=account.use or old.use,
    )


def _people(registry: Registry, personal: Personal) -> list[Registered]:
    """The registrations with what their tokens stand for; erased values are unknown."""
    from wellhead.detect.cohort import Registered

    return [
        Registered(
            name=name,
            created_s=float("nan") if r.created_s is None else r.created_s,
            email=personal.value(r.email),
            network=personal.value(r.network),
        )
        for name, r in registry.principals.items()
    ]


def _judge(registry: Registry, personal: Personal) -> None:
    """Judge everybody anew: newcomers change how surprising the company of others is."""
    import msgspec

    from wellhead.detect.cohort import suspicion

    for name, value in suspicion(_people(registry, personal)).items():
        held = registry.principals[name]
        registry.principals[name] = msgspec.structs.replace(held, suspicion=round(value, 3))


def _report(read: Accounts, new: int) -> None:
    names = {account.principal for account in read.accounts}
    print("columns: " + ", ".join(f"{field} from {column!r}" for field, column in read.columns.items()))
    print(f"{count(len(names), 'principal')} taken: {new} new, {len(names) - new} updated")
    if read.bad:
        print(f"{count(len(read.bad), 'line')} left out:")
        for number, why in read.bad[:_SHOWN_BAD]:
            print(f"  line {number}: {why}")
        if len(read.bad) > _SHOWN_BAD:
            print(f"  and {len(read.bad) - _SHOWN_BAD} more")


def _cohorts(found: Sequence[Cohort]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("members", "signed up (UTC)", "what they share", "by chance", "who")
    for cohort in found:
        who = ", ".join(cohort.members[:_SHOWN_MEMBERS]) + (", ..." if len(cohort.members) > _SHOWN_MEMBERS else "")
        when = f"{_minute(cohort.first_s)} to {_minute(cohort.last_s)}"
        chance = f"1 in 10^{cohort.surprise:.0f}"
        table.add_row(str(len(cohort.members)), when, "; ".join(cohort.reasons), chance, escape(who))
    return table


def _everybody(registry: Registry) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("principal", "created", "plan", "use", "suspicion")
    for name, r in sorted(registry.principals.items(), key=lambda item: (-item[1].suspicion, item[0])):
        table.add_row(escape(name), r.created_day, escape(r.plan), escape(r.use), f"{r.suspicion:.1f}")
    return table


def _minute(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
