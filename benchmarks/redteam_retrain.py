"""Extraction by retraining on a pool, beside Copycat and Knockoff of the Adversarial Robustness Toolbox.

Digits, a victim and thieves of 64-128-10 units, 539 rows. The victim is trained by torch in the peer's environment and
answers both sides from the same numpy weights, which adds the same little to both. ART runs with sane batches where
quality and time are compared, with its defaults where calls are counted; its import is not in its seconds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import peers
from benchmarks.results import Figure
from wellhead.redteam.attack import Extraction
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.learner import fit_answers
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

SEEDS = 5
ROWS = 539
ROWS_PER_CALL = 64
KINDS = ("labels", "probs")

ART = """
import json, sys, time
import numpy as np
start = time.perf_counter()
import torch
from art.attacks.extraction import CopycatCNN, KnockoffNets
from art.estimators.classification import BlackBoxClassifier, PyTorchClassifier
imported = time.perf_counter() - start
torch.set_num_threads(1)
data, seeds, rows = np.load(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])

def network(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))

def estimator(model):
    loss, adam = torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-3)
    return PyTorchClassifier(model, loss, (64,), 10, optimizer=adam, clip_values=(0, 1))

victim = network(0)
np.random.seed(0)
estimator(victim).fit(data["x"], np.eye(10)[data["y"]], batch_size=32, nb_epochs=40)
weights = {k: v.detach().numpy() for k, v in zip(("w0", "b0", "w1", "b1"), victim.parameters())}
calls = 0

def answer(x):
    global calls
    calls += 1
    z = np.maximum(x @ weights["w0"].T + weights["b0"], 0) @ weights["w1"].T + weights["b1"]
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)

def steal(kind, told, seed, sane=True, epochs=100):
    global calls
    np.random.seed(seed)
    thief, box = estimator(network(seed)), BlackBoxClassifier(answer, (64,), 10, clip_values=(0, 1))
    settings = {"nb_stolen": rows, "nb_epochs": epochs, "use_probability": told == "probs"}
    settings |= {"batch_size_fit": 32, "batch_size_query": 64} if sane else {}
    if kind == "copycat":
        attack = CopycatCNN(box, **settings)
    else:
        attack = KnockoffNets(box, sampling_strategy=kind, verbose=False, **settings)
    calls, start = 0, time.perf_counter()
    labels = {"y": np.eye(10)[data["pool_y"]]} if kind == "adaptive" else {}
    stolen = attack.extract(data["pool"], thieved_classifier=thief, **labels)
    seconds = time.perf_counter() - start
    agreed = stolen.predict(data["test"]).argmax(1) == answer(data["test"]).argmax(1)
    return {"fidelity": float(agreed.mean()), "seconds": seconds, "calls": calls - 1}

found = {"import": imported, "rows": []}
for kind, told, epochs in (
    ("copycat", "labels", 10), ("copycat", "probs", 10), ("copycat", "labels", 100), ("copycat", "probs", 100),
    ("random", "labels", 100), ("random", "probs", 100), ("adaptive", "labels", 100), ("adaptive", "probs", 100),
):
    tries = [steal(kind, told, seed, epochs=epochs) for seed in range(seeds)]
    found["rows"].append({"name": f"{kind} {epochs} epochs", "told": told, "tries": tries})
found["default"] = [steal(kind, "probs", 0, sane=False, epochs=10)["calls"] for kind in ("copycat", "random")]
np.savez(sys.argv[2], found=json.dumps(found), **weights)
"""


class Digits(NamedTuple):
    """The victim's rows, the thief's pool with its true labels, and what fidelity is measured on."""

    x: Any
    y: Any
    pool: Any
    pool_y: Any
    test: Any


class Tries(NamedTuple):
    """One attack with several seeds."""

    name: str
    told: str
    fidelity: list[float]
    seconds: list[float]
    calls: list[int]

    @property
    def mean(self) -> float:
        """Of the fidelities."""
        return statistics.mean(self.fidelity)

    @property
    def spread(self) -> float:
        """Standard deviation of the fidelities, at least that of half an input of the test."""
        return max(statistics.stdev(self.fidelity), 0.5 / 540)


def digits() -> Digits:
    """Two fifths for the victim, the rest halved."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    own_x, rest_x, own_y, rest_y = train_test_split(x, y, test_size=0.6, random_state=0, stratify=y)
    pool, test, pool_y, _ = train_test_split(rest_x, rest_y, test_size=0.5, random_state=1, stratify=rest_y)
    return Digits(own_x, own_y, pool[:ROWS], pool_y[:ROWS], test)


