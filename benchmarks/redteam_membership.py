"""Membership: LiRA beside the black-box attack of the Adversarial Robustness Toolbox and the LiRA of SACRO-ML.

Targets are scikit-learn perceptrons, so that SACRO-ML's shadows have exactly the target's recipe and ours only its
widths, epochs, batch and rate. All attacks are judged on the same rows: those whose membership ART was not told. ART
is told half of the members, and as many non-members; the best of its four attack models counts, and the better of
SACRO-ML's two variances. Figures are means over the targets; thresholds come from half of the non-members and are
judged on the other half (`leak`). Nothing is chosen by the members of a target.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import peers
from benchmarks.membership_peers import ART, SACRO
from benchmarks.results import Figure
from wellhead.redteam.membership.leak import clopper_pearson, leak
from wellhead.redteam.membership.lira import Lira
from wellhead.redteam.membership.thresholds import Threshold
from wellhead.redteam.network import Recipe
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

TARGETS = 3
SHADOWS = 16
ROOT = Path(__file__).parent.parent


class Task(NamedTuple):
    """Rows with labels, what the target learnt from, and how.

    known: whose membership ART is told.  extra: rows that are there for that alone.
    """

    name: str
    x: Any
    y: Any
    member: Any
    known: Any
    extra: Any
    recipe: Recipe


def _task(name: str, x: Any, y: Any, sizes: tuple[int, int, int, int], recipe: Recipe, seed: int) -> Task:
    """sizes: members told to ART and not, non-members told to ART alone and not."""
    rng = np.random.default_rng(seed)
    part = np.repeat(np.arange(4), sizes)[np.argsort(rng.permutation(sum(sizes)))]
    extra = part == 2 if name == "bits" else np.zeros(len(part), bool)
    return Task(name, x, y, part < 2, part % 2 == 0, extra, recipe)


def location(seed: int) -> Task:
    """Location-30, all rows; the target learns from half of them."""
    z = np.load(Path(os.environ["WELLHEAD_DATA"]) / "tabular" / "location30.npz")
    x = np.unpackbits(z["X_packed"], axis=1)[:, :446].astype(np.float32)
    recipe = Recipe(hidden=(128,), epochs=50, batch=100)
    return _task("location", x, z["y"].astype(np.int64) - 1, (1252, 1253, 1252, 1253), recipe, seed)


def bits(seed: int) -> Task:
    """A hundred centroids of 300 bits, each bit flipped with probability 0.3; 4,000 training rows."""
    rng = np.random.default_rng(100 + seed)
    sizes = (2000, 2000, 2000, 10_000)
    y = rng.integers(100, size=sum(sizes))
    x = rng.integers(2, size=(100, 300))[y] ^ (rng.random((y.size, 300)) < 0.3)
    return _task("bits", x.astype(np.float32), y, sizes, Recipe(hidden=(128,), epochs=25, batch=100), seed)


def adult(seed: int) -> Task:
    """8,000 rows of Adult; the target learns from half of them and hardly overfits."""
    import duckdb

    path = Path(os.environ["WELLHEAD_DATA"]) / "tabular" / "adult.parquet"
    frame = duckdb.sql(f"select * exclude (split) from read_parquet('{path}')").fetchnumpy()
    rows = np.random.default_rng(seed).permutation(len(frame["age"]))[:8000]
    columns = []
    for name, column in frame.items():
        values = np.asarray(np.ma.filled(column, "?" if column.dtype.kind in "OU" else 0))[rows]
        if name == "income":
            y = np.char.startswith(values.astype(str), ">").astype(np.int64)
        elif values.dtype.kind in "iuf":
            columns.append(((values - values.mean()) / values.std())[:, None])
        else:
            words, index = np.unique(values.astype(str), return_inverse=True)
            columns.append(np.eye(len(words))[index])
    x = np.hstack(columns).astype(np.float32)
    return _task("adult", x, y, (2000, 2000, 2000, 2000), Recipe(hidden=(64,), epochs=10, batch=100), seed)


def target(task: Task, seed: int) -> Any:
    """A scikit-learn perceptron of the task's recipe."""
    from sklearn.neural_network import MLPClassifier

    settings = {"batch_size": task.recipe.batch, "max_iter": task.recipe.epochs, "n_iter_no_change": 10**6}
    model = MLPClassifier(task.recipe.hidden, alpha=0.0, tol=0.0, random_state=seed, **settings)
    with warnings.catch_warnings():
        # the epochs are the recipe, converged or not
        warnings.simplefilter("ignore")
        return model.fit(task.x[task.member].astype(np.float64), task.y[task.member])


