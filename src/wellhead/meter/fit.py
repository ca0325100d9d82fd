"""Fit a profile on a sample of inputs and the model's true answers to them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Scores
from wellhead.core.errors import ProfileError
from wellhead.core.event import Answer, ModelSpec
from wellhead.meter.codebook import Codebook, fit_codebook
from wellhead.meter.features import CodeMap, fit_code_map, fit_feature_map, kind_of
from wellhead.meter.profile import Profile, Reference, majority
from wellhead.meter.selfcheck import Learner, Sample, projected, readings, real_points, verdict
from wellhead.meter.space import fit_space

LEAST = 20
"""Rows below which neither a feature map nor a reference set means anything."""
CODE_WIDTH = {"vector": 48, "image": 48, "text": 192}
DIMENSIONS = {"vector": (128, 256), "image": (128, 256), "text": (256, 512)}
WIDTH = 1.5
"""Of the kernel, in root mean square lengths of an input: a sample is too small to choose it better than this."""
WORTH = 0.25
"""Points of error that a larger dimension must save to be taken: the price of an event grows with its square."""


def fit(
    inputs: Inputs,
    answers: Answer,
    spec: ModelSpec,
    rng: np.random.Generator,
    learners: Mapping[str, Learner] | None = None,
    check_rows: int = 600,
) -> Profile:
    """The profile of a model from sample inputs (n, ...) and its true answers.

    learners: fit(inputs, targets, seed) -> object with predict, by name; without them the profile says `unchecked`.
    check_rows: queries that the learners of the self-check are given at most (the rest of the sample judges them).
    Raises ProfileError below 20 rows, and where inputs or answers are not what the spec says.
    """
    sample = _sample(inputs, answers, spec)
    code_map = fit_code_map(inputs, CODE_WIDTH[kind_of(inputs)])
    candidates = _candidates(code_map, code_map.code(inputs), sample, spec, rng)
    return _chosen(candidates, sample, dict(learners or {}), check_rows, rng)


def _sample(inputs: Inputs, answers: Answer, spec: ModelSpec) -> Sample:
    regressor = spec.task == "regressor"
    truth = answers.values if regressor else answers.top1
    if truth is None:
        raise ProfileError(f"expected the answers of a {spec.task}, got {answers.kind.name}", "set model.task")
    if len(truth) != len(inputs) or len(truth) < LEAST:
        got = f"{len(inputs)} with {len(truth)} answers"
        raise ProfileError(f"expected at least {LEAST} inputs, each with an answer, got {got}", "give a larger sample")
    scores = answers.scores if answers.kind.has_scores and not regressor else None
    kept: Array = np.asarray(truth, np.float64 if regressor else np.int64)
    return Sample(inputs, kept, None if scores is None else probabilities(scores))


def probabilities(scores: Scores) -> Scores:
    """Scores (n, k) as probabilities: rows that are no distributions are taken for logits."""
    if scores.min() >= 0.0 and np.allclose(scores.sum(axis=1), 1.0, atol=0.05):
        return scores
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _classes(sample: Sample, spec: ModelSpec) -> int:
    if spec.task == "regressor":
        return 0
    if sample.scores is not None:
        return int(sample.scores.shape[1])
    return max(len(spec.classes), int(sample.truth.max()) + 1)


def _codebook(scores: Scores | None) -> Codebook | None:
    return None if scores is None or scores.shape[1] < 2 else fit_codebook(scores)


def _candidates(
    code_map: CodeMap, codes: Array, sample: Sample, spec: ModelSpec, rng: np.random.Generator
) -> list[Profile]:
    """Unchecked profiles of every feature map that may be chosen, smallest dimension first."""
    regressor = spec.task == "regressor"
    base = Profile(
        spec=spec,
        code_map=code_map,
        feature_map=fit_feature_map(codes, code_map.step, WIDTH, 2, rng),
        reference=Reference(codes, sample.truth),
        space=fit_space(codes, code_map.step, rng.spawn(1)[0]),
        classes=_classes(sample, spec),
        location=float(sample.truth.mean()) if regressor else 0.0,
        scale=max(float(sample.truth.std()), 1e-9) if regressor else 1.0,
        floor=0.0 if regressor else majority(sample.truth),
        attainable=1.0,
        codebook=_codebook(sample.scores),
    )
    maps = [fit_feature_map(codes, code_map.step, WIDTH, D, rng) for D in DIMENSIONS[code_map.kind]]
    return [msgspec.structs.replace(base, feature_map=m) for m in maps]


def _chosen(
    candidates: list[Profile], sample: Sample, learners: dict[str, Learner], check_rows: int, rng: np.random.Generator
) -> Profile:
    """The candidate that reads nearest to the learners; the first where there are none to compare with."""
    codes = candidates[0].reference.codes
    order = rng.permutation(len(codes))
    pool, judge = np.split(order, [min(check_rows, len(order) * 3 // 5)])
    real = real_points(sample, pool, judge, learners, int(rng.integers(2**31)))
    if not real:
        own = readings(candidates[0], sample, pool, judge)
        return msgspec.structs.replace(candidates[0], attainable=projected(own, len(codes), candidates[0].floor))
    checks = [verdict(real, readings(c, sample, pool, judge)) for c in candidates]
    costs = [check.error + WORTH * np.log2(c.dimension) for c, check in zip(candidates, checks, strict=True)]
    best = int(np.argmin(costs))
    attainable = projected(real, len(codes), candidates[best].floor)
    return msgspec.structs.replace(candidates[best], check=checks[best], attainable=attainable)
