"""`wellhead keys`: give out, list and revoke API keys."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wellhead.core.errors import ConfigError

if TYPE_CHECKING:
    from wellhead.capture.keys import Holder, Key

_COLUMNS = ("ID", "OWNER", "ORGANISATION", "PLAN", "CREATED", "EXPIRES", "STATE")
_FIELDS = ("owner", "organisation", "email", "plan", "use")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its verbs."""
    keys = subparsers.add_parser("keys", help="give out, list and revoke API keys")
    verbs = keys.add_subparsers(dest="verb", metavar="VERB", required=True)
    adding = verbs.add_parser("add", help="make a key; its token is printed once and kept nowhere")
    adding.add_argument("--owner", type=_some, help="account; keys of one owner count as one principal")
    adding.add_argument("--organisation", default="", help="whom the account belongs to")
    adding.add_argument("--email", default="", help="whom to write to")
    adding.add_argument("--plan", default="", help="name of a plan in the config")
    adding.add_argument("--use", default="", help="what the owner said the key is for")
    adding.add_argument("--expires", default="", metavar="YYYY-MM-DD", help="last day on which the key is valid, UTC")
    listing = verbs.add_parser("list", help="all keys, without their tokens")
    revoking = verbs.add_parser("revoke", help="refuse a key from now on")
    revoking.add_argument("id", help="id of the key, as `wellhead keys list` shows it")
    for verb, run in ((adding, _add), (listing, _list), (revoking, _revoke)):
        place = verb.add_mutually_exclusive_group()
        place.add_argument("-c", "--config", default="wellhead.toml", help="config file that names the keys file")
        place.add_argument("--file", default="", help="the keys file itself")
        verb.set_defaults(run=run)


def _some(text: str) -> str:
    """A name; raises ArgumentTypeError for an empty one, as a script with an unset variable gives."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected the name of an account, got nothing (leave it out for no owner)")
    return text


def _add(arguments: argparse.Namespace) -> int:
    from wellhead.capture.keys import Keys

    token = Keys.open(_place(arguments)).add(_holder(arguments), time.time())
    print(token)
    print("This token is shown once: hand it over now, only its hash is kept.", file=sys.stderr)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from wellhead.capture.keys import Keys

    now_s = time.time()
    rows = [_COLUMNS, *(_row(key, now_s) for key in Keys.load(_place(arguments)).keys.values())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    from wellhead.capture.keys import Keys

    key = Keys.load(_place(arguments)).revoke(arguments.id, time.time())
    print(f"revoked {key.id} ({key.holder.owner or 'no owner'})")
    return 0


def _place(arguments: argparse.Namespace) -> str:
    """The keys file: as named, else as the config says, else the config's default."""
    from pathlib import Path

    from wellhead.config import Access, load

    if arguments.file:
        return str(arguments.file)
    if not Path(arguments.config).exists() and arguments.config == "wellhead.toml":
        return Access().keys
    return load(arguments.config).access.keys


def _holder(arguments: argparse.Namespace) -> Holder:
    from wellhead.capture.keys import Holder

    return Holder(expires_s=_last_second(arguments.expires), **{f: getattr(arguments, f) or "" for f in _FIELDS})


def _last_second(day: str) -> int:
    """The end of a day, in seconds since 1970 UTC; 0 for no day."""
    if not day:
        return 0
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) + 86_400
    except ValueError:
        raise ConfigError(f"expected a day such as 2027-01-31 for --expires, got `{day[:40]}`") from None


def _row(key: Key, now_s: float) -> tuple[str, ...]:
    expires_s = key.holder.expires_s
    state = "revoked" if key.revoked_s else "expired" if 0 < expires_s <= now_s else "valid"
    days = (_day(key.created_s), _day(expires_s - 1) if expires_s else "never")
    return (key.id, key.holder.owner, key.holder.organisation, key.holder.plan, *days, state)


def _day(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()
