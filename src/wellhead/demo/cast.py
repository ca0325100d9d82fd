"""Who plays, and what the acts ended with."""

from __future__ import annotations

from typing import Any, NamedTuple

from wellhead.demo.crowd import Habit, Outcome
from wellhead.demo.data import Images, Split
from wellhead.demo.stage import Account
from wellhead.redteam.attack import Extraction


class Cast(NamedTuple):
    """Who plays. accounts: by name.  thief: its eight account names."""

    parts: Split
    pool: Images
    crowd: list[Habit]
    accounts: dict[str, Account]
    thief: list[str]
    model: Any

    def truth(self, images: Images) -> Any:
        """The model's own answers, asked in process: what nobody's gate has touched."""
        return self.model.predict_proba(images)


class Acts(NamedTuple):
    """What the acts ended with. latencies_s: (direct, guarded) of the same probes."""

    guarded: Extraction
    unguarded: Extraction
    crowd: list[Outcome]
    latencies_s: tuple[float, float]
