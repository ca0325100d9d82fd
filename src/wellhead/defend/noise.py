"""Keyed noise: a distribution drawn by a secret key, the same for the same question, that an answer moves towards.

Asking again gains nothing, and nobody without the key can tell what was drawn. It is no bar to a clone: training
averages over inputs what repeats cannot. Integers alone are drawn, so that every machine draws the same bits.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Scores
from wellhead.core.errors import ConfigError, WellheadError
from wellhead.defend.bounds import cap_l1, keep_argmax
from wellhead.defend.guarantees import Argmax, Context, Depends, Guarantees, Stage

_DOMAIN = b"wellhead noise 1\0"
_WORD = 4
_SHORTEST_KEY = 16
_RANGE = 2.0**32


class Noise(msgspec.Struct, frozen=True):
    """Moves each answer by L1 `epsilon` at most towards a keyed draw from the flat Dirichlet distribution.

    by: what the draw is a function of besides the key: `output`, the answer rounded to one decimal, so that near copies
    of a question mostly share their noise; or `input`, its fingerprint.  key: of this model alone; ConfigError
    where it is shorter than 16 bytes.
    """

    cost_us: ClassVar[int] = 70
    defeated_by: ClassVar[str] = "training on it, which averages it; near copies of a question, averaged"
    key: bytes
    epsilon: Annotated[float, Meta(ge=0.0, le=2.0)] = 1.0
    by: Literal["output", "input"] = "output"

    def __post_init__(self) -> None:
        if len(self.key) < _SHORTEST_KEY:
            raise ConfigError(f"expected a noise key of {_SHORTEST_KEY} bytes or more, got {len(self.key)}")

    def __repr__(self) -> str:
        """Without the key."""
        return f"Noise(epsilon={self.epsilon}, by={self.by!r})"

    @property
    def name(self) -> str:
        """`noise`."""
        return "noise"

    @property
    def stage(self) -> Stage:
        """Perturbation."""
        return Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """The best class stays ahead, within the distance; the key decides the rest."""
        drawn_by = Depends.INPUT if self.by == "input" else Depends.OUTPUT
        return Guarantees(argmax=Argmax.STRICT, l1_max=self.epsilon, deterministic=drawn_by, keyed=True)

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k). Raises WellheadError by `input` without a fingerprint for each row."""
        drawn = flat_dirichlet(self.key, self._messages(scores, context), scores.shape[1])
        return keep_argmax(scores, cap_l1(scores, drawn, self.epsilon))

    def _messages(self, scores: Scores, context: Context) -> Iterator[bytes]:
        if self.by == "output":
            return map(bytes, np.rint(scores * 10.0).astype(np.uint8))
        marks = context.fingerprints
        if marks is None or len(marks) != len(scores):
            raise WellheadError("expected a fingerprint for each row, got none", "or use noise:by=output")
        return (int(mark).to_bytes(8, "little") for mark in marks)


def flat_dirichlet(key: bytes, messages: Iterator[bytes], classes: int) -> Scores:
    """(n, classes): a point of the simplex for each message, uniform to whoever has no key.

    HMAC-SHA256 of the message seeds SHAKE128; the gaps between sorted uniforms are flat Dirichlet.
    """
    wanted = _WORD * (classes - 1)
    seeds = (hmac.digest(key, _DOMAIN + message, "sha256") for message in messages)
    words = np.frombuffer(b"".join(hashlib.shake_128(seed).digest(wanted) for seed in seeds), "<u4")
    marks = np.sort(words.reshape(-1, classes - 1), axis=1) / _RANGE
    return np.diff(marks, axis=1, prepend=0.0, append=1.0)
