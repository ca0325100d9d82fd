"""Reverse sigmoid: probabilities bent back towards the middle, so that a clone of them learns the wrong slopes.

Lee et al., *Defending against neural network model stealing attacks using deceptive perturbations*, 2019 (arXiv
1806.00054, equation 3). Bent alone, small probabilities rise to about beta/2 and often pass the best class: of random
answers over 1,000 classes one in five keeps its best class (beta 1, gamma 0.1).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Scores
from wellhead.defend.bounds import keep_argmax
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage

_LEAST = 1e-9


class ReverseSigmoid(msgspec.Struct, frozen=True):
    """Bends probabilities by beta * (sigmoid(gamma * logit) - 1/2).

    guarded: a row goes only so far on the way to its bent form that its best class stays ahead (`keep_argmax`); without
    it the best class may change.
    """

    cost_us: ClassVar[int] = 35
    defeated_by: ClassVar[str] = "undoing it, since it is a known map; reading labels alone"
    beta: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.8
    gamma: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.2
    guarded: bool = True

    @property
    def name(self) -> str:
        """`reverse_sigmoid`."""
        return "reverse_sigmoid"

    @property
    def stage(self) -> Stage:
        """Perturbation."""
        return Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """The guard keeps the best class; nothing else does."""
        return Guarantees(argmax=Argmax.STRICT if self.guarded else Argmax.NONE)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k)."""
        bent = reverse_sigmoid(scores, self.beta, self.gamma)
        return keep_argmax(scores, bent) if self.guarded else bent


def reverse_sigmoid(scores: Scores, beta: float, gamma: float) -> Scores:
    """(n, k) probabilities bent and renormalised, unguarded."""
    inside = np.clip(scores, _LEAST, 1.0 - _LEAST)
    sigmoid = 1.0 / (1.0 + np.exp(-gamma * np.log(inside / (1.0 - inside))))
    bent = np.maximum(scores - beta * (sigmoid - 0.5), 0.0)
    return np.asarray(bent / bent.sum(axis=1, keepdims=True))