class Spent(NamedTuple):
    """Seconds by the clock, and of all cores."""

    wall: float
    cpu: float


def ours(task: Task, model: Any, shadows: int, seed: int) -> tuple[Any, Spent]:
    """LiRA's scores of all rows, NaN for the extra ones."""
    mine = ~task.extra
    attack = Lira(
        candidates=task.x[mine],
        labels=task.y[mine],
        train_rows=int(task.member.sum()),
        network=task.recipe,
        shadows=shadows,
    )
    start, cpu = time.perf_counter(), time.process_time()
    result = finish(run(attack, InProcess(model.predict_proba), seed=seed)).result
    spent = Spent(time.perf_counter() - start, time.process_time() - cpu)
    scores = np.full(len(task.y), np.nan)
    scores[mine] = result.scores
    return scores, spent


def threshold(task: Task, model: Any) -> Any:
    """Scores of the loss alone."""
    attack = Threshold(candidates=task.x, labels=task.y)
    return finish(run(attack, InProcess(model.predict_proba))).result.scores


def _peer(python: Path, script: str, *words: str, **arrays: Any) -> dict[str, Any]:
    """What a script of a peer's environment saved."""
    with tempfile.TemporaryDirectory() as folder:
        data, found = Path(folder) / "data.npz", Path(folder) / "found.npz"
        np.savez(data, **arrays)
        environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
        command = [python, "-W", "ignore", "-c", script, data, found, *words]
        subprocess.run(command, check=True, timeout=3600, env=environ, stdout=subprocess.DEVNULL)
        return dict(np.load(found))


def art(task: Task, model: Any, python: Path) -> dict[str, Any]:
    """Scores of all rows from each of ART's attack models, NaN where ART was told the truth."""
    told = _peer(
        python, ART, x=task.x, y=task.y, told=model.predict_proba(task.x), member=task.member, known=task.known
    )
    found = {}
    for kind, scores in told.items():
        found[kind] = np.full(len(task.y), np.nan)
        found[kind][~task.known] = scores
    return found


def sacro(task: Task, model: Any, python: Path, learner: str = "mlp") -> tuple[dict[str, Any], Spent]:
    """Scores of all rows by variance, and what the attack took, its shadows included.

    learner: `mlp` of scikit-learn, or `ours`, which trains each shadow with wellhead's.
    """
    mine = ~task.extra
    x, y, member = task.x[mine], task.y[mine], task.member[mine]
    weights = dict(zip(("w0", "w1", "b0", "b1"), (*model.coefs_, *model.intercepts_), strict=True))
    recipe = {"hidden": task.recipe.hidden, "epochs": task.recipe.epochs, "batch": task.recipe.batch}
    # In float32 its logit of a sure answer is infinite, and it stops.
    data = {"x": x.astype(np.float64), "y": y, "member": member, "shadows": SHADOWS}
    found = _peer(python, SACRO, learner, **data, **recipe, **weights)
    scores = {}
    for kind in ("record", "fixed"):
        scores[kind] = np.full(len(task.y), np.nan)
        scores[kind][mine] = found[kind]
    return scores, Spent(float(found["record_s"]), float(found["record_cpu"]))


