"""What a policy leaves of the attacks: with it and without it, side by side."""

from __future__ import annotations

from wellhead.redteam.outcome import Outcome, Study
from wellhead.redteam.report.figures import between, count, level
from wellhead.redteam.report.tables import Table, last
from wellhead.redteam.report.words import state


def policy(study: Study) -> Table:
    """What a policy leaves of each attack that was also run through it."""
    pairs = [(o, o.guarded) for o in study.outcomes if o.guarded]
    rows = tuple(
        (
            o.attack,
            count(last(o).rows),
            level(study, last(o).fidelity),
            count(g.rows),
            _left(study, g),
            state(g),
            g.reason,
        )
        for o, g in pairs
    )
    head = ("attack", "queries", "fidelity", "answered through it", "fidelity left", "state", "what happened")
    note = (
        "Each attack once more, as a new thief, through the very gate that would serve with this policy, in simulated "
        "time. The thief's accounts share an address; it waits for limits, and gives an account up after an hour "
        "without an answer. Fidelity left: the best clone of what was answered."
    )
    return Table(f"What {study.policy} changes", head, rows, frozenset({1, 2, 3, 4}), note)


def _left(study: Study, guarded: Outcome) -> str:
    if not guarded.marks:
        return "no clone"
    mark = last(guarded)
    return f"{level(study, mark.fidelity)} ({between(study, mark.low, mark.high)})"
