"""Whose answers are marked: those of plans that agreed, and of principals under a stance."""

from __future__ import annotations

import msgspec

from wellhead.config import Ownership
from wellhead.core.verdict import Stance, Verdict
from wellhead.defend.guarantees import Stage
from wellhead.gate.lists import stage_of

MARK = "mark"


def marked(ownership: Ownership, plan: str, verdict: Verdict) -> Verdict:
    """The verdict on a query of this plan, with `mark` among its defences where it is for marks."""
    suspect = bool(ownership.stance) and verdict.stance >= Stance[ownership.stance.upper()]
    if not (suspect or plan in ownership.plans) or MARK in verdict.answers:
        return verdict
    return msgspec.structs.replace(verdict, answers=with_mark(verdict.answers))


def with_mark(answers: tuple[str, ...]) -> tuple[str, ...]:
    """The defences with `mark` where its stage has its place: after what perturbs, before what truncates or rounds."""
    at = next((i for i, text in enumerate(answers) if stage_of(text) > Stage.MARK), len(answers))
    return (*answers[:at], MARK, *answers[at:])
