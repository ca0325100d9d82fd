"""Two rules as they are shipped: calls an hour, and the field's naive three signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.detect_peers import ROWS, Looks, distinct
from benchmarks.detect_world import Stream, Table


@dataclass(frozen=True)
class Volume:
    """Calls of one principal to one model in the last 60 minutes, looked at after every call.

    Source: elastic/detection-rules, exfiltration_bedrock_high_frequency_inference_api_probing.toml (AML.T0024):
    500 calls or more in 60 minutes.
    """

    name: ClassVar[str] = "volume 500/h"
    published: ClassVar[float] = 499.0
    seconds: ClassVar[float] = 3_600.0

    @classmethod
    def fit(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Volume:
        """Nothing to fit."""
        del table, honest, rng
        return cls()

    def looks(self, stream: Stream) -> Looks:
        """Score: calls in the hour that ends with the call."""
        times = np.asarray(stream.time_s[:ROWS], float)
        seen = np.arange(1, times.size + 1)
        return Looks(seen, (seen - np.searchsorted(times, times - self.seconds, side="right")).astype(float))


@dataclass(frozen=True)
class ThreeSignals:
    """More than 100 queries, more than 0.9 of them new, more than 0.8 asking for probabilities.

    Source: the field's naive rule (shipped as detect/shipped/three_signals.toml). Recalibrated, the number of queries
    moves and the two shares stay.
    """

    name: ClassVar[str] = "three signals"
    published: ClassVar[float] = 100.0
    table: Table

    @classmethod
    def fit(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> ThreeSignals:
        """Nothing to fit."""
        del honest, rng
        return cls(table)

    def looks(self, stream: Stream) -> Looks:
        """Score: queries so far where both shares are over their bounds, else 0."""
        seen = np.arange(1, min(len(stream.rows), ROWS) + 1)
        new = np.cumsum(distinct(stream, self.table)) / seen
        return Looks(seen, np.where((new > 0.9) & (not stream.label_only), seen, 0.0).astype(float))
