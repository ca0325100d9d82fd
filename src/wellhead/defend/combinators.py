"""Defences around a defence: what each guarantees follows from what the one inside does."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from wellhead.core.arrays import Scores
from wellhead.core.verdict import Stance
from wellhead.defend.bounds import cap_l1, crown, keep_argmax
from wellhead.defend.guarantees import Argmax, Context, Defence, Guarantees, Stage
from wellhead.defend.label_only import LabelOnly

_LABEL_ONLY = LabelOnly()


def _stage(inner: Defence) -> Stage:
    """A row on the way to a cut or rounded one is neither."""
    return inner.stage if inner.stage <= Stage.MARK else Stage.PERTURB


class KeepArgmax(msgspec.Struct, frozen=True):
    """Lets a defence go only as far as leaves the best class ahead."""

    defeated_by: ClassVar[str] = "reading labels alone"
    inner: Defence

    @property
    def name(self) -> str:
        """`keep_argmax(...)`."""
        return f"keep_argmax({self.inner.name})"

    @property
    def stage(self) -> Stage:
        """That of the inner, or perturbation."""
        return _stage(self.inner)

    @property
    def guarantees(self) -> Guarantees:
        """Those of the inner, and the best class stays, alone where it was."""
        return msgspec.structs.replace(self.inner.guarantees, argmax=Argmax.STRICT)

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k)."""
        return keep_argmax(scores, self.inner.shape(scores, context))


class CapL1(msgspec.Struct, frozen=True):
    """Lets a defence go no further than an L1 distance of `epsilon`, 0..2."""

    defeated_by: ClassVar[str] = "what defeats the defence inside"
    epsilon: Annotated[float, Meta(ge=0.0, le=2.0)]
    inner: Defence

    @property
    def name(self) -> str:
        """`cap_l1(...)`."""
        return f"cap_l1({self.inner.name})"

    @property
    def stage(self) -> Stage:
        """That of the inner, or perturbation."""
        return _stage(self.inner)

    @property
    def guarantees(self) -> Guarantees:
        """Those of the inner, within the distance."""
        inside = self.inner.guarantees
        return msgspec.structs.replace(inside, l1_max=min(inside.l1_max, self.epsilon))

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k)."""
        capped = cap_l1(scores, self.inner.shape(scores, context), self.epsilon)
        return crown(scores, capped) if self.inner.guarantees.argmax is Argmax.STRICT else capped


class When(msgspec.Struct, frozen=True):
    """A defence for whoever is treated by a stance or a stricter one; for others nothing."""

    defeated_by: ClassVar[str] = "what defeats the defence inside, and many accounts below the stance"
    stance: Literal["watch", "reduce", "delay", "challenge", "throttle"]
    inner: Defence

    @property
    def name(self) -> str:
        """`when(...)`."""
        return f"when({self.inner.name})"

    @property
    def stage(self) -> Stage:
        """That of the inner."""
        return self.inner.stage

    @property
    def guarantees(self) -> Guarantees:
        """Those of the inner, since no defence breaks none of them."""
        return self.inner.guarantees

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k)."""
        return self.inner.shape(scores, context) if context.stance >= Stance[self.stance.upper()] else scores


class LabelOnlyAfter(msgspec.Struct, frozen=True):
    """1 for the best class of what a defence leaves, 0 for the others."""

    defeated_by: ClassVar[str] = "training on labels"
    inner: Defence

    @property
    def name(self) -> str:
        """`label_only_after(...)`."""
        return f"label_only_after({self.inner.name})"

    @property
    def stage(self) -> Stage:
        """Truncation."""
        return Stage.TRUNCATE

    @property
    def guarantees(self) -> Guarantees:
        """Those of the inner, then those of label-only."""
        return self.inner.guarantees.meet(_LABEL_ONLY.guarantees)

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to one-hot (n, k)."""
        return _LABEL_ONLY.shape(self.inner.shape(scores, context), context)
