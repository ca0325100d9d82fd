"""What a few queries tell of a target: standard, blank, noisy and malformed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.ask import Asker
from wellhead.redteam.attack import answered, join, scored, take_inputs
from wellhead.redteam.desk import Desk, are_logits
from wellhead.redteam.oracle import Reply
from wellhead.redteam.outcome import Probed
from wellhead.redteam.precision import precision_of

TIMES_ASKED = 4
"""How often a probe asks each sample: three times together, once alone."""
_SAMPLES = 4
_TEXT_MOST = 160
_WORDS = {
    Exposure.LABEL: "label",
    Exposure.TOP_K: "top_k",
    Exposure.PROBABILITIES: "probabilities",
    Exposure.LOGITS: "logits",
    Exposure.VALUE: "value",
}


def probe(desk: Desk, samples: Inputs, low: Array, high: Array, largest: int = 0) -> Probed:
    """Ask up to four samples three times and alone, then odd and malformed inputs: at most 27 rows.

    low, high: (d,) bounds of the flattened features, empty for texts and where unknown.  largest: after that requests
    are doubled up to so many rows, which costs less than twice as many; 0 leaves that out.
    Raises ConfigError where no sample was answered.
    """
    some = samples[:_SAMPLES]
    with desk.asker() as asker:
        asker.repeats = True
        start_s = desk.clock.now_s()
        together = [asker.ask(some) for _ in range(3)]
        seconds = (desk.clock.now_s() - start_s) / 3
        alone = join([asker.ask(take_inputs(some, np.array([i]))) for i in range(len(some))])
        asker.repeats = False
        if not answered(together[0]).any():
            raise ConfigError(
                f"expected {desk.target} to answer a sample, got: {asker.last_failure or 'no budget for it'}",
                "check the inputs, the key and the protocol",
            )
        odd = [(what, asker.ask(inputs)) for what, inputs in _odd(some, low, high)]
        missing, errors, told = _malformed(asker, some)
        _grow(asker, samples, largest)
    return _probed(together, alone, odd, errors, missing, (seconds, asker.largest, told))


def _odd(samples: Inputs, low: Array, high: Array) -> Iterator[tuple[str, Inputs]]:
    """Blank, noisy and far-out inputs."""
    if isinstance(samples, list):
        yield from (("blank", [" "]), ("noisy", ["x7#q zzkw %% 0x1f ..."]))
        return
    shape = (1, *samples.shape[1:])
    yield "blank", np.zeros(shape, np.float32)
    if low.size:
        rng = np.random.default_rng(0)
        yield "noisy", rng.uniform(low, high).reshape(shape).astype(np.float32)
        yield "far out", (high + 10 * (high - low)).reshape(shape).astype(np.float32)


def _malformed(asker: Asker, samples: Inputs) -> tuple[bool, list[tuple[str, int, str]], set[str]]:
    """Whether a missing feature is answered; what malformed inputs got, (what, status, text); telling headers."""
    missing, errors, told = False, [], set[str]()
    for number, (what, send) in enumerate(_broken(asker, samples)):
        reply = asker.once(asker.alive[0], send, f"malformed.{number}") if asker.alive else None
        if reply is None:
            break
        told.update(reply.told)
        if what == "a missing feature":
            missing = reply.answer is not None and bool(answered(reply.answer).all())
        errors.append((what, reply.status, "answered" if reply.answer is not None else reply.detail[:_TEXT_MOST]))
    return missing, errors, told


def _broken(asker: Asker, samples: Inputs) -> Iterator[tuple[str, Callable[[float], Reply]]]:
    """What is malformed, and how to send it."""
    line: Any = asker.alive[0] if asker.alive else None
    one = samples[:1]
    if not isinstance(one, list):
        gap = one.astype(np.float32).copy()
        gap.reshape(-1)[:1] = np.nan
        yield "a missing feature", lambda s: line.send(gap, s)
        if one.ndim == 2 and one.shape[1] > 1:
            yield "a feature too few", lambda s: line.send(one[:, :-1], s)
        yield "a word", lambda s: line.send(["nonsense"], s)
    if hasattr(line, "spoiled"):
        yield "half a body", lambda s: line.spoiled(one, lambda kind, body: (kind, body[: len(body) // 2]), s)
        yield "no body", lambda s: line.spoiled(one, lambda kind, _: (kind, b""), s)
        yield "an unknown content type", lambda s: line.spoiled(one, lambda _, body: ("text/x-unknown", body), s)


def _grow(asker: Asker, samples: Inputs, largest: int) -> None:
    """Double the rows of a request until it is refused."""
    size = 2 * len(samples[:_SAMPLES])
    while size <= largest and asker.alive:
        line, inputs = asker.alive[0], take_inputs(samples, np.resize(np.arange(len(samples)), size))
        reply = asker.once(line, partial(line.send, inputs), f"largest.{size}", size)
        if reply is None or reply.answer is None:
            break
        size *= 2


def _probed(
    together: list[Answer],
    alone: Answer,
    odd: list[tuple[str, Answer]],
    errors: list[tuple[str, int, str]],
    missing: bool,
    wire: tuple[float, int, set[str]],
) -> Probed:
    first = together[0]
    scores = _numbers(first)
    known = scores[np.isfinite(scores).all(axis=1)]
    precise = precision_of(known) if first.kind > Exposure.LABEL and known.size else None
    sums = first.scores is None or _sums_to_one(known, precise.decimals if precise else -1)
    kind = first.kind
    if first.scores is not None and kind in (Exposure.PROBABILITIES, Exposure.LOGITS):
        logits = are_logits(first.scores) or (kind is Exposure.LOGITS and not sums)
        kind = Exposure.LOGITS if logits else Exposure.PROBABILITIES
    both = scored(first) & scored(alone) if first.scores is not None else np.zeros(0, bool)
    gap = float(np.abs(first.scores[both] - alone.scores[both]).max()) if both.any() else 0.0  # type: ignore[index]
    return Probed(
        exposure=_WORDS.get(kind, "none"),
        classes=_classes([*together, *(a for _, a in odd)]),
        decimals=precise.decimals if precise else -1,
        single=bool(precise and precise.single),
        sums_to_one=sums,
        deterministic=all(np.array_equal(scores, _numbers(a), equal_nan=True) for a in together[1:]),
        batch_alone_gap=gap,
        missing=missing,
        most_rows=wire[1],
        latency_ms=1000 * wire[0],
        versions=tuple(sorted(wire[2])),
        errors=tuple(errors),
        odd=tuple(_said(what, answer) for what, answer in odd),
    )


def _sums_to_one(scores: Array, decimals: int) -> bool:
    """True for rows that are distributions, each score rounded to so many decimals."""
    slack = max(1e-3, scores.shape[1] * 0.5 * 10.0**-decimals) if decimals > 0 else 1e-3
    return bool((np.abs(scores.sum(axis=1) - 1.0) <= slack + 1e-9).all())


def _numbers(answer: Answer) -> Array:
    """(n, k): scores, else the label or value as one column."""
    columns = next((c for c in (answer.scores, answer.values, answer.labels) if c is not None), np.zeros(0))
    return np.asarray(columns, np.float64).reshape(len(columns), -1)


def _classes(answers: list[Answer]) -> int:
    """Columns of the scores, or distinct labels; 0 for a regressor."""
    for answer in answers:
        if answer.scores is not None:
            return int(answer.scores.shape[1])
    labels = [a.top1[a.top1 >= 0] for a in answers if a.top1 is not None]
    return int(np.unique(np.concatenate(labels)).size) if labels else 0


def _said(what: str, answer: Answer) -> tuple[str, str, float]:
    """What one odd input was answered: (what, label or value, top score)."""
    if not answered(answer).all():
        return what, "no answer", -1.0
    if answer.values is not None:
        return what, f"{answer.values[0]:.6g}", -1.0
    label = "" if answer.top1 is None else str(int(answer.top1[0]))
    return what, label, -1.0 if answer.scores is None else float(answer.scores[0].max())
