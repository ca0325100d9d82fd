"""What a target tells of itself before it is asked anything."""

from __future__ import annotations

from typing import NamedTuple

from wellhead.core.arrays import Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.redteam.oracle import Model


def unasked(inputs: Inputs) -> Answer:
    """The model of a target that is reached in another way."""
    raise ConfigError(f"expected to ask an oracle about {len(inputs)} inputs, got a target without a model of its own")


class Opened(NamedTuple):
    """A model that can be asked, and what is known of it without asking.

    shape: of one input, () where unknown.  classes: their names in score order.  pool: inputs that it came with.
    """

    model: Model = unasked
    shape: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    pool: Inputs | None = None
