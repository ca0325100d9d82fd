"""Where inversions look: coordinates in which a step makes a plausible input, and what answers say about it."""

from __future__ import annotations

from typing import Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.event import Answer
from wellhead.redteam.attack import Inversion, length, scored
from wellhead.redteam.box import Box
from wellhead.redteam.known import Known
from wellhead.redteam.learner import probabilities

_TINY = 1e-12
_PARTS = 256
_SPREAD = 0.25
_GREYS = 4


class Aim(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Points are middle + z @ basis in the unit box; z of length about sqrt(k) is a plausible input.

    classes: how many.  middle: (d,).  basis: (k, d), each row times what is usual in its direction: the principal
    components of a pool, else the cosines of an image (slow ones vary more), else the features themselves.
    """

    box: Box
    classes: int
    middle: Array
    basis: Array

    @classmethod
    def of(cls, known: Known) -> Self:
        """The aim at a classifier's inputs; raises Unsuited for anything else."""
        known.need(known.task == "classifier", "needs a model that answers with classes")
        known.need(known.classes > 1, "needs to know how many classes there are")
        box = Box.of(known)
        if len(known.pool) > 2:
            return cls.public(box, known.classes, known.pool)
        plain = np.eye(box.features) * _SPREAD
        plane = image(known.shape)
        basis = plain if plane is None else waves(*plane) * _SPREAD
        return cls(box=box, classes=known.classes, middle=np.full(box.features, 0.5), basis=basis)

    @classmethod
    def public(cls, box: Box, classes: int, pool: Inputs) -> Self:
        """The principal components of a pool."""
        unit = box.unit(pool)
        middle = unit.mean(axis=0)
        _, values, ways = np.linalg.svd(unit - middle, full_matrices=False)
        kept = values > 1e-6 * values[0] if values[0] > 0 else slice(0, 1)
        basis = (values[:, None] / len(unit) ** 0.5 * ways)[kept][:_PARTS]
        return cls(box=box, classes=classes, middle=middle, basis=basis)

    @property
    def parts(self) -> int:
        """k, the length of z."""
        return len(self.basis)

    def unit(self, z: Array) -> Array:
        """(n, d) points of the unit box for (n, k) coordinates."""
        return np.asarray(np.clip(self.middle + z @ self.basis, 0.0, 1.0))

    def inputs(self, z: Array) -> Inputs:
        """(n, ...) inputs for (n, k) coordinates."""
        return self.box.inputs(self.unit(z))

    def coordinates(self, inputs: Inputs) -> Array:
        """(n, k) coordinates of the points nearest to the inputs."""
        found, *_ = np.linalg.lstsq(self.basis.T, (self.box.unit(inputs) - self.middle).T, rcond=None)
        return np.asarray(found.T)

    def result(self, z: Array, classes: Labels, confidence: Array, detail: str) -> Inversion:
        """What an inversion that ended at z brings home."""
        return Inversion(inputs=self.inputs(z), classes=classes, confidence=confidence, detail=detail)


def image(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """(height, width) where a shape is a grey picture: (h, w), (1, h, w) or (h, w, 1), of 4 pixels or more a side."""
    sides = tuple(s for s in shape if s != 1) if len(shape) == 3 else shape
    return (sides[0], sides[1]) if len(sides) == 2 and min(sides) >= _GREYS else None


def waves(height: int, width: int) -> Array:
    """(k, h*w) cosines of a picture, slowest first, each divided by its frequency as in natural pictures."""

    def cosines(n: int) -> Array:
        table = np.cos(np.pi * np.outer(np.arange(n), np.arange(n) + 0.5) / n)
        return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))

    pitch = np.hypot(*np.meshgrid(np.arange(height), np.arange(width), indexing="ij")).ravel()
    order = np.argsort(pitch, kind="stable")[:_PARTS]
    energy = (height * width) ** 0.5 / (1 + pitch) ** 1.0
    table = np.kron(cosines(height), cosines(width)) * (energy / np.linalg.norm(energy))[:, None]
    return np.asarray(table[order] * (height * width) ** 0.5)


def told(answer: Answer, classes: int) -> Array:
    """(n, classes) probabilities, NaN where a row carries no full score vector of that many classes."""
    found = np.full((length(answer), classes), np.nan)
    rows = scored(answer)
    if rows.any() and answer.scores is not None and answer.scores.shape[1] == classes:
        found[rows] = probabilities(answer)[rows]
    return found


def log(confidence: Array) -> Array:
    """Its logarithm; what was rounded to nothing counts as next to nothing."""
    return np.log(np.maximum(confidence, _TINY))
