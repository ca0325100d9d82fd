"""How many false alarms are accepted."""

from __future__ import annotations

import re

import msgspec

from wellhead.core.errors import ConfigError

_FORM = re.compile(r"(\d+) per (\d+) principals? per (\d+) ?(?:days?|d)")
_DAYS = 366


class AlarmBudget(msgspec.Struct, frozen=True):
    """False alarms among so many principals in so many days."""

    alarms: int
    principals: int
    period_days: int

    @property
    def alpha(self) -> float:
        """The accepted share of honest principals that ever alarm in a period, 0..1."""
        return self.alarms / self.principals

    @classmethod
    def parse(cls, text: str) -> AlarmBudget:
        """The budget in `1 per 1000 principals per 30 days`; raises ConfigError saying what was expected."""
        match = _FORM.fullmatch(" ".join(text.lower().split()))
        alarms, principals, days = map(int, match.groups()) if match else (0, 0, 0)
        if not (0 < alarms < principals and 0 < days <= _DAYS):
            raise ConfigError(
                f"expected `A per N principals per D days` with 0 < A < N and D of 1 to {_DAYS}, got `{text}`",
                "set detect.alarm_budget, for example to `1 per 1000 principals per 30 days`",
            )
        return cls(alarms, principals, days)

    def __str__(self) -> str:
        return f"{self.alarms} per {self.principals} principals per {self.period_days} days"
