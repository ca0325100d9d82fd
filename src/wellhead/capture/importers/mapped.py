"""Any log that a mapping describes: one request a line, or a row of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wellhead.capture.importers.answers import Labels, read_answers
from wellhead.capture.importers.asking import read_inputs
from wellhead.capture.importers.blocks import Progress
from wellhead.capture.importers.columns import Columns, Imported, Rows
from wellhead.capture.importers.fields import given
from wellhead.capture.importers.mapping import Mapping
from wellhead.capture.importers.source import Tables, opened
from wellhead.core.arrays import Array
from wellhead.meter.profile import Profile

_MIX = np.uint64(0x9E3779B97F4A7C15)


class Mapped:
    """Reads files of one format, one after the other.

    profile: codes inputs, where the log holds them.  now_s: when the scan began.
    """

    def __init__(self, mapping: Mapping, profile: Profile | None, now_s: float) -> None:
        self._tables = Tables(opened(), mapping)
        self._columns = Columns(Questions(profile, given(mapping)).rows, now_s)
        self.told = self._tables.told

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[Imported]:
        """Its blocks, in order; raises StoreError where the file cannot be read."""
        for _ in self._tables.read(path, progress):
            yield self._columns.take(self._tables.cursor)


class Questions:
    """What the table `asked` says row by row. given: Exposure of answers that do not say themselves, -1 unknown."""

    def __init__(self, profile: Profile | None, given: int) -> None:
        self._profile = profile
        self._labels = Labels(profile)
        self._given = given

    def rows(self, cursor: Any, some: Array, table: dict[str, Array]) -> Rows:
        """The rows of the requests `some`, indices into the table."""
        asked = read_inputs(cursor, some, table["n_rows"], self._profile)
        answers = read_answers(cursor, some, asked.rows, self._labels, self._given)
        whole = np.repeat(table["input"][some], asked.rows)
        fingerprint = asked.fingerprint if asked.fingerprint is not None else _apart(whole, asked.rows)
        inputs = {"fingerprint": fingerprint, "codes": asked.codes, "traits": asked.traits, "asked": answers.given}
        return Rows(asked.rows, {**inputs, **answers._asdict()})


def _apart(whole: Array, rows: Array) -> Array:
    """(n,) hashes of rows of which only the whole request's hash is known: by it and the place in it; 0 stays 0."""
    if rows.size == whole.size:
        return whole
    starts = np.repeat(np.cumsum(rows) - rows, rows)
    return np.where(whole > 0, whole + (np.arange(whole.size) - starts).astype(np.uint64) * _MIX, np.uint64(0))
