"""What every detector promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wellhead.core.finding import Signal
from wellhead.meter.sketch import View


class Detector(Protocol):
    """Reads what the sketches say of one principal; configuration is frozen, events are never folded here.

    A signal is evidence: never by itself an accusation or an action.
    """

    def read(self, view: View) -> Sequence[Signal]:
        """What this detector has to say, nothing where it has nothing. Pure; strength in 0..1."""
        ...
