"""Single accounts that steal: each asks at an honest pace, from an honest address, and registered as the honest do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.detect_habits import arrivals, habits, steady, visits
from benchmarks.detect_recorded import Recorded
from benchmarks.detect_tenants import Pages, leaning, mixture, questions, repeated, tenant
from benchmarks.detect_world import BUDGET, PERIOD_S, Stream, Victim, sorted_stream

COVERS = (0.5, 0.8, 0.95)
REQUIRED = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8")
"""Of which every one has to be found."""


def asks(scenario: str, rows: Any, rng: Any, time_s: Any = None, **fields: Any) -> Stream:
    """An account that asks these rows, with everything else as the honest have it."""
    who = habits(rng, new=fields.pop("new", None))
    start = who.registration.created_s - (682 * PERIOD_S) if who.new else 0.0
    times = arrivals(len(rows), rng, (start, PERIOD_S)) if time_s is None else time_s
    rows = np.asarray(rows)[: times.size]
    plain: dict[str, Any] = {
        "name": scenario,
        "scenario": scenario,
        "segment": "",
        "time_s": np.sort(times),
        "rows": rows,
        "attributes": who.attributes,
        "visits": visits(times, rng),
        "registration": who.registration,
        "before": -1 if who.new else 400,
    }
    return Stream(**{**plain, **fields})


def attackers(victim: Victim, recorded: Recorded, seed: int) -> list[Stream]:
    """A1 to A8, A11, A12, A16, A17, A18, one account each."""
    rng = np.random.default_rng([seed, 7])
    natural = rng.permutation(victim.thief)
    found = [asks(name, rows, rng) for name, rows in recorded.rows.items()]
    found.append(asks("A4 knockoff", natural[:BUDGET], rng))
    pages = Pages.of(victim, victim.honest)
    clever = recorded.rows.get("A6 margin", natural)
    for share in COVERS:
        for name, rows in (("knockoff", natural), ("active", clever)):
            found.append(_covered(f"A8 {name}, {share:.0%} cover", pages, rows, share, rng))
    found.append(asks("A11 low and slow", natural[:720], rng, steady(720, 3600.0, rng, 0.2), new=False))
    found.append(_mimic("A12 mimic, one account", victim, rng))
    found.append(_hijacked(pages, natural, rng))
    return [replace(s, name=f"{s.scenario} {seed}") for s in found]


def _covered(scenario: str, pages: Pages, rows: Any, share: float, rng: Any) -> Stream:
    """Cover traffic is honest traffic of a narrow tenant, its repeats included, between the questions."""
    cover = rng.random(BUDGET) < share
    mixed = np.empty(BUDGET, np.int64)
    mixed[~cover] = rows[: (~cover).sum()]
    mixed[cover] = _narrow(pages, int(cover.sum()), rng)
    return asks(scenario, mixed, rng)


def _narrow(pages: Pages, count: int, rng: Any) -> Any:
    first = pages.drawn(mixture(pages, rng), max(int(0.75 * count), 1), rng, leaning(rng))
    return repeated(first, count, rng)


def _mimic(scenario: str, victim: Victim, rng: Any) -> Stream:
    """Asks what a tenant would, from its own inputs: mixture, drift, repeats."""
    return asks(scenario, questions(Pages.of(victim, victim.thief), BUDGET, rng), rng)


def _hijacked(pages: Pages, natural: Any, rng: Any) -> Stream:
    """A genuine tenant's key that changes hands in the middle of the period."""
    own = tenant(pages, "A16 stolen key", rng)
    switch = float(own.time_s[len(own) // 2])
    history = own.time_s <= switch
    end = own.time_s[0] // PERIOD_S * PERIOD_S + PERIOD_S
    count = min(BUDGET, natural.size)
    times = np.sort(switch + (end - 1 - switch) * rng.random(count))
    return sorted_stream(
        replace(
            own,
            scenario="A16 stolen key",
            time_s=np.concatenate([own.time_s[history], times]),
            rows=np.concatenate([own.rows[history], natural[:count]]),
        )
    )


def rehearsals(victim: Victim, seed: int) -> list[Stream]:
    """A13: the same thief from bold to timid: ever narrower mixtures, ever more repeats."""
    rng, pages = np.random.default_rng([seed, 13]), Pages.of(victim, victim.thief)
    found = []
    for concentration in (30.0, 3.0, 1.0, 0.3, 0.1, 0.03):
        for repeats in (0.0, 0.2, 0.5):
            mix, count = mixture(pages, rng, concentration), int(BUDGET * (1 - repeats))
            rows = repeated(pages.drawn(mix, count, rng), BUDGET, rng)
            name = f"A13 white box {seed} {concentration} {repeats}"
            found.append(replace(asks("A13 white box", rows, rng, new=False), name=name))
    return found


def stolen_at(stream: Stream, victim: Victim) -> Any:
    """(n,) bool: which rows are the thief's; all, but for a stolen key's history."""
    if not stream.scenario.startswith("A16"):
        return np.ones(len(stream), bool)
    return np.isin(stream.rows, victim.thief)
