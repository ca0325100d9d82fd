"""Time limits without a timer for each request: one sweep looks at the oldest entries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable


class Deadlines:
    """Calls `expire` of every entry that stays longer than `limit_s` seconds, late by at most a quarter of it.

    Since all entries have the same limit, the dictionary's own order is the order of expiry.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._tick_s = min(0.5, limit_s / 4)
        self._entries: dict[Hashable, tuple[float, Callable[[], object]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def watch(self, key: Hashable, expire: Callable[[], object]) -> None:
        """Start the clock for `key`; it must not be running."""
        loop = asyncio.get_running_loop()
        self._entries[key] = (loop.time() + self.limit_s, expire)
        if self._timer is None:
            self._timer = loop.call_later(self._tick_s, self._sweep, loop)

    def drop(self, key: Hashable) -> None:
        """Stop the clock for `key`; nothing happens where it is not running."""
        self._entries.pop(key, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late = []
        for key, (due, _) in self._entries.items():
            if due > now:
                break
            late.append(key)
        for key in late:
            _, expire = self._entries.pop(key)
            expire()
        self._timer = loop.call_later(self._tick_s, self._sweep, loop) if self._entries else None