def art(data: Digits, python: Path) -> dict[str, Any]:
    """What the peer's script saved."""
    with tempfile.TemporaryDirectory() as folder:
        asked, found = Path(folder) / "data.npz", Path(folder) / "found.npz"
        np.savez(asked, **data._asdict())
        command = [python, "-W", "ignore", "-c", ART, asked, found, str(SEEDS), str(ROWS)]
        subprocess.run(command, check=True, timeout=1800, env=dict(os.environ), stdout=subprocess.DEVNULL)
        return dict(np.load(found))


def victim(weights: dict[str, Any]) -> Callable[[Any], Any]:
    """The same forward pass as the peer's."""

    def answer(x: Any) -> Any:
        z = np.maximum(x @ weights["w0"].T + weights["b0"], 0) @ weights["w1"].T + weights["b1"]
        powers = np.exp(z - z.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    return answer


def ours(data: Digits, answer: Callable[[Any], Any], told: str) -> Tries:
    """Ask the whole pool, then train one clone."""
    tries = Tries("pool, mlp", told, [], [], [])
    truth = answer(data.test).argmax(axis=1)
    for seed in range(SEEDS):
        model = answer if told == "probs" else lambda x: answer(x).argmax(axis=1)
        start = time.perf_counter()
        last = finish(
            run(
                Pool(inputs=data.pool, rows=ROWS, per_round=ROWS),
                InProcess(model, rows_per_call=ROWS_PER_CALL),
                seed=seed,
            )
        )
        if not isinstance(last.result, Extraction):
            raise RuntimeError(f"expected an extraction, got {last.state}: {last.reason}")
        clone = fit_answers(last.result.inputs, last.result.answer, "mlp", seed)
        tries.seconds.append(time.perf_counter() - start)
        tries.calls.append(last.spent.calls)
        tries.fidelity.append(float((clone.predict(data.test) == truth).mean()))
    return tries


def _theirs(row: dict[str, Any]) -> Tries:
    columns = ([t[k] for t in row["tries"]] for k in ("fidelity", "seconds", "calls"))
    return Tries(f"ART {row['name']}", row["told"], *columns)


def _say(tries: Tries) -> None:
    seconds = f"{statistics.median(tries.seconds):.2f} s, {tries.calls[0]} calls"
    line = f"fidelity {tries.mean:.4f} (sd {statistics.stdev(tries.fidelity):.4f}), {seconds}"
    print(f"retrain: {tries.name:24} {tries.told:7} {line}", file=sys.stderr)


def compare(mine: list[Tries], theirs: list[Tries], default_calls: int) -> list[Figure]:
    """The worse of both kinds of answers counts."""
    figures, gaps, ratios = [], [], []
    for own in mine:
        peer = max((t for t in theirs if t.told == own.told), key=lambda t: t.mean)
        gaps.append((own.mean - peer.mean) / peer.spread)
        ratios.append(statistics.median(own.seconds) / statistics.median(peer.seconds))
        figures.append(Figure(f"retrain_fidelity_{own.told}", own.mean, "share", "", "higher"))
        figures.append(Figure(f"retrain_fidelity_{own.told}_art", peer.mean, "share", peer.name, "higher"))
    calls = max(max(own.calls) for own in mine)
    return [
        *figures,
        Figure("retrain_fidelity_vs_art", min(gaps), "ART's sd", "best of ART, same answers", "higher"),
        Figure("retrain_seconds_vs_art", max(ratios), "ratio", "best of ART, batch 32"),
        Figure("retrain_calls_vs_art", calls / default_calls, "ratio", f"ART's defaults, {default_calls} calls"),
    ]


def figures() -> list[Figure]:
    """All of them; none where the peer cannot be had."""
    import json

    python = peers.art()
    if python is None:
        return []
    data = digits()
    saved = art(data, python)
    found = json.loads(str(saved["found"]))
    print(f"retrain: ART imports in {found['import']:.1f} s", file=sys.stderr)
    answer = victim(saved)
    # A first run pays for imports and caches, here as there.
    ours(data._replace(pool=data.pool[:50]), answer, "labels")
    mine, theirs = [ours(data, answer, told) for told in KINDS], [_theirs(row) for row in found["rows"]]
    for tries in [*mine, *theirs]:
        _say(tries)
    return compare(mine, theirs, min(found["default"]))
