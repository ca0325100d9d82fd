"""What a scan found, for people and for spreadsheets."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wellhead.core.finding import Finding
    from wellhead.serve.scan_words import Scanned


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
    if found.unsought:
        lines.append(f"Campaigns were not sought: {found.unsought}")
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