def rates(task: Task, scores: Any) -> tuple[float, float, float]:
    """True positive rates at 1 % and 0.1 % false positives, the latter 0 where unsupported, and the area; on the rows
    that ART was not told.
    """
    found = leak(scores[~task.known], task.member[~task.known])
    return found.tpr1 or 0.0, found.tpr01 or 0.0, found.auc


class Row(NamedTuple):
    """One attack on one target."""

    attack: str
    tpr1: float
    tpr01: float
    auc: float
    spent: Spent


def scored(
    task: Task, seed: int, pythons: dict[str, Path | None], shadows: tuple[int, ...]
) -> Iterator[tuple[str, Any, Spent]]:
    """Name, scores and cost of each attack on one target."""
    model, free = target(task, seed), Spent(0, 0)
    yield "loss", threshold(task, model), free
    for k in shadows:
        yield f"lira{k}", *ours(task, model, k, seed)
    if (python := pythons["art"]) is not None:
        for kind, scores in art(task, model, python).items():
            yield f"art {kind}", scores, free
    if (python := pythons["sacro"]) is not None:
        # Theirs with our trainer too, for once: what of the difference is not the learner.
        for peer, learner in [("sacro", "mlp"), ("sacro-own", "ours")][: 2 if seed == 0 else 1]:
            by_variance, spent = sacro(task, model, python, learner)
            for kind, scores in by_variance.items():
                yield f"{peer} {kind}", scores, spent


def attacked(task: Task, seed: int, pythons: dict[str, Path | None], shadows: tuple[int, ...]) -> list[Row]:
    """All attacks on one target."""
    rows = []
    for name, scores, spent in scored(task, seed, pythons, shadows):
        rows.append(r := Row(name, *rates(task, scores), spent))
        line = f"TPR {r.tpr1:7.2%} at 1 %, {r.tpr01:7.2%} at 0.1 %, AUC {r.auc:.3f}, {spent.wall:.1f} s"
        print(f"{task.name} target {seed}: {name:18} {line} ({spent.cpu:.1f} CPU s)", file=sys.stderr, flush=True)
    return rows


def mean(rows: list[Row], attack: str, field: str) -> float:
    """Over the targets."""
    return float(np.mean([getattr(r, field) for r in rows if r.attack == attack]))


def best(rows: list[Row], peer: str, field: str) -> tuple[str, float]:
    """The peer's attack with the best mean over the targets, and that mean."""
    names = dict.fromkeys(r.attack for r in rows if r.attack.startswith(f"{peer} "))
    return max(((n, mean(rows, n, field)) for n in names), key=lambda pair: pair[1])


def _has(rows: list[Row], peer: str) -> bool:
    return any(r.attack.startswith(f"{peer} ") for r in rows)


def _against_art(rows: list[Row], task: str, field: str, members: int) -> list[Figure]:
    """Our rate over that of ART's best; where that is 0, over what 0 hits still allow."""
    name, value = best(rows, "art", field)
    lira, label = mean(rows, f"lira{SHADOWS}", field), {"tpr1": "1 %", "tpr01": "0.1 %"}[field]
    beside = f"{name} {value:.2%} at {label} FPR, LiRA {lira:.2%}, mean of {TARGETS} targets"
    if value == 0:
        value = clopper_pearson(0, members * TARGETS)[1]
        beside += f"; ART found none, its 95 % upper bound {value:.3%} is taken"
    return [
        Figure(f"art_{field}_{task}", value, "rate", name, "higher"),
        Figure(f"lira_{field}_{task}_vs_art", lira / value, "ratio", beside, "higher"),
    ]


