"""What a log holds: a detector or a field that needs more than that is unknown, never zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch, Visits
from wellhead.detect.detectors import Detectors
from wellhead.detect.signal import NEEDS

_FIELDS = {
    "unique_ratio": "inputs",
    "full_confidence_ratio": "confidence",
    "boundary_ratio": "margins",
    "label_evenness": "answers",
    "scores_asked_ratio": "answers",
}
"""Fields of a View that mean nothing where the log lacks this."""


class Held:
    """Learns from batches what a log holds.

    have: words of NEEDS that it has shown so far.  registered: somebody was taken over by `wellhead principals import`.
    """

    def __init__(self, registered: bool = False) -> None:
        self.have: set[str] = {"registrations"} if registered else set()
        self._blind: Array = np.zeros(0, np.intp)
        self._seen: frozenset[str] | None = None

    def notice(self, batch: Batch, visits: Visits | None = None) -> None:
        """Learn from answered rows, and from requests."""
        have = self.have
        if visits is not None and len(visits):
            have.add("requests")
        if len(batch) and len(have) < len(NEEDS):
            shown: dict[str, Callable[[], object]] = {
                "inputs": batch.fingerprint.any,
                "raw_inputs": batch.traits.any,
                "answers": lambda: (batch.top1 >= 0).any() or not np.isnan(batch.values).all(),
                "confidence": lambda: not np.isnan(batch.confidence).all(),
                "margins": lambda: not np.isnan(batch.confidence[_told(batch)]).all(),
                "profile": batch.codes.any,
                "attributes": lambda: any(batch.attributes),
            }
            have.update(word for word, look in shown.items() if word not in have and look())

    def lacks(self, fields: Iterable[str]) -> str:
        """What these fields of a View would need and the log lacks, in words; empty where it lacks nothing."""
        missing = sorted({_FIELDS[f] for f in fields if f in _FIELDS} - self.have)
        return "needs " + " and ".join(NEEDS[w] for w in missing) if missing else ""

    def missing(self, detectors: Detectors) -> dict[str, str]:
        """The detectors that cannot be computed, each with what it lacks."""
        return detectors.missing([w for w in NEEDS if w in self.have])

    def blind(self, detectors: Detectors) -> Array:
        """The columns of those detectors; always asked of the same ones."""
        if self._seen is None or self._seen != frozenset(self.have):
            self._seen = frozenset(self.have)
            missing = self.missing(detectors)
            self._blind = np.array([i for i, n in enumerate(detectors.names) if n in missing], np.intp)
        return self._blind


def _told(batch: Batch) -> Array:
    """(n,) bool: rows that tell how far apart the two best classes were, where they have a confidence."""
    if batch.classes == 2 or batch.scores.ndim != 2 or batch.scores.shape[1] < 2:
        return np.full(len(batch), batch.classes == 2)
    return np.asarray(batch.scores.any(axis=1))
