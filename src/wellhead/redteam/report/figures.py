"""Numbers as people read them: never rounded up to a promise, never a rate that the sample does not carry."""

from __future__ import annotations

import math

from wellhead.redteam.cost import Need
from wellhead.redteam.outcome import Leak, Study

_SPANS = ((31_557_600, "years"), (86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))


def share(x: float) -> str:
    """A share as a percentage with the digits that it needs: 0.9996 is 99.96 %, not 100 %."""
    if x in (0, 1):
        return f"{100 * x:.0f} %"
    for digits in (1, 2, 3):
        text = f"{100 * x:.{digits}f}"
        if float(text) not in (0.0, 100.0) and (digits > 1 or abs(x) >= 0.01):
            return f"{text} %"
    return "under 0.001 %" if abs(x) < 0.5 else "over 99.999 %"


def level(study: Study, x: float) -> str:
    """A fidelity: a share of equal labels, or R² for regressors."""
    return f"R² {x:.3f}" if study.task == "regressor" else share(x)


def between(study: Study, low: float, high: float) -> str:
    """An interval of fidelities."""
    return f"{low:.3f} to {high:.3f}" if study.task == "regressor" else shares(low, high)


def shares(low: float, high: float) -> str:
    """An interval of shares."""
    return f"{share(low).removesuffix(' %')} to {share(high)}"


def count(n: float) -> str:
    """A whole number with thousands set apart."""
    return f"{n:,.0f}"


def money(x: float) -> str:
    """An amount: cents where they matter, more digits below a cent."""
    if x == 0:
        return "0"
    if abs(x) < 0.01:
        return f"{x:.2g}" if abs(x) >= 1e-4 else f"{x:.0e}"
    return f"{x:,.2f}" if abs(x) < 10_000 else f"{x:,.0f}"


def span(seconds: float) -> str:
    """A time, in the largest unit that leaves two or more of it."""
    for size, word in _SPANS:
        if seconds >= 2 * size:
            amount = seconds / size
            return f"{amount:.0f} {word}" if amount >= 10 or amount == round(amount) else f"{amount:.1f} {word}"
    return f"{seconds:.1f} s" if seconds >= 0.1 else "under 0.1 s" if seconds > 0 else "0 s"


def small(x: float) -> str:
    """A difference, such as 2e-13."""
    return "0" if x == 0 else f"{x:.0e}" if abs(x) < 1e-3 else f"{x:.3f}"


def rows_needed(n: Need) -> str:
    """Queries to a goal, with the interval, censored where it was not reached."""
    if not n.asked:
        return "not measured"
    if n.rows is None:
        hope = f"; the interval allows it at {count(n.soonest)}" if n.soonest else ""
        return f"not reached in {count(n.asked)}{hope}"
    if n.soonest == n.surely == n.rows:
        return count(n.rows)
    if n.surely is None and n.soonest == n.rows:
        return f"{count(n.rows)} or more"
    surely = count(n.surely) if n.surely else f"over {count(n.asked)}"
    return f"{count(n.rows)} ({count(n.soonest or n.rows)} to {surely})"


def rate(leak: Leak, at: float) -> str:
    """True positive rate at 1 % or 0.1 % false positives with its interval, or why there is none to print."""
    value, (low, high) = (leak.tpr1, leak.tpr1_interval) if at == 0.01 else (leak.tpr01, leak.tpr01_interval)
    if value is None:
        return f"too few non-members ({count(leak.nonmembers)}; needs {count(math.ceil(10 / at - 1e-9))})"
    return f"{share(value)} ({shares(low, high)})"
