"""What an attack asks: the oracle contract, and a Python callable as oracle (see also `gated` and `http`)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import BadAnswer
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure


class Reply(msgspec.Struct):
    """What came of one attempt. status: HTTP, 0 where no reply came.  retry_after_s: as asked by the server.

    answer: None unless it was read.  detail: why not, for the report.  told: headers that name software or versions.
    """

    status: int
    answer: Answer | None = None
    sent_bytes: int = 0
    received_bytes: int = 0
    latency_s: float = 0.0
    retry_after_s: float = 0.0
    detail: str = ""
    told: tuple[str, ...] = ()

    @property
    def charged(self) -> bool:
        """True unless the server refused: without a reply it may have answered and billed."""
        return self.status in (0, 200)


class Clock(Protocol):
    """Seconds that go by; simulated ones where the oracle is."""

    def now_s(self) -> float:
        """Seconds since 1970 UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let so many seconds go by."""
        ...


class Wall:
    """Real time, never running backwards."""

    def __init__(self) -> None:
        self._offset = time.time_ns() / 1e9 - time.monotonic()

    def now_s(self) -> float:
        """Seconds since 1970 UTC."""
        return self._offset + time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Simulated:
    """Time that passes only when somebody waits: thirty days of a slow attack in a second."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        """Seconds since 1970 UTC, in the simulated world."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self._now_s += seconds


class Line(Protocol):
    """One account's way to the model; used by one thread at a time."""

    account: str

    def send(self, inputs: Inputs, timeout_s: float) -> Reply:
        """Ask once. Failures are replies, not exceptions."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Oracle(Protocol):
    """A target with its accounts.

    target: names the model and its version, keys the cache.  owner: who authorised the attack, empty on this host.
    rows_per_call: the most that one request carries.  concurrent: each line may run in its own thread.
    """

    target: str
    owner: str
    rows_per_call: int
    timeout_s: float
    concurrent: bool
    clock: Clock

    @property
    def lines(self) -> Sequence[Line]:
        """One for each account."""
        ...


Model = Callable[[Inputs], "Answer | Array"]
"""Answers inputs: an Answer, (n, k) float probabilities, (n,) int labels, or (n,) float values."""


def as_answer(told: Answer | Array) -> Answer:
    """An Answer from what a model callable returned; raises BadAnswer for anything else."""
    if isinstance(told, Answer):
        return told
    array = _numbers(told)
    if array.ndim == 2:
        return Answer(Exposure.PROBABILITIES, scores=array.astype(np.float64))
    if np.issubdtype(array.dtype, np.integer):
        return Answer(Exposure.LABEL, labels=array.astype(np.int64))
    return Answer(Exposure.VALUE, values=array.astype(np.float64))


def _numbers(told: Any) -> Array:
    try:
        array = np.asarray(told)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.ndim in (1, 2) and array.dtype.kind in "biuf":
        return array
    if array.ndim == 1 and array.dtype.kind in "UO" and array.size and isinstance(array[0], str):
        raise BadAnswer(
            f"expected class indices, got labels such as {str(array[0])[:40]!r}",
            "name the classes in score order in an attribute of the callable, such as model.classes = ('cat', 'dog')",
        )
    came = f"shape {array.shape} of {array.dtype}" if isinstance(told, np.ndarray) else type(told).__name__
    raise BadAnswer(f"expected (n, k) probabilities, (n,) labels, (n,) values or an Answer from the model, got {came}")


class CallLine:
    """A line to a callable."""

    def __init__(self, account: str, ask: Callable[[Inputs], Reply], clock: Clock) -> None:
        self.account = account
        self._ask = ask
        self._clock = clock

    def send(self, inputs: Inputs, timeout_s: float) -> Reply:  # noqa: ARG002  a callable cannot be cut short
        start_s = self._clock.now_s()
        try:
            reply = self._ask(inputs)
        except Exception as e:  # the model is somebody else's: whatever it raises is a failed attempt
            reply = Reply(500, detail=f"{type(e).__name__}: {e}")
        reply.latency_s = self._clock.now_s() - start_s
        return reply

    def close(self) -> None:
        """Nothing to hang up."""


@dataclass
class InProcess:
    """A Python callable as target."""

    model: Model
    target: str = "in-process"
    rows_per_call: int = 4096
    clock: Clock = field(default_factory=Wall)
    owner: str = ""
    timeout_s: float = math.inf
    concurrent: bool = False

    @property
    def lines(self) -> tuple[Line, ...]:
        """One line, account `local`."""
        return (CallLine("local", self._ask, self.clock),)

    def _ask(self, inputs: Inputs) -> Reply:
        try:
            return Reply(200, as_answer(self.model(inputs)))
        except BadAnswer as e:  # asking again would bring the same
            return Reply(200, detail=str(e))
