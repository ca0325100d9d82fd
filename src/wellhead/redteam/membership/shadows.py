"""Shadow models: trained like the target on rows drawn by us, so that we know what each has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.redteam import network
from wellhead.redteam.attack import take_inputs
from wellhead.redteam.clone import matrix
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.membership.told import margins

_ROWS_AT_ONCE = 2**15
_MOST_IN = 0.75


class Training(NamedTuple):
    """How the target was trained and answers. recipe: a name of LEARNERS; `mlp` is trained by `network`.

    rows: size of the training set, 0 where unknown.  decimals: to which the target rounds, and so do its shadows.
    """

    recipe: str = "mlp"
    network: network.Recipe = network.Recipe()
    rows: int = 0
    decimals: int = -1


class Records(NamedTuple):
    """Inputs, and the true label of each."""

    inputs: Inputs
    labels: Labels


def draw(candidates: int, pool: int, rows: int, shadows: int, rng: np.random.Generator) -> Array:
    """(K, candidates + pool) bool: training sets in which each candidate is for about half of the models.

    rows: of one training set, 0 for as many as half of all. Sets are consecutive cuts of shuffled lists: each record
    is in equally many sets, give or take one, where independent coins would leave some in none. The pool fills up
    what half of the candidates do not; where it cannot, candidates do, up to three quarters of them.
    """
    rows = rows or (candidates + pool) // 2
    mine = min(rows, max(candidates // 2, min(rows - pool, int(_MOST_IN * candidates))))
    return np.hstack([_cuts(candidates, mine, shadows, rng), _cuts(pool, min(rows - mine, pool), shadows, rng)])


def draw_outside(candidates: int, pool: int, rows: int, shadows: int, rng: np.random.Generator) -> Array:
    """(K, candidates + pool) bool: training sets from the pool alone where it suffices, else as `draw`."""
    if pool == 0 or (rows and pool < rows):
        return draw(candidates, pool, rows, shadows, rng)
    return np.hstack([np.zeros((shadows, candidates), bool), _cuts(pool, rows or pool // 2, shadows, rng)])


def _cuts(n: int, size: int, shadows: int, rng: np.random.Generator) -> Array:
    """(K, n) bool: `size` of n each."""
    chosen = np.zeros((shadows, n), bool)
    line = np.zeros(0, np.int64)
    for row in chosen:
        taken, line = line[:size], line[size:]
        if taken.size < size:
            # The next lap must not repeat what this set already has.
            lap = rng.permutation(n)
            lap = np.concatenate([lap[~np.isin(lap, taken)], lap[np.isin(lap, taken)]])
            more = size - taken.size
            taken, line = np.concatenate([taken, lap[:more]]), lap[more:]
        row[taken] = True
    return chosen


def shadow_margins(
    records: Records, sets: Array, training: Training, asked: Sequence[Records], rng: np.random.Generator
) -> list[Array]:
    """(K, n) float64 for each of `asked`: margins of its true labels under models trained on the sets.

    sets: (K, len(records)) bool.  Raises ConfigError for a recipe that there is none of.
    """
    if training.recipe not in LEARNERS:
        raise ConfigError(f"expected a recipe among {', '.join(LEARNERS)}, got {training.recipe!r}")
    one = _perceptrons if training.recipe == "mlp" else _others
    return one(records, sets, training, asked, rng)


def _perceptrons(
    records: Records, sets: Array, training: Training, asked: Sequence[Records], rng: np.random.Generator
) -> list[Array]:
    nets = network.train(matrix(records.inputs), records.labels, training.network, rng, sets)
    return [_by_chunks(nets.logits, r, len(sets), True, training.decimals) for r in asked]


def _others(
    records: Records, sets: Array, training: Training, asked: Sequence[Records], rng: np.random.Generator
) -> list[Array]:
    fit = LEARNERS[training.recipe]
    found: list[list[Array]] = [[] for _ in asked]
    for rows in sets:
        clone = fit(take_inputs(records.inputs, rows), records.labels[rows], int(rng.integers(2**31)))
        for column, r in zip(found, asked, strict=True):
            column.append(_by_chunks(_alone(clone), r, 1, False, training.decimals))
    return [np.concatenate(column) for column in found]


def _alone(clone: Any) -> Callable[[Inputs], Array]:
    """What one clone says, as (1, n, k)."""
    return lambda inputs: np.asarray(clone.predict_proba(inputs))[None]


def _by_chunks(speak: Callable[[Inputs], Array], asked: Records, models: int, logits: bool, decimals: int) -> Array:
    """(K, n) margins, a few thousand rows at a time."""
    size = max(_ROWS_AT_ONCE // models, 1)
    parts = [np.zeros((models, 0))]
    for start in range(0, len(asked.labels), size):
        rows = np.arange(start, min(start + size, len(asked.labels)))
        inputs = take_inputs(asked.inputs, rows)
        parts.append(margins(speak(matrix(inputs) if logits else inputs), asked.labels[rows], logits, decimals))
    return np.concatenate(parts, axis=1)
