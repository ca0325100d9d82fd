"""Rows of the USENIX Security 2016 paper on stealing models, from benchmarks/tramer.toml: paper against ours.

Each row trains a victim, attacks it with at most the paper's queries, and compares the labels of the clone with the
victim's on the test inputs and on 10,000 uniform ones. Rows that fail are listed like the others.
"""

from __future__ import annotations

import csv
import gzip
import os
import sys
import time
import tomllib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import msgspec
import numpy as np

from benchmarks.results import Figure
from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Extraction
from wellhead.redteam.budget import Budget
from wellhead.redteam.extract.equation import Equation, LinearModel
from wellhead.redteam.extract.paths import Paths
from wellhead.redteam.extract.perceptron import Perceptron
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

ROWS = Path(__file__).parent / "tramer.toml"
UNIFORM = 10_000


class Table(NamedTuple):
    """Raw columns: numbers as float, categories as texts; the label of each row."""

    columns: tuple[Any, ...]
    labels: Any


class Victim(NamedTuple):
    """A model as its API shows it, what an attacker knows of it, and inputs to compare on."""

    ask: Callable[[Any], Any]
    known: Known
    test: Any
    uniform: Any
    leaves: int = 0


class Unchecked(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """As many equations as unknowns and, as in the paper, no query left for a check: Equation keeps six for that."""

    name: ClassVar[str] = "unchecked"
    paper: ClassVar[str] = Equation.paper
    atlas: ClassVar[tuple[str, ...]] = Equation.atlas
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    features: int

    @classmethod
    def suit(cls, known: Known) -> Self:
        known.need(known.rows > known.features, "needs d + 1 queries")
        return cls(features=known.features)

    def run(self, rng: np.random.Generator) -> Conversation:
        asked = rng.uniform(-1, 1, (self.features + 1, self.features))
        answer = yield asked
        odds = np.log(answer.scores) - np.log(answer.scores[:, :1])
        found = np.linalg.solve(np.column_stack([asked, np.ones(len(asked))]), odds)
        clone = LinearModel(weights=found[:-1], bias=found[-1], form="softmax")
        return Extraction(inputs=asked, answer=answer, clone=clone, detail="d + 1 equations, unchecked")


ATTACKS = {"equation": (Equation, Unchecked), "paths": (Paths,), "any": (Equation, Perceptron)}


class Measured(NamedTuple):
    """What came of one row; agreement in per cent."""

    attack: str
    queries: int
    calls: int
    test: float
    uniform: float
    seconds: float
    detail: str


def _data(name: str) -> Path:
    folder = os.environ.get("WELLHEAD_DATA")
    if folder is None:
        raise FileNotFoundError("WELLHEAD_DATA is not set")
    return Path(folder) / "tabular" / name


def _csv(name: str) -> list[list[str]]:
    with gzip.open(_data(name), "rt", encoding="utf-8") as file:
        return list(csv.reader(file))


def _numbers(values: list[str]) -> Any:
    """Floats of texts such as `8`, `EIGHT OR MORE` and `89 OR OLDER`."""
    words = {"EIGHT OR MORE": "8"}
    return np.array([float(words.get(v, v).split()[0]) for v in values])


def adult(target: str) -> Table:
    import duckdb

    frame = duckdb.sql(f"select * from read_parquet('{_data('adult.parquet')}')").fetchnumpy()
    names = [n for n in frame if n not in (target, "split")]
    columns = [np.asarray(frame[n]) for n in names]
    columns = [c.astype(float) if c.dtype.kind in "if" else c.astype(str) for c in columns]
    columns = [np.char.rstrip(c, ".") if c.dtype.kind == "U" else c for c in columns]
    return Table(tuple(columns), np.char.rstrip(np.asarray(frame[target]).astype(str), "."))


def steak() -> Table:
    rows = [r for r in _csv("tramer_steak.csv.gz")[2:] if all(r)]
    columns = [np.array(c) for c in zip(*rows, strict=True)]
    return Table(tuple(columns[1:9] + columns[10:]), columns[9])


def gss(numeric: bool) -> Table:
    rows = [r for r in _csv("tramer_gss_happiness.csv.gz")[1:] if all(r)]
    columns: list[Any] = [np.array(c) for c in zip(*rows, strict=True)][2:]
    if numeric:
        columns[2:4] = _numbers(columns[2]), _numbers(columns[3])
    return Table(tuple(columns[:6] + columns[7:]), columns[6])


def german_credit() -> Table:
    with gzip.open(_data("uci_credit.g.arff.gz"), "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("%")]
    kinds = [line.split()[-1] for line in lines if line.lower().startswith("@attribute")]
    rows = list(csv.reader((x for x in lines if not x.startswith("@")), quotechar="'"))
    columns = [np.array(c, float if k == "real" else str) for c, k in zip(zip(*rows, strict=True), kinds, strict=True)]
    return Table(tuple(columns[:-1]), columns[-1])


def _made(name: str) -> Table:
    from sklearn import datasets

    X, y = {
        "circles": lambda: datasets.make_circles(5000, noise=0.1, factor=0.5, random_state=0),
        "moons": lambda: datasets.make_moons(5000, noise=0.2, random_state=0),
        "blobs": lambda: datasets.make_blobs(5000, centers=3, random_state=0),
        "five_class": lambda: datasets.make_classification(1000, 20, n_informative=10, n_classes=5, random_state=0),
        "iris": lambda: datasets.load_iris(return_X_y=True),
        "digits": lambda: datasets.load_digits(return_X_y=True),
        "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    }[name]()
    return Table(tuple(X.T), y)


def table(name: str, for_tree: bool) -> Table:
    """A data set by the name that rows give it."""
    read = {
        "adult_income": lambda: adult("income"),
        "adult_race": lambda: adult("race"),
        "steak": steak,
        "gss": lambda: gss(for_tree),
        "german_credit": german_credit,
    }
    return read.get(name, lambda: _made(name))()


def _codes(columns: tuple[Any, ...]) -> tuple[Any, Any]:
    """(n, d) floats, categories as 0..a-1, and (d,) arities."""
    coded = [(c, 0) if c.dtype.kind == "f" else _ranked(c) for c in columns]
    return np.stack([c for c, _ in coded], axis=1), np.array([a for _, a in coded])


def _ranked(column: Any) -> tuple[Any, int]:
    values, codes = np.unique(column, return_inverse=True)
    return codes.astype(float), values.size


def _one_hot(codes: Any, arities: Any) -> Any:
    """Indicators of categories beside the numbers as they are; a missing value is NaN in all of its columns."""
    blocks = []
    for column, arity in zip(codes.T, arities, strict=True):
        hot = column[:, None] == np.arange(arity) if arity else column[:, None]
        blocks.append(np.where(np.isnan(column)[:, None], np.nan, hot))
    return np.concatenate(blocks, axis=1)


def _split(n: int) -> tuple[Any, Any]:
    order = np.random.default_rng(0).permutation(n)
    return order[: int(0.7 * n)], order[int(0.7 * n) :]


@cache
def numeric_victim(data: str, model: str) -> Victim:
    """Regressions and the perceptron: one-hot inputs, every column in -1..1."""
    raw = table(data, False)
    codes, arities = _codes(raw.columns)
    X = _one_hot(codes, arities)
    low, spread = X.min(axis=0), np.ptp(X, axis=0)
    X = np.where(spread > 0, 2 * (X - low) / np.where(spread > 0, spread, 1) - 1, 1.0)
    y = np.unique(raw.labels, return_inverse=True)[1]
    train, test = _split(len(X))
    ask = _fitted(model, X[train], y[train])
    d, classes = X.shape[1], np.unique(y).size
    known = Known(task="classifier", classes=classes, shape=(d,), low=-np.ones(d), high=np.ones(d))
    return Victim(ask, known, X[test], np.random.default_rng(1).uniform(-1, 1, (UNIFORM, d)))


def _fitted(model: str, X: Any, y: Any) -> Callable[[Any], Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.neural_network import MLPClassifier

    made = {
        "softmax": lambda: LogisticRegression(max_iter=1000),
        "ovr": lambda: OneVsRestClassifier(LogisticRegression(max_iter=1000)),
        "mlp": lambda: MLPClassifier((20,), activation="tanh", max_iter=50, random_state=0),
    }[model]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made.fit(X, y).predict_proba


class ServedTree:
    """A tree that answers as the paper's service did: the label and its confidence; from an inner node if need be."""

    def __init__(self, tree: Any, arities: Any) -> None:
        self.tree, self.arities = tree.tree_, arities
        counts = self.tree.value[:, 0] * self.tree.weighted_n_node_samples[:, None]
        self.leaves = tree.get_n_leaves()
        self.answers = _wilson(counts)

    def __call__(self, codes: Any) -> Any:
        X, node = _one_hot(np.asarray(codes, float), self.arities), np.zeros(len(codes), int)
        while True:
            x = X[np.arange(len(X)), np.maximum(self.tree.feature[node], 0)]
            inner = (self.tree.children_left[node] >= 0) & ~np.isnan(x)
            if not inner.any():
                return Answer(Exposure.PROBABILITIES, scores=self.answers[node])
            goes_left = x.astype(np.float32) <= self.tree.threshold[node]
            below = np.where(goes_left, self.tree.children_left[node], self.tree.children_right[node])
            node = np.where(inner, below, node)


def _wilson(counts: Any, z: float = 1.96) -> Any:
    """(nodes, classes): Wilson's lower bound of the commonest class, what is left spread over the others."""
    n, classes = counts.sum(axis=1), counts.shape[1]
    share = counts.max(axis=1) / n
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    bound = (share + z * z / (2 * n) - half) / (1 + z * z / n)
    # with many classes a small leaf's bound may lie below an even share, and its label must stay the largest
    bound = np.maximum(bound, 1 / classes + 1e-6 * n / n.max())
    answers = np.repeat(((1 - bound) / (classes - 1))[:, None], classes, axis=1)
    answers[np.arange(len(n)), counts.argmax(axis=1)] = bound
    return answers


def tree_victim(row: dict[str, Any]) -> Victim:
    """A tree with at most the leaves of the paper's."""
    from sklearn.tree import DecisionTreeClassifier

    raw = table(row["data"], True)
    codes, arities = _codes(raw.columns)
    y = np.unique(raw.labels, return_inverse=True)[1]
    train, test = _split(len(codes))
    fitted = DecisionTreeClassifier(max_leaf_nodes=row["leaves"], random_state=0).fit(
        _one_hot(codes[train], arities), y[train]
    )
    served, rng = ServedTree(fitted, arities), np.random.default_rng(1)
    low, high = codes.min(axis=0), codes.max(axis=0)
    uniform = np.where(
        arities > 0,
        rng.integers(np.maximum(arities, 1), size=(UNIFORM, len(arities))),
        rng.uniform(low, high, (UNIFORM, len(arities))),
    )
    known = Known(
        task="classifier",
        classes=int(y.max()) + 1,
        shape=(len(arities),),
        low=low,
        high=high,
        arities=arities,
        missing=row["missing"],
    )
    return Victim(served, known, codes[test], uniform, served.leaves)


def queries(row: dict[str, Any], victim: Victim) -> int:
    """How many the row allows for this victim."""
    features, classes = victim.known.features, victim.known.classes
    if row["queries"] == "per leaf":
        return int(row["paper_queries"] * victim.leaves / row["leaves"])
    formulas = {"features + 1": features + 1, "classes * (features + 1)": classes * (features + 1)}
    return formulas.get(row["queries"]) or int(row["queries"])


def _labels(told: Any) -> Any:
    return told.top1 if isinstance(told, Answer) else told.argmax(axis=1)


def attacked(row: dict[str, Any], victim: Victim) -> Measured:
    """The attack of this row within its budget; of several, the first that fits, its own checks deciding."""
    rows = queries(row, victim)
    known, failed = msgspec.structs.replace(victim.known, rows=rows), ""
    for kind in ATTACKS[row["attack"]]:
        start = time.perf_counter()
        try:
            last = finish(run(kind.suit(known), InProcess(victim.ask), Budget(rows=rows), seed=0))
        except Unsuited as e:
            failed = f"{kind.name}: {e}"
            continue
        result = last.result
        if not isinstance(result, Extraction) or result.clone is None:
            failed = f"{kind.name}: {getattr(result, 'detail', '') or last.reason}"
            continue
        seconds = time.perf_counter() - start
        test, uniform = (
            100 * float((result.clone.predict(x) == _labels(victim.ask(x))).mean())
            for x in (victim.test, victim.uniform)
        )
        return Measured(kind.name, last.spent.rows, last.spent.calls, test, uniform, seconds, result.detail)
    return Measured("none", 0, 0, 0.0, 0.0, 0.0, failed)


def reproduced(row: dict[str, Any], found: Measured, allowed: int, tolerance: float) -> bool:
    """The rule of the file."""
    near = found.test >= row["paper_test"] - tolerance and found.uniform >= row["paper_uniform"] - tolerance
    return near and 0 < found.queries <= allowed


def figures() -> list[Figure]:
    """The share of rows that are reproduced; the table goes to stderr."""
    listed = tomllib.loads(ROWS.read_text(encoding="utf-8"))
    hits = []
    print(
        f"{'row':28} {'paper q':>8} {'test':>7} {'unif':>7} | {'ours q':>7} {'calls':>5} {'test':>7} {'unif':>7}",
        file=sys.stderr,
    )
    for row in listed["row"]:
        try:
            victim = tree_victim(row) if row["model"] == "tree" else numeric_victim(row["data"], row["model"])
            allowed = queries(row, victim)
            found = attacked(row, victim)
        except FileNotFoundError as e:
            print(f"{row['id']}: not run, its data is not here ({e})", file=sys.stderr)
            hits.append(False)
            continue
        hits.append(reproduced(row, found, allowed, listed["tolerance_points"]))
        print(
            f"{row['id']:28} {allowed:8} {row['paper_test']:7.2f} {row['paper_uniform']:7.2f} | {found.queries:7} "
            f"{found.calls:5} {found.test:7.2f} {found.uniform:7.2f} {'yes' if hits[-1] else 'NO':3} "
            f"{found.seconds:6.1f} s  {found.attack}: {found.detail}"
            + (f"; victim has {victim.leaves} leaves" if victim.leaves else ""),
            file=sys.stderr,
            flush=True,
        )
    return [Figure("tramer_rows_reproduced", sum(hits) / len(hits), "share", "SML16", "higher")]
