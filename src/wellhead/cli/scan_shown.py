"""What a scan found, for people and for spreadsheets."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wellhead.cli.plain import cell, plain
from wellhead.core.words import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wellhead.core.finding import Finding
    from wellhead.serve.scan_quick import Line, Quick
    from wellhead.serve.scan_words import Counted, Scanned


_LISTED = 10


def show(found: Scanned, top: int) -> None:
    """The findings as a table, then who is watched, then what could not be computed."""
    from rich.console import Console

    console = Console(highlight=False)
    for line in summary(found):
        console.print(plain(line), markup=False, soft_wrap=True)
    if found.findings:
        console.print(_findings(found.findings[:top]))
        if len(found.findings) > top:
            console.print(f"and {len(found.findings) - top} more; --top or --json shows them", markup=False)
    if found.watching:
        console.print(_watching(found, top))
    for line in silence(found.silent):
        console.print(plain(line), markup=False, soft_wrap=True)


def summary(found: Scanned) -> list[str]:
    """What was read, in a few lines."""
    lines = [
        f"{count(found.lines, 'line')} of {count(found.files, 'file')} "
        f"({', '.join(found.formats) or 'nothing'}), {found.bad:,} malformed; "
        f"{count(found.requests, 'request')}, {count(found.answered, 'answered inference call')}, "
        f"{count(found.rows, 'row')} of {count(found.principals, 'principal')}"
    ]
    if found.requests:
        lines.append(f"{_when(found.first_s)} to {_when(found.last_s)}; {count(found.coded, 'row')} coded")
    elif not found.lines:
        lines.append("The history is empty: there is nothing to judge.")
    lines += met(found)
    if found.periods > 1:
        lines.append(f"{found.periods} periods: who is unlike the others, and campaigns, are of the last one")
    if found.unsought:
        lines.append(f"Campaigns were not sought: {found.unsought}")
    return [*lines, f"Promise: {found.promise}"]


def met(found: Counted) -> list[str]:
    """What was met that is not as it should be."""
    lines = []
    if found.twice:
        lines.append(f"{count(found.twice, 'request')} came a second time and counted once")
    if found.clocks:
        lines.append(f"{count(found.clocks, 'absurd time')} mended")
    if found.requests and not found.answered:
        lines.append("No request was an answered inference call (POST, 2xx); say which paths are with --paths REGEX")
    lines += [f"  malformed: {line}" for line in found.sample]
    lines += [f"All lines of a format are malformed: {hint}" for hint in found.hints]
    lines += [f"  skipped, of no known format: {name}" for name in found.skipped[:_LISTED]]
    if len(found.skipped) > _LISTED:
        lines.append(f"  and {count(len(found.skipped) - _LISTED, 'more file')} of no known format")
    return [*lines, *(f"  not read to its end: {name}" for name in found.damaged)]


def silence(silent: Mapping[str, str]) -> list[str]:
    """Which detectors said nothing, by what they lack."""
    by: dict[str, list[str]] = {}
    for name, reason in silent.items():
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
        why = "\n".join(map(plain, sentences(f.evidence)))
        table.add_row(
            f.signal,
            Text(plain(_members(f))),
            f"{f.rows:,}",
            _drawn(f),
            Text(why or plain(f.detail)),
            Text(plain(f.sure)),
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
        table.add_row(Text(plain(w.principal)), f"{w.rows:,}", f"{w.unlike:.1f}", Text(plain(why)))
    return table


def write_csv(findings: Sequence[Finding]) -> None:
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
                    cell(member),
                    len(f.members),
                    f.rows,
                    f.replication_ppm,
                    f.attainable_ppm,
                    f.p_ppm,
                    cell(f.title),
                    cell(f.detail),
                )
            )


_QUICK = ("principal", "requests", "inputs", "addresses", "confidence", "full")


def show_quick(found: Quick, top: int) -> None:
    """The principals with most requests; what the log has none of is a dash, and ~ is an estimate."""
    heads = (f"~{word}" if word in ("inputs", "addresses") else word for word in _QUICK)
    print("{:<40} {:>12} {:>12} {:>10} {:>10} {:>10}".format(*heads))
    for line in found.lines[:top]:
        sure = "-" if line.confidence is None else f"{line.confidence:.3f}"
        counts = [_number(n) for n in (line.requests, line.inputs, line.addresses)]
        cells = (plain(line.principal), *counts, sure, _number(line.full))
        print("{:<40} {:>12} {:>12} {:>10} {:>10} {:>10}".format(*cells))
    if len(found.lines) > top:
        print(f"and {len(found.lines) - top:,} more; --top, --csv or --json shows them")
    if found.nobody:
        print(f"{count(found.nobody, 'line')} malformed or without a caller, left out")


def write_quick(lines: Sequence[Line]) -> None:
    """One line for each principal; what the log has none of is empty."""
    out = csv.writer(sys.stdout)
    out.writerow(_QUICK)
    for line in lines:
        out.writerow((cell(line.principal), line.requests, line.inputs, line.addresses, line.confidence, line.full))


def _number(n: int | None) -> str:
    return "-" if n is None else f"{n:,}"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
