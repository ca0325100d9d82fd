"""From what an attack brought home to the outcome that a report shows."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
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
_FEWEST_TOLD = 20
_PARTS = ("numpy", "scipy", "scikit-learn", "msgspec", "wellhead")


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
    found, state, reason = brought(last.result, ground, truth, seed), last.state, last.reason
    if isinstance(last.result, Membership) and not found:
        few = _too_few(last.result, truth.members)
        state, reason = ("unsupported", few) if few and state in ("ok", "exhausted") else (state, reason or few)
    return msgspec.structs.replace(
        idle(entry.name, state, reason, entry),
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

    if _too_few(result, members):
        return {}
    return {"leak": leak(result.scores, members, seed)}


def _too_few(result: Membership, members: Array) -> str:
    """Why no rate is told, empty where there were enough: a sample of the candidates must be a fair one."""
    told = ~np.isnan(result.scores)
    inside, outside = int(members[told].sum()), int((~members[told]).sum())
    if min(inside, outside) >= (1 if told.all() else _FEWEST_TOLD):
        return ""
    return f"only {inside} members and {outside} non-members were scored, too few to tell a rate"


def drifted(candidates: Inputs, members: Array, seed: int, labels: Array | None = None) -> tuple[float, str]:
    """Area that claims have to beat, and a warning, where members differ before the model is asked; 0.5 and empty
    where they do not. labels: (n,) classes of the candidates, if known.
    """
    from wellhead.redteam.membership.drift import drift

    inside, outside = (np.flatnonzero(kind) for kind in (members, ~members))
    if min(inside.size, outside.size) < 5:
        return 0.5, ""
    known = None if labels is None else (labels[inside], labels[outside])
    found = drift(take_inputs(candidates, inside), take_inputs(candidates, outside), seed, known)
    if not found.real:
        return 0.5, ""
    return found.area, (
        f"members and non-members can be told apart without the model (AUC {found.area:.2f}): "
        "what the attacks find is about drift, not leakage"
    )


def corrected(outcomes: Sequence[Outcome], drift: float) -> tuple[Outcome, ...]:
    """The outcomes of one study, each leak knowing how many there are and what the data alone gave away."""
    many = sum(o.leak is not None for o in outcomes)
    return tuple(_among(o, many, drift) for o in outcomes)


def _among(outcome: Outcome, many: int, drift: float) -> Outcome:
    leak = outcome.leak and msgspec.structs.replace(outcome.leak, attacks=many, drift=drift)
    guarded = outcome.guarded and _among(outcome.guarded, many, drift)
    return msgspec.structs.replace(outcome, leak=leak, guarded=guarded)


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    found = {"python": platform.python_version()}
    for name in _PARTS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
