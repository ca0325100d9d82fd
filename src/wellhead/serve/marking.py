"""Keeps the marked answers with their inputs, after the response was sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from wellhead.config import Config
from wellhead.core.arrays import Array
from wellhead.core.codec import unpack
from wellhead.core.errors import AuditError
from wellhead.core.event import Answer, Event, Exchange, Mark
from wellhead.core.finding import Action
from wellhead.defend.mark import SECOND, Marked, Marking, marks_of
from wellhead.defend.own.commitment import Opening
from wellhead.defend.own.slip import slip, slips_of, written
from wellhead.gate.record import fingerprints, probabilities
from wellhead.serve.ownership import marks_path
from wellhead.store.marks import Kept, Marks, packed

SLIPS = "slips"
"""The `what` of the log's records of slips."""

Write = Callable[[Sequence[Mark]], object]
"""Appends to the log."""


class Marker:
    """The worker's aide for marks. opening: under which answers are marked.  key: of the fingerprints."""

    def __init__(self, marks: Marks, opening: Opening, key: bytes, write: Write) -> None:
        self._marks = marks
        self._opening = opening
        self._marking = opening.marking
        self._commitment = opening.commitment
        self._key = key
        self._write = write

    def see(self, exchanges: Sequence[Exchange], events: Sequence[Sequence[Event]]) -> None:
        """Keep what was marked, behind its slip in the log; a disk that refuses costs evidence, and is said."""
        kept, slips = list[Kept](), list[Mark]()
        for x, made in zip(exchanges, events, strict=True):
            found = dict(self._kept(x))
            slips += list(self._slips(x.time_us, made, found))
            kept += found.values()
        try:
            if slips:
                self._write(slips)
            self._marks.add(kept)
        except (OSError, AuditError) as e:
            why = e.strerror if isinstance(e, OSError) else e
            print(f"wellhead: {len(kept)} marked answers could not be kept: {why}", file=sys.stderr, flush=True)

    def turn(self, now_s: float) -> Sequence[Action]:  # noqa: ARG002 - the contract's
        """Nothing is due."""
        return ()

    def stop(self) -> None:
        """Nothing is in flight."""

    def _slips(self, time_us: int, events: Sequence[Event], kept: Mapping[int, Kept]) -> Iterator[Mark]:
        """One record for each event that passed `mark`: a slip for each of its rows, marked or not."""
        start = 0
        for event in events:
            if is_marked(event.defence) and event.fingerprints:
                prints = unpack(event.fingerprints, "<u8", event.rows).ravel().tolist()
                told = [kept[row].told if row in kept else b"" for row in range(start, start + event.rows)]
                made = [slip(self._opening.nonce, event.principal, *row) for row in zip(prints, told, strict=True)]
                yield Mark(time_us=time_us, what=SLIPS, detail=written(slips_of(self._commitment, event, made)))
            start += event.rows

    def _kept(self, x: Exchange) -> Iterator[tuple[int, Kept]]:
        if x.query is None or x.answer is None or x.true_answer is None or not is_marked(x.defence):
            return
        true = probabilities(x.true_answer)
        inputs = x.query.inputs
        if true is None or len(true) != len(inputs):
            return
        seen = fingerprints(inputs, self._key)
        found = marks_of(self._marking, true, x.caller.principal, seen)
        # a defence beside the mark may have moved the answer on: what does not carry the mark is no evidence
        for at in np.flatnonzero(carried(self._marking, found, x.answer)).tolist():
            row = int(found.rows[at])
            yield (
                row,
                Kept(
                    commitment=self._commitment,
                    time_us=x.time_us,
                    principal=x.caller.principal,
                    request=x.request,
                    fingerprint=f"{int(seen[row]):016x}",
                    served=int(found.served[at]),
                    rival=int(found.rival[at]),
                    classes=true.shape[1],
                    **packed(inputs, row),  # type: ignore[arg-type]
                ),
            )


def marker_of(config: Config, opening: Opening | None, key: bytes, write: Write) -> list[Marker]:
    """The aide that keeps what is marked under an opening; none where nothing is."""
    if opening is None:
        return []
    return [Marker(Marks(marks_path(config)), opening, key, write)]


def is_marked(defence: str) -> bool:
    """True where `mark` is among the names of what shaped an answer."""
    return "mark" in defence.replace("(", "+").replace(")", "+").split("+")


def carried(marking: Marking, found: Marked, answer: Answer) -> Array:
    """(m,) bool: does the served answer show the mark?"""
    if marking.variant == SECOND:
        if answer.scores is None:
            return np.zeros(found.rows.size, bool)
        return np.asarray(answer.scores[found.rows, found.served] > answer.scores[found.rows, found.rival])
    top = answer.top1
    return np.zeros(found.rows.size, bool) if top is None else np.asarray(top[found.rows] == found.served)
