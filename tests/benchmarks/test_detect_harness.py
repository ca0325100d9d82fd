from dataclasses import replace

import numpy as np
import pytest
from benchmarks.detect_attackers import asks
from benchmarks.detect_harness import Clones, alarms, as_one, promised, rounds, world
from benchmarks.detect_tenants import tenants
from benchmarks.detect_world import START_S
from thieving import small_recorded, small_victim


def stream(time_s):
    rng = np.random.default_rng(0)
    return replace(asks("x", np.zeros(len(time_s), int), rng), time_s=np.asarray(time_s, float))


def slow_rounds(time_s):
    """One row after the other."""
    found, round_, hours, minutes = [], 0, {}, {}
    for n, t in enumerate(time_s, 1):
        found.append(round_)
        hours[t // 3600] = hours.get(t // 3600, 0) + 1
        minutes[t // 60] = minutes.get(t // 60, 0) + 1
        busy = [c for c in (hours[t // 3600], minutes[t // 60]) if c >= 256]
        if any(c & (c - 1) == 0 for c in [n, *busy]):
            round_ += 1
    return found


@pytest.mark.parametrize("gap", [0.01, 3.0, 500.0])
def test_rounds_end_where_live_looks(gap):
    rng = np.random.default_rng(1)
    many = [stream(START_S + np.cumsum(rng.exponential(gap, n))) for n in (1, 700, 1300)]
    plan = rounds(many)
    for i, one in enumerate(many):
        assert plan.round[plan.owner == i].tolist() == slow_rounds(one.time_s.tolist())


def test_looks_are_at_powers_of_two_and_a_noisy_thief_is_found():
    victim = small_victim()
    honest = tenants(victim, 400, 1, "c")
    rng = np.random.default_rng(2)
    table = victim.table.plus(victim.extend(rng.uniform(-12, 12, (500, 8)).astype(np.float32)))
    thief = asks("far", np.arange(len(victim.table), len(table)), rng)
    played = world(victim, table, [*honest, thief])
    looks = played.looks(honest)
    assert set(looks.rows[looks.rows < 256].tolist()) <= {2**k for k in range(8)}
    segments = {s.name: "all" for s in [*honest, thief]}
    promise = promised(looks, segments, "1 per 50 principals per 30 days", played.detectors, 0)
    found = alarms(promise, played.looks([thief]), segments, 0.02)["far"]
    assert 16 <= found.rows <= 512 and found.score > found.threshold
    never = alarms(promise, played.looks([thief]), segments, 1e-6)["far"]
    assert never.rows == -1


def test_clones_grow_with_what_was_told():
    victim = small_victim()
    clones = Clones(victim, small_recorded().table, 0)
    few, many = (clones.fidelity(victim.thief[:n]) for n in (16, 1500))
    assert few < many and many > 0.9
    assert clones.fidelity(victim.thief[:0]) == pytest.approx(
        np.bincount(victim.table.top1[victim.test]).max() / victim.test.size
    )


def test_the_union_is_in_the_order_of_time():
    union = as_one([stream([START_S + 5, START_S + 9]), stream([START_S + 1, START_S + 7])], "union")
    assert (union.time_s - START_S).tolist() == [1, 5, 7, 9]
