"""From inputs to int8 codes, and from codes to the features that ledgers sum."""

from __future__ import annotations

from functools import cached_property
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
    elif isinstance(inputs, list) and inputs and all(isinstance(t, str) for t in inputs):
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
    if isinstance(inputs, list):
        return hashed(inputs, BUCKETS)
    numbers = np.nan_to_num(np.asarray(inputs, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return (_pooled(numbers) if kind == "image" else numbers).reshape(len(numbers), -1).astype(np.float32)


class CodeMap(msgspec.Struct, frozen=True):
    """Inputs to codes: scale, project on principal axes, round to int8.

    shape: of one input, empty for texts.  centre, spread: (f,).  axes: (f, d).  step: (d,) width of one code unit.
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
        return self.measure(inputs)[0]

    def measure(self, inputs: Inputs) -> tuple[Codes, Array]:
        """Codes (n, d) int8, and (n,) what share of each scaled input's energy lies off the axes, 0 for a blank one."""
        self._check(inputs)
        scaled = _scaled(flatten(inputs, self.kind), self.centre, self.spread)
        parts = scaled @ self.axes
        whole, kept = (np.einsum("ij,ij->i", a, a) for a in (scaled, parts))
        off = 1.0 - kept / np.maximum(whole, 1e-12)
        return np.clip(np.rint(parts / self.step), -127, 127).astype(np.int8), np.where(whole > 0, off, 0.0)

    def _check(self, inputs: Inputs) -> None:
        came = tuple(inputs.shape[1:]) if isinstance(inputs, np.ndarray) else "text"
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


class FeatureMap(msgspec.Struct, frozen=True, dict=True):
    """Codes to features: nearness to landmarks, phi_j(x) = exp(-|u(x) - u_j|^2), and a constant 1.

    scale: (d,) from code units to kernel units.  landmarks: (D - 1, d) in kernel units, codes of sample inputs.
    A ridge clone on them is kernel ridge with a subset of regressors (Williams & Seeger 2001).
    """

    scale: Array
    landmarks: Array

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.landmarks) + 1

    @cached_property
    def _weights(self) -> Array:
        """(d + 2, D): [u, |u|^2, 1] times this is the exponent, 0 in the last column: the constant."""
        d = self.scale.size
        weights = np.zeros((d + 2, self.dimension), np.float32)
        weights[:d, :-1] = 2.0 * self.landmarks.T
        weights[d, :-1] = -1.0
        weights[d + 1, :-1] = -(self.landmarks**2).sum(axis=1)
        return weights

    def features(self, codes: Codes) -> Features:
        """(n, D) float64, 0..1; raises ProfileError where the codes are not this profile's."""
        d = self.scale.size
        if codes.ndim != 2 or codes.shape[1] != d:
            raise ProfileError(f"expected codes of shape (n, {d}), got {codes.shape}", "rebuild them with this profile")
        u = np.empty((len(codes), d + 2), np.float32)
        np.multiply(codes, self.scale.astype(np.float32), out=u[:, :d])
        np.einsum("ij,ij->i", u[:, :d], u[:, :d], out=u[:, d])
        u[:, d + 1] = 1.0
        # single precision up to here halves the cost; what follows is summed over months and stays double
        phi = u @ self._weights
        return np.exp(phi, out=phi).astype(np.float64)


def fit_feature_map(codes: Codes, step: Array, width: float, dimension: int, rng: np.random.Generator) -> FeatureMap:
    """Landmarks drawn from these codes (n, d), at most `dimension` - 1 distinct ones.

    step: (d,) of the code map.  width: of the kernel, in root mean square lengths of an input.
    """
    length = max(float(np.sqrt(((codes * step) ** 2).sum(axis=1).mean())), 1e-9)
    scale = step.astype(np.float64) / (length * width * np.sqrt(2.0))
    distinct = np.unique(codes, axis=0)
    chosen = distinct[rng.permutation(len(distinct))[: dimension - 1]]
    return FeatureMap(scale, chosen * scale)
