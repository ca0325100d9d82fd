"""Exact extraction: softmax regression and ReLU networks on digits, beside ART."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks import peers
from benchmarks.results import Figure
from wellhead.redteam.extract.equation import Equation
from wellhead.redteam.extract.relu import Relu
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

SEEDS = (0, 1, 2)
UNIFORM = 10_000
LIMIT_S = 60
ART = "ART 1.20.1"

# Run by ART's own python. Arguments: folder with victim.npz, what to run, seconds.
PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
folder, what, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
data = dict(np.load(folder + "/victim.npz"))
import torch
import art.config
if sys.argv[2] == "fee": art.config.ART_NUMPY_DTYPE = np.float64
from art.estimators.classification import BlackBoxClassifier, PyTorchClassifier
from art.estimators.classification.blackbox import BlackBoxClassifierNeuralNetwork
torch.manual_seed(0); np.random.seed(0)
calls = rows = 0
class OutOfTime(Exception): pass
start = time.monotonic()
def softmax(x):
    p = np.exp(x - x.max(1, keepdims=True)); return p / p.sum(1, keepdims=True)
def scores(x):
    x = np.asarray(x, np.float64)
    if "w1" in data: x = np.maximum(x @ data["w0"] + data["b0"], 0) @ data["w1"] + data["b1"]
    else: x = x @ data["w0"] + data["b0"]
    return x
def answer(x):
    global calls, rows
    calls += 1; rows += len(x)
    if what == "fee" and time.monotonic() - start > limit: raise OutOfTime
    return scores(x) if what == "fee" else softmax(scores(x)).astype(np.float32)
d, low, high = int(data["w0"].shape[0]), float(data["low"]), float(data["high"])
kind = BlackBoxClassifierNeuralNetwork if what == "fee" else BlackBoxClassifier
victim = kind(answer, (d,), 10, clip_values=(low, high))
if what == "fee":
    from art.attacks.extraction import FunctionallyEquivalentExtraction
    outcome = "finished"
    try: FunctionallyEquivalentExtraction(victim, num_neurons=int(data["w0"].shape[1])).extract(np.zeros((1, d)))
    except OutOfTime: outcome = "out of time"
    except Exception as e: outcome = type(e).__name__ + ": " + str(e)[:80]
    print(json.dumps({"calls": calls, "rows": rows, "outcome": outcome}))
else:
    from art.attacks.extraction import KnockoffNets
    n = int(what)
    thief = torch.nn.Linear(d, 10)
    thief = PyTorchClassifier(thief, torch.nn.CrossEntropyLoss(), (d,), 10,
        optimizer=torch.optim.Adam(thief.parameters(), 3e-3), clip_values=(low, high))
    attack = KnockoffNets(victim, batch_size_fit=32, batch_size_query=64, nb_epochs=100, nb_stolen=n,
        use_probability=True, verbose=False)
    x = np.random.default_rng(0).uniform(low, high, (n, d)).astype(np.float32)
    thief = attack.extract(x, thieved_classifier=thief)
    same = [float((thief.predict(t.astype(np.float32)).argmax(1) == scores(t).argmax(1)).mean())
        for t in (data["test"], data["uniform"])]
    print(json.dumps({"calls": calls, "rows": rows, "fidelity": min(same)}))
"""


class Split(NamedTuple):
    """Digits, and the bounds of every pixel."""

    train: Any
    labels: Any
    test: Any
    uniform: Any
    low: float


class Found(NamedTuple):
    """What one exact attack came to; fidelity and error are the worse of test and uniform inputs."""

    fidelity: float
    error: float
    rows: int
    calls: int


