"""`wellhead scan`: any amount of history, in any of the known formats."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellhead.core.errors import ConfigError

if TYPE_CHECKING:
    from wellhead.capture.importers.blocks import Progress
    from wellhead.core.finding import Finding
    from wellhead.serve.scan_words import Question, Scanned

FIELDS = (
    "time",
    "principal",
    "request",
    "path",
    "address",
    "input",
    "inputs",
    "scores",
    "labels",
    "confidence",
    "status",
)
"""Keys of the mapping that an option of the same name replaces."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("scan", help="look for theft in logs: our own, gateways', JSON lines, Parquet")
    p.add_argument("logs", nargs="+", metavar="LOG", help="files, folders or globs; plain, .gz or .zst")
    p.add_argument("--format", default="", metavar="NAME", help="a format of docs/scan.md, or a mapping file (TOML)")
    for field in FIELDS:
        p.add_argument(f"--{field}", default="", metavar="WHERE", help=f"pointer, column or group that holds `{field}`")
    p.add_argument("--paths", default="", metavar="REGEX", help="paths of inference calls (default: requests by POST)")
    p.add_argument("--profile", default="", metavar="FILE", help="codes inputs, reads what was drawn")
    p.add_argument("--promise", default="", metavar="FILE", help="of `wellhead calibrate`: guilt at a promised rate")
    p.add_argument("--population", default="", metavar="FILE", help="of `wellhead calibrate`: look for campaigns")
    p.add_argument("--principals", default="", metavar="FILE", help="of `wellhead principals import`")
    p.add_argument("--rules", action="append", default=[], metavar="FILE", help="more rule files (TOML)")
    p.add_argument("--ledgers", type=int, default=512, metavar="N", help="principals whose ledgers are summed")
    p.add_argument("--quick", action="store_true", help="five plain aggregates a principal, and no detectors")
    p.add_argument("--top", type=int, default=20, metavar="N", help="rows shown (default: %(default)s)")
    shape = p.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="all of it as JSON")
    shape.add_argument("--csv", action="store_true", help="one line a finding and member")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Scan; 0 where nothing was found, 1 where there are findings."""
    if arguments.quick:
        return run_quick(arguments)
    from wellhead.serve.scan import scan

    question = question_of(arguments)
    with progress_bar(arguments) as progress:
        found = scan(question, progress)
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(found).decode())
    elif arguments.csv:
        write_csv(found.findings)
    else:
        show(found, arguments.top)
    return 1 if found.findings else 0


def question_of(arguments: argparse.Namespace) -> Question:
    """What the options ask; raises what reading the files that they name raises."""
    from wellhead.capture.importers.registry import named
    from wellhead.cli.rules import read_file
    from wellhead.detect.link.population import Population
    from wellhead.detect.promise import Promise
    from wellhead.detect.rules import Rules
    from wellhead.meter.profile import Profile
    from wellhead.serve.scan_words import Question
    from wellhead.store.registry import Registry

    profile = arguments.profile or _beside(arguments.logs)
    changes: dict[str, Any] = {f: (value,) for f in FIELDS if (value := getattr(arguments, f))}
    if arguments.paths:
        changes["paths"] = arguments.paths
    return Question(
        logs=tuple(arguments.logs),
        format=named(arguments.format) if arguments.format else None,
        changes=changes,
        profile=Profile.from_bytes(_bytes(profile)) if profile else None,
        promise=Promise.from_bytes(_bytes(arguments.promise)) if arguments.promise else None,
        population=Population.from_bytes(_bytes(arguments.population)) if arguments.population else None,
        rules=Rules({name: read_file(name) for name in arguments.rules}),
        cohort=Registry.load(Path(arguments.principals)).cohort if arguments.principals else {},
        ledgers=arguments.ledgers,
        watched=arguments.top,
    )


def _beside(logs: list[str]) -> str:
    """The profile that lies in the folder of Wellhead's own log, where that is what is scanned."""
    found = [p for log in logs if (p := Path(log) / "profile.wellhead").is_file()]
    return str(found[0]) if found else ""


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as e:
        raise ConfigError(f"expected a file at {name}, got: {e.strerror}") from e


