"""The defences that are measured, as an operator writes them, and what none of them may be written with."""

from __future__ import annotations

import msgspec
import numpy as np

from benchmarks.defend_thieves import Stack
from wellhead.core.arrays import Scores
from wellhead.defend.bounds import keep_argmax
from wellhead.defend.guarantees import Argmax, Context, Defence, Depends, Guarantees, Stage
from wellhead.defend.mark import Marking
from wellhead.defend.spec import compose
from wellhead.meter.codebook import fit_codebook

EPSILON = 1.0
ROWS = {
    "none": (),
    "label_only": ("label_only",),
    "top_3": ("top_k:3",),
    "top_5": ("top_k:5",),
    "top_3_rounded": ("top_k:3", "round:2"),
    "round_1": ("round:1",),
    "round_2": ("round:2",),
    "buckets_2": ("buckets:0.7:0.5,0.9",),
    "buckets_3": ("buckets",),
    "reverse_sigmoid": ("reverse_sigmoid:0.8:0.2",),
    "noise_input": ("noise:1:input",),
    "noise_output": ("noise:1:output",),
    "mad_argmax": ("mad_argmax:1",),
    "mad": ("mad:1",),
    "modelguard_w": ("modelguard_w:1",),
    "modelguard_s": ("modelguard_s:1",),
    "modelguard_s_cut": ("modelguard_s:1", "top_k:5", "round:2"),
}
"""What thieves are played against, by name."""
FRESH = "fresh_gaussian"
MORE = {
    "mark": ("mark",),
    "modelguard_w_half": ("modelguard_w:0.5",),
    "capped": ("cap_l1:0.5(reverse_sigmoid:0.8:0.2)",),
    "guarded": ("keep_argmax(reverse_sigmoid:0.8:0.2:guarded=false)",),
    "when": ("when:watch(label_only)",),
    "after": ("label_only_after(noise:1:output)",),
    "capped_guarded_mad": ("cap_l1:0.4(keep_argmax(mad:1))",),
    "noise_marked_cut": ("noise:0.5:input", "mark", "top_k:5", "round:2"),
    "modelguard_w_cut": ("modelguard_w:1", "top_k:3", "round:3"),
    "mad_argmax_cut": ("mad_argmax:0.8", "top_k:4"),
}
"""What is held to its guarantees besides those."""


class FreshGaussian(msgspec.Struct, frozen=True):
    """Noise drawn anew for every answer, kept behind the best class; Wellhead has none, this row shows why."""

    rng: np.random.Generator
    scale: float = 0.2

    @property
    def name(self) -> str:
        """Of the row."""
        return FRESH

    @property
    def stage(self) -> Stage:
        """Perturbation."""
        return Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """By chance."""
        return Guarantees(argmax=Argmax.STRICT, deterministic=Depends.NONE)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k)."""
        noisy = np.maximum(scores + self.scale * self.rng.standard_normal(scores.shape), 1e-9)
        return keep_argmax(scores, noisy / noisy.sum(axis=1, keepdims=True))


def given(sample: Scores, key: bytes) -> dict[str, object]:
    """What no operator writes. sample: (n, k) answers of the model that a codebook is fitted to."""
    marking = Marking(key=key, share=0.02)
    return {"key": key, "codebook": fit_codebook(sample, EPSILON), "marking": marking}


def made(texts: tuple[str, ...], sample: Scores, key: bytes = bytes(range(32))) -> tuple[Defence, ...]:
    """The defences of a row."""
    return compose(texts, given(sample, key))


def stack(name: str, sample: Scores, seed: int, key: bytes = bytes(range(32))) -> Stack:
    """A row by its name."""
    if name == FRESH:
        return Stack(name, (FreshGaussian(np.random.default_rng(seed)),))
    return Stack(name, made(ROWS[name], sample, key))
