"""What an attack may spend, reserved before each request and never overrun."""

from __future__ import annotations

import bisect
import math
import threading

import msgspec

from wellhead.core.errors import ConfigError


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one run, a resumed one included; infinite where not given.

    rows: queries.  calls: requests, retries included.  seconds: wall-clock.  money: in the currency of the prices.
    Rows of a request that was refused with a status cost nothing; rows that got no reply at all count as spent,
    since the server may have answered and billed them.
    """

    rows: float = math.inf
    calls: float = math.inf
    seconds: float = math.inf
    money: float = math.inf
    price_row: float = 0.0
    price_call: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not getattr(self, name) >= 0:
                raise ConfigError(f"expected a budget of 0 or more {name}, got {getattr(self, name)}")

    def cost(self, rows: int, calls: int) -> float:
        """Money for so many rows in so many calls."""
        return rows * self.price_row + calls * self.price_call


UNLIMITED = Budget()


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What has been spent. rows: answered, or without any reply.  calls: first attempts.  retries: further attempts.
    cached: rows answered from the transcript.  seconds: of all sessions.
    """

    rows: int = 0
    calls: int = 0
    retries: int = 0
    cached: int = 0
    seconds: float = 0.0
    money: float = 0.0


NOTHING = Spent()


class Spending:
    """The running count against a Budget; safe to use from many threads."""

    def __init__(self, budget: Budget, before: Spent = NOTHING, started_s: float = 0.0) -> None:
        self.budget = budget
        self.exhausted = ""
        self._started_s = started_s - before.seconds
        self._rows, self._calls, self._retries, self._cached = before.rows, before.calls, before.retries, before.cached
        self._lock = threading.Lock()

    def plan(self, sizes: list[int], now_s: float) -> list[int]:
        """Of requests of so many rows each, sent in this order, the rows that the budget leaves for each.

        Cutting beforehand makes what is asked the same however the threads run; `reserve` has the last word.
        """
        self.exhausted = ""
        with self._lock:
            rows, calls, granted = self._rows, self._calls + self._retries, []
            for size in sizes:
                # Short grows with rows, so the first that does not fit is found by bisection.
                fits = bisect.bisect_left(
                    range(1, size + 1), True, key=lambda n: bool(self._short(rows + n, calls + 1, now_s))
                )
                granted.append(fits)
                rows, calls = rows + fits, calls + bool(fits)
            if sum(granted) < sum(sizes):
                self.exhausted = self._short(rows + 1, calls + 1, now_s) or "rows"
        return granted

    def reserve(self, rows: int, retry: bool, now_s: float) -> bool:
        """Count one attempt of so many rows, or return False and name in `exhausted` what does not suffice."""
        with self._lock:
            short = self._short(self._rows + rows, self._calls + self._retries + 1, now_s)
            if short:
                self.exhausted = self.exhausted or short
                return False
            self._rows += rows
            self._retries += retry
            self._calls += not retry
            return True

    def _short(self, rows: int, calls: int, now_s: float) -> str:
        """What does not suffice for so many rows and calls in all, empty where all does."""
        b = self.budget
        over = {
            "rows": rows > b.rows,
            "calls": calls > b.calls,
            # A price such as 0.1 is not exact in binary, and ten of them must still fit into 1.0.
            "money": b.cost(rows, calls) > b.money * (1 + 1e-9),
            "seconds": self.seconds(now_s) >= b.seconds,
        }
        return next((name for name, is_over in over.items() if is_over), "")

    def release(self, rows: int) -> None:
        """Give back the rows of a refused attempt."""
        with self._lock:
            self._rows -= rows

    def cached(self, rows: int) -> None:
        """Count rows answered from the transcript."""
        with self._lock:
            self._cached += rows

    def stop(self, name: str) -> None:
        """Say that `name` of the budget does not suffice for what comes next."""
        self.exhausted = self.exhausted or name

    def seconds(self, now_s: float) -> float:
        """Seconds since the start, those of earlier sessions included."""
        return now_s - self._started_s

    def seconds_left(self, now_s: float) -> float:
        """Seconds until the budget ends, infinite where it does not limit them."""
        return self.budget.seconds - self.seconds(now_s)

    def spent(self, now_s: float) -> Spent:
        """The count so far."""
        with self._lock:
            return Spent(
                rows=self._rows,
                calls=self._calls,
                retries=self._retries,
                cached=self._cached,
                seconds=self.seconds(now_s),
                money=self.budget.cost(self._rows, self._calls + self._retries),
            )
