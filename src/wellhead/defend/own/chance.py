"""Exact binomial chances in whole numbers: no float rounds a p-value that somebody is accused with."""

from __future__ import annotations

import math
from collections.abc import Iterator

from wellhead.core.errors import ConfigError


def _terms(n: int, among: int) -> Iterator[int]:
    """C(n, i) (among - 1)^(n - i) for i = n, n - 1, ... 0: chances of i matches, times among^n."""
    term = 1
    yield term
    for i in range(n, 0, -1):
        term = term * i * (among - 1) // (n - i + 1)
        yield term


def _log10(numerator: int, n: int, among: int) -> float:
    return min(math.log10(numerator) - n * math.log10(among), 0.0)


def tail(n: int, matches: int, among: int) -> float:
    """log10 of P(Bin(n, 1 / among) >= matches), 0 or less: the one-sided p-value of so many matches in n trials.

    n: 0 or more.  among: classes that a mark is drawn from, 2 or more.  Raises ConfigError for other numbers.
    """
    if not (0 <= matches <= n and among >= 2):
        raise ConfigError(f"expected 0 <= matches <= n and 2 classes or more, got {matches} of {n} among {among}")
    if matches == 0:
        return 0.0
    terms = _terms(n, among)
    return _log10(sum(next(terms) for _ in range(n - matches + 1)), n, among)


def least_matches(n: int, among: int, log10_p: float) -> int:
    """The fewest of n matches whose log10 p-value is at most log10_p; n + 1 where all of them are not enough."""
    total, least = 0, n + 1
    for i, term in zip(range(n, -1, -1), _terms(n, among), strict=True):
        total += term
        if _log10(total, n, among) > log10_p:
            break
        least = i
    return least


def band(n: int, share: float, level: float = 0.999) -> tuple[int, int]:
    """(low, high): counts between which Bin(n, share) lies with at least this chance, equal tails. share: 0..1."""
    if not 0.0 < share < 1.0:
        return (n, n) if share >= 1.0 else (0, 0)
    log_in, log_out = math.log(share), math.log1p(-share)
    edge, low, total = (1.0 - level) / 2, 0, 0.0
    for i in range(n + 1):
        choose = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
        total += math.exp(choose + i * log_in + (n - i) * log_out)
        if total < edge:
            low = i + 1
        if total >= 1.0 - edge:
            return low, i
    return low, n
