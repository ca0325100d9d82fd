"""Keeps the marked answers with their inputs, after the response was sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np

from wellhead.config import Config
from wellhead.core.arrays import Array
from wellhead.core.event import Answer, Event, Exchange
from wellhead.core.finding import Action
from wellhead.defend.mark import SECOND, Marked, Marking, marks_of
from wellhead.defend.own.commitment import Opening
from wellhead.gate.record import fingerprints, probabilities
from wellhead.serve.ownership import marks_path
from wellhead.store.marks import Kept, Marks, packed


class Marker:
    """The worker's aide for marks. commitment, marking: under which answers are marked.  key: of the fingerprints."""

    def __init__(self, marks: Marks, commitment: str, marking: Marking, key: bytes) -> None:
        self._marks = marks
        self._commitment = commitment
        self._marking = marking
        self._key = key

    def see(self, exchanges: Sequence[Exchange], events: Sequence[Sequence[Event]]) -> None:  # noqa: ARG002 - the contract's
        """Keep what was marked; a disk that refuses costs evidence, never an answer, and is said."""
        kept = [k for x in exchanges for k in self._kept(x)]
        try:
            self._marks.add(kept)
        except OSError as e:
            print(f"wellhead: {len(kept)} marked answers could not be kept: {e.strerror}", file=sys.stderr, flush=True)

    def turn(self, now_s: float) -> Sequence[Action]:  # noqa: ARG002 - the contract's
        """Nothing is due."""
        return ()

    def stop(self) -> None:
        """Nothing is in flight."""

    def _kept(self, x: Exchange) -> Iterator[Kept]:
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
            yield Kept(
                commitment=self._commitment,
                time_us=x.time_us,
                principal=x.caller.principal,
                request=x.request,
                fingerprint=f"{int(seen[row]):016x}",
                served=int(found.served[at]),
                rival=int(found.rival[at]),
                classes=true.shape[1],
                **packed(inputs, row),  # type: ignore[arg-type]
            )


def marker_of(config: Config, opening: Opening | None, key: bytes) -> list[Marker]:
    """The aide that keeps what is marked under an opening; none where nothing is."""
    if opening is None:
        return []
    return [Marker(Marks(marks_path(config)), opening.commitment, opening.marking, key)]


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
