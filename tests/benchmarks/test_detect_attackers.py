from itertools import pairwise

import numpy as np
from benchmarks.detect_attackers import COVERS, attackers, rehearsals, stolen_at
from benchmarks.detect_campaigns import FEW, SIZES, campaigns, given_up
from benchmarks.detect_lookalikes import DECLARED, KINDS, declared, lookalikes
from benchmarks.detect_world import BUDGET
from thieving import small_recorded, small_victim


def test_single_accounts_keep_the_budget_and_cover_is_the_tenants():
    victim = small_victim()
    streams = attackers(victim, small_recorded(), 3)
    assert len({s.name for s in streams}) == len(streams)
    for stream in streams:
        assert len(stream) <= BUDGET or stream.scenario.startswith("A16")
        assert (np.diff(stream.time_s) >= 0).all() and stream.time_s.size == stream.rows.size
    for share in COVERS:
        covered = next(s for s in streams if s.scenario == f"A8 knockoff, {share:.0%} cover")
        assert abs(np.isin(covered.rows, victim.honest).mean() - share) < 0.05


def test_a_stolen_key_begins_as_its_tenant():
    victim = small_victim()
    stream = next(s for s in attackers(victim, small_recorded(), 3) if s.scenario.startswith("A16"))
    stolen = stolen_at(stream, victim)
    assert not stolen[0] and stolen[-1] and (np.diff(stolen.astype(int)) >= 0).all()


def test_a_campaign_parts_its_list_and_relays_never_meet():
    victim = small_victim()
    cast = campaigns(victim, small_recorded(), 3)
    for n in SIZES[:2]:
        rows = np.concatenate([s.rows for s in cast[f"A9 {n} accounts"]])
        assert np.unique(rows).size == rows.size and len(cast[f"A9 {n} accounts"]) == n
    ends = [(s.time_s[0], s.time_s[-1]) for s in cast["A10 5 accounts, staggered"]]
    assert all(a[1] < b[0] for a, b in pairwise(ends))
    assert {len(s) for s in cast["A9 1250 accounts x 40"]} == {FEW}
    assert max(len(s) for s in given_up(victim, 64, 3)) <= 33


def test_rehearsals_go_from_bold_to_timid():
    victim = small_victim()
    clusters = [np.unique(victim.cluster[s.rows]).size for s in rehearsals(victim, 1)]
    assert np.mean(clusters[:3]) > np.mean(clusters[-3:])


def test_look_alikes_of_every_kind_and_declared_ones_in_their_segments():
    victim = small_victim()
    found = lookalikes(victim, small_recorded(), 2, each=1)
    assert [s.scenario for s in found] == list(KINDS)
    assert all(len(s) and (np.diff(s.time_s) >= 0).all() for s in found)
    assert [s.segment for s in declared(victim, 2, 1, "d")] == [u for u in DECLARED for _ in range(2)]
