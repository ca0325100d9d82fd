"""Limits in rows: a generic cell rate algorithm, a daily quota, and reservations in flight.

GCRA as in ITU-T I.371 annex A: one number a key, the theoretical arrival time (TAT). Nothing is written unless
every limit passes, so a refused request costs nothing.
"""

from __future__ import annotations

import msgspec

from wellhead.gate.policy import Terms

DAY_S = 86_400


class Tally(msgspec.Struct):
    """What the gate remembers of one principal.

    tat_s: seconds since 1970 UTC.  day: days since 1970; day_rows: rows admitted on it.
    unread_rows: admitted and not yet metered.
    """

    tat_s: float = 0.0
    day: int = 0
    day_rows: int = 0
    unread_rows: int = 0


def conforms(tat_s: float, now_s: float, cost_s: float, tolerance_s: float) -> tuple[float, float]:
    """(new TAT, 0) where `cost_s` fits, else (old TAT, seconds to wait).

    A key admits tolerance_s / cost of one row at once, then one row each cost of one row. What costs nothing always
    conforms, also when the clock steps back.
    """
    if not cost_s:
        return tat_s, 0.0
    new = max(tat_s, now_s) + cost_s
    wait = new - now_s - tolerance_s
    # an epsilon of a nanosecond a row keeps float drift from refusing the last row of a full burst
    return (new, 0.0) if wait <= 1e-6 else (tat_s, wait)


def take(
    tally: Tally, shared: Tally, terms: Terms, rows: int, now_s: float, cost: tuple[float, int]
) -> tuple[str, float]:
    """Reserve `rows` for a principal, or say which limit is full and for how many seconds.

    shared: the tally of all principals together.  cost: seconds a row and burst of the global limit.
    """
    day = int(now_s // DAY_S)
    used = tally.day_rows if tally.day == day else 0
    if terms.max_unread_rows and tally.unread_rows + rows > terms.max_unread_rows:
        return "rows in flight", 1.0
    if terms.rows_per_day and used + rows > terms.rows_per_day:
        return "rows a day", (day + 1) * DAY_S - now_s
    tat, wait = conforms(tally.tat_s, now_s, rows * terms.per_row_s, terms.burst_rows * terms.per_row_s)
    if wait:
        return "rows a minute", wait
    per_row_s, burst = cost
    shared_tat, wait = conforms(shared.tat_s, now_s, rows * per_row_s, burst * per_row_s)
    if wait:
        return "rows a minute of all together", wait
    tally.tat_s, tally.day, tally.day_rows, shared.tat_s = tat, day, used + rows, shared_tat
    tally.unread_rows += rows
    return "", 0.0
