"""Until a profile exists: keep raw inputs of answered queries in memory, and fit one when there are enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Codes, Inputs
from wellhead.core.codec import pack, unpack
from wellhead.core.errors import WellheadError
from wellhead.core.event import Answer, Coded, Event, Exchange, Mark
from wellhead.core.exposure import Exposure
from wellhead.meter.profile import Profile

Fit = Callable[[Inputs, Answer], Profile]

ENOUGH = 1_000
"""Distinct queries that a profile is fitted on."""
MOST = 20_000
"""Queries whose raw inputs are held at most while there is no profile."""


class Held(NamedTuple):
    """One answered exchange that waits for codes."""

    events: Sequence[Event]
    exchange: Exchange
    inputs: Inputs
    answer: Answer


class Fitting:
    """Collects, fits in a thread of its own, and hands over the profile with the codes that were missing.

    fit: None where a profile exists from the start.  enough: distinct inputs.
    """

    def __init__(self, fit: Fit | None, enough: int = ENOUGH) -> None:
        self._fit = fit
        self._enough = enough
        self._held: list[Held] = []
        self._distinct: dict[int, tuple[int, int]] = {}
        self._rows = 0
        self._thread: threading.Thread | None = None
        self._profile: Profile | None = None
        self.error = ""
        self.uncoded = 0

    @property
    def ready(self) -> bool:
        """True when a profile waits to be taken."""
        return self._profile is not None

    @property
    def progress(self) -> str:
        """Where the profile stands, in words."""
        if self.error:
            return self.error
        if self._thread is not None:
            return "being fitted"
        return f"not yet: {len(self._distinct)} of {self._enough} distinct inputs seen"

    def see(self, x: Exchange, events: Sequence[Event], codes: Codes | None) -> None:
        """Hold an answered query that could not be coded yet."""
        answer = x.true_answer or x.answer
        if self._fit is None or codes is not None or x.query is None or answer is None:
            return
        if self._rows + x.query.rows > MOST:
            self.uncoded += x.query.rows
            return
        marks = np.concatenate([unpack(e.fingerprints, "<u8", e.rows).reshape(-1) for e in events])
        for row, mark in enumerate(marks.tolist()):
            self._distinct.setdefault(mark, (len(self._held), row))
        self._held.append(Held(events, x, x.query.inputs, answer))
        self._rows += x.query.rows
        if len(self._distinct) >= self._enough and self._thread is None and not self.error:
            self._begin()

    def _begin(self) -> None:
        places = list(self._distinct.values())[: self._enough]
        inputs = _pick([h.inputs for h in self._held], places)
        answer = _pick_answer([h.answer for h in self._held], places)
        self._thread = threading.Thread(target=self._run, args=(inputs, answer), name="wellhead-fit", daemon=True)
        self._thread.start()

    def _run(self, inputs: Inputs, answer: Answer) -> None:
        try:
            if self._fit is not None:
                self._profile = self._fit(inputs, answer)
        except (WellheadError, ValueError, np.linalg.LinAlgError) as e:
            self.error = f"the profile could not be fitted: {e}"

    def take(self) -> tuple[Profile, list[tuple[Held, Codes]]]:
        """The profile, and what was stored without codes with its codes; nothing is held any longer."""
        profile = self._profile
        if profile is None:
            raise WellheadError("expected a fitted profile, got none yet")
        coded = [(held, codes) for held in self._held if (codes := _codes(profile, held)) is not None]
        self._fit = self._profile = None
        self._held, self._distinct, self._rows = [], {}, 0
        return profile, coded

    def wait(self) -> None:
        """Block until a fit that has begun is over."""
        if self._thread is not None:
            self._thread.join()


def mark(profile: Profile, now_us: int) -> Mark:
    """The log's word that a profile was taken up."""
    return Mark(time_us=now_us, what="profile fitted", detail=f"{profile.id}: D = {profile.dimension}, {profile.check}")


def _codes(profile: Profile, held: Held) -> Codes | None:
    try:
        return profile.code(held.inputs)
    except WellheadError:
        return None


def coded(profile: Profile, held: Held, codes: Codes) -> list[Coded]:
    """The records that give the stored events of one exchange their codes."""
    starts = np.cumsum([0, *(e.rows for e in held.events)])
    return [
        Coded(request=e.request, part=e.part, profile=profile.id, codes=pack(codes[a:b]))
        for e, a, b in zip(held.events, starts[:-1], starts[1:], strict=True)
    ]


def _pick(inputs: Sequence[Inputs], places: Sequence[tuple[int, int]]) -> Inputs:
    first = inputs[places[0][0]]
    if isinstance(first, list):
        return [inputs[i][row] for i, row in places if isinstance(inputs[i], list)]
    shape = first.shape[1:]
    return np.stack([part[row] for part, row in _arrays(inputs, places) if part.shape[1:] == shape])


def _arrays(inputs: Sequence[Inputs], places: Sequence[tuple[int, int]]) -> list[tuple[Array, int]]:
    return [(np.asarray(inputs[i]), row) for i, row in places if not isinstance(inputs[i], list)]


def _pick_answer(answers: Sequence[Answer], places: Sequence[tuple[int, int]]) -> Answer:
    """One answer for the picked rows; scores only where all of them carried scores."""

    def column(name: str) -> Array | None:
        parts = [getattr(answers[i], name) for i, _ in places]
        if any(p is None for p in parts):
            return None
        return np.stack([part[row] for part, (_, row) in zip(parts, places, strict=True)])

    scores, labels, values = column("scores"), column("labels"), column("values")
    kind = min(answers[i].kind for i, _ in places)
    if scores is None and labels is None and values is None:
        labels = np.array([_top1(answers[i])[row] for i, row in places])
        kind = Exposure.LABEL
    return Answer(kind, scores, labels, values)


def _top1(answer: Answer) -> Array:
    top1 = answer.top1
    if top1 is None:
        raise WellheadError("expected every answer to be a label, got a number", "set model.task in the config")
    return top1
