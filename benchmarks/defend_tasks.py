"""Two small tasks on which thieves are played against defences: a digits model that is sure, a table model that is not.

The recipe, the same for both: victim and clone are perceptrons with one hidden layer of 64, trained by Adam with a rate
that falls linearly from 0.003, batches of 64 and a decay of 0.0001, 60 epochs the victim, 120 the clone.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores
from wellhead.redteam.network import Networks, Recipe
from wellhead.redteam.trainer import Goal, Trainer

SEEDS = (0, 1, 2)
CLONE_SEED = 1000
VICTIM = Recipe(hidden=(64,), epochs=60, batch=64, rate=3e-3, decay=1e-4)
CLONE = msgspec.structs.replace(VICTIM, epochs=120)
_GROUP_FLOATS = 2**19


class Task(NamedTuple):
    """Inputs, labels, and how the rows are dealt. jitter: standard deviation of the noise on a repeated input."""

    name: str
    inputs: Inputs
    labels: Labels
    victim: int
    test: int
    budgets: tuple[int, int]
    jitter: float
    shadow: int

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1


class Play(NamedTuple):
    """One seed of a task: the trained victim, its own rows, what may be asked, and what clones are judged by."""

    task: Task
    seed: int
    victim: Networks
    own: Inputs
    pool: Inputs
    pool_labels: Labels
    test: Inputs
    labels: Labels


@cache
def digits() -> Task:
    """The 8 x 8 digits of scikit-learn, 10 classes."""
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    return Task("digits", inputs / 16, labels, 800, 450, (100, 500), 0.02, 100)


@cache
def tab20() -> Task:
    """A made table of 6,000 rows, 30 columns and 20 classes."""
    from sklearn.datasets import make_classification

    inputs, labels = make_classification(
        6000,
        30,
        n_informative=20,
        n_redundant=5,
        n_classes=20,
        n_clusters_per_class=2,
        class_sep=1.6,
        random_state=7,
    )
    return Task("tab20", inputs / inputs.std(axis=0), labels, 3000, 1000, (300, 2000), 0.05, 300)


class _Decaying(Trainer):
    """A trainer whose rate falls linearly to 0."""

    steps = 1

    def _adam(self, step: int, scale: float) -> None:
        rate = self.recipe.rate
        self.recipe = msgspec.structs.replace(self.recipe, rate=rate * (1 - (step - 1) / self.steps))
        super()._adam(step, scale)
        self.recipe = msgspec.structs.replace(self.recipe, rate=rate)


def train(inputs: Inputs, targets: Array, recipe: Recipe, seed: int, start: Networks | None = None) -> Networks:
    """Train K networks alike on the same inputs: same first weights, same order of rows, only the targets differ.

    targets: (K, n, c) probabilities.  start: one network to go on from.
    Each network is the same, bit for bit, whoever is trained beside it.
    """
    size = inputs.shape[1] * recipe.hidden[0] + recipe.hidden[0] * targets.shape[2]
    groups = np.array_split(targets, -(-len(targets) // max(_GROUP_FLOATS // size, 1)))
    parts = [_train(inputs, group, recipe, seed, start) for group in groups]
    layers = len(recipe.hidden) + 1
    params = [np.concatenate([p[i] for p in parts]) for i in range(2 * layers)]
    width = inputs.shape[1]
    return Networks(tuple(params[:layers]), tuple(params[layers:]), np.zeros(width), np.ones(width), "classifier")


def _train(inputs: Inputs, targets: Array, recipe: Recipe, seed: int, start: Networks | None) -> list[Array]:
    many, rows, classes = targets.shape
    x = np.tile(inputs.astype(np.float32), (many, 1))
    goal = Goal.of(targets.reshape(many * rows, classes), False)
    own = [np.arange(k * rows, (k + 1) * rows) for k in range(many)]
    trainer = _Decaying(x, goal, recipe, own, np.full(many, seed))
    if start is not None:
        for layer, first in zip(trainer.layers, start.weights + start.biases, strict=True):
            layer[:] = first
    trainer.steps = -(-rows * recipe.epochs // recipe.batch)
    return trainer.fit(trainer.steps)


def one_hot(labels: Labels, classes: int) -> Scores:
    """(n, classes)."""
    return np.eye(classes)[labels]


def play(task: Task, seed: int) -> Play:
    """Deal the rows, to the victim first, then the pool that is asked, then the test, and train the victim."""
    order = np.random.default_rng(seed).permutation(len(task.labels))
    x, y = task.inputs[order], task.labels[order]
    victim = train(x[: task.victim], one_hot(y[: task.victim], task.classes)[None], VICTIM, seed)
    pool, test = slice(task.victim, len(y) - task.test), slice(len(y) - task.test, None)
    return Play(task, seed, victim, x[: task.victim], x[pool], y[pool], x[test], y[test])


def answers(networks: Networks, inputs: Inputs) -> Array:
    """(K, n, c) probabilities of every network."""
    logits = networks.logits(inputs).astype(np.float64)
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    return np.asarray(powers / powers.sum(axis=2, keepdims=True))
