"""Differential privacy of a training run: is the epsilon that was recorded the one that its settings give?

It protects the training data against membership inference, as far as epsilon goes. It is no protection against cloning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Array
from wellhead.core.errors import ConfigError

_ORDERS = np.arange(2, 513)
_SLACK = 0.95
"""Other Renyi accountants try fractional orders as well and come out up to so much lower."""
_NO_NOISE = 1e-3
_LITTLE, _MUCH = 1.0, 10.0
_ROUNDED = 1.005


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Steps of DP-SGD with the same settings. sample_rate: share of the training set in an expected batch, 0..1."""

    noise_multiplier: Annotated[float, Meta(ge=0.0, le=1e6)]
    sample_rate: Annotated[float, Meta(gt=0.0, le=1.0)]
    steps: Annotated[int, Meta(ge=1)]


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A training run as recorded. history: as in an Opacus accountant's `state_dict()`, or as objects.

    delta, epsilon: the guarantee that is claimed.  max_grad_norm: to which gradients were clipped, 0 for not.
    rows: of the training set.  poisson_sampling: batches were drawn as the proof assumes.  runs: trainings that touched
    the data, of which this one was kept.
    """

    history: Annotated[tuple[Steps | tuple[float, float, int], ...], Meta(min_length=1)]
    delta: Annotated[float, Meta(gt=0.0, lt=1.0)]
    epsilon: Annotated[float, Meta(gt=0.0)] | None = None
    mechanism: str = ""
    max_grad_norm: Annotated[float, Meta(ge=0.0)] | None = None
    rows: Annotated[int, Meta(ge=1)] | None = None
    poisson_sampling: bool | None = None
    secure_mode: bool | None = None
    runs: Annotated[int, Meta(ge=1)] = 1


class Remark(msgspec.Struct, frozen=True):
    """One check. verdict: `pass`, `fail` or `unknown`."""

    check: str
    verdict: str
    said: str


def run_of(data: bytes) -> Run:
    """A Run from JSON; raises ConfigError for anything else."""
    try:
        return msgspec.json.decode(data, type=Run)
    except (msgspec.MsgspecError, RecursionError) as e:
        raise ConfigError(f"expected a training run as JSON with `history` and `delta`, got: {e}") from e


def steps_of(run: Run) -> tuple[Steps, ...]:
    """The history in one form; raises ConfigError for what is none."""
    try:
        return tuple(h if isinstance(h, Steps) else msgspec.convert(
            dict(zip(Steps.__struct_fields__, h, strict=True)), Steps) for h in run.history)  # fmt: skip
    except msgspec.ValidationError as e:
        raise ConfigError(f"expected history as [noise_multiplier, sample_rate, steps], got: {e}") from e


def epsilon_of(steps: Sequence[Steps], delta: float) -> float:
    """An upper bound of epsilon at this delta, infinite with next to no noise.

    Renyi divergence of the Poisson-sampled Gaussian at whole orders (Mironov, Talwar, Zhang, arXiv 1908.10530,
    section 3.3), summed, and turned into (epsilon, delta) by Balle et al., AISTATS 2020, theorem 21.
    """
    if any(s.noise_multiplier < _NO_NOISE for s in steps):
        return math.inf
    divergence = np.zeros(len(_ORDERS))
    for s in steps:
        divergence += s.steps * np.array([_renyi(s.noise_multiplier, s.sample_rate, int(a)) for a in _ORDERS])
    a = _ORDERS.astype(float)
    bounds = divergence + np.log1p(-1.0 / a) - (math.log(delta) + np.log(a)) / (a - 1.0)
    return max(float(bounds.min()), 0.0)


def epsilon_in_the_limit(steps: Sequence[Steps], delta: float) -> float:
    """What no accountant goes below: epsilon of one Gaussian whose shift is that of all steps.

    Infinite with next to no noise.

    The limit of many steps with much noise (Bu et al., arXiv 1911.11607, corollary 1, to first order in 1 / noise^2),
    exact where every batch is the whole set; less noise only costs more.
    """
    if any(s.noise_multiplier < _NO_NOISE for s in steps):
        return math.inf
    mu = math.sqrt(sum((s.sample_rate / s.noise_multiplier) ** 2 * s.steps for s in steps))
    low, high = 0.0, 1.0
    while _delta_of(high, mu) > delta:
        high *= 2.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _delta_of(middle, mu) > delta else (low, middle)
    return low


def _delta_of(epsilon: float, mu: float) -> float:
    if mu == 0.0:
        return 0.0
    far = _upper(epsilon / mu + mu / 2.0)
    return _upper(epsilon / mu - mu / 2.0) - (math.exp(epsilon + math.log(far)) if far > 0.0 else 0.0)


def _upper(z: float) -> float:
    """Of the standard normal distribution, what lies above z."""
    return math.erfc(z / math.sqrt(2.0)) / 2.0


def _renyi(noise: float, rate: float, order: int) -> float:
    """Divergence of one step."""
    if rate == 1.0:
        return order / (2.0 * noise**2)
    k = np.arange(order + 1)
    terms = _log_choose(order) + k * math.log(rate) + (order - k) * math.log1p(-rate) + (k**2 - k) / (2.0 * noise**2)
    top = float(terms.max())
    return (top + math.log(float(np.exp(terms - top).sum()))) / (order - 1)


def _log_choose(n: int) -> Array:
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    return np.asarray(logs[n] - logs - logs[::-1])


def check(run: Run) -> tuple[float, tuple[Remark, ...]]:
    """The bound of epsilon, and what is to be said of the run."""
    bound = epsilon_of(steps_of(run), run.delta)
    return bound, (_claim(run, bound), _size(run, bound), _delta(run), _clipped(run), _sampled(run), _tried(run))


def _claim(run: Run, bound: float) -> Remark:
    name = "epsilon recorded"
    if run.epsilon is None:
        return Remark(name, "fail", f"none was recorded; these settings give at most {bound:.2f}")
    said = f"{run.epsilon:g} is claimed, these settings give at most {bound:.2f}"
    if run.epsilon * _ROUNDED >= bound * _SLACK:
        return Remark(name, "pass", said)
    least = epsilon_in_the_limit(steps_of(run), run.delta)
    if run.epsilon * _ROUNDED < least or run.mechanism == "rdp":
        why = "the accountant `rdp` says about that" if run.mechanism == "rdp" else f"and none less than {least:.2f}"
        return Remark(name, "fail", f"{said}: {why}")
    return Remark(name, "unknown", f"{said}; an exact accountant (PRV) may say so, but not below {least:.2f}")


def _size(run: Run, bound: float) -> Remark:
    claimed = bound if run.epsilon is None else run.epsilon
    if claimed > _MUCH:
        return Remark("epsilon says something", "fail", f"{claimed:.2f}: above {_MUCH:g} the guarantee is nearly empty")
    word = "strong" if claimed <= _LITTLE else "moderate: measure membership inference as well"
    return Remark("epsilon says something", "pass", f"{claimed:.2f} is {word}")


def _delta(run: Run) -> Remark:
    if run.rows is None:
        return Remark("delta", "unknown", "`rows` of the training set are not recorded; delta must be below 1 / rows")
    good = run.delta * run.rows < 1.0
    said = f"{run.delta:g} {'is' if good else 'is not'} below 1 / {run.rows}"
    return Remark("delta", "pass" if good else "fail", said)


def _clipped(run: Run) -> Remark:
    if run.max_grad_norm is None:
        return Remark("gradients clipped", "unknown", "`max_grad_norm` is not recorded")
    if not run.max_grad_norm:
        return Remark("gradients clipped", "fail", "without clipping the noise proves nothing")
    return Remark("gradients clipped", "pass", f"to {run.max_grad_norm:g}")


def _sampled(run: Run) -> Remark:
    if run.poisson_sampling is None:
        return Remark("Poisson sampling", "unknown", "`poisson_sampling` is not recorded; the proof assumes it")
    word = "as the proof assumes" if run.poisson_sampling else "the proof does not hold for shuffled batches"
    return Remark("Poisson sampling", "pass" if run.poisson_sampling else "fail", word)


def _tried(run: Run) -> Remark:
    if run.runs == 1:
        return Remark("other runs", "pass", "none is recorded")
    return Remark("other runs", "fail", f"the best of {run.runs} trainings was kept: each of them spent epsilon too")
