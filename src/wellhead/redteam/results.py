"""From what an attack brought home to the outcome that a report shows."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.redteam.attack import Extraction, Inversion, Membership, Result, length, take_inputs
from wellhead.redteam.budget import Spent
from wellhead.redteam.catalogue import Entry
from wellhead.redteam.grade import exactness, grade
from wellhead.redteam.ground import Ground
from wellhead.redteam.outcome import Outcome
from wellhead.redteam.run import Round

TOGETHER = "all answers together"
"""The outcome that holds the best clone of everything that was answered."""


class Truth(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What only the owner knows. members: (n,) bool for each candidate.  classes: names in score order."""

    members: Array = np.zeros(0, bool)
    classes: tuple[str, ...] = ()


def idle(name: str, state: str, reason: str, entry: Entry | None = None) -> Outcome:
    """The outcome of an attack that has none."""
    kind = None if entry is None else entry.kind
    return Outcome(
        attack=name,
        room="extract" if entry is None else entry.room,
        paper=str(getattr(kind, "paper", "")),
        atlas=getattr(kind, "atlas", ("AML.T0024",)),
        state=state,
        reason=reason,
    )


def outcome_of(entry: Entry, last: Round, ground: Ground, truth: Truth, seed: int) -> Outcome:
    """The outcome of an attack that ended, less what it cost."""
    found = brought(last.result, ground, truth, seed)
    return msgspec.structs.replace(
        idle(entry.name, last.state, last.reason, entry),
        detail="" if last.result is None else last.result.detail,
        digest=last.digest,
        **found,
    )


def charged(outcome: Outcome, rows: int, before: Spent, now: Spent) -> Outcome:
    """The outcome with what it cost. rows: asked, cached ones included."""
    return msgspec.structs.replace(
        outcome,
        rows=rows,
        calls=now.calls - before.calls,
        retries=now.retries - before.retries,
        seconds=now.seconds - before.seconds,
        money=now.money - before.money,
    )


def in_queries(outcome: Outcome, rows: int) -> Outcome:
    """The outcome with its marks at the queries that really left: decoys and repeats cost too."""
    if not outcome.marks:
        return outcome
    factor = rows / max(outcome.marks[-1].rows, 1)
    marks = tuple(msgspec.structs.replace(m, rows=round(m.rows * factor)) for m in outcome.marks)
    return msgspec.structs.replace(outcome, marks=marks)


def brought(result: Result | None, ground: Ground, truth: Truth, seed: int) -> dict[str, Any]:
    """Fields of an Outcome: marks and exactness, a leak, or likenesses."""
    if isinstance(result, Extraction) and length(result.answer):
        marks, clone = grade(result, ground.judges, seed)
        return {"marks": marks, "exact": exactness(clone, ground.judges)}
    if isinstance(result, Membership):
        return _leak(result, truth.members, seed)
    if isinstance(result, Inversion) and len(result.inputs):
        from wellhead.redteam.invert.likeness import likenesses

        known = ground.known
        return {"likenesses": likenesses(result, known.shape, known.pool, known.labels, truth.classes)}
    return {}


def _leak(result: Membership, members: Array, seed: int) -> dict[str, Any]:
    from wellhead.redteam.membership.leak import leak

    told = ~np.isnan(result.scores)
    if not members[told].any() or members[told].all():
        return {}
    return {"leak": leak(result.scores, members, seed)}


def drifted(candidates: Inputs, members: Array, seed: int) -> str:
    """A warning where members and non-members differ by their inputs alone; empty where they do not."""
    from wellhead.redteam.membership.leak import DRIFTED, drift

    inside, outside = (take_inputs(candidates, np.flatnonzero(kind)) for kind in (members, ~members))
    if min(len(inside), len(outside)) < 5:
        return ""
    area = drift(inside, outside, seed)
    if area < DRIFTED:
        return ""
    return (
        f"members and non-members can be told apart without the model (AUC {area:.2f}): "
        "what the attacks find is about drift, not leakage"
    )
