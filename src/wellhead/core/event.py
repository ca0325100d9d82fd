"""The one record: a question, its answer, and who asked.

Live traffic, log import, replay, drill and red team all make Events; meter, detectors, policy, audit log and
reports all read them. A request with n rows is n queries; a request with more than ROWS_PER_EVENT rows is stored
as several events with the same `request` and rising `part`.
"""

from __future__ import annotations

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Flat, Inputs, Labels, Scores, Values
from wellhead.core.exposure import Exposure

ROWS_PER_EVENT = 64
SCORES_KEPT = 32


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the guarded model.

    task: `classifier` or `regressor`.  classes: names in score order; empty where the model speaks of indices.
    """

    name: str = "model"
    task: str = "classifier"
    classes: tuple[str, ...] = ()


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, as far as it could be proved. Unknown fields are empty.

    address: source IP as text.  created_day: sign-up day, YYYY-MM-DD.
    """

    principal: str
    key: str = ""
    organisation: str = ""
    email: str = ""
    plan: str = ""
    use: str = ""
    created_day: str = ""
    address: str = ""
    agent: str = ""


class Query:
    """One request as decoded from the wire: n questions.

    inputs: (n, ...) float32, or n texts; given as Flat (float32 bytes or a list) they become an array at first use.
    asked: the most that the request asks the model to give away.
    rows: n, also where the inputs could not be read as numbers.
    """

    __slots__ = ("_inputs", "asked", "model", "rows")

    def __init__(self, model: str, inputs: Inputs | Flat, rows: int, asked: Exposure) -> None:
        self.model = model
        self._inputs = inputs
        self.rows = rows
        self.asked = asked

    @property
    def inputs(self) -> Inputs:
        """(n, ...) float32, or n texts; always the same object. It must not be written to."""
        held = self._inputs
        if isinstance(held, Flat):
            held = self._inputs = held.array("<f4")
        return held


class Answer:
    """What came back for a Query's n rows, before or after defence; equal to another that says the same.

    scores: (n, k) probabilities or logits; given as Flat (float64 bytes or a list) they become an array at first use.
    labels: (n,) class index.  values: (n,) a regressor's numbers.
    kind: what the answer gives away; after a label-only defence `scores` may be one-hot and kind LABEL.
    """

    __slots__ = ("_scores", "kind", "labels", "values")

    def __init__(
        self,
        kind: Exposure,
        scores: Scores | Flat | None = None,
        labels: Labels | None = None,
        values: Values | None = None,
    ) -> None:
        self.kind = kind
        self._scores = scores
        self.labels = labels
        self.values = values

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answer):
            return NotImplemented
        pairs = ((self.scores, other.scores), (self.labels, other.labels), (self.values, other.values))
        return self.kind is other.kind and all(_equal(a, b) for a, b in pairs)

    @property
    def scores(self) -> Scores | None:
        """(n, k), or None; always the same object. It must not be written to."""
        held = self._scores
        if isinstance(held, Flat):
            held = self._scores = held.array("<f8")
        return held

    @property
    def flat(self) -> Flat | None:
        """The scores as long as they are no array; None where they are one, or there are none."""
        held = self._scores
        return held if isinstance(held, Flat) else None

    @property
    def top1(self) -> Labels | None:
        """(n,) class index of the answer's best class; None for regressors."""
        if self.labels is not None:
            return self.labels
        return None if self.scores is None else self.scores.argmax(axis=1)


def _equal(one: Array | None, other: Array | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


class Exchange(msgspec.Struct):
    """One request and what was answered, in memory, as capture hands it on; it becomes Events.

    answer: as served, None where nothing was.  true_answer: before any defence, None where the same.
    defence: name of the pipeline that shaped the answer, empty where it left as it came.
    """

    caller: Caller
    query: Query | None
    answer: Answer | None
    time_us: int
    status: int
    request: str = ""
    method: str = "POST"
    endpoint: str = ""
    latency_us: int = 0
    true_answer: Answer | None = None
    defence: str = ""
    stance: int = 0
    reason: str = ""
    drill: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag="event", tag_field="kind"):
    """One stored exchange of at most ROWS_PER_EVENT rows; strings and integers only, so that its bytes are canonical.

    time_us: microseconds since 1970 UTC.  latency_us: as the client saw it.  status: HTTP status sent.
    address, network, agent, email: salted HMACs (hex), never the value; network is the /24 or /48.
    fingerprints: base64 of rows x 8 bytes, keyed hash of each input.
    codes: base64 of rows x d int8, the profile's projection; empty before a profile is fitted.
    traits: base64 of rows x 3 uint8, what each input looked like (see wellhead.meter.traits); empty where unknown.
    scores: base64 of rows x min(k, 32) int8 quantised log-probabilities (see core.codec); empty without scores.
    score_classes: base64 of rows x 32 uint16 class indices, only where the model has more than 32 classes.
    top1: class index of each row, -1 unknown.  confidence_pm: per mille, -1 where none was served.
    values: decimal text of each row for regressors.  asked, given: Exposure.  stance: in force when answered.
    """

    request: str
    time_us: int
    principal: str
    model: str
    rows: int
    status: int
    part: int = 0
    key: str = ""
    organisation: str = ""
    plan: str = ""
    use: str = ""
    created_day: str = ""
    email: str = ""
    address: str = ""
    network: str = ""
    agent: str = ""
    method: str = "POST"
    endpoint: str = ""
    latency_us: int = 0
    fingerprints: str = ""
    codes: str = ""
    profile: str = ""
    traits: str = ""
    asked: int = 0
    given: int = 0
    classes: int = 0
    top1: tuple[int, ...] = ()
    confidence_pm: tuple[int, ...] = ()
    scores: str = ""
    score_classes: str = ""
    values: tuple[str, ...] = ()
    defence: str = ""
    stance: int = 0
    reason: str = ""
    drill: str = ""
    v: int = 1


class Coded(msgspec.Struct, frozen=True, kw_only=True, tag="coded", tag_field="kind"):
    """The codes of an event that was stored before its profile was fitted."""

    request: str
    part: int
    profile: str
    codes: str
    v: int = 1


class Gap(msgspec.Struct, frozen=True, kw_only=True, tag="gap", tag_field="kind"):
    """Events that were acknowledged and may not be in the log: said, never silent.

    events: how many, -1 where it cannot be known.
    """

    time_us: int
    since_us: int
    events: int
    reason: str
    v: int = 1


class Mark(msgspec.Struct, frozen=True, kw_only=True, tag="mark", tag_field="kind"):
    """A moment in the operator's own history: start, stop, profile fitted, key added, config changed."""

    time_us: int
    what: str
    detail: str = ""
    v: int = 1