@contextmanager
def progress_bar(arguments: argparse.Namespace) -> Iterator[Progress | None]:
    """A bar of the bytes read, on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from wellhead.capture.importers.blocks import files_of

    total = sum(p.stat().st_size for p in files_of(arguments.logs))
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scan", total=total)
        yield lambda n: bar.advance(task, n)


def show(found: Scanned, top: int) -> None:
    """The findings as a table, then who is watched, then what could not be computed."""
    from rich.console import Console

    console = Console(highlight=False)
    for line in summary(found):
        console.print(line, markup=False)
    if found.findings:
        console.print(_findings(found.findings[:top]))
        if len(found.findings) > top:
            console.print(f"and {len(found.findings) - top} more; --top or --json shows them", markup=False)
    if found.watching:
        console.print(_watching(found, top))
    for line in silence(found):
        console.print(line, markup=False)


def summary(found: Scanned) -> list[str]:
    """What was read, in a few lines."""
    lines = [
        f"{found.lines:,} lines of {_count(found.files, 'file')} "
        f"({', '.join(found.formats) or 'nothing'}), {found.bad:,} malformed; "
        f"{found.requests:,} requests, {found.answered:,} answered inference calls, {found.rows:,} rows of "
        f"{found.principals:,} principals"
    ]
    if found.requests:
        lines.append(f"{_when(found.first_s)} to {_when(found.last_s)}; {found.coded:,} rows coded")
    else:
        lines.append("The history is empty: there is nothing to judge.")
    if found.twice or found.clocks:
        lines.append(
            f"{found.twice:,} requests came twice and count once; {found.clocks:,} times were absurd and mended"
        )
    if found.requests and not found.answered:
        lines.append("No request was an answered inference call (POST, 2xx); say which paths are with --paths REGEX")
    lines += [f"  malformed: {line}" for line in found.sample]
    return [*lines, f"Promise: {found.promise}"]


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def silence(found: Scanned) -> list[str]:
    """Which detectors said nothing, by what they lack."""
    by: dict[str, list[str]] = {}
    for name, reason in found.silent.items():
        by.setdefault(reason, []).append(name)
    lines = [f"  {reason}: {', '.join(names)}" for reason, names in by.items()]
    return ["Not computed, because the log lacks what they need:", *lines] if lines else []


def _findings(findings: list[Finding]) -> object:
    from rich.table import Table
    from rich.text import Text

    from wellhead.gate.cases import sentences

    table = Table("finding", box=None, header_style="bold", show_lines=False)
    for head in ("who", "rows", "drawn of attainable", "why", "how sure"):
        table.add_column(head, justify="right" if head in ("rows", "drawn of attainable") else "left", overflow="fold")
    for f in findings:
        # callers' names and what they sent are no markup
        why = "\n".join(sentences(f.evidence))
        table.add_row(
            f.signal,
            Text(_members(f)),
            f"{f.rows:,}",
            _drawn(f),
            Text(why or f.detail),
            Text(f.sure),
            style=_COLOURS.get(f.signal, ""),
        )
    return table


_COLOURS = {"guilt": "red", "campaign": "red", "replication": "yellow"}


def _members(f: Finding) -> str:
    shown = ", ".join(f.members[:5])
    return f"{shown} and {len(f.members) - 5} more" if len(f.members) > 5 else shown


def _drawn(f: Finding) -> str:
    return "-" if f.replication_ppm < 0 else f"{f.replication_ppm / 1e4:.1f} % of {f.attainable_ppm / 1e4:.1f} %"


def _watching(found: Scanned, top: int) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "watching",
        title="Most unlike the others in this log: no findings",
        box=None,
        header_style="bold",
        title_justify="left",
    )
    for head in ("rows", "unlike", "why"):
        table.add_column(head, justify="left" if head == "why" else "right", overflow="fold")
    for w in found.watching[:top]:
        why = "; ".join(f"{e.said} (usual: {e.low} to {e.high})" for e in w.evidence[:3])
        table.add_row(Text(w.principal), f"{w.rows:,}", f"{w.unlike:.1f}", Text(why))
    return table


def write_csv(findings: list[Finding]) -> None:
    """One line for each finding and member."""
    out = csv.writer(sys.stdout)
    out.writerow(
        (
            "uid",
            "signal",
            "principal",
            "members",
            "rows",
            "replication_ppm",
            "attainable_ppm",
            "p_ppm",
            "title",
            "detail",
        )
    )
    for f in findings:
        for member in f.members:
            out.writerow(
                (
                    f.uid,
                    f.signal,
                    _cell(member),
                    len(f.members),
                    f.rows,
                    f.replication_ppm,
                    f.attainable_ppm,
                    f.p_ppm,
                    f.title,
                    _cell(f.detail),
                )
            )


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in "=+-@\t\r" else text


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def run_quick(arguments: argparse.Namespace) -> int:
    """Five plain aggregates of each principal, in one query."""
    from wellhead.serve.scan import sources
    from wellhead.serve.scan_quick import aggregates

    lines = [line for mapping, files in sources(question_of(arguments)) for line in aggregates(mapping, files)]
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(lines).decode())
        return 0
    print(f"{'principal':<40} {'requests':>12} {'inputs':>12} {'addresses':>10} {'confidence':>10} {'full':>10}")
    for line in lines[: arguments.top]:
        sure = "-" if line.confidence is None else f"{line.confidence:.3f}"
        name = "".join(c if c.isprintable() else "?" for c in line.principal)
        print(f"{name:<40} {line.requests:>12,} {line.inputs:>12,} {line.addresses:>10,} {sure:>10} {line.full:>10,}")
    return 0
