"""One thief behind many accounts: a work list in parts; addresses, agents, times and e-mails as the honest have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.detect_attackers import asks
from benchmarks.detect_recorded import Recorded
from benchmarks.detect_tenants import Pages, questions
from benchmarks.detect_world import BUDGET, PERIOD_S, START_S, Stream, Victim

SIZES = (5, 25, 125)
LEAST = 100
"""Queries of an account, at least."""
CROWD, FEW = 1250, 40


def campaigns(victim: Victim, recorded: Recorded, seed: int) -> dict[str, list[Stream]]:
    """By scenario: A9 round robin, A10 one after the other, A12 mimics, A14 accounts given up before they are seen."""
    rng = np.random.default_rng([seed, 11])
    found = {f"A9 {n} accounts": _robin(f"A9 {n} accounts", victim, n, rng) for n in SIZES}
    found["A9 25 accounts, active"] = _split("A9 25 accounts, active", _chosen(victim, recorded), 25, rng)
    for n in (5, 25):
        found[f"A10 {n} accounts, staggered"] = _staggered(f"A10 {n} accounts, staggered", victim, n, rng)
    found["A12 mimic, 25 accounts"] = _mimics("A12 mimic, 25 accounts", victim, 25, rng)
    found[f"A9 {CROWD} accounts x {FEW}"] = _crowd(f"A9 {CROWD} accounts x {FEW}", victim, rng)
    return {
        scenario: [replace(s, name=f"{scenario} {seed} {i}") for i, s in enumerate(streams)]
        for scenario, streams in found.items()
    }


def _list(victim: Victim, count: int, rng: Any) -> Any:
    """(count,) questions of the thief's own; what it lacks is asked again by other accounts."""
    return np.resize(rng.permutation(victim.thief), count)


def _chosen(victim: Victim, recorded: Recorded) -> Any:
    """What active learning chose, and for as many accounts as there are, natural inputs behind it."""
    clever = recorded.rows.get("A6 margin", victim.thief[:0])
    others = victim.thief[~np.isin(victim.thief, clever)]
    return np.concatenate([clever, others])[: 25 * LEAST]


def _split(scenario: str, rows: Any, accounts: int, rng: Any) -> list[Stream]:
    """Every account its part of the work list, at its own pace."""
    return [asks(scenario, part, rng) for part in np.array_split(rows, accounts)]


def _robin(scenario: str, victim: Victim, accounts: int, rng: Any) -> list[Stream]:
    return _split(scenario, _list(victim, max(BUDGET, accounts * LEAST), rng), accounts, rng)


def _crowd(scenario: str, victim: Victim, rng: Any) -> list[Stream]:
    return _split(scenario, _list(victim, CROWD * FEW, rng), CROWD, rng)


def _staggered(scenario: str, victim: Victim, accounts: int, rng: Any) -> list[Stream]:
    """No two accounts are ever alive together."""
    rows = _list(victim, max(BUDGET, accounts * LEAST), rng)
    length = PERIOD_S / accounts
    streams = []
    for i, part in enumerate(np.array_split(rows, accounts)):
        whole = asks(scenario, part, rng, new=False)
        within = (whole.time_s - START_S) / PERIOD_S * 0.9 * length
        streams.append(replace(whole, time_s=START_S + i * length + within))
    return streams


def _mimics(scenario: str, victim: Victim, accounts: int, rng: Any) -> list[Stream]:
    """Every account is a narrow tenant of its own; only together are they broad."""
    pages = Pages.of(victim, victim.thief)
    return [asks(scenario, questions(pages, BUDGET // accounts + 20, rng), rng) for _ in range(accounts)]


def given_up(victim: Victim, alarm_rows: int, seed: int) -> list[Stream]:
    """A14: a thief that learnt at which row an account is stopped leaves each one at half of that."""
    rng = np.random.default_rng([seed, 14])
    per = max(alarm_rows // 2, 8)
    streams = _split("A14 rejection oracle", _list(victim, BUDGET, rng), BUDGET // per, rng)
    return [replace(s, name=f"A14 rejection oracle {seed} {i}") for i, s in enumerate(streams)]
