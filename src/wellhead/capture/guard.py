"""What stands around a model: everything that the middleware needs, in one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wellhead.capture.identify import Identify
from wellhead.config import Config
from wellhead.core.event import Exchange, ModelSpec

if TYPE_CHECKING:
    from wellhead.defend.answer_rules import AnswerRules
    from wellhead.gate.gate import Gate
    from wellhead.protocols.base import Protocol


@dataclass(frozen=True, slots=True)
class Guard:
    """observe: takes every exchange, served or refused, after its response was sent; it must only queue.

    clock: seconds since 1970 UTC.  body_timeout_s: for a client to send its whole body.
    answer_rules: what must not leave in the model's words.
    """

    protocol: Protocol
    spec: ModelSpec
    identify: Identify
    gate: Gate
    observe: Callable[[Exchange], None]
    config: Config
    clock: Callable[[], float]
    body_timeout_s: float = 30.0
    answer_rules: AnswerRules | None = None
