"""How fast an attack asks, and how it meets failures."""

from __future__ import annotations

import msgspec
import numpy as np

from wellhead.core.errors import ConfigError


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast each account asks: low and slow. rows_per_s: at most, 0 for as fast as it goes.

    jitter: 0..1, by how much of itself each pause varies, so that no clock-like rhythm shows.
    """

    rows_per_s: float = 0.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not (self.rows_per_s >= 0 and 0 <= self.jitter <= 1):
            raise ConfigError(
                f"expected a pace of 0 or more rows a second and jitter 0..1, got {self.rows_per_s}, {self.jitter}"
            )

    def pause_s(self, rows: int, rng: np.random.Generator) -> float:
        """Seconds from a request of so many rows to the next one."""
        if not self.rows_per_s:
            return 0.0
        return rows / self.rows_per_s * (1 + self.jitter * (2 * rng.random() - 1))


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How failures are met. Waits grow from `first_wait_s` by doubling up to `longest_wait_s`, with full jitter
    (half to all of it), and are never shorter than the server's Retry-After.

    give_up_after_s: an account that would have to wait longer than this since its last answer is blocked.
    attempts: of one request, refusals by 429 apart.  pace: how fast to ask while all is well.
    full: words with which a 429 says that a limit of rows is used up. Where the wait would then be longer than
    `longest_wait_s`, what is left of the limit is used by smaller requests first; empty for never.
    """

    first_wait_s: float = 0.1
    longest_wait_s: float = 10.0
    give_up_after_s: float = 60.0
    attempts: int = 6
    pace: Pace = Pace()
    full: str = ""

    def shrinks(self, words: str, retry_after_s: float) -> bool:
        """True where a request that was refused by 429 with these words is better made smaller than waited for."""
        return bool(self.full) and words.startswith(self.full) and retry_after_s > self.longest_wait_s

    def wait_s(self, attempt: int, retry_after_s: float, rng: np.random.Generator) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1)."""
        bound = min(self.first_wait_s * 2.0 ** min(attempt - 1, 60), self.longest_wait_s)
        return max(retry_after_s, bound * (0.5 + 0.5 * rng.random()))


PATIENT = Patience()
