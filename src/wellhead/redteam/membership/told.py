"""What membership attacks share: the candidates' answers, and how sure the model was of each true label."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import join_inputs, length, scored, take_inputs
from wellhead.redteam.known import Known

_LEAST = 1e-300


def need_candidates(known: Known) -> Labels:
    """The candidates' true labels; raises Unsuited without candidates, labels, or for regressors."""
    known.need(known.task == "classifier", "needs a classifier")
    known.need(len(known.candidates) > 0, "needs candidates whose membership is asked")
    labels = known.candidate_labels
    known.need(labels is not None and len(labels) == len(known.candidates), "needs the candidates' true labels")
    known.need(known.rows >= len(known.candidates), f"needs a budget of {len(known.candidates)} rows or more")
    return np.asarray(labels, np.int64)


def outsiders(known: Known) -> tuple[Inputs, Labels]:
    """The labelled pool without the rows that are candidates too; empty where the pool has no labels."""
    if known.labels is None or not len(known.pool):
        return take_inputs(known.candidates, np.zeros(0, np.int64)), np.zeros(0, np.int64)
    candidates = set(_keys(known.candidates))
    apart = np.array([key not in candidates for key in _keys(known.pool)], bool)
    return take_inputs(known.pool, apart), np.asarray(known.labels, np.int64)[apart]


def _keys(inputs: Inputs) -> list[str] | list[bytes]:
    """Something hashable for each row."""
    return inputs if isinstance(inputs, list) else [np.asarray(row, np.float64).tobytes() for row in inputs]


def ask(inputs: Inputs) -> Generator[Inputs, Answer, Answer]:
    """Ask all rows in one round."""
    if not isinstance(inputs, list) and inputs.dtype not in (np.float32, np.float64):
        inputs = np.asarray(inputs, np.float32)
    return (yield inputs)


def likelihoods(scores: Array, labels: Labels, logits: bool, decimals: int = -1) -> tuple[Array, Array]:
    """ln p and ln(1 - p) of the true label, (..., n) float64 each, from (..., n, k) scores.

    From the other classes' scores rather than from 1 - p, which is 0 long before p is 1. decimals: what answers are
    rounded to; a 0 there means less than half a unit. Labels that have no column get the least that can be.
    """
    scores = np.asarray(scores, np.float64)
    short = int(labels.max(initial=0)) + 1 - scores.shape[-1]
    if short > 0:
        pad = np.full((*scores.shape[:-1], short), -np.inf if logits else 0.0)
        scores = np.concatenate([scores, pad], axis=-1)
    mine = np.arange(scores.shape[-1]) == labels[:, None]
    if logits and decimals < 0:
        shifted = scores - scores.max(axis=-1, keepdims=True)
        whole = np.log(np.exp(shifted).sum(axis=-1))
        true, others = (np.where(keep, shifted, -np.inf) for keep in (mine, ~mine))
        return _logsum(true) - whole, _logsum(others) - whole
    shares = softmax(scores) if logits else scores
    if decimals >= 0:
        shares = np.round(shares, decimals)
    least = 0.5 * 10.0**-decimals if decimals >= 0 else _LEAST
    true, others = ((shares * keep).sum(axis=-1) for keep in (mine, ~mine))
    return np.log(np.maximum(true, least)), np.log(np.maximum(others, least))


def _logsum(logits: Array) -> Array:
    """ln of the sum of exponentials over the last axis, at least ln 1e-300."""
    top = logits.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: Array = np.log(np.exp(logits - top).sum(axis=-1)) + top[..., 0]
    return np.maximum(total, np.log(_LEAST))


def softmax(logits: Array) -> Array:
    """(..., k) probabilities of (..., k) logits."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def margins(scores: Array, labels: Labels, logits: bool, decimals: int = -1) -> Array:
    """(..., n) float64: logits of the true label, ln p - ln(1 - p) (arXiv 2112.03570, section IV-C)."""
    true, others = likelihoods(scores, labels, logits, decimals)
    return true - others


def told_margins(answer: Answer, labels: Labels, decimals: int = -1) -> Array:
    """(n,): margins of what was answered, NaN for rows without scores."""
    found = np.full(labels.size, np.nan)
    heard = scored(answer) if length(answer) == labels.size else np.zeros(labels.size, bool)
    if heard.any() and answer.scores is not None:
        logits = answer.kind is Exposure.LOGITS
        found[heard] = margins(answer.scores[heard], labels[heard], logits, decimals)
    return found


def views(inputs: Inputs, count: int, share: float, rng: np.random.Generator) -> list[Inputs]:
    """`count` views of the same records, the first as they are.

    Pictures, (n, height, width, ...), are mirrored and moved by a pixel; of other records `share` of the features are
    taken from another record. Raises ConfigError for texts.
    """
    if count > 1 and isinstance(inputs, list):
        raise ConfigError("expected one view, texts have no others")
    return [inputs, *(_view(np.asarray(inputs), i, share, rng) for i in range(1, count))]


def _view(inputs: Array, number: int, share: float, rng: np.random.Generator) -> Array:
    if inputs.ndim >= 3:
        moved = inputs[:, :, ::-1] if number % 2 else inputs
        by = [(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)][(number // 2) % 5]
        return np.ascontiguousarray(np.roll(moved, by, axis=(1, 2)))
    others = inputs[rng.permutation(len(inputs))]
    return np.where(rng.random(inputs.shape) < share, others, inputs)


def both(first: Inputs, second: Inputs) -> Inputs:
    """First, then second; either may be empty."""
    return join_inputs([part for part in (first, second) if len(part)] or [first])
