"""Honest principals who look like thieves: what they do, they are allowed to do.

Four of them also come as whole segments: those who declared their use are calibrated among their like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.detect_habits import arrivals, cron, habits, steady, visits
from benchmarks.detect_recorded import Recorded
from benchmarks.detect_tenants import Pages, leaning, mixture, questions, repeated, volume
from benchmarks.detect_world import BUDGET, PERIOD_S, START_S, Stream, Victim, sorted_stream

Questions = tuple[Any, Any]
"""Rows, and times that may be fewer."""


class Company:
    """Everybody's inputs, and dice."""

    def __init__(self, victim: Victim, recorded: Recorded, rng: Any) -> None:
        self.pages = Pages.of(victim, victim.honest)
        self.victim, self.recorded, self.rng = victim, recorded, rng

    def broad(self, count: int) -> Any:
        """Rows of all kinds, each once: a whole customer base."""
        return self.pages.drawn(self.pages.shares, count, self.rng)


def nightly(c: Company) -> Questions:
    """B1: the whole customer base once a week, at night."""
    rows = np.concatenate([c.rng.permutation(c.broad(BUDGET // 4)) for _ in range(4)])
    week = np.repeat(np.arange(4), -(-rows.size // 4))[: rows.size]
    return rows, START_S + week * 7 * 86400.0 + 7200 + 0.05 * np.arange(rows.size)


def load_test(c: Company) -> Questions:
    """B2: twenty inputs, ten requests a second."""
    few, count = c.broad(20), 20_000
    return few[c.rng.integers(few.size, size=count)], START_S + 5 * 86400 + 0.1 * np.arange(count)


def sensitivity(c: Company) -> Questions:
    """B3: one input varied step by step: what a perturbation attack's seeds and children look like."""
    own = c.recorded.rows.get("A17 membership", c.recorded.rows.get("A3 jacobian", c.broad(BUDGET)))
    return own[:BUDGET], START_S + 9 * 86400.0 + 3.0 * np.arange(min(own.size, BUDGET))


def probe(c: Company) -> Questions:
    """B4: one input a minute."""
    time_s = steady(10_000, 60.0, c.rng, 0.001)
    return np.full(time_s.size, c.broad(1)[0]), time_s


def shadow(c: Company) -> Questions:
    """B5: the traffic of another model's customers, replayed."""
    rows = np.concatenate([questions(c.pages, 250, c.rng) for _ in range(8)])
    return c.rng.permutation(rows), arrivals(rows.size, c.rng)


def ramp(c: Company) -> Questions:
    """B6: a new customer whose traffic doubles every few days."""
    rows = questions(c.pages, BUDGET, c.rng)
    return rows, START_S + PERIOD_S / 2 * (1 + np.log1p(np.arange(rows.size) / 20) / np.log1p(rows.size / 20)) - 1


def micro_batch(c: Company) -> Questions:
    """B7: a job every five minutes."""
    rows = questions(c.pages, BUDGET, c.rng)
    return rows, cron(rows.size, c.rng)


def gateway(c: Company) -> Questions:
    """B8: fifteen teams behind one key."""
    rows = np.concatenate([questions(c.pages, BUDGET // 15, c.rng) for _ in range(15)])
    return c.rng.permutation(rows), arrivals(rows.size, c.rng)


def reseller(c: Company) -> Questions:
    """B9: hundreds of end users behind one key."""
    mixed = np.mean([mixture(c.pages, c.rng) for _ in range(300)], axis=0)
    return repeated(c.pages.drawn(mixed, int(0.85 * BUDGET), c.rng), BUDGET, c.rng), arrivals(BUDGET, c.rng)


def regression_set(c: Company) -> Questions:
    """B10: the same edge cases every night."""
    low = np.argsort(c.victim.table.truth[c.victim.honest].max(axis=1))
    some = c.victim.honest[low[c.rng.integers(low.size // 5, size=150)]]
    night = np.repeat(np.arange(13), some.size)
    return np.tile(some, 13), START_S + night * 2 * 86400.0 + 0.2 * np.tile(np.arange(some.size), 13)


def retries(c: Company) -> Questions:
    """B11: every request of a day ten times over, after an outage."""
    rows = questions(c.pages, 400, c.rng)
    calm = arrivals(rows.size, c.rng)
    storm = np.repeat(rows[-60:], 25)
    return np.concatenate([rows, storm]), np.concatenate([calm, calm[-1] - 3600 + 0.5 * np.arange(storm.size)])


def labelling(c: Company) -> Questions:
    """B12: one's own data, those first on which the model is unsure."""
    rows = c.broad(3 * BUDGET)
    return rows[np.argsort(c.victim.table.truth[rows].max(axis=1))][:BUDGET], arrivals(BUDGET, c.rng)


def scanner(c: Company) -> Questions:
    """B13: a permitted test: noise, malformed requests, every path."""
    rows = c.recorded.rows.get("A1 uniform", c.broad(BUDGET))[:800]
    return rows, START_S + 11 * 86400 + np.arange(rows.size)


def seasonal(c: Company) -> Questions:
    """B14: everybody asks more, and about other things, in the last ten days."""
    rows = np.concatenate([questions(c.pages, 300, c.rng), questions(c.pages, 900, c.rng)])
    return rows, np.concatenate(
        [arrivals(300, c.rng, (0, 20 * 86400.0)), arrivals(900, c.rng, (20 * 86400.0, PERIOD_S))]
    )


def academic(c: Company) -> Questions:
    """B15: a public data set, each input once: what a thief asks, by somebody honest."""
    return c.rng.permutation(c.victim.thief)[:BUDGET], arrivals(BUDGET, c.rng)


KINDS: dict[str, Callable[[Company], Questions]] = {
    "B1 nightly batch": nightly,
    "B2 load test": load_test,
    "B3 sensitivity grid": sensitivity,
    "B4 monitoring probe": probe,
    "B5 shadow replay": shadow,
    "B6 launch ramp": ramp,
    "B7 cron": micro_batch,
    "B8 fifteen teams": gateway,
    "B9 reseller": reseller,
    "B10 regression set": regression_set,
    "B11 retry storm": retries,
    "B12 labelling loop": labelling,
    "B13 permitted scan": scanner,
    "B14 season": seasonal,
    "B15 academic": academic,
}
DECLARED = {
    "batch": "B1 nightly batch",
    "load test": "B2 load test",
    "qa": "B10 regression set",
    "reseller": "B9 reseller",
}


def lookalikes(victim: Victim, recorded: Recorded, seed: int, each: int = 4) -> list[Stream]:
    """Some of each kind, undeclared."""
    found = []
    for number, (scenario, kind) in enumerate(KINDS.items()):
        for i in range(each):
            rng = np.random.default_rng([seed, 31, number, i])
            found.append(_stream(scenario, f"{scenario} {seed} {i}", kind(Company(victim, recorded, rng)), "", rng))
    return found


def declared(victim: Victim, count: int, seed: int, prefix: str) -> list[Stream]:
    """So many principals of each declared use: the same work, of their own sizes."""
    pages = Pages.of(victim, victim.honest)
    found = []
    for number, use in enumerate(DECLARED):
        for i in range(count):
            rng = np.random.default_rng([seed, 37, number, i])
            found.append(_declared(pages, f"{prefix} {use} {i}", use, rng))
    return found


def _declared(pages: Pages, name: str, use: str, rng: Any) -> Stream:
    """One whose use is declared; within a use too, everybody is different."""
    count = volume(rng)
    mixed, lean = np.mean([mixture(pages, rng) for _ in range(1 + int(rng.geometric(0.05)))], axis=0), leaning(rng)
    if use == "load test":
        rows = pages.drawn(mixed, int(rng.integers(1, 60)), rng, lean)
        rows = rows[rng.integers(rows.size, size=count)]
    elif use == "qa":
        few = pages.drawn(mixed, max(count // int(rng.integers(2, 20)), 1), rng, lean)
        rows = np.resize(few, count)
    else:
        shares = float(rng.beta(8, 2))
        rows = repeated(pages.drawn(mixed, max(int(shares * count), 1), rng, lean), count, rng)
    times = cron(count, rng) if rng.random() < 0.5 else arrivals(count, rng)
    return _stream("declared " + use, name, (rows, times), use, rng)


def _stream(scenario: str, name: str, asked: Questions, use: str, rng: Any) -> Stream:
    rows, time_s = asked
    who = habits(rng, use=use, new=False)
    size = min(len(rows), len(time_s))
    return sorted_stream(
        Stream(
            name=name,
            scenario=scenario,
            segment=use,
            time_s=np.asarray(time_s[:size], float),
            rows=np.asarray(rows[:size]),
            attributes=who.attributes,
            visits=visits(time_s, rng),
            registration=who.registration,
            before=volume(rng),
            salt=int(rng.integers(1, 2**63)),
        )
    )
