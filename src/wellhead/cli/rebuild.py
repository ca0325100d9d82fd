"""`wellhead rebuild`: history anew from the log, which is the truth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.ask import add_config
from wellhead.core.errors import AuditError, StoreError
from wellhead.core.words import share

if TYPE_CHECKING:
    from wellhead.meter.profile import Profile
    from wellhead.store.history import History

FEW = 32
"""Principals with fewer rows have no ledger worth a line."""
SHOWN = 50


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("rebuild", help="build history and ledgers anew from the log")
    add_config(p)
    p.add_argument("--force", action="store_true", help="also from a log that fails `audit verify`")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Rebuild history, sum every ledger from it, and say what there is now.

    Raises AuditError where the log fails its check, unless forced; what no checkpoint covers yet is no failure.
    """
    from wellhead.audit.entries import records
    from wellhead.audit.log import is_written
    from wellhead.config import load
    from wellhead.serve.profiles import load as load_profile
    from wellhead.store.history import rebuild

    config = load(arguments.config)
    folder = Path(config.audit.directory)
    if is_written(folder):
        raise StoreError(f"expected the log in {folder} at rest, a gate is writing it", "stop `wellhead serve` first")
    check(folder, config.audit.anchor, force=arguments.force)
    history = rebuild(records(folder), folder / "history")
    _, found = history.query(
        "SELECT principal, sum(rows) AS n FROM events WHERE status = 200 AND given > 0 GROUP BY 1 ORDER BY n DESC, 1"
    )
    print(
        f"Rebuilt history from {history.size} log records: {sum(n for _, n in found)} rows of {len(found)} principals"
    )
    profile = load_profile(config)
    if profile is not None:
        for line in ledgers(history, profile, [name for name, n in found if n >= FEW][:SHOWN]):
            print(line)
    history.close()
    return 0


def check(folder: Path, anchor: str, *, force: bool) -> None:
    """Verify the log; where a verdict is fail, raise AuditError, or with `force` say so on standard error."""
    from wellhead.audit.verify import FAIL, verify

    report = verify(folder, anchor=anchor or None)
    verdicts = {name: getattr(report, name) for name in ("integrity", "completeness", "anchoring")}
    failed = "; ".join(f"{name}: {found.line}" for name, found in verdicts.items() if found.outcome == FAIL)
    if failed and not force:
        raise AuditError(
            f"the log in {folder} failed its check: {failed}", "history is as it was; --force rebuilds from it anyway"
        )
    if failed:
        print(AuditError(f"Rebuilding from a log that failed its check: {failed}"), file=sys.stderr)


def ledgers(history: History, profile: Profile, names: list[str]) -> Iterator[str]:
    """The reading of each principal's ledger, summed anew from history, one line each."""
    from wellhead.meter.ledger import Ledger
    from wellhead.meter.reading import read

    for name in names:
        reading = read(Ledger.from_batch(profile, history.rows_of((name,), 0.0, profile.id)), profile)
        yield (
            f"{name}: {reading.rows} rows, replication {share(reading.replication)} of {share(reading.attainable)}, "
            f"{reading.bits:.0f} bits"
        )
