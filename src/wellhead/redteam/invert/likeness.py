"""How much an inverted input looks like the class it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.redteam.attack import Inversion
from wellhead.redteam.invert.aim import image
from wellhead.redteam.measure import Interval, wilson
from wellhead.redteam.outcome import Likeness

_WINDOW = 7


def likenesses(
    inversion: Inversion,
    shape: tuple[int, ...],
    inputs: Inputs,
    labels: Labels | None,
    names: Sequence[str] = (),
) -> tuple[Likeness, ...]:
    """One for each inverted class, the mean of its labelled inputs beside it where there are any.

    inputs: (n, ...) numbers, from the pool or the training set.  names: of the classes, else their indices.
    """
    made = np.asarray(inversion.inputs, np.float64).reshape(len(inversion.classes), -1)
    known = np.zeros(0, np.int64) if labels is None else np.asarray(labels)
    means = {int(c): np.asarray(inputs, np.float64)[known == c].mean(axis=0).ravel() for c in np.unique(known)}
    width = _width([made, *(m[None] for m in means.values())])
    found = []
    for pixels, c, confidence in zip(made, inversion.classes.tolist(), inversion.confidence.tolist(), strict=True):
        beside = means.get(c)
        found.append(
            Likeness(
                name=names[c] if c < len(names) else str(c),
                shape=shape,
                pixels=tuple(pixels.tolist()),
                beside=() if beside is None else tuple(beside.tolist()),
                similarity=-1.0 if beside is None else float(similarity(pixels[None], beside[None], shape, width)[0]),
                confidence=-1.0 if np.isnan(confidence) else confidence,
            )
        )
    return tuple(found)


def _width(parts: Sequence[Array]) -> float:
    """The range that the values span, 1 where they span none."""
    values = np.concatenate([p.ravel() for p in parts])
    return float(np.ptp(values)) or 1.0 if values.size else 1.0


def similarity(a: Array, b: Array, shape: tuple[int, ...], width: float) -> Array:
    """(n,) SSIM where inputs of this shape are grey pictures, else correlation. a, b: (n, d); width: as in ssim."""
    plane = image(shape)
    if plane is None or min(plane) < _WINDOW:
        return correlation(a, b)
    return ssim(a.reshape(len(a), *plane), b.reshape(len(b), *plane), width)


def correlation(a: Array, b: Array) -> Array:
    """(n,) Pearson's r of the rows of (n, d); 0 where a row is constant."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.where(scale > 1e-12, (a * b).sum(axis=1) / np.maximum(scale, 1e-300), 0.0))


def ssim(a: Array, b: Array, width: float) -> Array:
    """(n,) mean structural similarity of (n, h, w) pictures (Wang et al., IEEE TIP 2004, eq. 13).

    Windows are uniform, 7 x 7, wholly inside.  width: the range that values can span.
    Raises ConfigError where the pictures differ in shape or are smaller than a window.
    """
    if a.shape != b.shape or a.ndim != 3 or min(a.shape[1:]) < _WINDOW:
        raise ConfigError(f"expected two equal stacks of pictures of {_WINDOW} pixels a side, got {a.shape}, {b.shape}")
    first, second = _means(a), _means(b)
    unbiased = _WINDOW**2 / (_WINDOW**2 - 1)
    var_a, var_b = (unbiased * (_means(x * x) - m * m) for x, m in ((a, first), (b, second)))
    both = unbiased * (_means(a * b) - first * second)
    c1, c2 = (0.01 * width) ** 2, (0.03 * width) ** 2
    bright = (2 * first * second + c1) / (first**2 + second**2 + c1)
    return np.asarray((bright * (2 * both + c2) / (var_a + var_b + c2)).mean(axis=(1, 2)))


def _means(pictures: Array) -> Array:
    """(n, h - 6, w - 6) means over every window."""
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (_WINDOW, _WINDOW), axis=(1, 2))
    return np.asarray(windows.mean(axis=(3, 4)))


def recognised(judge: Callable[[Inputs], Labels], inversion: Inversion) -> tuple[float, Interval]:
    """Share of likenesses that a judge takes for their class, with its 95 % interval.

    judge: a classifier of the same classes that was trained on other data than the target and never asked before.
    """
    n = len(inversion.classes)
    hits = int((judge(inversion.inputs) == inversion.classes).sum()) if n else 0
    return hits / max(n, 1), wilson(hits, n)
