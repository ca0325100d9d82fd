"""The defences that answers pass: compiled once for each list of them, from the words of the config and what is known.

Some need what comes later, such as a codebook that is fitted with the profile: until then only labels leave.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wellhead.core.event import Answer, Query
from wellhead.core.verdict import Verdict
from wellhead.defend.guarantees import Context, Depends
from wellhead.defend.pipeline import Pipeline
from wellhead.defend.spec import compose
from wellhead.gate.record import fingerprints

_CONTEXT = Context()


class _Shaper(msgspec.Struct):
    """One compiled list. by_input: its defences look at the inputs."""

    pipeline: Pipeline
    by_input: bool


class Shaping:
    """Pipelines by the lists of defences that verdicts name. plain: the one of no defences.

    key: of the input fingerprints.  given: what defences need and no config says, by the names of their fields.
    faults: answers of which only labels left because something failed, and the last reason.
    """

    def __init__(self, plain: Pipeline, key: bytes, given: Mapping[str, object]) -> None:
        self.faults = plain.faults
        self._given = dict(given)
        self._key = key
        self._plain = plain
        self._known: dict[tuple[str, ...], _Shaper] = {}

    def give(self, parts: Mapping[str, object]) -> None:
        """From now on these are known too; what was compiled without them is compiled anew."""
        self._given.update(parts)
        self._known.clear()

    def shape(self, query: Query, answer: Answer, verdict: Verdict) -> tuple[Answer, str]:
        """The answer as it may leave, and the names of what shaped it."""
        limits = (verdict.exposure, verdict.decimals, verdict.top_k)
        if not verdict.answers:
            return self._plain.shape(answer, *limits)
        shaper = self._known.get(verdict.answers)
        if shaper is None:
            shaper = self._known[verdict.answers] = self._compiled(verdict.answers)
        try:
            marks = fingerprints(query.inputs, self._key) if shaper.by_input else None
        except Exception as e:
            return Pipeline(missing=f"inputs without fingerprints: {e}", faults=self.faults).shape(answer, *limits)
        context = Context(fingerprints=marks, principal=verdict.principal, stance=int(verdict.stance))
        return shaper.pipeline.shape(answer, *limits, context)

    def _compiled(self, answers: tuple[str, ...]) -> _Shaper:
        """The pipeline of these; one that lets only labels leave where they cannot be had."""
        try:
            pipeline = Pipeline(compose(answers, self._given), faults=self.faults)
        except Exception as e:  # a plugin may raise anything
            return _Shaper(Pipeline(missing=str(e), faults=self.faults), False)
        promise = pipeline.guarantees
        return _Shaper(pipeline, promise.keyed or promise.deterministic is not Depends.OUTPUT)
