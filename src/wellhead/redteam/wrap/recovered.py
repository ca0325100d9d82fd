"""Undo a defence that is known: of all probabilities that it would have turned into an answer, the mean."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Scores
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.defend.guarantees import Context
from wellhead.defend.spec import parse
from wellhead.redteam.attack import Attack, Extraction, Result, scored, take_inputs
from wellhead.redteam.clone import softmax
from wellhead.redteam.extract.active import Random
from wellhead.redteam.known import Known
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.transcript import keys
from wellhead.redteam.wrap.wrapper import Way, Wrapper

_CLOSE = 0.01
_FLOOR = 0.05
_CELLS = 400_000
_FEWEST = 16
_LOOKS = 3
_FOLDS = 5
_PASSES = 2
_SHARPNESS = 8.0
_RECIPE = Recipe(epochs=40)
_GUESSED: Mapping[str, object] = {"key": bytes(32)}

Shape = Callable[[Scores], Scores]
"""What a defence does to probabilities."""


class Recovered(Wrapper, frozen=True, kw_only=True, eq=False):
    """Partial Bayes: Dirichlet samples around each answer are pushed through the defence; the mean of those that come
    out within an L1 distance of 0.01 of the answer, or nearest, with the same best class, replaces it. In the end
    samples are drawn once more around what clones of the other answers expect. Costs no query more.

    defence: as a config file has it, such as `round:2`; what is keyed is undone with a guessed key.
    samples: for each answer.  sharpness: of the samples, times the number of classes.
    """

    kind: ClassVar[str] = "recovered"
    note: ClassVar[str] = "defence undone by partial Bayes"
    paper: ClassVar[str] = "Tang et al., ModelGuard, USENIX Security 2024 (partial Bayes attack)"

    defence: str = "round:2"
    samples: int = 200
    sharpness: float = _SHARPNESS

    def __post_init__(self) -> None:
        resolve(self.defence)
        if self.samples < 1 or not self.sharpness > 0:
            raise ConfigError("expected one sample or more and a sharpness above 0")

    @property
    def needs(self) -> Exposure:
        """Scores: there is nothing to undo in a label."""
        return max(self.attack.needs, Exposure.PROBABILITIES)

    @classmethod
    def suit(cls, known: Known, inner: type[Attack] = Random) -> Self:
        """Undo the rounding that was probed; raises Unsuited where scores are not rounded, or there are none."""
        known.need(known.exposure.has_scores, "needs scores")
        known.need(known.decimals >= 0, "needs a known defence; none was probed")
        return cls(attack=inner.suit(known), defence=f"round:{known.decimals}")

    def _way(self, rng: np.random.Generator) -> Way:
        return _Undoing(resolve(self.defence), (self.samples, self.sharpness), rng)

    def _end(self, way: Way, result: Result) -> Result:
        if not isinstance(way, _Undoing) or not isinstance(result, Extraction):
            return result
        return msgspec.structs.replace(result, answer=way.again(result.inputs, result.answer))


class _Undoing:
    """Undoes what one conversation is told, and keeps it: in the end all of it says more of each."""

    def __init__(self, shape: Shape, effort: tuple[int, float], rng: np.random.Generator) -> None:
        self._shape, self._effort, self._rng = shape, effort, rng
        self._told: dict[str, Array] = {}

    def __call__(self, inputs: Inputs) -> Generator[Inputs, Answer, Answer]:
        return self.once(inputs, (yield inputs))

    def once(self, inputs: Inputs, answer: Answer) -> Answer:
        """The answer, undone row by row."""
        rows = np.flatnonzero(scored(answer))
        if answer.scores is None or not rows.size:
            return answer
        told = softmax(answer.scores) if answer.kind == Exposure.LOGITS else answer.scores
        self._told.update(zip(keys("", take_inputs(inputs, rows)), told[rows], strict=True))
        return _replaced(answer, rows, self._recover(told[rows], told[rows], _LOOKS))

    def again(self, inputs: Inputs, answer: Answer) -> Answer:
        """The answer, looked for around what clones that have not seen it expect."""
        names = keys("", inputs)
        rows = np.flatnonzero(scored(answer))
        rows = rows[[names[row] in self._told for row in rows]] if rows.size else rows
        if answer.scores is None or rows.size < _FOLDS**2:
            return answer
        told, guess = np.stack([self._told[names[row]] for row in rows]), answer.scores[rows]
        for _ in range(_PASSES):
            expected = _expected(take_inputs(inputs, rows), guess, self._rng)
            guess = self._recover(told, (expected + guess) / 2, 1)
        return _replaced(answer, rows, guess)

    def _recover(self, told: Scores, around: Scores, looks: int) -> Scores:
        return recover(told, around, self._shape, (*self._effort, looks), self._rng)


def undo(inputs: Inputs, answer: Answer, shape: Shape, samples: int, rng: np.random.Generator) -> Answer:
    """A whole answer, what `shape` did to its scores undone, as `Recovered` does it; samples: for each row and look."""
    undoing = _Undoing(shape, (samples, _SHARPNESS), rng)
    return undoing.again(inputs, undoing.once(inputs, answer))


def _replaced(answer: Answer, rows: Array, scores: Scores) -> Answer:
    whole = np.full_like(answer.scores, np.nan)
    whole[rows] = scores
    return Answer(Exposure.PROBABILITIES, whole, answer.labels)


def _expected(inputs: Inputs, targets: Scores, rng: np.random.Generator) -> Scores:
    """(n, k): for each input the probabilities of a clone that was not trained on it."""
    fold = rng.integers(_FOLDS, size=len(targets))
    clones = train(inputs, targets, _RECIPE, rng, np.arange(_FOLDS)[:, None] != fold)
    return softmax(clones.logits(inputs)[fold, np.arange(len(targets))].astype(np.float64))


def resolve(defence: str, given: Mapping[str, object] = _GUESSED) -> Shape:
    """What the defence of a text does, as far as a thief knows; raises ConfigError where the text cannot be read.

    given: what an operator cannot write; of a key a thief has only a guess.
    """
    held = parse(defence, given)
    return lambda scores: held.shape(scores, Context(np.arange(len(scores), dtype=np.uint64)))


def recover(
    told: Scores, around: Scores, shape: Shape, effort: tuple[int, float, int], rng: np.random.Generator
) -> Scores:
    """(n, k): the mean of what may have been behind each answer, looked for around (n, k) `around`.

    effort: samples, sharpness, and looks; a defence may move an answer far from the truth, so each further look is
    around what the last one found.
    """
    samples, sharpness, looks = effort
    classes, undone = told.shape[1], around
    samples = max(min(samples, _CELLS // classes), _FEWEST)
    step = max(_CELLS // (classes * samples), 1)
    for _ in range(looks):
        parts = [slice(at, at + step) for at in range(0, len(told), step)]
        undone = np.concatenate([_behind(told[p], undone[p], shape, (samples, sharpness), rng) for p in parts])
    return undone


def _behind(told: Scores, around: Scores, shape: Shape, effort: tuple[int, float], rng: np.random.Generator) -> Scores:
    (samples, sharpness), classes = effort, told.shape[1]
    drawn = rng.standard_gamma(np.repeat(sharpness * classes * around + _FLOOR, samples, axis=0)) + 1e-12
    drawn /= drawn.sum(axis=1, keepdims=True)
    seen = shape(drawn).reshape(len(told), samples, classes)
    # Defences that keep the best class say by it where the truth lies.
    other = seen.argmax(axis=2) != told.argmax(axis=1)[:, None]
    away: Array = np.abs(seen - told[:, None]).sum(axis=2) + 2.0 * other
    kept = (away <= np.maximum(away.min(axis=1), _CLOSE)[:, None])[:, :, None]
    return np.asarray((drawn.reshape(seen.shape) * kept).sum(axis=1) / kept.sum(axis=1))