def digits(low: float, seed: int) -> Split:
    """Digits scaled to low..1, 70 % to train on."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    pixels = low + (1 - low) * pixels / 16
    train, test, known, _ = train_test_split(pixels, labels, test_size=0.3, random_state=seed, stratify=labels)
    return Split(train, known, test, np.random.default_rng(seed).uniform(low, 1, (UNIFORM, 64)), low)


def attacked(attack: Any, victim: Any, data: Split, seed: int) -> Found:
    """Run it against the victim's probabilities; counts are the transcript's."""
    last = finish(run(attack, InProcess(victim.predict_proba), seed=seed))
    clone = last.result.clone
    print(f"{attack.name}: {last.spent.rows} queries, {last.spent.calls} calls, {last.result.detail}", file=sys.stderr)
    if clone is None:
        return Found(0.0, 1.0, last.spent.rows, last.spent.calls)
    same, off = [], []
    for inputs in (data.test, data.uniform):
        same.append(float((clone.predict(inputs) == victim.predict(inputs)).mean()))
        off.append(float(np.abs(clone.predict_proba(inputs) - victim.predict_proba(inputs)).max()))
    return Found(min(same), max(off), last.spent.rows, last.spent.calls)


def box(data: Split) -> dict[str, Any]:
    """The bounds, as an attack takes them."""
    return {"low": np.full(64, data.low), "high": np.ones(64), "shape": (64,)}


def softmax_regression(seed: int) -> tuple[Found, Any, Split]:
    """Equation solving on a softmax regression."""
    from sklearn.linear_model import LogisticRegression

    data = digits(-1.0, seed)
    victim = LogisticRegression(max_iter=5000).fit(data.train, data.labels)
    return attacked(Equation(**box(data)), victim, data, seed), victim, data


def network(hidden: int, seed: int) -> tuple[Found, Any, Split]:
    """Kinks and gradients on a network of one hidden layer."""
    from sklearn.neural_network import MLPClassifier

    data = digits(0.0, seed)
    victim = MLPClassifier((hidden,), max_iter=300, alpha=1e-2, random_state=seed).fit(data.train, data.labels)
    return attacked(Relu(**box(data)), victim, data, seed), victim, data


def worst(found: list[Found]) -> Found:
    """The worst of each figure over the seeds."""
    return Found(*(pick(f[i] for f in found) for i, pick in enumerate((min, max, max, max))))


def beside(python: Path, weights: dict[str, Any], data: Split, what: str) -> dict[str, Any]:
    """What ART's own python prints of one attack; empty, with a line, where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        arrays = {**weights, "test": data.test, "uniform": data.uniform, "low": data.low, "high": 1.0}
        np.savez(Path(folder) / "victim.npz", **arrays)
        command = [str(python), "-c", PEER, folder, what, str(LIMIT_S)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10 * LIMIT_S, check=True)
            told: dict[str, Any] = msgspec.json.decode(done.stdout.strip().splitlines()[-1])
        except (subprocess.SubprocessError, IndexError, msgspec.DecodeError) as e:
            peers.missing("art", f"{what}: {getattr(e, 'stderr', '') or e}"[-200:])
            return {}
    print(f"art {what}: {told}", file=sys.stderr)
    return told


def figures() -> list[Figure]:
    """The figures of this part."""
    art = peers.art()
    regressions = [softmax_regression(seed) for seed in SEEDS]
    exact = worst([found for found, _, _ in regressions])
    rows = [
        Figure("softmax_digits_queries", exact.rows, "queries"),
        Figure("softmax_digits_max_error", exact.error, "probability"),
        Figure("softmax_digits_fidelity", exact.fidelity, "share", better="higher"),
    ]
    _, victim, data = regressions[0]
    weights = {"w0": victim.coef_.T, "b0": victim.intercept_}
    for queries in ("650", "6500") if art else ():
        told = beside(art, weights, data, queries)
        if told:
            rows.append(Figure(f"softmax_digits_art_fidelity_{queries}", told["fidelity"], "share", ART, "higher"))
    for hidden, name in ((32, "mlp"), (64, "mlp64")):
        runs = [network(hidden, seed) for seed in SEEDS]
        found = worst([found for found, _, _ in runs])
        rows += [
            Figure(f"{name}_exact_fidelity", found.fidelity, "share", better="higher"),
            Figure(f"{name}_exact_max_error", found.error, "probability"),
            Figure(f"{name}_exact_queries", found.rows, "queries"),
            Figure(f"{name}_exact_calls", found.calls, "calls"),
        ]
        if hidden == 32 and art:
            _, victim, data = runs[0]
            (w0, w1), (b0, b1) = victim.coefs_, victim.intercepts_
            told = beside(art, {"w0": w0, "b0": b0, "w1": w1, "b1": b1}, data, "fee")
            if told:
                rows.append(Figure("mlp_art_calls", told["calls"], "calls", f"{ART}: {told['outcome']}"))
    return rows


if __name__ == "__main__":
    from benchmarks.results import show

    show("redteam_exact", figures())
