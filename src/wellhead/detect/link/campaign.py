"""What the linker says: principals that act as one, and why."""

from __future__ import annotations

import msgspec

from wellhead.core.finding import Evidence


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Two members and what ties them. kinds: two or more of `inputs`, `answers`, `novelty`, `timing`, `access`,
    `account`.  reasons: one plain clause a kind."""

    a: str
    b: str
    kinds: tuple[str, ...]
    reasons: tuple[str, ...]


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """Principals that act as one.

    members: sorted.  scores: of each member, how many times likelier it shares the source than not, as a natural log.
    edges: the strongest ties, of at least two kinds each; none is evidence alone.
    kinds: of evidence that the group shows as a whole, two at least.  reasons: one sentence a kind, strongest first.
    evidence: the same with numbers, honest groups' range beside them.  rows: distinct inputs of all members.
    p_value: bound on the chance that honest principals crowd so closely round any source, by honest looks.
    p_random: share of random honest groups of the same size and rows that are as alike (conformal, (1 + r) / (1 + m)).
    comparison: with those groups, in words.
    """

    members: tuple[str, ...]
    scores: tuple[float, ...]
    edges: tuple[Edge, ...]
    kinds: tuple[str, ...]
    reasons: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    rows: int
    p_value: float
    p_random: float
    comparison: str
