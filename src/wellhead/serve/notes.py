"""What the log says of ownership: read from it, and written into it whether a gate runs or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wellhead.audit.entries import lines
from wellhead.audit.log import Log, is_written
from wellhead.config import Config
from wellhead.core.codec import decode
from wellhead.core.event import Mark
from wellhead.defend.own.commitment import Committed, Entry, Withdrawn, read, written
from wellhead.serve.control import ask
from wellhead.serve.status import Ask

WHAT = "ownership"
"""The `what` of the log's records on ownership."""
_SOUGHT = b'"what":"ownership"'


def entries(directory: str | Path, start: int = 0) -> Iterator[tuple[int, Entry]]:
    """(index, entry) of what the log says of ownership; raises ConfigError for one that cannot be read."""
    directory = Path(directory)
    for index, line in lines(directory, start) if (directory / "entries").is_dir() else ():
        if _SOUGHT in line:  # a quick look: the log is long, and these are few
            record = decode(line)
            if isinstance(record, Mark) and record.what == WHAT:
                yield index, read(record.detail)


def note(config: Config, entry: Entry, now_us: int) -> None:
    """Write an entry into the log and wait until a checkpoint covers it: through the gate where one runs.

    Raises AuditError where the log cannot be written, ConfigError where a running gate does not answer.
    """
    directory, detail = config.audit.directory, written(entry)
    if is_written(Path(directory)):
        ask(directory, Ask(ask="note", reason=detail))
        return
    log = Log.open(directory, config.audit.origin, config.audit.key, now_us, anchor=config.audit.anchor)
    try:
        log.append([Mark(time_us=now_us, what=WHAT, detail=detail)])
    finally:
        log.close(now_us)


def stands(directory: str | Path, commitment: str, end: int = 2**63) -> bool:
    """True where the log's entries before `end` hold a commitment that was not withdrawn since."""
    return commitment in standing(directory, end)


def standing(directory: str | Path, end: int = 2**63) -> list[str]:
    """The commitments in the log's entries before `end` that were not withdrawn since, oldest first."""
    found: dict[str, None] = {}
    for index, entry in entries(directory):
        if index < end and isinstance(entry, Committed | Withdrawn):
            found.pop(entry.commitment, None)
            if isinstance(entry, Committed):
                found[entry.commitment] = None
    return list(found)
