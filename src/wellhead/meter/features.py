"""From inputs to int8 codes, and from codes to the features that ledgers sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Codes, Features, Inputs
from wellhead.core.errors import ProfileError
from wellhead.meter.text import hashed

MAX_CODE = 256
BUCKETS = 8192
_SIDE = 32
_TAIL = 8.0


def kind_of(inputs: Inputs) -> str:
    """`text`, `image` (three or more axes) or `vector`; raises ProfileError for anything else."""
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "fiub":
        if inputs.ndim == 2:
            return "vector"
        if inputs.ndim > 2:
            return "image"
    elif len(inputs) and all(isinstance(t, str) for t in inputs):
        return "text"
    raise ProfileError(f"expected (n, ...) numbers or n texts, got {_shape_words(inputs)}", "check the protocol")


def _shape_words(inputs: Any) -> str:
    return f"an array of shape {inputs.shape}" if isinstance(inputs, np.ndarray) else f"{len(inputs)} items"


def _pooled(images: Array) -> Array:
    """Any image array as (n, at most about 32 x 32 x channels): means over blocks of the long axes."""
    for axis in range(1, images.ndim):
        block = -(-images.shape[axis] // _SIDE)
        if block > 1:
            starts = np.arange(0, images.shape[axis], block)
            lengths = np.diff(np.append(starts, images.shape[axis]))
            shape = [1] * images.ndim
            shape[axis] = -1
            images = np.add.reduceat(images, starts, axis=axis) / lengths.reshape(shape)
    return images


def flatten(inputs: Inputs, kind: str) -> Array:
    """(n, f) float32: pooled pixels, columns, or hashed n-grams; numbers that are not finite become 0."""
    if kind == "text":
        return hashed(inputs, BUCKETS)
    numbers = np.nan_to_num(np.asarray(inputs, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return (_pooled(numbers) if kind == "image" else numbers).reshape(len(numbers), -1).astype(np.float32)


class CodeMap(msgspec.Struct, frozen=True):
    """Inputs to codes: scale, project on principal axes, round to int8.

    shape: of one input, empty for texts.  centre, spread: (f,).  axes: (f, d) float32.  step: (d,) width of one code unit.
    """

    kind: str
    shape: tuple[int, ...]
    centre: Array
    spread: Array
    axes: Array
    step: Array

    def project(self, inputs: Inputs) -> Array:
        """(n, d) float32 principal components; raises ProfileError where kind or shape differ from the fitted."""
        self._check(inputs)
        return _scaled(flatten(inputs, self.kind), self.centre, self.spread) @ self.axes

    def code(self, inputs: Inputs) -> Codes:
        """(n, d) int8."""
        return np.clip(np.rint(self.project(inputs) / self.step), -127, 127).astype(np.int8)

    def _check(self, inputs: Inputs) -> None:
        came = "text" if not isinstance(inputs, np.ndarray) else tuple(inputs.shape[1:])
        expected = "text" if self.kind == "text" else self.shape
        if came != expected:
            raise ProfileError(
                f"the profile was fitted on inputs of {expected}, got {came}", "fit a profile for this model"
            )


def _scaled(flat: Array, centre: Array, spread: Array) -> Array:
    return np.clip((flat - centre) / spread, -_TAIL, _TAIL).astype(np.float32)


def _spread(flat: Array, kind: str) -> Array:
    """Columns of a table differ in unit, pixels and n-grams do not: those share one scale."""
    deviation = flat.std(axis=0)
    if kind != "vector":
        return np.full(flat.shape[1], max(float(np.sqrt((deviation**2).mean())), 1e-9), np.float32)
    return np.where(deviation > 1e-9, deviation, 1.0).astype(np.float32)


def _principal_axes(scaled: Array, width: int) -> Array:
    """(f, width) orthonormal, strongest first, from whichever Gram matrix is smaller."""
    n, f = scaled.shape
    width = max(1, min(width, n - 1, f))
    wide = f > n
    gram = (scaled @ scaled.T if wide else scaled.T @ scaled).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1][:width], vectors[:, ::-1][:, :width]
    kept = max(1, int((values > values[0] * 1e-9).sum()))
    axes = scaled.T @ vectors[:, :kept] / np.sqrt(np.maximum(values[:kept], 1e-30)) if wide else vectors[:, :kept]
    return np.asarray(axes, np.float32)


def fit_code_map(inputs: Inputs, width: int) -> CodeMap:
    """The code map of a sample of inputs; width: at most this many principal components, 256 or fewer."""
    kind = kind_of(inputs)
    flat = flatten(inputs, kind)
    centre = np.zeros(flat.shape[1], np.float32) if kind == "text" else flat.mean(axis=0)
    spread = _spread(flat, kind)
    scaled = _scaled(flat, centre, spread)
    axes = _principal_axes(scaled, min(width, MAX_CODE))
    step = np.maximum(np.quantile(np.abs(scaled @ axes), 0.999, axis=0) * 1.2, 1e-6) / 127.0
    shape = () if kind == "text" else tuple(np.asarray(inputs).shape[1:])
    return CodeMap(kind, shape, centre, spread, axes, step.astype(np.float32))


class FeatureMap(msgspec.Struct, frozen=True):
    """Codes to features: the scaled components, random ReLU units of them, and a constant.

    scale: (d,) component units.  weights: (d, r), offsets: (r,); D = d + r + 1.
    """

    scale: Array
    weights: Array
    offsets: Array

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.scale.size + self.offsets.size + 1)

    def features(self, codes: Codes) -> Features:
        """(n, D) float64."""
        if codes.ndim != 2 or codes.shape[1] < self.scale.size:
            raise ProfileError(
                f"expected codes of {self.scale.size} values a row, got shape {codes.shape}", "rebuild with this profile"
            )
        d, r = self.scale.size, self.offsets.size
        phi = np.empty((len(codes), d + r + 1))
        np.multiply(codes[:, :d], self.scale, out=phi[:, :d])
        np.matmul(phi[:, :d], self.weights, out=phi[:, d:-1])
        phi[:, d:-1] += self.offsets
        np.maximum(phi[:, d:-1], 0.0, out=phi[:, d:-1])
        phi[:, -1] = 1.0
        return phi


def draw_feature_map(codes: Codes, step: Array, units: int, rng: np.random.Generator) -> FeatureMap:
    """Random ReLU units for these codes, scaled so that a typical input has unit length.

    step: (d,) of the code map: equal units would give the last component the weight of the first.
    """
    d = codes.shape[1]
    length = float(np.sqrt(((codes * step[:d]) ** 2).sum(axis=1).mean()))
    scale = step[:d].astype(np.float64) / max(length, 1e-9)
    weights = rng.standard_normal((d, units))
    offsets = rng.uniform(-1.0, 1.0, units)
    return FeatureMap(scale, weights, offsets)


