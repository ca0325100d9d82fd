"""Every defence, and compositions of them, on hard rows: what is promised holds on all; and what each costs."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np

from benchmarks.defend_lp import alone_us
from benchmarks.defend_rows import WIDTHS, art, ask, batches, faults, hard_rows, promised, softmax
from benchmarks.defend_stacks import MORE, ROWS, made
from benchmarks.results import Figure
from wellhead.core.arrays import Array, Scores
from wellhead.core.verdict import Stance
from wellhead.defend.guarantees import Context, Defence
from wellhead.defend.spec import met

_MARKABLE = 3
SLOW = "modelguard_w"


class Held(msgspec.Struct, frozen=True):
    """One defence or composition. broken: rows that break a promise, by property, of those that it makes."""

    name: str
    texts: tuple[str, ...]
    rows: int
    broken: dict[str, int]
    l1_max: float


class Taken(msgspec.Struct, frozen=True):
    """Median microseconds for a row alone."""

    name: str
    texts: tuple[str, ...]
    classes: int
    us: float


def _shaped(defences: tuple[Defence, ...], rows: Scores, marks: Array) -> Scores:
    context = Context(fingerprints=marks, principal="somebody", stance=Stance.REDUCE)
    for defence in defences:
        rows = defence.shape(rows, context)
    return rows


def marks_of(rows: Scores) -> Array:
    """(n,) fingerprints: of the row itself, so that its place in the batch is in nothing."""
    found = (hashlib.sha256(row.tobytes()).digest()[:8] for row in np.ascontiguousarray(rows))
    return np.array([int.from_bytes(f, "little") for f in found], np.uint64)


def held(name: str, texts: tuple[str, ...], rows: list[Scores]) -> Held:
    """Count broken promises; a mark is not for two classes, so its rows have more."""
    broken: dict[str, int] = {}
    total, least = 0, 2.0
    for batch in rows:
        classes = batch.shape[1]
        if "mark" in texts and classes < _MARKABLE:
            continue
        sample = softmax(np.random.default_rng(classes).normal(0, 2, (2_000, classes)))
        defences = made(texts, sample)
        promise = met(defences)
        found = faults(batch, ask(lambda r, m, d=defences: _shaped(d, r, m), batch, marks_of(batch)), promise.l1_max)
        for prop in promised(promise):
            broken[prop] = broken.get(prop, 0) + int(found[prop].sum())
        total, least = total + len(batch), promise.l1_max
    return Held(name, texts, total, broken, least)


def every() -> dict[str, tuple[str, ...]]:
    """All that is held to what it promises."""
    return {name: texts for name, texts in (ROWS | MORE).items() if texts}


def all_held() -> list[Held]:
    """Every defence and composition."""
    rows = batches()
    rows.append(hard_rows(3, WIDTHS[2], np.random.default_rng(1)))  # for those that are not for two classes
    return [held(name, texts, rows) for name, texts in every().items()]


def taken(classes: int = 100) -> list[Taken]:
    """What each costs a row alone, the fingerprint being there."""
    rng = np.random.default_rng(2)
    sample = softmax(rng.normal(0, 2, (2_000, classes)))
    rows = softmax(rng.normal(0, 3, (100, classes)))
    found = []
    for name, texts in every().items():
        defences = made(texts, sample)
        context = Context(fingerprints=np.array([17], np.uint64), principal="somebody", stance=Stance.REDUCE)

        def call(row: Scores, defences: tuple[Defence, ...] = defences, context: Context = context) -> None:
            for defence in defences:
                row = defence.shape(row, context)

        found.append(Taken(name, texts, classes, round(alone_us(call, rows), 2)))
    return found


def figures(found: list[Held], times: list[Taken], theirs: dict[str, dict[str, int]]) -> list[Figure]:
    """Broken promises of ours and of the peer, and the slowest."""
    rows, count = min(h.rows for h in found), sum(sum(h.broken.values()) for h in found)
    single = [t for t in times if len(t.texts) == 1 and not t.name.startswith(SLOW)]
    slowest = max(single, key=lambda t: t.us)
    slow = next(t for t in times if t.name == SLOW)
    made_ = [
        Figure(
            "guarantee_failures", count, "rows", f"{len(found)} defences and compositions, {rows:,} rows each at least"
        ),
        Figure("slowest_defence_us_k100", slowest.us, "us", f"{slowest.texts[0]}, one row, of {len(single)}"),
        Figure("modelguard_w_us_k100", slow.us, "us", "one row"),
    ]
    if theirs:
        total = sum(t["any"] for t in theirs.values())
        made_.append(Figure("art_guarantee_failures", total, "rows", f"{len(theirs)} postprocessors of ART 1.20.1", ""))
    for name, broken in theirs.items():
        why = ", ".join(f"{prop} {n:,}" for prop, n in broken.items() if n and prop != "any")
        made_.append(Figure(f"art_guarantee_failures_{name}", broken["any"], "rows", why, ""))
    return made_


def peer() -> dict[str, dict[str, int]]:
    """The postprocessors of the Adversarial Robustness Toolbox on the same rows."""
    return art(batches())