def _against_sacro(found: dict[str, list[Row]]) -> list[Figure]:
    """Rates over theirs and seconds over theirs, the worse of the tasks."""
    figures, ratios, walls, cpus, words = [], [], [], [], []
    for task, rows in found.items():
        name, value = best(rows, "sacro", "tpr1")
        lira = mean(rows, f"lira{SHADOWS}", "tpr1")
        spent = [[r.spent for r in rows if r.attack == a] for a in (f"lira{SHADOWS}", "sacro record")]
        seconds, cores = ([float(np.median([s[i] for s in side])) for side in spent] for i in (0, 1))
        ratios.append(lira / max(value, 1e-9))
        walls.append(seconds[0] / seconds[1])
        cpus.append(cores[0] / cores[1])
        words.append(f"{task}: {lira:.2%} and {value:.2%}, {seconds[0]:.1f} s and {seconds[1]:.1f} s")
        figures.append(Figure(f"sacro_tpr1_{task}", value, "rate", f"{name}, {SHADOWS} shadows", "higher"))
    beside = f"SACRO-ML 2.0.1, {SHADOWS} shadows; " + "; ".join(words)
    return [
        *figures,
        Figure("lira_tpr1_vs_sacro", min(ratios), "ratio", beside, "higher"),
        Figure("lira_seconds_vs_sacro", max(walls), "ratio", beside),
        Figure("lira_cpu_seconds_vs_sacro", max(cpus), "ratio", "of all cores"),
    ]


def _alone(found: dict[str, list[Row]]) -> list[Figure]:
    """Our own rates."""
    figures = []
    for task, rows in found.items():
        for attack in dict.fromkeys(r.attack for r in rows if r.attack == "loss" or r.attack.startswith("lira")):
            for field in ("tpr1", "tpr01") if task == "bits" else ("tpr1",):
                value, beside = mean(rows, attack, field), f"AUC {mean(rows, attack, 'auc'):.3f}, {TARGETS} targets"
                figures.append(Figure(f"{attack}_{field}_{task}", value, "rate", beside, "higher"))
    return figures


def control() -> list[Figure]:
    """On Adult there is next to nothing to find, and we say so."""
    leaks = []
    for seed in range(TARGETS):
        task = adult(seed)
        scores, _ = ours(task, target(task, seed), SHADOWS, seed)
        leaks.append(leak(scores, task.member))
        print(f"adult target {seed}: AUC {leaks[-1].auc:.3f} in {leaks[-1].auc_interval}", file=sys.stderr)
    advantage = float(np.mean([x.advantage for x in leaks]))
    intervals = ", ".join("{:.3f}-{:.3f}".format(*x.auc_interval) for x in leaks)
    return [
        Figure("lira_adult_auc", float(np.mean([x.auc for x in leaks])), "area", f"95 %: {intervals}", ""),
        Figure("lira_adult_advantage", advantage, "rate", "true less false positives", ""),
    ]


def figures() -> list[Figure]:
    """Rates, ratios to the peers, seconds."""
    if "WELLHEAD_DATA" not in os.environ:
        peers.missing("membership", "set WELLHEAD_DATA to the folder with tabular/location30.npz")
        tasks: tuple[Any, ...] = (bits,)
    else:
        tasks = (location, bits)
    pythons = {
        "art": peers.art(),
        "sacro": peers.environment("sacroml", "sacroml==2.0.1", "torch==2.13.0", "msgspec"),
    }
    found = {
        make.__name__: [
            row
            for seed in range(TARGETS)
            for row in attacked(make(seed), seed, pythons, (16, 64) if make is location else (16,))
        ]
        for make in tasks
    }
    rows = _alone(found)
    if "location" in found:
        seconds = [r.spent.wall for r in found["location"] if r.attack == "lira64"]
        rows.append(Figure("shadow64_seconds", float(np.median(seconds)), "s", "64 shadows of Location-30, 2 cores"))
    for task, field, members in (("location", "tpr1", 1253), ("bits", "tpr01", 2000)):
        if task in found and _has(found[task], "art"):
            rows += _against_art(found[task], task, field, members)
    if all(_has(r, "sacro") for r in found.values()):
        rows += _against_sacro(found)
    return rows + (control() if "location" in found else [])
