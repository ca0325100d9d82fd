"""What a target tells of itself before it is asked anything."""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from wellhead.core.arrays import Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.redteam.oracle import Model


def unasked(inputs: Inputs) -> Answer:
    """The model of a target that is reached in another way."""
    raise ConfigError(f"expected to ask an oracle about {len(inputs)} inputs, got a target without a model of its own")


def brief(error: Exception) -> str:
    """The first sentence of what another package says went wrong, cut between words where it is long."""
    first = re.split(r"\n|(?<=\.) (?=[A-Z])", str(error).strip())[0]
    return textwrap.shorten(first, 160, placeholder=" ...") or type(error).__name__


class Opened(NamedTuple):
    """A model that can be asked, and what is known of it without asking.

    shape: of one input, () where unknown.  classes: their names in score order.  pool: inputs that it came with.
    """

    model: Model = unasked
    shape: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    pool: Inputs | None = None
