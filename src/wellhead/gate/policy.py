"""The config's rules, worked out once for each plan."""

from __future__ import annotations

import msgspec

from wellhead.config import Config, Exposed, Limits, exposure_of
from wellhead.core.verdict import Stance, Verdict

_RESPONSES = {"alert": Stance.WATCH, "reduce": Stance.REDUCE, "throttle": Stance.THROTTLE}


class Terms(msgspec.Struct, frozen=True):
    """What one plan may do.

    passing: the verdict on a query that nothing is held against.
    per_row_s: seconds that one row costs of the rate limit, 0 where there is none.  burst_rows: rows at once.
    rows_per_day, max_rows, max_unread_rows: rows, 0 means no limit.  max_drawn: 0..1.
    """

    per_row_s: float
    burst_rows: int
    rows_per_day: int
    max_rows: int
    max_unread_rows: int
    passing: Verdict
    max_drawn: float


def _terms(limits: Limits, exposed: Exposed, max_drawn: float) -> Terms:
    rate = limits.rows_per_minute
    return Terms(
        per_row_s=60.0 / rate if rate else 0.0,
        burst_rows=limits.burst_rows or rate,
        rows_per_day=limits.rows_per_day,
        max_rows=limits.max_rows,
        max_unread_rows=limits.max_unread_rows,
        passing=Verdict(Stance.ALLOW, exposure_of(exposed), decimals=exposed.decimals, top_k=exposed.top_k),
        max_drawn=max_drawn,
    )


class Policy(msgspec.Struct, frozen=True):
    """Who may do what. enforce: False lets every query pass and says what would have been done.

    share: the attributes that tie principals together.  response: the stance that guilt asks for; WATCH only alerts.
    allow: principals that no decision touches, looked up when the decision would bite.
    """

    enforce: bool
    base: Terms
    plans: dict[str, Terms]
    allow: frozenset[str]
    global_per_row_s: float
    global_burst_rows: int
    closed_for_s: float
    window_days: int
    share: tuple[str, ...]
    response: Stance = Stance.THROTTLE

    def terms(self, plan: str) -> Terms:
        """The terms of a plan; a plan that the config does not name has those of the whole."""
        return self.plans.get(plan, self.base)


def compile_policy(config: Config) -> Policy:
    """The policy that a config describes."""
    plans = {
        name: _terms(
            plan.limits or config.limits,
            plan.exposure or config.exposure,
            config.valve.max_drawn if plan.max_drawn is None else plan.max_drawn,
        )
        for name, plan in config.plans.items()
    }
    rate = config.limits.global_rows_per_minute
    return Policy(
        enforce=config.mode == "enforce",
        base=_terms(config.limits, config.exposure, config.valve.max_drawn),
        plans=plans,
        allow=frozenset(config.valve.allow),
        global_per_row_s=60.0 / rate if rate else 0.0,
        global_burst_rows=rate,
        closed_for_s=config.valve.closed_for_s,
        window_days=config.valve.window_days,
        share=config.valve.share,
        response=_RESPONSES[config.detect.response],
    )
