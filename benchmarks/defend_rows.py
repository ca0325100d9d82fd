"""Rows of scores that break defences, and the count of what is broken, property by property."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import peers
from wellhead.core.arrays import Array, Scores
from wellhead.defend.guarantees import TOLERANCE, Argmax, Depends, Guarantees

WIDTHS = {2: 20_000, 3: 20_000, 5: 20_000, 8: 20_000, 12: 20_000, 100: 2_000}
"""How many hard rows of each number of classes."""
PROPERTIES = ("simplex", "argmax weak", "argmax strict", "l1", "deterministic", "batch-independent", "input kept")
_ALONE = 64

ART = """
import sys
import numpy as np
from art.defences.postprocessor import ClassLabels, GaussianNoise, HighConfidence, ReverseSigmoid, Rounded

data = np.load(sys.argv[1])
made = {"ClassLabels": ClassLabels(), "ReverseSigmoid": ReverseSigmoid(), "Rounded": Rounded(decimals=2),
        "HighConfidence": HighConfidence(), "GaussianNoise": GaussianNoise()}
found = {}
np.random.seed(0)
for key in data.files:
    rows = data[key]
    for name, defence in made.items():
        given = rows.copy()
        found[f"{name}/{key}/whole"] = defence(given)
        found[f"{name}/{key}/kept"] = np.array((given == rows).all())
        found[f"{name}/{key}/again"] = defence(rows.copy())
        found[f"{name}/{key}/turned"] = defence(rows[::-1].copy())[::-1]
        alone = [defence(rows[i : i + 1].copy()) for i in range(int(sys.argv[3]))]
        found[f"{name}/{key}/alone"] = np.concatenate(alone)
