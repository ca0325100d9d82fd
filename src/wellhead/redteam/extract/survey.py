"""What a model that answers in steps was asked, and which of its answers were the same."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer
from wellhead.redteam.attack import answered, join, take

T = TypeVar("T")
Asking = Generator[Inputs, Answer, T]


class Silent(Exception):
    """No more answers will come, or no more may be asked."""


class Survey:
    """Asked points and the id of each answer: equal answers, equal ids. left: rows that may still be asked."""

    def __init__(self, shape: tuple[int, ...], rows: int) -> None:
        self.shape, self.left, self.calls = shape, rows, 0
        self._ids: dict[bytes, int] = {}
        self._points: list[Array] = []
        self._told: list[Answer] = []
        self._w: list[Array] = []
        self.weight = 1.0
        self._codes: list[Array] = []

    @property
    def points(self) -> Array:
        return np.concatenate(self._points)

    @property
    def weights(self):
        return np.concatenate(self._w)

    @property
    def ids(self) -> Array:
        return np.concatenate(self._codes)

    @property
    def answer(self) -> Answer:
        return join(self._told)

    def ask(self, points: Array) -> Asking[Array]:
        """(n,) ids of the answers, -1 where there was none; raises Silent where nothing was answered."""
        if not len(points):
            return np.zeros(0, np.int64)
        allowed = points[: self.left]
        if not len(allowed):
            raise Silent
        answer = yield allowed.reshape(-1, *self.shape)
        self.calls += 1
        self.left -= len(allowed)
        heard = answered(answer)
        if not heard.any():
            raise Silent
        ids = np.full(len(points), -1)
        rows = np.flatnonzero(heard)
        told = take(answer, rows)
        ids[rows] = self._codes_of(told)
        self._points.append(allowed[rows])
        self._told.append(told)
        self._codes.append(ids[rows])
        self._w.append(np.full(rows.size, self.weight))
        return ids

    def _codes_of(self, told: Answer) -> Array:
        column = told.values if told.values is not None else told.scores if told.kind.has_scores else told.top1
        self.columns = 1 if column.ndim == 1 else column.shape[1]
        if told.values is None and column.ndim == 1:
            self.columns = 10**9
        return np.array([self._ids.setdefault(row.tobytes(), len(self._ids)) for row in np.ascontiguousarray(column)])
