"""What a thief makes of the answers before it trains: ways to get around a defence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.defend_tasks import Play, Recipe, answers, one_hot, train
from wellhead.core.arrays import Array, Inputs, Scores
from wellhead.defend.guarantees import Context, Defence, Depends

THIEVES = ("soft", "top1", "repeat", "jitter", "recovery", "top1 jitter", "top1 recovery")
LABEL_THIEVES = tuple(t for t in THIEVES if t.startswith("top1"))
"""Those that keep nothing of an answer but its best class."""
COPIES = 10
_SHADOWS = 2
_SHADOW = Recipe(hidden=(64,), epochs=40, batch=64, rate=3e-3, decay=1e-4)
_CANDIDATES = 8192
_NEAR = 0.02


class Stack(NamedTuple):
    """Defences in order, the name of the row, and whether chance is in it."""

    name: str
    defences: tuple[Defence, ...] = ()

    def shape(self, scores: Scores, marks: Array) -> Scores:
        """(n, k) to (n, k), as the gate would; marks: (n,) fingerprints of the inputs."""
        context = Context(fingerprints=marks, principal="thief")
        for defence in self.defences:
            scores = defence.shape(scores, context)
        return scores

    @property
    def by_chance(self) -> bool:
        """Whether the same answer may come out otherwise when asked again."""
        return any(d.guarantees.deterministic is Depends.NONE for d in self.defences)


def fingerprints(inputs: Inputs) -> Array:
    """(n,) uint64."""
    rows = np.ascontiguousarray(inputs, np.float64)
    return np.array([int.from_bytes(hashlib.sha256(r.tobytes()).digest()[:8], "little") for r in rows], np.uint64)


def ask(play: Play, inputs: Inputs) -> Scores:
    """The victim's own probabilities."""
    return answers(play.victim, inputs)[0]


class Heard(NamedTuple):
    """What the victim itself says to a budget's inputs and to near copies of them, each with its fingerprints.

    guessed: what a model like the victim may have said, with fingerprints.
    """

    inputs: Inputs
    clean: tuple[Scores, Array]
    near: list[tuple[Scores, Array]]
    guessed: tuple[Scores, Array]


def listen(play: Play, rows: int) -> Heard:
    """Ask everything that any thief asks."""
    x = play.pool[:rows]
    rng = np.random.default_rng(play.seed)
    near = [x + rng.normal(0, play.task.jitter, x.shape) for _ in range(COPIES - 1)]
    said = [(ask(play, z), fingerprints(z)) for z in (x, *near)]
    return Heard(x, said[0], said[1:], _guessed(play, x, said[0][1], rng))


def told(heard: Heard, stack: Stack, attacker: Stack) -> dict[str, Scores]:
    """(rows, k) that each thief trains on. attacker: the mechanism as a thief knows it, without the key."""
    soft = stack.shape(*heard.clean)
    labels = _labels(soft)
    made = {"soft": soft, "top1": labels, "repeat": soft}
    if stack.by_chance:
        made["repeat"] = _mean([soft, *(stack.shape(*heard.clean) for _ in range(COPIES - 1))])
    copies = [soft, *(stack.shape(*z) for z in heard.near)]
    clean, shaped = heard.guessed[0], attacker.shape(*heard.guessed)
    return made | {
        "jitter": _mean(copies),
        "recovery": recovered(soft, clean, shaped) if stack.defences else soft,
        "top1 jitter": _mean([_labels(c) for c in copies]),
        "top1 recovery": class_means(labels, clean, shaped),
    }


def _labels(scores: Scores) -> Scores:
    return one_hot(scores.argmax(axis=1), scores.shape[1])


def _mean(parts: Sequence[Scores]) -> Scores:
    total = np.sum(parts, axis=0)
    return np.asarray(total / total.sum(axis=1, keepdims=True))


def _guessed(play: Play, inputs: Inputs, marks: Array, rng: np.random.Generator) -> tuple[Scores, Array]:
    """(m, k) what a model like the victim may have said, and (m,) fingerprints.

    Two shadow models learn from a few labelled points; their answers are jittered by Dirichlet(8 k p).
    """
    task, k = play.task, play.task.classes
    parts = []
    for i in range(_SHADOWS):
        own = slice(i * task.shadow, (i + 1) * task.shadow)
        shadow = train(play.pool[own], one_hot(play.pool_labels[own], k)[None], _SHADOW, 2000 + 10 * play.seed + i)
        parts.append(answers(shadow, inputs)[0])
    guesses = np.concatenate(parts)
    at = rng.integers(len(guesses), size=_SHADOWS * _CANDIDATES)
    drawn = rng.standard_gamma(np.maximum(8 * k * guesses[at], 1e-3)) + 1e-12
    return drawn / drawn.sum(axis=1, keepdims=True), marks[at % len(inputs)]


def class_means(labels: Scores, clean: Scores, shaped: Scores) -> Scores:
    """For each label the mean of what may have led to it; labels that no candidate has stay."""
    out, of = labels.copy(), shaped.argmax(axis=1)
    for top in np.unique(of):
        out[labels.argmax(axis=1) == top] = clean[of == top].mean(axis=0)
    return out


def recovered(soft: Scores, clean: Scores, shaped: Scores) -> Scores:
    """For each answer the mean of what may have led to it: candidates of the same top within L1 0.02, or the nearest.

    An answer whose top no candidate has stays as it is.
    """
    out = soft.copy()
    tops, of = soft.argmax(axis=1), shaped.argmax(axis=1)
    for top in np.unique(tops):
        mine, theirs = np.flatnonzero(tops == top), np.flatnonzero(of == top)
        for rows in np.array_split(mine, max(len(mine) // 64, 1)) if len(theirs) else []:
            away = np.abs(soft[rows, None] - shaped[None, theirs]).sum(axis=2)
            near = away <= np.maximum(away.min(axis=1, keepdims=True), _NEAR)
            out[rows] = (near @ clean[theirs]) / near.sum(axis=1, keepdims=True)
    return out
