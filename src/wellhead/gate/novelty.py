"""A quota priced by novelty: what counts is how much information new inputs carry, not how many rows there are.

A repeat or a look-alike costs almost nothing, new ground costs: the price of a row is
1/2 log2(1 + phi' (I + A)^-1 phi), and the prices of all rows sum to the bits of the ledger, in whatever order they came
(matrix determinant lemma).
"""

from __future__ import annotations

from collections.abc import Sequence

from wellhead.core.finding import Signal
from wellhead.meter.reading import Reading

NOVELTY = "novelty"
"""Name of the signal."""


def over(reading: Reading, members: Sequence[str], reason: str, max_bits: float) -> Signal | None:
    """A Signal where the answers that these were given carry max_bits or more; None below, or where 0 says no limit.

    members: one principal, or a group that is judged as one.  value, threshold of the signal: bits.
    """
    if not 0.0 < max_bits <= reading.bits:
        return None
    alone = len(members) == 1
    who = "this principal" if alone else f"{len(members)} principals{f' ({reason})' if reason else ''}"
    return Signal(
        name=NOVELTY,
        principal=members[0] if alone else "",
        n=reading.rows,
        value=reading.bits,
        threshold=max_bits,
        strength=1.0,
        detail=f"the {reading.rows} answers given to {who} carry {reading.bits:,.0f} bits of information "
        f"(of {max_bits:,.0f} agreed); what was asked before is still answered",
        members=() if alone else tuple(members),
        atlas=("AML.T0024.002",),
    )


def left(reading: Reading, max_bits: float) -> float:
    """The share of the quota that is left, 0..1; 1 where there is none."""
    return max(0.0, 1.0 - reading.bits / max_bits) if max_bits else 1.0
