"""Which files are read as what, and all of them read: a scan and a backtest read logs in this one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec

from wellhead.capture.importers.blocks import Progress, files_of
from wellhead.capture.importers.columns import Imported
from wellhead.capture.importers.mapping import Mapping, compiled
from wellhead.capture.importers.registry import Importer, Setting, guess, importer
from wellhead.capture.importers.source import SAMPLED, Told
from wellhead.core.errors import ConfigError, StoreError, WellheadError
from wellhead.core.words import count
from wellhead.serve.scan_words import Counted, Question

Group = tuple[Mapping, tuple[Path, ...]]
Stage = Callable[[str], AbstractContextManager[None]]


def sources(question: Question, counted: Counted | None = None) -> list[Group]:
    """The files of the logs, by format, in the order in which the formats come; empty files are left out.

    counted: told of files of no known format that lie in folders, and of files that cannot be read; both are left out.
    Raises ConfigError for a file of no known format that was named, or where there is no other; StoreError where none
    can be read.
    """
    counted = Counted() if counted is None else counted
    found: dict[str, tuple[Mapping, list[Path]]] = {}
    error: WellheadError | None = None
    seen: set[Path] = set()
    for path, named in _files(question.logs):
        if path in seen:
            continue
        seen.add(path)
        try:
            mapping = question.format or guess(path)
        except StoreError as e:
            counted.damaged[str(path)] = e.message
            error = error or e
            continue
        except ConfigError as e:
            if named:
                raise
            counted.skipped.append(str(path))
            error = error or e
            continue
        if mapping is not None:
            found.setdefault(mapping.name, (mapping, []))[1].append(path)
    if error is not None and not found:
        raise error
    return [(_changed(mapping, question), tuple(paths)) for mapping, paths in found.values()]


def _files(logs: tuple[str, ...]) -> Iterator[tuple[Path, bool]]:
    """Each file, and whether it was named itself; another stands in a folder or fits a glob."""
    for log in logs:
        named = Path(log).is_file()
        for path in files_of([log]):
            yield path, named


def _changed(mapping: Mapping, question: Question) -> Mapping:
    """The mapping as the question has it; raises ConfigError for a pattern that is none."""
    if paths := question.changes.get("paths"):
        compiled(paths, "--paths")
    return msgspec.structs.replace(mapping, **question.changes)


def unread(counted: Counted) -> str:
    """Why reading failed, in words; empty where all was read."""
    if counted.damaged:
        several = "; ".join(f"{name} ({why})" if name not in why else why for name, why in counted.damaged.items())
        return f"not everything could be read: {several}; restore it, or leave it out"
    if counted.lines and not counted.requests:
        return f"expected requests, got {count(counted.lines, 'line')} of which none can be read; " + (
            "; ".join(counted.hints) or "say what the log is with --format, or where its keys are"
        )
    return ""


def blocks(
    question: Question,
    groups: list[Group],
    counted: Counted,
    now_s: float,
    progress: Progress | None = None,
    stage: Stage = lambda _: nullcontext(),
) -> Iterator[Imported]:
    """All blocks of all files, counted as they come; a damaged file gives what it has, and is told of.

    now_s: later times are clocks that are wrong. Raises StoreError where nothing was read before a file was damaged.
    """
    error: StoreError | None = None
    for mapping, files in groups:
        counted.formats[mapping.name] = mapping.lacks
        reader = importer(mapping, Setting(profile=question.profile, now_s=now_s, files=files))
        for path in files:
            counted.files += 1
            try:
                yield from _one(reader, path, (counted, progress, stage))
            except StoreError as e:
                counted.damaged[str(path)] = e.message
                error = error or e
        told = reader.told
        counted.lines, counted.bad = counted.lines + told.lines, counted.bad + told.bad
        counted.sample = [*counted.sample, *told.sample][:SAMPLED]
        counted.hints += _hints(mapping, told)
    if error is not None and not counted.requests:
        raise error


def _hints(mapping: Mapping, told: Told) -> list[str]:
    """What to look at where every line of a format was malformed."""
    if not told.lines or told.bad < told.lines:
        return []
    time, who = ", ".join(mapping.time), ", ".join((*mapping.principal, *mapping.credential, *mapping.address))
    found = []
    if told.timeless:
        found.append(
            f"no time was found at {time}, read as `{mapping.time_format}`: see `time` and `time_format`, or --time"
        )
    if told.nameless:
        found.append(f"no caller was found at {who}: see `principal`, or --principal")
    return found


def _one(reader: Importer, path: Path, how: tuple[Counted, Progress | None, Stage]) -> Iterator[Imported]:
    counted, progress, stage = how
    parts = reader.read(path, progress)
    while True:
        with stage("reading"):
            block = next(parts, None)
        if block is None:
            return
        _count(counted, block)
        yield block


def _count(counted: Counted, block: Imported) -> None:
    counted.requests += len(block.visits)
    counted.answered += block.answered
    counted.rows += len(block.batch)
    counted.twice += block.twice
    counted.clocks += block.clocks
    if len(block.visits):
        times = block.visits.time_s
        first = float(times.min())
        counted.first_s = min(counted.first_s or first, first)
        counted.last_s = max(counted.last_s, float(times.max()))
