"""What each principal's inputs were like before: hijacked keys differ from their own past."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.meter.view import Views


class Past:
    """The mean features of each principal at its last look: 140 bytes a principal that was ever read."""

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self._mean = np.zeros((0, 0), dtype=np.float16)
        self._rows = np.zeros(0, dtype=np.int64)
        self._old = np.zeros(0, dtype=bool)

    def roll(self) -> None:
        """A new period: what is known is the whole past, and no part of the new sketches."""
        self._old[:] = True

    def moved(self, views: Views) -> Views:
        """The views with `moved` filled in; NaN at a first look and where no profile has placed the rows.

        moved: squared distance between the mean features of the rows since the last look and those until then, less
        what it is expected to be where nothing changed, over half the number of features (the squared length of one).
        """
        now, placed = np.asarray(views.features, dtype=np.float64), np.asarray(views.placed, dtype=np.float64)
        at = self._places(views.names, now.shape[1])
        then, known = self._mean[at].astype(np.float64), self._rows[at].astype(np.float64)
        held = np.where(self._old[at], 0.0, known)
        fresh = placed - held
        some = (known > 0) & (fresh > 0) & np.isfinite(now).all(axis=1)
        share = np.maximum(fresh, 1.0)[:, None]
        late = (now * placed[:, None] - then * held[:, None]) / share
        half = max(now.shape[1] / 2.0, 1.0)
        spread = np.maximum(half - (then * late).sum(axis=1), 0.0)
        expected = spread * (1.0 / np.maximum(known, 1.0) + 1.0 / share[:, 0])
        far = (((late - then) ** 2).sum(axis=1) - expected) / half
        self._note(at, now, placed)
        return msgspec.structs.replace(views, moved=np.where(some, far, np.nan))

    def _note(self, at: Array, now: Array, placed: Array) -> None:
        good = (placed > 0) & np.isfinite(now).all(axis=1)
        self._mean[at[good]] = now[good]
        self._rows[at[good]] = placed[good]
        self._old[at[good]] = False

    def _places(self, names: Sequence[str], width: int) -> Array:
        """(u,) where these principals are, made where new; another width than before forgets everything."""
        if self._mean.shape[1] != width:
            self._place, self._mean = {}, np.zeros((0, width), dtype=np.float16)
            self._rows, self._old = self._rows[:0], self._old[:0]
        at = np.array([self._place.setdefault(n, len(self._place)) for n in names], dtype=np.int64)
        more = len(self._place) - self._rows.size
        if more > 0:
            more = max(more, self._rows.size)
            self._mean = np.concatenate([self._mean, np.zeros((more, width), dtype=np.float16)])
            self._rows = np.concatenate([self._rows, np.zeros(more, dtype=np.int64)])
            self._old = np.concatenate([self._old, np.zeros(more, dtype=bool)])
        return at
