"""Recorded answers as a target: it answers what was recorded, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.ask import spread
from wellhead.redteam.files import Table, read_table
from wellhead.redteam.opened import Opened
from wellhead.redteam.oracle import CallLine, Clock, Line, Reply, Wall
from wellhead.redteam.transcript import Transcript, keys

Find = Callable[[str], tuple[Answer, int] | None]
_COLUMNS = {
    "probabilities": Exposure.PROBABILITIES,
    "probs": Exposure.PROBABILITIES,
    "scores": Exposure.PROBABILITIES,
    "logits": Exposure.LOGITS,
    "values": Exposure.VALUE,
}


@dataclass
class Recorded:
    """An oracle over a record. find: the block of answers that holds an input's, and its row there, by its key.

    named: the target that keys were made for.
    """

    find: Find
    target: str
    named: str
    rows_per_call: int = 4096
    owner: str = ""
    timeout_s: float = np.inf
    concurrent: bool = False
    clock: Clock = field(default_factory=Wall)

    @property
    def lines(self) -> tuple[Line, ...]:
        """One line, account `record`."""
        return (CallLine("record", self._ask, self.clock),)

    def _ask(self, inputs: Inputs) -> Reply:
        """All rows, or a refusal: 413 where some were recorded, so that fewer are tried, and 404 where none was."""
        found = [self.find(key) for key in keys(self.named, inputs)]
        known = [f for f in found if f is not None]
        if not known:
            return Reply(404, detail="this input was not recorded")
        if len(known) < len(found):
            return Reply(413, detail="some of these inputs were not recorded")
        blocks: dict[int, tuple[Answer, list[int], list[int]]] = {}
        for row, (answer, source) in enumerate(known):
            _, rows, sources = blocks.setdefault(id(answer), (answer, [], []))
            rows.append(row)
            sources.append(source)
        return Reply(200, spread(len(found), list(blocks.values())))


def open_recorded(file: Path) -> tuple[Recorded, Opened]:
    """A .npz with `inputs` and `probabilities`, `logits`, `labels` or `values`; or a transcript.jsonl.

    A transcript keeps no inputs, so that a pool must be given beside it. Raises ConfigError for another file,
    StoreError for a damaged transcript.
    """
    if not file.is_file():
        raise ConfigError(f"expected recorded answers at {file}, got no such file")
    return _npz(file) if file.suffix == ".npz" else _transcript(file)


def _npz(file: Path) -> tuple[Recorded, Opened]:
    with np.load(file, allow_pickle=False) as held:
        name = next((n for n in (*_COLUMNS, "labels") if n in held), "")
        if not name:
            names = ", ".join(held)[:120]
            raise ConfigError(f"expected probabilities, logits, labels or values in {file}, got {names}")
        answer = _answer(name, held[name])
    table: Table = read_table(file)
    told = next(c for c in (answer.scores, answer.values, answer.labels) if c is not None)
    if len(told) != len(table.inputs):
        raise ConfigError(f"expected as many answers as inputs in {file}, got {len(told)} for {len(table.inputs)}")
    rows = {key: row for row, key in enumerate(keys(file.name, table.inputs))}

    def find(key: str) -> tuple[Answer, int] | None:
        return (answer, rows[key]) if key in rows else None

    return Recorded(find, file.name, file.name), _opened(table.inputs)


def _answer(name: str, column: Array) -> Answer:
    if name == "labels":
        return Answer(Exposure.LABEL, labels=column.reshape(-1).astype(np.int64))
    numbers = np.asarray(column, np.float64)
    if name == "values":
        return Answer(Exposure.VALUE, values=numbers.reshape(-1))
    if numbers.ndim != 2:
        raise ConfigError(f"expected {name} of shape (n, k), got {numbers.shape}")
    return Answer(_COLUMNS[name], scores=numbers)


def _transcript(file: Path) -> tuple[Recorded, Opened]:
    """Its first target's answers; the file is read and not written."""
    record = Transcript.read(file)
    named = record.targets[0] if record.targets else ""
    return Recorded(record.find, f"{named} as recorded", named), _opened(None)


def _opened(pool: Inputs | None) -> Opened:
    shape = () if pool is None or isinstance(pool, list) else tuple(pool.shape[1:])
    return Opened(shape=shape, pool=pool)
