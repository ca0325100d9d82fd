"""What an operator wants of a policy, as a sentence: `cost to clone above value`, `fidelity below 0.8`."""

from __future__ import annotations

import re
from typing import NamedTuple

from wellhead.core.errors import ConfigError
from wellhead.redteam.outcome import Prices

COST, FIDELITY, DAYS = "cost", "fidelity", "days"
KNOWN = ("cost to clone above value", "cost to clone above 50000", "fidelity below 0.8", "days to clone above 90")
LEAST, MOST = 1e-9, 1e15
"""Money that is counted with: smaller and larger amounts are slips."""
_NUMBER = r"(\d[\d_,]*(?:\.\d+)?(?:e\d+)?)"
_FORMS = (
    (COST, re.compile(rf"cost to clone above (?:value|{_NUMBER})")),
    (FIDELITY, re.compile(rf"fidelity below {_NUMBER}\s*(%?)")),
    (DAYS, re.compile(rf"days to clone above {_NUMBER}")),
)


class Goal(NamedTuple):
    """kind: `cost`, `fidelity` or `days`.  bound: money, a share in (0, 1), or days."""

    kind: str
    bound: float


def parse_goal(text: str, value: float = 0.0) -> Goal:
    """The goal that a sentence states. value: what the model is worth, in the currency of the prices.

    Raises ConfigError with the known forms for any other, and where the bound makes no sense.
    """
    plain = " ".join(text.lower().split())
    for kind, form in _FORMS:
        found = form.fullmatch(plain)
        if found:
            bound = float(found[1].replace(",", "").replace("_", "")) if found[1] else value
            bound = bound / 100 if kind == FIDELITY and found[2] else bound
            return _checked(Goal(kind, bound), text)
    raise ConfigError(f"expected a goal, got {text[:80]!r}", "known: " + "; ".join(KNOWN))


def _checked(goal: Goal, text: str) -> Goal:
    if goal.kind == FIDELITY and not 0 < goal.bound < 1:
        raise ConfigError(f"expected a fidelity between 0 and 1, or in per cent, got {text[:80]!r}")
    if not goal.bound > 0:
        remedy = "give --value" if goal.kind == COST else ""
        raise ConfigError(f"expected a goal with a bound above 0, got {text[:80]!r}", remedy)
    if goal.bound > MOST:
        raise ConfigError(f"expected a goal with a bound of at most {MOST:g}, got {goal.bound:g}", "give a smaller one")
    return goal


def checked_prices(prices: Prices) -> Prices:
    """The prices; raises ConfigError where that of a row or an account is none that can be paid."""
    for option, price in (("--price", prices.row), ("--account-price", prices.account)):
        if price != 0 and not LEAST <= price <= MOST:
            raise ConfigError(
                f"expected a price of 0, or between {LEAST:g} and {MOST:g}, got {price:g}", f"give another {option}"
            )
    return prices
