"""`wellhead audit`: check the log, look at it, hand it out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

MARKS = {"pass": "PASS", "fail": "FAIL", "unknown": "UNKNOWN"}


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("audit", help="verify, show or export the tamper-evident log")
    verbs = p.add_subparsers(dest="verb", metavar="VERB", required=True)
    check = _verb(verbs, "verify", verify, "three verdicts: integrity, completeness, anchoring")
    check.add_argument("--vkey", help="the published verifier key, or a file with it (default: the one beside the log)")
    check.add_argument("--anchor", help="anchor file (default: audit.anchor of the config file)")
    check.add_argument("--json", action="store_true", help="as JSON")
    last = _verb(verbs, "tail", tail, "the last records, one a line")
    last.add_argument("-n", "--records", type=int, default=20, help="how many (default: %(default)s)")
    out = _verb(verbs, "export", export, "the signed log as static C2SP tiles, or a range of it as JSON lines")
    out.add_argument("target", help="an empty directory for tiles; with --lines a file, or - for standard output")
    out.add_argument("--lines", action="store_true", help="plain JSON lines")
    out.add_argument("--start", type=int, default=0, help="first entry, with --lines (default: %(default)s)")
    out.add_argument("--end", type=int, help="entry to stop before, with --lines (default: the last one)")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: object, text: str
) -> argparse.ArgumentParser:
    p = verbs.add_parser(name, help=text)
    p.add_argument("-c", "--config", default="wellhead.toml", help="TOML file of the gate (default: %(default)s)")
    p.add_argument("-d", "--directory", help="the log itself, where there is no config file")
    p.set_defaults(run=run)
    return p


def _place(arguments: argparse.Namespace) -> tuple[str, str]:
    """The log's directory and its anchor file, empty where there is none."""
    if arguments.directory:
        return arguments.directory, ""
    from wellhead.config import load

    audit = load(arguments.config).audit
    return audit.directory, audit.anchor


def _key(given: str | None) -> str | None:
    path = Path(given) if given else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else given


def verify(arguments: argparse.Namespace) -> int:
    """Print the verdicts; 1 where one of them is fail, 3 where integrity stays unknown."""
    from wellhead.audit.verify import UNKNOWN
    from wellhead.audit.verify import verify as check

    directory, anchor = _place(arguments)
    report = check(directory, _key(arguments.vkey), arguments.anchor or anchor or None)
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(report).decode())
    else:
        for name in ("integrity", "completeness", "anchoring"):
            found = getattr(report, name)
            print(f"{name:<12} {MARKS[found.outcome]:<7} {found.line}")
    return 1 if report.failed else 3 if report.integrity.outcome == UNKNOWN else 0


def tail(arguments: argparse.Namespace) -> int:
    """Print index and record of the last entries."""
    from wellhead.audit.entries import tail as last
    from wellhead.core.codec import encode

    for index, record in last(_place(arguments)[0], max(arguments.records, 0)):
        print(index, encode(record).decode())
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Write tiles or lines, and say how many entries."""
    from wellhead.audit.export import export as write_tiles

    directory = _place(arguments)[0]
    if arguments.lines:
        return _lines(directory, arguments)
    signed = write_tiles(directory, arguments.target)
    print(f"{signed.size} entries of {signed.origin} in {arguments.target}")
    return 0


def _lines(directory: str, arguments: argparse.Namespace) -> int:
    from wellhead.audit.export import write_lines
    from wellhead.core.errors import AuditError

    if arguments.target == "-":
        write_lines(directory, sys.stdout.buffer, arguments.start, arguments.end)
        return 0
    try:
        with Path(arguments.target).open("xb") as out:
            copied = write_lines(directory, out, arguments.start, arguments.end)
    except OSError as e:
        raise AuditError(f"cannot write {arguments.target}: {e.strerror}", "name a new file") from e
    print(f"{copied} entries in {arguments.target}")
    return 0
