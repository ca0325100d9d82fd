"""How many false alarms are accepted."""

from __future__ import annotations

import re

import msgspec

from wellhead.core.errors import ConfigError

_FORM = re.compile(r"(\d{1,10}) per (\d{1,10}) principals? per (\d{1,3}) ?(?:days?|d)")
_MOST = 10**9
_DAYS = 366
_SHOWN = 80


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
        if not (0 < alarms < principals <= _MOST and 0 < days <= _DAYS):
            raise ConfigError(
                f"expected `A per N principals per D days` with 0 < A < N, N of up to {_MOST:,} and D of 1 "
                f"to {_DAYS}, got `{text[:_SHOWN]}`",
                "set detect.alarm_budget, for example to `1 per 1000 principals per 30 days`",
            )
        return cls(alarms, principals, days)

    def __str__(self) -> str:
        return f"{self.alarms} per {self.principals} principals per {self.period_days} days"
