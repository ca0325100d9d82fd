"""The red team beside its peers: exact extraction, retraining, membership, label-only, and the rows of a paper.

Each part stands in a module of its own; `python -m benchmarks redteam PART...` runs only those and keeps the other
figures of the last run.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks import results

PARTS = ("exact", "retrain", "tramer", "membership", "label_only")


def main() -> None:
    """Run the parts and write the figures."""
    wanted = sys.argv[1:] or list(PARTS)
    found = {f.figure: f for f in results.read("redteam")} if set(wanted) < set(PARTS) else {}
    for part in wanted:
        print(f"redteam: {part}", file=sys.stderr)
        found |= {f.figure: f for f in importlib.import_module(f"benchmarks.redteam_{part}").figures()}
    results.write("redteam", list(found.values()))
