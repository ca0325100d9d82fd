from dataclasses import replace

import numpy as np
from benchmarks.detect_tenants import tenants
from benchmarks.detect_world import PERIOD_S, START_S, fingerprints, hashed
from thieving import small_victim


def test_rows_belong_to_one_part_and_fingerprints_differ():
    victim = small_victim()
    assert np.unique(np.concatenate([victim.honest, victim.thief, victim.test])).size == len(victim.table)
    assert np.unique(victim.table.fingerprint).size == len(victim.table)


def test_inputs_of_two_tenants_are_the_same_only_where_they_are_shared():
    victim = small_victim()
    one = tenants(victim, 1, 5, "t")[0]
    other = replace(one, salt=one.salt + 1)
    same = fingerprints(victim.table, one) == fingerprints(victim.table, other)
    assert np.array_equal(same, victim.table.shared[one.rows])
    thief = replace(one, salt=0)
    assert np.array_equal(fingerprints(victim.table, thief), victim.table.fingerprint[one.rows])


def test_a_tenant_stays_within_the_period_and_the_same_seed_makes_the_same_one():
    victim = small_victim()
    for stream in tenants(victim, 30, 7, "t"):
        assert stream.time_s[0] >= START_S and stream.time_s[-1] < START_S + PERIOD_S
        assert (np.diff(stream.time_s) >= 0).all() and np.isin(stream.rows, victim.honest).all()
        assert 60 <= len(stream) <= 4000
    one, again = (tenants(victim, 3, 7, "t")[2] for _ in range(2))
    assert np.array_equal(one.rows, again.rows) and one.attributes == again.attributes


def test_hashes_are_spread():
    bits = np.unpackbits(hashed(np.arange(4096)).view(np.uint8)).reshape(-1, 64).mean(axis=0)
    assert (np.abs(bits - 0.5) < 0.05).all()
