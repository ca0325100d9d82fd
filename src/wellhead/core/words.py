"""Numbers as people read them, the same everywhere."""

from __future__ import annotations

RAREST = 1e-12
"""Smaller chances say more of the model that made them than of the world."""
_SMALL = 0.1
_NEARLY = 0.999


def chance(p: float) -> str:
    """A p-value: `p = 0.50`, `p = 1/329`, and `p below 1/10^12` however small it is."""
    if p < RAREST:
        return "p below 1/10^12"
    return f"p = 1/{1 / p:,.0f}" if p < _SMALL else f"p = {p:.2f}"


def share(value: float) -> str:
    """A share as a percentage; a dash where nothing was read. Only what is whole is 100 %."""
    if value < 0:
        return "-"
    return f"{100 * (min(value, _NEARLY) if value < 1 else value):.1f} %"


def count(n: int, word: str) -> str:
    """Such as `1 principal` and `2,000 principals`."""
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def drawn(replication: float, attainable: float, at_least: bool) -> str:
    """How much of the model a clone reproduces, 0..1, of what any clone could. at_least: it may be more."""
    return (
        f"{'at least' if at_least else 'an estimated'} {share(replication)} of the model "
        f"(of {share(attainable)} attainable)"
    )
