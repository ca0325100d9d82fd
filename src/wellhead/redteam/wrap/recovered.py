"""Undo a defence that is known: of all probabilities that it would have turned into this answer, the mean."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Scores
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.defend.guarantees import Context
from wellhead.plugins import find
from wellhead.redteam.attack import Attack, scored
from wellhead.redteam.clone import softmax
from wellhead.redteam.extract.active import Random
from wellhead.redteam.known import Known
from wellhead.redteam.wrap.wrapper import Way, Wrapper

_CLOSE = 0.01
_FLOOR = 0.05
_CELLS = 400_000
_FEWEST = 16
_ROUNDS = 6

Shape = Callable[[Scores], Scores]
"""What a defence does to probabilities."""


class Recovered(Wrapper, frozen=True, kw_only=True, eq=False):
    """Partial Bayes: Dirichlet samples around each answer are pushed through the defence; the mean of those that come
    out within an L1 distance of 0.01 of the answer, or nearest, with the same best class, replaces it. Costs no query more.

    defence: a name of `wellhead.defences` or `reverse_sigmoid`.  settings: its fields.
    samples: for each answer.  sharpness: of the samples, times the number of classes.
    """

    kind: ClassVar[str] = "recovered"
    note: ClassVar[str] = "defence undone by partial Bayes"
    paper: ClassVar[str] = "Tang et al., ModelGuard, USENIX Security 2024 (partial Bayes attack)"

    defence: str = "rounding"
    settings: dict[str, float] = {}
    samples: int = 400
    sharpness: float = 8.0

    def __post_init__(self) -> None:
        resolve(self.defence, self.settings)
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
        return cls(attack=inner.suit(known), defence="rounding", settings={"decimals": known.decimals})

    def _way(self, rng: np.random.Generator) -> Way:
        shape = resolve(self.defence, self.settings)

        def way(inputs: Inputs) -> Generator[Inputs, Answer, Answer]:
            answer = yield inputs
            whole = scored(answer)
            if answer.scores is None or not whole.any():
                return answer
            scores = softmax(answer.scores) if answer.kind == Exposure.LOGITS else answer.scores.copy()
            scores[whole] = recover(scores[whole], shape, self.samples, self.sharpness, rng)
            return Answer(Exposure.PROBABILITIES, scores, answer.labels)

        return way


def resolve(defence: str, settings: dict[str, float]) -> Shape:
    """What the defence does; raises ConfigError for an unknown name or settings that it does not have."""
    if defence == "reverse_sigmoid":
        return lambda scores: reverse_sigmoid(scores, **settings)
    kind = find("defences", defence)
    try:
        held = msgspec.convert(settings, kind)
    except msgspec.ValidationError as e:
        raise ConfigError(f"expected settings of defence {defence}, got: {e}") from e
    unknown = set(settings) - set(kind.__struct_fields__)
    if unknown:
        raise ConfigError(f"expected settings of defence {defence}, got {', '.join(sorted(unknown))}")
    return lambda scores: held.shape(scores, Context())


def reverse_sigmoid(scores: Scores, beta: float = 0.9, gamma: float = 0.2) -> Scores:
    """(n, k) probabilities bent so that they mislead a clone (Lee et al., 2018, arXiv 1806.00054, equation 3)."""
    inside = np.clip(scores, 1e-9, 1.0 - 1e-9)
    bent = inside - beta * (1.0 / (1.0 + np.exp(-gamma * np.log(inside / (1.0 - inside)))) - 0.5)
    bent = np.maximum(bent, 0.0)
    return np.asarray(bent / np.maximum(bent.sum(axis=1, keepdims=True), 1e-12))


def recover(told: Scores, shape: Shape, samples: int, sharpness: float, rng: np.random.Generator) -> Scores:
    """(n, k): the mean of what may have been behind each answer; equal answers get the same."""
    distinct, back = np.unique(told, axis=0, return_inverse=True)
    classes = told.shape[1]
    samples = max(min(samples, _CELLS // classes), min(samples, _FEWEST))
    undone = np.empty_like(distinct)
    step = max(_CELLS // (classes * samples), 1)
    for at in range(0, len(distinct), step):
        undone[at : at + step] = _behind(distinct[at : at + step], shape, samples, sharpness, rng)
    return undone[back.reshape(-1)]


def _behind(told: Scores, shape: Shape, samples: int, sharpness: float, rng: np.random.Generator) -> Scores:
    classes, guess = told.shape[1], told
    # A defence may move an answer far from the truth: each round looks around what the last one found.
    for _ in range(_ROUNDS):
        drawn = rng.standard_gamma(np.repeat(sharpness * classes * guess + _FLOOR, samples, axis=0)) + 1e-12
        drawn /= drawn.sum(axis=1, keepdims=True)
        seen = shape(drawn).reshape(len(told), samples, classes)
        away: Array = np.abs(seen - told[:, None]).sum(axis=2)
        # Defences that keep the best class say by it where the truth lies.
        away = away + 2.0 * (seen.argmax(axis=2) != told.argmax(axis=1)[:, None])
        kept = (away <= np.maximum(away.min(axis=1), _CLOSE)[:, None])[:, :, None]
        guess = (drawn.reshape(seen.shape) * kept).sum(axis=1) / kept.sum(axis=1)
    return guess
