"""Defences: what they promise on hard rows, what thieves get past them, what they cost, and what marks prove.

`python -m benchmarks defend PART...` runs only those parts (guarantees, programmes, tables, marks, adaptive) and keeps
the other figures of the last run. Results: defend.json, defend_tables.json, docs/pictures/defend-*.svg,
and a section of docs/defences.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import (
    defend_adaptive,
    defend_guarantees,
    defend_lp,
    defend_marks,
    defend_plots,
    defend_report,
    defend_tables,
    results,
)
from benchmarks.results import RESULTS, Figure
from wellhead.defend.modelguard_w import ModelGuardW

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
TABLES = RESULTS / "defend_tables.json"
Found = tuple[list[Figure], dict[str, Any]]


def guarantees() -> Found:
    """Every defence and composition, and the peer's, on hard rows; the cost of each."""
    times = defend_guarantees.taken()
    held, theirs = defend_guarantees.all_held(), defend_guarantees.peer()
    figures = defend_guarantees.figures(held, times, theirs)
    return figures, {"guarantees": held, "costs": times, "art": theirs}


def programmes() -> Found:
    """ModelGuard-W beside HiGHS."""
    return defend_lp.figures(ModelGuardW), {}


def tables() -> Found:
    """Thieves against defences."""
    cells = defend_tables.run()
    rows = defend_tables.table(cells)
    return defend_tables.figures(cells), {"thieves": rows}


def adaptive() -> Found:
    """The adaptive policy behind the gate."""
    rows = defend_adaptive.run()
    return defend_adaptive.figures(rows), {"adaptive": rows}


def marks() -> Found:
    """Ownership marks."""
    figures, rows = defend_marks.run()
    return figures, {"marks": rows}


PARTS: dict[str, Callable[[], Found]] = {
    "programmes": programmes,
    "guarantees": guarantees,
    "tables": tables,
    "marks": marks,
    "adaptive": adaptive,
}


def main() -> None:
    """Run the parts; after each the figures, the tables and the pictures are written."""
    wanted = sys.argv[1:] or list(PARTS)
    some = set(wanted) < set(PARTS)
    found = {f.figure: f for f in results.read("defend")} if some else {}
    kept: dict[str, Any] = msgspec.json.decode(TABLES.read_bytes()) if some and TABLES.exists() else {}
    for part in wanted:
        start = time.perf_counter()
        figures, more = PARTS[part]()
        print(f"defend: {part}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        found |= {f.figure: f for f in figures}
        kept |= msgspec.to_builtins(more)
        write(list(found.values()), kept)
    defend_report.write(list(found.values()), kept)
    results.show("defend", list(found.values()))


def write(figures: list[Figure], kept: dict[str, Any]) -> None:
    """The figures, all rows, and the pictures of them."""
    RESULTS.mkdir(exist_ok=True)
    for path, what in ((RESULTS / "defend.json", figures), (TABLES, kept)):
        path.write_bytes(msgspec.json.format(msgspec.json.encode(what), indent=1) + b"\n")
    if "thieves" in kept:
        rows = msgspec.convert(kept["thieves"], list[defend_tables.Row])
        for name, drawing in defend_plots.pictures(rows).items():
            (PICTURES / f"defend-{name}.svg").write_text(drawing + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
