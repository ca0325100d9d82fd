"""Label-only boundary distance: requests to the model, beside the HopSkipJump of the Adversarial Robustness Toolbox.

Both walk from the same correctly labelled records of the same network with the settings of the paper that ART's
example uses (10 iterations, 100 to 1000 directions); both may send 4,096 rows in one request.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.results import Figure
from wellhead.core.exposure import Exposure
from wellhead.redteam.known import Known
from wellhead.redteam.membership.boundary import Boundary
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

RECORDS = 40
ROWS_PER_CALL = 4096
PEER = """
import sys, time
import numpy as np
from art.attacks.evasion import HopSkipJump
from art.estimators.classification import BlackBoxClassifier

data = np.load(sys.argv[1])
spent = {"calls": 0, "rows": 0}

def predict(x):
    spent["calls"] += 1
    spent["rows"] += len(x)
    hidden = np.maximum(x.astype(np.float64) @ data["w0"] + data["b0"], 0)
    return np.eye(10)[(hidden @ data["w1"] + data["b1"]).argmax(axis=1)]

np.random.seed(0)
model = BlackBoxClassifier(predict, (64,), 10, clip_values=(0.0, 1.0))
attack = HopSkipJump(model, batch_size=int(sys.argv[3]), targeted=False, norm=2, max_iter=10, max_eval=1000,
                     init_eval=100, init_size=100, verbose=False)
start = time.perf_counter()
found = attack.generate(x=data["x"], y=np.eye(10)[data["y"]])
seconds = time.perf_counter() - start
np.savez(sys.argv[2], found=found, seconds=seconds, **spent)
"""


class Network:
    """The victim's weights, so that both sides ask the very same function."""

    def __init__(self) -> None:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
        from sklearn.neural_network import MLPClassifier

        inputs, labels = load_digits(return_X_y=True)
        inputs = (inputs / 16).astype(np.float32)
        # Another split and network than those on which the number of rounds and starts was chosen.
        x, rest, y, rest_y = train_test_split(inputs, labels, test_size=0.6, random_state=11, stratify=labels)
        fitted = MLPClassifier((128,), max_iter=40, batch_size=32, random_state=11)
        with warnings.catch_warnings():
            # forty epochs are the recipe, converged or not
            warnings.simplefilter("ignore")
            fitted.fit(x, y)
        (self.w0, self.w1), (self.b0, self.b1) = fitted.coefs_, fitted.intercepts_
        right = np.flatnonzero(self.predict(rest) == rest_y)[:RECORDS]
        self.records, self.labels = rest[right], rest_y[right]

    def predict(self, inputs: Any) -> Any:
        hidden = np.maximum(np.asarray(inputs, np.float64) @ self.w0 + self.b0, 0)
        return (hidden @ self.w1 + self.b1).argmax(axis=1)


def ours(victim: Network) -> tuple[float, int, int, float]:
    """Mean distance, calls, rows and seconds."""
    known = Known(
        rows=10**9,
        shape=(64,),
        low=np.zeros(64),
        high=np.ones(64),
        classes=10,
        exposure=Exposure.LABEL,
        candidates=victim.records,
        candidate_labels=victim.labels,
    )
    start = time.perf_counter()
    last = finish(run(Boundary.suit(known), InProcess(victim.predict, rows_per_call=ROWS_PER_CALL)))
    return float(last.result.scores.mean()), last.spent.calls, last.spent.rows, time.perf_counter() - start


def theirs(victim: Network, python: Path, batch: int) -> tuple[float, int, int, float]:
    """Mean distance, calls, rows and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        data, found = Path(folder) / "data.npz", Path(folder) / "found.npz"
        weights = {name: getattr(victim, name) for name in ("w0", "b0", "w1", "b1")}
        np.savez(data, x=victim.records, y=victim.labels, **weights)
        subprocess.run([python, "-W", "ignore", "-c", PEER, data, found, str(batch)], check=True, timeout=1800)
        told = np.load(found)
        away = victim.predict(told["found"]) != victim.labels
        distance = np.linalg.norm(told["found"] - victim.records, axis=1)[away].mean()
        return float(distance), int(told["calls"]), int(told["rows"]), float(told["seconds"])


def figures() -> list[Figure]:
    """Calls, queries, seconds and mean distance of both, for the same records."""
    victim = Network()
    distance, calls, rows, seconds = ours(victim)
    peer = f"{RECORDS} records of digits"
    found = [
        Figure("label_only_calls", calls, "calls", peer),
        Figure("label_only_queries_per_record", rows / RECORDS, "queries", peer),
        Figure("label_only_distance", distance, "L2", peer),
        Figure("label_only_seconds", seconds, "s", peer),
    ]
    python = peers.art()
    if python is None:
        return found
    print("label only: HopSkipJump of ART", file=sys.stderr)
    art_distance, art_calls, art_rows, art_seconds = theirs(victim, python, ROWS_PER_CALL)
    art = f"ART 1.20.1: {art_calls} calls, {art_rows / RECORDS:.0f} queries each, L2 {art_distance:.3f}"
    return [
        *found,
        Figure("label_only_calls_vs_art", calls / art_calls, "ratio", art),
        Figure("label_only_queries_vs_art", rows / art_rows, "ratio", art),
        Figure("label_only_distance_vs_art", distance / art_distance, "ratio", art),
        Figure("label_only_seconds_vs_art", seconds / art_seconds, "ratio", f"{art}, {art_seconds:.1f} s"),
    ]
