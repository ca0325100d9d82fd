"""Raw inputs of those whose codes tell too little, in memory only: the latest, so that a refit can learn from them.

Codes are made for inputs like the sample. Noise and far-out queries are clipped in them, and a learner that is given
only codes learns less than the thief who knows what it asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.core.codec import unpack
from wellhead.core.event import Event, Exchange
from wellhead.meter.features import flatten
from wellhead.meter.profile import Profile

MOST_ROWS = 4_000
"""Rows kept of one principal, the latest."""
MOST_BYTES = 64 << 20
"""Of all rows; beyond, those of the principal that has asked least lately are forgotten."""
CLIPPED = 0.05
"""Where more of the codes than this lie at their end, they do not say what was asked."""
_END = 127


class Raw:
    """Flattened inputs by fingerprint, of the principals in `names`."""

    def __init__(self, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self.names: frozenset[str] = frozenset()
        self.bytes = 0
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._held: OrderedDict[str, OrderedDict[int, Array]] = OrderedDict()

    def see(self, exchanges: Sequence[Exchange], events: Sequence[Sequence[Event]], profile: Profile) -> None:
        """Keep what those in `names` asked in these exchanges, each stored as `events`; texts are not kept."""
        if not self.names:
            return
        for x, made in zip(exchanges, events, strict=True):
            if x.caller.principal in self.names and x.query is not None and x.answer is not None and made[0].codes:
                inputs = x.query.inputs
                if not isinstance(inputs, list):
                    marks = np.concatenate([unpack(e.fingerprints, "<u8", e.rows).reshape(-1) for e in made])
                    self._keep(x.caller.principal, marks, flatten(inputs, profile.kind))

    def _keep(self, name: str, marks: Array, rows: Array) -> None:
        held = self._held.setdefault(name, OrderedDict())
        self._held.move_to_end(name)
        for mark, row in zip(marks.tolist(), rows, strict=True):
            if mark not in held:
                held[mark] = row.copy()
                self.bytes += row.nbytes
        while len(held) > self._most_rows:
            self.bytes -= held.popitem(last=False)[1].nbytes
        while self.bytes > self._most_bytes and len(self._held) > 1:
            self.bytes -= sum(row.nbytes for row in self._held.popitem(last=False)[1].values())

    def of(self, members: Sequence[str]) -> dict[int, Array]:
        """What is kept of these principals, by fingerprint."""
        return {mark: row for name in members for mark, row in self._held.get(name, {}).items()}


def seen(batch: Batch, profile: Profile, raw: dict[int, Array]) -> tuple[Array, Array]:
    """Inputs of a batch as learners see them, (n, f) float32, and (n,) bool: those that are known well enough.

    Raw where they are kept, else what the codes tell. Texts stay codes: nothing leads back from them.
    """
    inputs = told(batch.codes, profile)
    known = np.asarray((np.abs(batch.codes.astype(np.int16)) == _END).mean(axis=1) <= CLIPPED)
    if raw and profile.kind != "text":
        for row, mark in enumerate(batch.fingerprint.tolist()):
            if mark in raw:
                inputs[row], known[row] = raw[mark], True
    return inputs, known


def told(codes: Array, profile: Profile) -> Array:
    """(n, f) float32 inputs that codes stand for; (n, d) for texts."""
    code_map = profile.code_map
    parts = (codes * code_map.step).astype(np.float32)
    if profile.kind == "text":
        return parts
    return np.asarray(parts @ code_map.axes.T * code_map.spread + code_map.centre, np.float32)