np.savez(sys.argv[2], **found)
"""
ART_NAMES = ("ClassLabels", "ReverseSigmoid", "Rounded", "HighConfidence", "GaussianNoise")


class Told(NamedTuple):
    """What came of a batch: asked whole, again, in the other order, and its first rows one by one."""

    whole: Scores
    again: Scores
    turned: Scores
    alone: Scores
    kept: bool


def hard_rows(k: int, n: int, rng: np.random.Generator) -> Scores:
    """(n, k) rows of probabilities: spread, certain, equal, tied, nearly tied, with entries of 1e-300, and sparse."""
    kinds = (_spread, _certain, _tied, _near, _tiny, _sparse, _plain)
    parts = [kind(k, size, rng) for kind, size in zip(kinds, _sizes(n, len(kinds)), strict=True)]
    rows = np.concatenate(parts)
    rows = np.take_along_axis(rows, rng.permuted(np.tile(np.arange(k), (n, 1)), axis=1), axis=1)
    return np.asarray(rows[rng.permutation(n)])


def _sizes(n: int, parts: int) -> list[int]:
    return [n // parts + (i < n % parts) for i in range(parts)]


def _normed(rows: Array) -> Scores:
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def softmax(logits: Array) -> Scores:
    """(n, k) probabilities."""
    return _normed(np.exp(logits - logits.max(axis=1, keepdims=True)))


def _spread(k: int, n: int, rng: np.random.Generator) -> Scores:
    return softmax(rng.uniform(-40, 40, (n, k)))


def _certain(k: int, n: int, rng: np.random.Generator) -> Scores:
    return np.eye(k)[rng.integers(k, size=n)]


def _tied(k: int, n: int, rng: np.random.Generator) -> Scores:
    """Few different logits, so many equals; now and then all of them."""
    return softmax(rng.integers(0, rng.integers(1, 4, (n, 1)), (n, k)).astype(float))


def _near(k: int, n: int, rng: np.random.Generator) -> Scores:
    """The best two are 1e-16 to 1e-2 apart."""
    rows = softmax(rng.normal(0, 2, (n, k)))
    order = np.argsort(-rows, axis=1)
    first, second = order[:, :1], order[:, 1:2]
    best = np.take_along_axis(rows, first, axis=1)
    np.put_along_axis(rows, second, best * (1 - 10.0 ** rng.uniform(-16, -2, (n, 1))), axis=1)
    return _normed(rows)


def _tiny(k: int, n: int, rng: np.random.Generator) -> Scores:
    rows = softmax(rng.normal(0, 3, (n, k)))
    rows[:, 1:][rng.random((n, k - 1)) < 0.5] = 1e-300
    return _normed(rows)


def _sparse(k: int, n: int, rng: np.random.Generator) -> Scores:
    return _normed(rng.standard_gamma(0.05, (n, k)) + 1e-12)


def _plain(k: int, n: int, rng: np.random.Generator) -> Scores:
    return softmax(rng.normal(0, 3, (n, k)))


def ask(shape: Callable[[Scores, Array], Scores], rows: Scores, marks: Array) -> Told:
    """Put the batch to a defence in every order. shape: (rows, fingerprints) -> rows."""
    given = rows.copy()
    whole = np.array(shape(given, marks))
    alone = [shape(rows[i : i + 1], marks[i : i + 1]) for i in range(min(_ALONE, len(rows)))]
    return Told(
        whole,
        np.array(shape(rows.copy(), marks)),
        np.array(shape(rows[::-1], marks[::-1]))[::-1],
        np.concatenate(alone),
        bool((given == rows).all()),
    )


def faults(rows: Scores, told: Told, l1_max: float = 2.0, ties: bool = True) -> dict[str, Array]:
    """(n,) bool by property: which rows break it. Written apart from what the pipeline checks.

    ties: of equally good classes the first must stay; False lets any of them.
    """
    after, at = told.whole, np.arange(len(rows))
    with np.errstate(all="ignore"):
        good = np.isfinite(after).all(axis=1) & (after >= 0).all(axis=1) & (np.abs(after.sum(axis=1) - 1) <= TOLERANCE)
        was, now = (x == x.max(axis=1, keepdims=True) for x in (rows, after))
        kept = now[at, rows.argmax(axis=1)] if ties else (was & now).any(axis=1)
        level = (now & ~was).any(axis=1)
        moved = np.abs(after - rows).sum(axis=1)
    apart = (told.turned != after).any(axis=1)
    apart[: len(told.alone)] |= (told.alone != after[: len(told.alone)]).any(axis=1)
    return {
        "simplex": ~good,
        "argmax weak": ~kept,
        "argmax strict": ~kept | level,
        "l1": ~(moved <= l1_max + TOLERANCE),
        "deterministic": (told.again != after).any(axis=1),
        "batch-independent": apart,
        "input kept": np.full(len(rows), not told.kept),
    }


def promised(guarantees: Guarantees) -> tuple[str, ...]:
    """The properties that a defence answers for."""
    wanted = {
        "simplex": guarantees.simplex,
        "argmax weak": guarantees.argmax >= Argmax.WEAK,
        "argmax strict": guarantees.argmax >= Argmax.STRICT,
        "l1": guarantees.l1_max < 2.0,
        "deterministic": guarantees.deterministic >= Depends.INPUT,
        "batch-independent": guarantees.stateless,
        "input kept": True,
    }
    return tuple(p for p in PROPERTIES if wanted[p])


def batches(seed: int = 0) -> list[Scores]:
    """The hard rows of every width."""
    rng = np.random.default_rng(seed)
    return [hard_rows(k, n, rng) for k, n in WIDTHS.items()]


def art(rows: Sequence[Scores]) -> dict[str, dict[str, int]]:
    """Rows that break each property, by postprocessor of the Adversarial Robustness Toolbox; empty without it."""
    python = peers.art()
    if python is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        data, found = Path(folder) / "rows.npz", Path(folder) / "found.npz"
        np.savez(data, **{str(i): r for i, r in enumerate(rows)})
        subprocess.run([python, "-W", "ignore", "-c", ART, data, found, str(_ALONE)], check=True, timeout=900)
        told = np.load(found)
        return {name: _counted(name, rows, told) for name in ART_NAMES}


def _counted(name: str, rows: Sequence[Scores], told: object) -> dict[str, int]:
    total = dict.fromkeys([*PROPERTIES, "any"], 0)
    for i, batch in enumerate(rows):
        parts = {part: told[f"{name}/{i}/{part}"] for part in Told._fields}  # type: ignore[index]
        broken = faults(batch, Told(**parts | {"kept": bool(parts["kept"])}), ties=False)
        del broken["l1"]  # they promise none
        for prop, bad in broken.items():
            total[prop] += int(bad.sum())
        total["any"] += int(np.any(list(broken.values()), axis=0).sum())
    return total
