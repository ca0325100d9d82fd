"""The live linker: every few minutes a look for campaigns, beside the metering and not in its way.

The worker copies some thousand principals' columns a turn; when it has all, a thread looks for campaigns among them and
reads what each has drawn together. Between two turns of the worker the result is judged.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wellhead.core.errors import WellheadError
from wellhead.core.finding import Action
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.link.campaign import Campaign
from wellhead.detect.link.link import link
from wellhead.detect.link.population import Population
from wellhead.gate.quota import DAY_S
from wellhead.meter.ledger import Ledger
from wellhead.meter.profile import Profile
from wellhead.meter.reading import Reading, read
from wellhead.meter.view import Views

if TYPE_CHECKING:
    from wellhead.gate.observe import Observer

AT_ONCE = 2048
"""Principals whose columns are copied in one turn: some milliseconds."""
LEAST_ROWS = 16

Found = list[tuple[Campaign, Reading | None]]


class Linking:
    """Looks for campaigns every so many seconds. population: of honest principals; without it nothing is looked for.

    budget: of false alarms; its rate is also that of false campaigns in a period, which the looks share (Bonferroni).
    A population that cannot be read is said once, and the one before it stays in use.
    """

    def __init__(
        self, observer: Observer, budget: AlarmBudget, every_s: float, population: Callable[[], Population | None]
    ) -> None:
        self._observer = observer
        self._alpha = budget.alpha * min(every_s / (budget.period_days * DAY_S), 1.0)
        self._every_s = every_s
        self._population = population
        self._held: Population | None = None
        self._said = ""
        self._next_s = 0.0
        self._names: list[str] = []
        self._parts: list[Views] = []
        self._thread: threading.Thread | None = None
        self._found: Found | None = None
        self.looks = 0

    def turn(self, now_s: float) -> Sequence[Action]:
        """Copy some more, begin to look, or judge what was found; cheap where there is nothing to do."""
        if self._thread is not None:
            return self._take(now_s) if not self._thread.is_alive() else ()
        if self._names:
            some, self._names = self._names[:AT_ONCE], self._names[AT_ONCE:]
            self._parts.append(self._observer.sketches.columns(some))
            if not self._names:
                self._begin(now_s)
        elif now_s >= self._next_s:
            self._next_s = now_s + self._every_s
            rows = self._observer.looking.rows
            self._names = [n for n, count in rows.items() if count >= LEAST_ROWS]
        return ()

    def see(self, exchanges: object, events: object) -> None:
        """What was asked is in the sketches."""

    def stop(self) -> None:
        """Let a look that has begun end."""
        self.wait()

    def wait(self) -> None:
        """Block until the look in flight is over."""
        if self._thread is not None:
            self._thread.join()

    def _begin(self, now_s: float) -> None:
        views, self._parts = stacked(self._parts), []
        meter = self._observer.meter
        since_s = now_s - self._observer.policy.window_days * DAY_S
        profile = meter.profile if meter else None
        arguments = (views, profile, since_s)
        self._thread = threading.Thread(target=self._look, args=arguments, name="wellhead-link", daemon=True)
        self._thread.start()

    def _take(self, now_s: float) -> Sequence[Action]:
        found, self._found, self._thread = self._found, None, None
        self.looks += 1
        return self._observer.campaigns.judge(found, self._alpha, now_s) if found is not None else ()

    def _look(self, views: Views, profile: Profile | None, since_s: float) -> None:
        """In its own thread; a failure there is said, and the next look is another chance."""
        try:
            population = self._honest()
            if population is not None:
                segments = self._observer.looking.segment_of
                found = link(views, population, lambda name: segments.get(name, ""), self._alpha)
                self._found = [(c, self._drawn(c, profile, since_s)) for c in found]
        except Exception:
            traceback.print_exc(file=sys.stderr)

    def _honest(self) -> Population | None:
        """The population on disk, or the one held where that cannot be read."""
        said = ""
        try:
            self._held = self._population()
        except WellheadError as e:
            said = f"wellhead: {e}; until then campaigns are {'judged as before' if self._held else 'not looked for'}"
        if said and said != self._said:
            print(said, file=sys.stderr, flush=True)
        self._said = said
        return self._held

    def _drawn(self, campaign: Campaign, profile: Profile | None, since_s: float) -> Reading | None:
        """What all members have drawn together, from history."""
        if profile is None:
            return None
        batch = self._observer.damage.recall(campaign.members, since_s, profile.id)
        return read(Ledger.from_batch(profile, batch), profile) if len(batch) else None


def stacked(parts: Sequence[Views]) -> Views:
    """The views of all parts, one after the other; at least one part."""
    columns: dict[str, Any] = {}
    for field in Views.__struct_fields__:
        values = [getattr(part, field) for part in parts]
        if isinstance(values[0], tuple):
            columns[field] = tuple(v for value in values for v in value)
        else:
            columns[field] = None if values[0] is None else np.concatenate(values)
    return Views(**columns)
