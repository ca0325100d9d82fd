"""How much an answer gives away."""

from __future__ import annotations

import enum


class Exposure(enum.IntEnum):
    """Ordered: a larger member gives away at least as much as a smaller one.

    VALUE is a regressor's number: nothing but its decimals can be cut, so it stands above the ladder.
    """

    NONE = 0
    LABEL = 1
    TOP_K = 2
    PROBABILITIES = 3
    LOGITS = 4
    VALUE = 5

    @property
    def has_scores(self) -> bool:
        """True where the answer carried a full score vector for each row."""
        return self in (Exposure.PROBABILITIES, Exposure.LOGITS)

    @classmethod
    def parse(cls, word: str) -> Exposure:
        """The member named by a config word such as `top_k`; raises KeyError for any other."""
        return cls[word.upper()]
