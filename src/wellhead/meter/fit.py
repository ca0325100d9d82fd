"""Fit a profile on a sample of inputs and the model's true answers to them."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array, Inputs, Scores
from wellhead.core.errors import ProfileError
from wellhead.core.event import Answer, ModelSpec
from wellhead.meter.features import CodeMap, draw_feature_map, fit_code_map
from wellhead.meter.profile import Profile, Reference, majority

LEAST = 20
"""Rows below which neither a feature map nor a reference set means anything."""
WIDTH, UNITS = 48, 79


def fit(inputs: Inputs, answers: Answer, spec: ModelSpec, rng: np.random.Generator) -> Profile:
    """The profile of a model from sample inputs (n, ...) and its true answers; raises ProfileError below 20 rows."""
    truth = truth_of(answers, spec)
    if len(truth) != len(inputs) or len(truth) < LEAST:
        raise ProfileError(
            f"expected at least {LEAST} inputs with an answer each, got {len(inputs)} and {len(truth)}", "ask for more"
        )
    code_map = fit_code_map(inputs, WIDTH)
    return assemble(code_map, code_map.code(inputs), truth, spec, answers, UNITS, rng)


def truth_of(answers: Answer, spec: ModelSpec) -> Array:
    """(n,) labels, or values of a regressor; raises ProfileError where the answers hold neither."""
    truth = answers.values if spec.task == "regressor" else answers.top1
    if truth is None:
        raise ProfileError(f"expected a {spec.task}'s answers, got {answers.kind.name}", "set model.task")
    return np.asarray(truth)


def classes_of(answers: Answer, spec: ModelSpec) -> int:
    """How many classes the model has, as far as spec and answers tell."""
    if spec.task == "regressor":
        return 0
    if answers.scores is not None:
        return int(answers.scores.shape[1])
    return max(len(spec.classes), int(truth_of(answers, spec).max()) + 1)


def probabilities(scores: Scores) -> Scores:
    """Scores as probabilities: rows that are no distribution are taken as logits."""
    if scores.min() >= 0.0 and np.allclose(scores.sum(axis=1), 1.0, atol=0.05):
        return scores
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def assemble(  # noqa: PLR0913
    code_map: CodeMap, codes: Array, truth: Array, spec: ModelSpec, answers: Answer, units: int, rng: np.random.Generator
) -> Profile:
    """An unchecked profile from its parts."""
    regressor = spec.task == "regressor"
    return Profile(
        spec=spec,
        code_map=code_map,
        feature_map=draw_feature_map(codes, code_map.step, units, rng),
        reference=Reference(codes, truth),
        classes=classes_of(answers, spec),
        location=float(truth.mean()) if regressor else 0.0,
        scale=max(float(truth.std()), 1e-9) if regressor else 1.0,
        floor=0.0 if regressor else majority(truth),
        attainable=0.95,
    )
