"""What a model that answers in steps was asked, and which of its answers were the same."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TypeAlias, TypeVar

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer
from wellhead.redteam.attack import answered, join, scored, take
from wellhead.redteam.extract.boxes import Trusted

T = TypeVar("T")
Asking: TypeAlias = Generator[Inputs, Answer, T]


class SilentError(Exception):
    """No more answers will come, or no more may be asked."""


class Survey:
    """Asked points and the id of each answer: equal answers have equal ids, 0, 1 and so on.

    left: rows that may still be asked.  calls: rounds so far.  columns: numbers in one answer, 0 for labels.
    trusted: boxes whose points need not be asked.
    """

    def __init__(self, shape: tuple[int, ...], rows: int) -> None:
        self.left, self.calls, self.columns = rows, 0, 0
        self._shape, self._known = shape, dict[bytes, int]()
        self._points: list[Array] = []
        self._ids: list[Array] = []
        self._told: list[Answer] = []
        self._id_of: dict[bytes, int] = {}
        self.trusted: Trusted | None = None
        self._believed: list[Array] = []

    @property
    def rows(self) -> int:
        """How many points were answered."""
        return sum(map(len, self._points))

    @property
    def evidence(self) -> tuple[Array, Array]:
        """(n, d) points without missing features, asked or trusted; (n,) their ids."""
        points, ids, _ = self._complete()
        if self.trusted is None or not self._believed:
            return points, ids
        believed = np.concatenate(self._believed)
        box = self.trusted.find(believed)
        return np.concatenate([points, believed[box >= 0]]), np.concatenate([ids, self.trusted.ids[box[box >= 0]]])

    def asked(self) -> tuple[Inputs, Answer]:
        """Answered points without missing features as they were asked, and their answers."""
        points, _, rows = self._complete()
        return points.reshape(-1, *self._shape), take(join(self._told), rows)

    def answers(self) -> tuple[Answer, Array]:
        """Every answer and its id."""
        return join(self._told), np.concatenate(self._ids)

    def _complete(self) -> tuple[Array, Array, Array]:
        if not self._points:
            return np.zeros((0, math.prod(self._shape))), np.zeros(0, np.int64), np.zeros(0, np.int64)
        points = np.concatenate(self._points)
        rows = np.flatnonzero(~np.isnan(points).any(axis=1))
        return points[rows], np.concatenate(self._ids)[rows], rows

    def guess(self, points: Array) -> Asking[Array]:
        """(n,) ids as `ask` gives, but points in trusted boxes are not asked."""
        if self.trusted is None or not len(points):
            return (yield from self.ask(points))
        box = self.trusted.find(points)
        ids = np.where(box >= 0, self.trusted.ids[box] if len(self.trusted.ids) else -1, -1)
        self._believed.append(points[box >= 0])
        ids[box < 0] = yield from self.ask(points[box < 0])
        return ids

    def ask(self, points: Array) -> Asking[Array]:
        """(n,) ids, -1 where there was no answer; nothing is asked twice.

        Raises SilentError where nothing at all was answered, or no more may be asked.
        """
        first = {point.tobytes(): row for row, point in reversed(list(enumerate(np.ascontiguousarray(points))))}
        new = np.array(sorted(row for key, row in first.items() if key not in self._id_of), np.int64)
        if new.size:
            yield from self._ask(points[new])
        return np.array([self.id_of(point) for point in points], np.int64)

    def _ask(self, points: Array) -> Asking[None]:
        allowed = points[: self.left]
        if not len(allowed):
            raise SilentError
        answer = yield allowed.reshape(-1, *self._shape)
        rows = np.flatnonzero(answered(answer))
        self.left, self.calls = self.left - len(allowed), self.calls + 1
        if not rows.size:
            raise SilentError
        told = take(answer, rows)
        ids = self._number(told)
        self._points.append(allowed[rows])
        self._ids.append(ids)
        self._told.append(told)
        self._id_of |= {point.tobytes(): int(id_) for point, id_ in zip(allowed[rows], ids, strict=True)}

    def id_of(self, point: Array) -> int:
        """The id of the answer to a point, -1 where it was not answered."""
        return self._id_of.get(np.ascontiguousarray(point).tobytes(), -1)

    def _number(self, told: Answer) -> Array:
        column = told.values if told.values is not None else told.scores if scored(told).all() else told.top1
        table = np.ascontiguousarray(column)
        with_labels_only = told.values is None and table.ndim == 1
        self.columns = 0 if with_labels_only else 1 if table.ndim == 1 else table.shape[1]
        return np.array([self._known.setdefault(row.tobytes(), len(self._known)) for row in table])
