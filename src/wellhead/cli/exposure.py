"""`wellhead exposure`: which sensitive records a principal's queries touched, and what it could infer."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wellhead.cli.ask import add_config
from wellhead.cli.plain import plain
from wellhead.core.errors import ConfigError

if TYPE_CHECKING:
    from wellhead.config import Config
    from wellhead.core.arrays import Inputs, Labels
    from wellhead.meter.profile import Profile
    from wellhead.serve.touched import Assessment, Records, Touch

_SHOWN = 40


class Exposed(msgspec.Struct, frozen=True):
    """What is printed. records: in the file.  rows: that the principals were answered."""

    principals: tuple[str, ...]
    records: int
    rows: int
    profile: bool
    touched: tuple[Touch, ...]


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "exposure", help="which sensitive records a principal's queries touched, and what it learnt"
    )
    add_config(p)
    p.add_argument(
        "membership", type=Path, metavar="MEMBERSHIP",
        help="the sensitive records: .npy .npz .csv .txt; labels in .npz or in a CSV's column `label`",
    )  # fmt: skip
    p.add_argument("--principal", action="append", required=True, metavar="P", help="who asked; again for a campaign")
    p.add_argument("--json", action="store_true", help="as JSON")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the log and print what was touched."""
    from wellhead.config import load
    from wellhead.redteam.files import read_table
    from wellhead.serve import profiles
    from wellhead.serve.touched import Assessment

    config, table = load(arguments.config), read_table(arguments.membership)
    profile = profiles.load(config)
    records = _records(config, profile, table.inputs, table.labels)
    assessment, names = Assessment(records), tuple(dict.fromkeys(arguments.principal))
    unknown = set(names) - _read(Path(config.audit.directory), profile, assessment, set(names))
    if unknown:
        raise ConfigError(
            f"expected principals that were answered, got {', '.join(sorted(unknown))}", "see `wellhead status`"
        )
    touched = tuple(assessment.touched())
    found = Exposed(names, len(table.inputs), assessment.rows, profile is not None, touched)
    if arguments.json:
        print(msgspec.json.encode(_whole(found)).decode())
    else:
        show(found)
    return 0


def _whole(found: Exposed) -> dict[str, object]:
    """As data, with what was inferred in words."""
    touched = [{**msgspec.to_builtins(t), "inferred": t.inferred} for t in found.touched]
    return {**msgspec.to_builtins(found), "touched": touched}


def _records(config: Config, profile: Profile | None, inputs: Inputs, labels: Labels | None) -> Records:
    """The file's records as the log knows inputs."""
    import numpy as np

    from wellhead.gate.record import fingerprints
    from wellhead.serve.touched import records_of

    path = Path(config.audit.directory) / "fingerprint.key"
    if not path.exists():
        raise ConfigError(
            f"expected the log's fingerprint key at {path}, got no such file",
            "`wellhead serve` makes it; see audit.directory",
        )
    prints = fingerprints(inputs, path.read_bytes())
    codes = profile.code(inputs) if profile is not None else np.zeros((len(prints), 0), np.int8)
    others = profile.reference.codes if profile is not None else codes
    return records_of(prints, codes, others, labels)


def _read(folder: Path, profile: Profile | None, assessment: Assessment, names: set[str]) -> set[str]:
    """Go through the log; returns which of the names were answered."""
    from wellhead.audit.entries import records
    from wellhead.cli.past import coded_by, survey_of
    from wellhead.core.event import Event
    from wellhead.detect.parts import answered

    late, met = survey_of(folder).coded, set[str]()
    for _, record in records(folder):
        if isinstance(record, Event) and answered(record) and record.fingerprints:
            assessment.overheard(record)
            if record.principal in names:
                met.add(record.principal)
                assessment.add(coded_by(record, late, profile))
    return met


def show(found: Exposed) -> None:
    """Print a sentence, and a line for each record."""
    exact, near = sum(t.asked > 0 for t in found.touched), sum(not t.asked for t in found.touched)
    who = ", ".join(map(plain, found.principals))
    print(f"{who}: {found.rows} rows answered; of {found.records} records {exact} were asked and {near} nearly.")
    if not found.profile:
        print("Without a profile near copies cannot be seen: only the very same inputs are counted.")
    for touch in found.touched[:_SHOWN]:
        print(f"  record {touch.record}: {line(touch)}")
    if len(found.touched) > _SHOWN:
        print(f"  and {len(found.touched) - _SHOWN} more: see --json")
    if any(t.asked or t.near for t in found.touched):
        print("This is what was asked and told, not proof of what was concluded from it.")


def line(touch: Touch) -> str:
    """One touched record in words."""
    from wellhead.core.exposure import Exposure

    first, last = (
        datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M") for us in (touch.first_us, touch.last_us)
    )
    asked = f"asked {touch.asked} times, {touch.near} near copies, {first} to {last} UTC"
    return f"{asked}; told {Exposure(touch.given).name.lower()}: {'; '.join(touch.inferred) or 'nothing'}"
