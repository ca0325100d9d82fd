"""`wellhead scan`: any amount of history, in any of the known formats."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from wellhead.cli.plain import plain, whole
from wellhead.cli.scan_shown import show, show_quick, write_csv, write_quick
from wellhead.core.errors import ConfigError, WellheadError

if TYPE_CHECKING:
    from wellhead.capture.importers.blocks import Progress
    from wellhead.detect.promise import Promise
    from wellhead.serve.scan_words import Counted, Question

T = TypeVar("T")
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
_DETECTING = ("profile", "promise", "population", "principals", "rules")
"""Options of which --quick makes nothing."""


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
    p.add_argument("--ledgers", type=whole, default=512, metavar="N", help="principals whose ledgers are summed")
    p.add_argument("--quick", action="store_true", help="five plain aggregates a principal, and no detectors")
    p.add_argument("--top", type=whole, default=20, metavar="N", help="rows shown (default: %(default)s)")
    shape = p.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="all of it as JSON")
    shape.add_argument("--csv", action="store_true", help="one line a finding and member")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Scan; 0 where nothing was found, 1 where there are findings, 2 where logs could not be read."""
    import os

    # More BLAS threads cost small products up to ten times the CPU.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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
    return 2 if failed(found) else 1 if found.findings else 0


def failed(counted: Counted) -> bool:
    """True, and said on standard error, where logs could not be read."""
    from wellhead.serve.scan_sources import unread

    words = unread(counted)
    if words:
        print(f"wellhead: {plain(words)}", file=sys.stderr)
    return bool(words)


def _words(promise: Promise | None) -> tuple[str, ...]:
    """What the promise's segments are alike in; a scan judges by the same."""
    from wellhead.detect.segments import EVERYBODY, Segments

    if promise is None or not (promise.words or EVERYBODY in promise.scores):
        return Segments().words
    return promise.words


def question_of(arguments: argparse.Namespace) -> Question:
    """What the options ask; raises what reading the files that they name raises."""
    from wellhead.capture.importers.registry import named
    from wellhead.cli.rules import read_file
    from wellhead.detect.link.population import Population
    from wellhead.detect.promise import Promise
    from wellhead.detect.rules import Rules
    from wellhead.detect.segments import Segments
    from wellhead.meter.profile import Profile
    from wellhead.serve.scan_words import Question
    from wellhead.store.registry import Registry

    profile = arguments.profile or _beside(arguments.logs)
    promise = _made("--promise", arguments.promise, Promise.from_bytes, _CALIBRATE)
    if arguments.principals and not Path(arguments.principals).exists():
        raise ConfigError(f"expected a file at {arguments.principals}, got none", "see `wellhead principals import`")
    registry = Registry.load(Path(arguments.principals)) if arguments.principals else Registry()
    changes: dict[str, Any] = {f: (value,) for f in FIELDS if (value := getattr(arguments, f))}
    if arguments.paths:
        changes["paths"] = arguments.paths
    return Question(
        logs=tuple(arguments.logs),
        format=named(arguments.format) if arguments.format else None,
        changes=changes,
        profile=_made("--profile", profile, Profile.from_bytes, "`wellhead profile fit` writes one"),
        promise=promise,
        segments=Segments(_words(promise), registry.declared),
        population=_made("--population", arguments.population, Population.from_bytes, _CALIBRATE),
        rules=Rules({name: read_file(name) for name in arguments.rules}),
        cohort=registry.cohort,
        ledgers=arguments.ledgers,
        watched=arguments.top,
    )


def _beside(logs: list[str]) -> str:
    """The profile that lies in the folder of Wellhead's own log, where that is what is scanned."""
    found = [p for log in logs if (p := Path(log) / "profile.wellhead").is_file()]
    return str(found[0]) if found else ""


_CALIBRATE = "`wellhead calibrate` writes one"


def _made(option: str, name: str, maker: Callable[[bytes], T], remedy: str) -> T | None:
    """What the file that an option names holds; raises ConfigError that says both, and what makes such a file."""
    try:
        return maker(Path(name).read_bytes()) if name else None
    except OSError as e:
        raise ConfigError(f"{option}: expected a file at {name}, got: {e.strerror}", remedy) from e
    except WellheadError as e:
        raise ConfigError(f"{option} {name}: {e.message}", remedy) from e
    except (TypeError, KeyError, ValueError) as e:
        raise ConfigError(f"{option} {name}: expected one of this release, got another", remedy) from e


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


def run_quick(arguments: argparse.Namespace) -> int:
    """Five plain aggregates of each principal, in one query."""
    from wellhead.serve.scan_quick import quick
    from wellhead.serve.scan_sources import sources
    from wellhead.serve.scan_words import Counted

    detectors = [word for word in _DETECTING if getattr(arguments, word)]
    if detectors:
        raise ConfigError(f"expected --quick alone, got --{detectors[0]} too", "it runs no detectors: leave one out")
    counted = Counted()
    found = quick(sources(question_of(arguments), counted))
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(found.lines).decode())
    elif arguments.csv:
        write_quick(found.lines)
    else:
        show_quick(found, arguments.top)
    counted.lines = found.nobody
    counted.requests = len(found.lines)
    return 2 if failed(counted) else 0
