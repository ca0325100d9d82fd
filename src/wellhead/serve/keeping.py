"""The promise while the gate runs: taken up when its file changes, and every change of what may be relied on said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wellhead.config import Config
from wellhead.core.errors import WellheadError
from wellhead.core.event import Mark
from wellhead.core.finding import Action
from wellhead.detect.promise import announced
from wellhead.gate.suspects import cold
from wellhead.serve import promises

if TYPE_CHECKING:
    from wellhead.gate.observe import Observer

EVERY_S = 1.0


class Keeping:
    """Keeps the observer's promise that of the config's file.

    log: where a change is noted.  quiet: say nothing on standard error.
    """

    def __init__(self, config: Config, observer: Observer, log: Callable[[Mark], object], quiet: bool = False) -> None:
        self._config = config
        self._observer = observer
        self._log = log
        self._quiet = quiet
        self._file = promises.Watched(promises.path_of(config))
        self._next_s = 0.0

    def replay(self, now_s: float) -> None:
        """Take up the promise before the log is folded; raises WellheadError where its file cannot be used."""
        promise = promises.load(self._config)
        self._observer.suspects.replaying = True
        if promise is not None:
            self._observer.suspects.take_up(promise, now_s)

    def begin(self, now_s: float, before: str) -> Sequence[Action]:
        """The log is folded: say what holds, and accuse whom no earlier run had accused.

        before: what was said last in the log, empty where nothing was.
        """
        suspects = self._observer.suspects
        found, promise = suspects.resume(now_s), suspects.promise
        if promise is None:
            self._say(f"{announced(None)} ({cold(suspects.seen())})", now_s)
        else:
            was = promise if before and not before.startswith(announced(None)) else None
            self._say(announced(promise, was), now_s)
        return found

    def turn(self, now_s: float) -> Sequence[Action]:
        """Once a second: begin a period that is due, look at the file, and see whether the promise is kept."""
        if now_s < self._next_s:
            return ()
        self._next_s = now_s + EVERY_S
        self._observer.suspects.roll(now_s)
        found = self._take(now_s) if self._file.changed() else ()
        # reviews count too, and come between two alarms
        return [*found, *self._observer.suspects.breaches(now_s)]

    def see(self, exchanges: object, events: object) -> None:
        """What was asked is in the sketches."""

    def stop(self) -> None:
        """Nothing is in flight."""

    def _take(self, now_s: float) -> Sequence[Action]:
        """Take up the promise on disk; what held before stays in force where there is none that can be used."""
        suspects, path = self._observer.suspects, promises.path_of(self._config)
        before = suspects.promise
        try:
            promise = promises.load(self._config)
            found = suspects.take_up(promise, now_s) if promise else []
        except WellheadError as e:
            self._say(f"{e}; what held before stays in force", now_s)
            return ()
        if promise is not None:
            self._say(announced(promise, before), now_s)
        elif before is not None:
            gone = f"the promise at {path} is gone; it stays in force until the gate stops"
            self._say(f"{gone}: restore it, or make one with `wellhead calibrate`", now_s)
        return found

    def _say(self, said: str, now_s: float) -> None:
        if not self._quiet:
            print(f"wellhead: {said}", file=sys.stderr, flush=True)
        self._log(Mark(time_us=int(now_s * 1e6), what="promise", detail=said))
