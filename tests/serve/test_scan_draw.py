import numpy as np
import pytest
from metering import answered, classifier

from wellhead.meter.ledger import Ledger
from wellhead.serve.scan_draw import Spool, ledgers, union
from wellhead.testing.sketches import rows


@pytest.fixture
def spool():
    held = Spool()
    yield held
    held.close()


def test_what_was_laid_aside_sums_to_the_ledgers_of_the_whole(spool):
    profile = classifier()
    parts = [answered(profile, 40, seed, principals=[f"p{i % 3}" for i in range(40)]) for seed in range(4)]
    spool.add(rows(["p0", "x"], [1, 2]))
    for part in parts:
        spool.add(part)
    found = ledgers(profile, spool, ["p0", "p2", "absent"])
    assert (spool.rows, sorted(found)) == (160, ["p0", "p2"])
    for name, ledger in found.items():
        mine = [p.take(np.flatnonzero(p.principal == p.names.index(name))) for p in parts]
        wanted = sum((Ledger.from_batch(profile, m) for m in mine), Ledger.empty(profile))
        np.testing.assert_allclose(ledger.total.A, wanted.total.A, rtol=1e-12)
        np.testing.assert_allclose(ledger.scored.S, wanted.scored.S, rtol=1e-12)


def test_a_union_reads_as_its_sum(spool):
    profile = classifier()
    spool.add(answered(profile, 60, 1, principals=["a", "b"] * 30))
    found = ledgers(profile, spool, ["a", "b"])
    assert union(profile, found, ["a", "b"]).rows == 60
    assert union(profile, found, ["c"]) is None
