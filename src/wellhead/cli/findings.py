"""`wellhead findings list|show|close`: what was found, and what people say of it."""

from __future__ import annotations

import argparse
import sys

from wellhead.cli.ask import add_config, ask_gate, until
from wellhead.cli.plain import whole
from wellhead.core.words import drawn
from wellhead.serve.status import Ask, FindingRow

_SHOWN = 3


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    verbs = commands.add_parser("findings", help="what was found, how sure, and what people made of it").add_subparsers(
        dest="verb", metavar="VERB", required=True
    )
    listing = verbs.add_parser("list", help="findings, the newest first")
    listing.add_argument("-n", "--rows", type=whole, default=20, help="findings shown (default: %(default)s)")
    listing.add_argument("--open", action="store_true", help="only those that nobody has closed")
    listing.set_defaults(run=run_list)
    show = verbs.add_parser("show", help="one finding whole, with its evidence")
    show.add_argument("uid", metavar="UID")
    show.set_defaults(run=run_show)
    close = verbs.add_parser("close", help="say what a finding was; it counts for the promise and for calibration")
    close.add_argument("uid", metavar="UID")
    word = close.add_mutually_exclusive_group(required=True)
    word.add_argument("--theft", dest="verdict", action="store_const", const="theft", help="it was what it says")
    word.add_argument("--honest", dest="verdict", action="store_const", const="honest", help="false alarm: lift it")
    close.add_argument("--reason", default="", help="kept in the log")
    close.set_defaults(run=run_close)
    for verb in (listing, show, close):
        add_config(verb)
    for verb in (listing, show):
        verb.add_argument("--json", action="store_true", help="as JSON")


def line(row: FindingRow) -> str:
    """One finding on one line."""
    f = row.finding
    verdict = row.verdict or "open"
    return f"{f.uid}  {until(f.time_us)}  {f.signal}  {verdict}  {_who(f.members)}: {f.title}"


def sentences(row: FindingRow) -> list[str]:
    """One finding whole: who, what, how sure, how much was drawn, and the evidence, one fact a line."""
    f = row.finding
    noted = " (observe mode: noted only)" if f.simulated else ""
    lines = [f"{f.uid}, {until(f.time_us)}: {f.title}{noted}"]
    if f.members:
        lines.append(f"Who: {', '.join(f.members)}")
    lines.append(f"What: {f.detail}.")
    if f.sure:
        lines.append(f"How sure: {f.sure}.")
    if f.replication_ppm >= 0:
        lines.append(
            f"Drawn: with {f.rows} answers a clone reproduces "
            f"{drawn(f.replication_ppm / 1e6, f.attainable_ppm / 1e6, f.at_least > 0)}; {f.bits_milli / 1e3:.0f} bits."
        )
    for e in f.evidence:
        if isinstance(e, str):
            lines.append(f"Evidence: {e}")
            continue
        lines.append(f"Evidence ({e.kind}): {e.said}{e.beside}")
    verdict = f"closed as {row.verdict}" if row.verdict else "open; close it with --theft or --honest"
    lines.append(f"Review: {verdict}" + (f" ({row.reason})." if row.reason else "."))
    return lines


def _who(members: tuple[str, ...]) -> str:
    more = len(members) - _SHOWN
    return (", ".join(members[:_SHOWN]) or "the gate itself") + (f" and {more} more" if more > 0 else "")


def _print(rows: tuple[FindingRow, ...], arguments: argparse.Namespace) -> bool:
    """As JSON where that was asked for."""
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(rows).decode())
    return bool(arguments.json)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the findings."""
    asked = Ask(ask="findings", top=arguments.rows + 1, verdict="open" if arguments.open else "")
    found = ask_gate(arguments, asked).findings or ()
    rows, more = found[: arguments.rows], len(found) > arguments.rows
    if not _print(rows, arguments):
        print("\n".join(map(line, rows)) or ("none shown" if more else "no findings"))
    if more:
        older = f"there are older ones; -n {2 * max(arguments.rows, 10)} shows more"
        print(older, file=sys.stderr if arguments.json else sys.stdout)
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Print one finding."""
    rows = ask_gate(arguments, Ask(ask="find", finding=arguments.uid)).findings or ()
    if not _print(rows, arguments):
        print("\n".join(text for row in rows for text in sentences(row)))
    return 0


def run_close(arguments: argparse.Namespace) -> int:
    """Close one finding."""
    asked = Ask(ask="review", finding=arguments.uid, verdict=arguments.verdict, reason=arguments.reason)
    print(ask_gate(arguments, asked).done)
    return 0
