"""Differential privacy: what DP-SGD does to membership inference, and what it does not do to cloning.

The target is a perceptron on Location-30, trained by Opacus in its own environment with no noise and with noise for an
epsilon of 8 and of 2; membership is measured by LiRA and by the loss alone (the better counts), cloning by the best
learner on the probabilities of 1,000 rows that were not trained on. Opacus's own epsilons check `wellhead privacy`.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.redteam_membership import Task, _peer, location, ours, rates
from benchmarks.results import Figure, write
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.defend.privacy import Steps, epsilon_of
from wellhead.redteam.measure import best_clone
from wellhead.redteam.membership.thresholds import Threshold
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

SEEDS = (0, 1, 2)
EPSILONS = (0.0, 8.0, 2.0)
DELTA = 1e-4
ASKED = 1000

SCRIPT = """
import sys, warnings
import numpy as np
import torch
from opacus import PrivacyEngine
from opacus.accountants import PRVAccountant, RDPAccountant
from opacus.accountants.utils import get_noise_multiplier

torch.set_num_threads(2)
data = np.load(sys.argv[1])
x, y = torch.tensor(data["x"]), torch.tensor(data["y"])
member = torch.tensor(data["member"])
batch, epochs, delta = 100, 50, float(data["delta"])
rate = batch / int(member.sum())
found = {}
for i, epsilon in enumerate(data["epsilons"]):
    torch.manual_seed(int(data["seed"]))
    model = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], 128), torch.nn.ReLU(), torch.nn.Linear(128, int(y.max()) + 1)
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    rows = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x[member], y[member]), batch_size=batch, shuffle=True
    )
    steps = []
    if epsilon > 0:
        noise = get_noise_multiplier(target_epsilon=float(epsilon), target_delta=delta, sample_rate=rate, epochs=epochs)
        engine = PrivacyEngine()
        model, optimiser, rows = engine.make_private(
            module=model, optimizer=optimiser, data_loader=rows, noise_multiplier=noise, max_grad_norm=1.0
        )
    loss = torch.nn.CrossEntropyLoss()
    for _ in range(epochs):
        for a, b in rows:
            if len(a):
                optimiser.zero_grad()
                loss(model(a), b).backward()
                optimiser.step()
    with torch.no_grad():
        found[f"told{i}"] = torch.softmax(model(x).double(), dim=1).numpy()
    if epsilon > 0:
        history = engine.accountant.state_dict()["history"]
        rdp, prv = RDPAccountant(), PRVAccountant()
        rdp.history = prv.history = history
        found[f"history{i}"] = np.array(history)
        found[f"said{i}"] = np.array([rdp.get_epsilon(delta), prv.get_epsilon(delta)])
for i, settings in enumerate(data["settings"]):
    rdp, prv = RDPAccountant(), PRVAccountant()
    rdp.history = prv.history = [(float(settings[0]), float(settings[1]), int(settings[2]))]
    found[f"other{i}"] = np.array([rdp.get_epsilon(1e-5), prv.get_epsilon(1e-5)])
np.savez(sys.argv[2], **found)
"""

SETTINGS = np.array(
    [(1.1, 256 / 60_000, 14_100), (0.8, 0.01, 1_000), (2.0, 0.05, 500), (1.0, 0.001, 20_000), (4.0, 0.2, 1_000)]
)
"""Other runs that the accountant is checked on: noise multiplier, sample rate, steps."""


class Model:
    """Answers rows of the task from what Opacus's model said of them."""

    def __init__(self, task: Task, told: Any) -> None:
        self._at = {row.tobytes(): scores for row, scores in zip(task.x, told, strict=True)}

    def predict_proba(self, rows: Any) -> Any:
        """(n, k) float64."""
        return np.stack([self._at[row.tobytes()] for row in np.asarray(rows, np.float32)])


def membership(task: Task, model: Any, seed: int) -> tuple[float, float]:
    """The better true positive rate at 1 % false positives, and the better area."""
    lira = rates(task, ours(task, model, 16, seed)[0])
    attack = Threshold(candidates=task.x, labels=task.y)
    loss = rates(task, finish(run(attack, InProcess(model.predict_proba))).result.scores)
    return max(lira[0], loss[0]), max(lira[2], loss[2])


def cloned(task: Task, told: Any, seed: int) -> tuple[float, float]:
    """Fidelity of the best clone, and of the best one from labels alone."""
    rest = np.flatnonzero(~task.member)
    asked, judged = rest[:ASKED], rest[ASKED:]
    truth = Answer(Exposure.LABEL, labels=told[judged].argmax(axis=1))
    soft = Answer(Exposure.PROBABILITIES, told[asked])
    hard = Answer(Exposure.LABEL, labels=told[asked].argmax(axis=1))
    return tuple(best_clone(task.x[asked], a, task.x[judged], truth, seed).fidelity.value for a in (soft, hard))


def main() -> None:
    """Train, attack, write the figures."""
    python = peers.environment("opacus", "opacus==1.6.0", "torch==2.13.0", "scikit-learn")
    if python is None:
        return
    rows: dict[float, list[tuple[float, ...]]] = {e: [] for e in EPSILONS}
    for seed in SEEDS:
        task = location(seed)
        data = {"x": task.x, "y": task.y, "member": task.member, "epsilons": np.array(EPSILONS)}
        found = _peer(python, SCRIPT, **data, delta=DELTA, seed=seed, settings=SETTINGS)
        for i, epsilon in enumerate(EPSILONS):
            told = found[f"told{i}"]
            right = float((told.argmax(axis=1) == task.y)[~task.member].mean())
            rows[epsilon].append((right, *membership(task, Model(task, told), seed), *cloned(task, told, seed)))
            print(f"seed {seed}, epsilon {epsilon or 'none'}: {[round(v, 3) for v in rows[epsilon][-1]]}", flush=True)
    write("privacy", [*figures(rows), *accountant(found)])


def figures(rows: dict[float, list[tuple[float, ...]]]) -> list[Figure]:
    """Means over the seeds, each beside the target without privacy."""
    made = []
    plain = np.mean(rows[0.0], axis=0)
    for epsilon, values in rows.items():
        name = f"dp_{f'epsilon_{epsilon:g}' if epsilon else 'none'}"
        words = ("accuracy", "membership_tpr1", "membership_auc", "clone_fidelity", "label_only_clone_fidelity")
        for word, value, beside in zip(words, np.mean(values, axis=0), plain, strict=True):
            made.append(Figure(f"{name}_{word}", round(float(value), 3), "share", f"{beside:.3f} without noise", ""))
    return made


def accountant(found: dict[str, Any]) -> list[Figure]:
    """How far our bound lies above what Opacus's accountants say."""
    ratios = []
    for i, (noise, rate, steps) in enumerate(SETTINGS):
        bound = epsilon_of([Steps(float(noise), float(rate), int(steps))], 1e-5)
        ratios.append(bound / found[f"other{i}"])
        print(f"noise {noise}, rate {rate:.4f}, steps {steps:.0f}: at most {bound:.3f}, Opacus {found[f'other{i}']}")
    least, most = np.min(ratios, axis=0), np.max(ratios, axis=0)
    return [
        Figure("dp_bound_over_opacus_rdp", round(float(most[0]), 3), "times", f"least {least[0]:.3f}", "lower"),
        Figure("dp_bound_over_opacus_prv", round(float(most[1]), 3), "times", f"least {least[1]:.3f}", "lower"),
    ]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
