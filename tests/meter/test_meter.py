import numpy as np
import pytest
from metering import answered, classifier

from wellhead.core.exposure import Exposure
from wellhead.meter.ledger import Ledger
from wellhead.meter.meter import Meter
from wellhead.meter.waiting import DAY_S
from wellhead.testing.sketches import rows

PROFILE = classifier()
NOW = 100.5 * DAY_S


class Counting:
    def __init__(self):
        self.rows = 0

    def update(self, batch):
        self.rows += len(batch)


def metered(window_days=30):
    return Meter(PROFILE, window_days, Counting())


def traffic(n=300, seed=1, days=(98, 99, 100)):
    rng = np.random.default_rng(seed)
    who = [f"p{i}" for i in rng.integers(0, 6, n)]
    given = rng.choice([Exposure.LABEL, Exposure.PROBABILITIES], n)
    return answered(PROFILE, n, seed, principals=who, given=given, time_s=rng.choice(days, n) * float(DAY_S))


def of(batch, names):
    wanted = [i for i, name in enumerate(batch.names) if name in names]
    return batch.take(np.isin(batch.principal, wanted))


def equal(a, b):
    whole, other = a.total, b.total
    return a.rows == b.rows and np.allclose(whole.A, other.A) and np.allclose(whole.T, other.T)


def test_live_and_rebuilt_ledgers_are_equal_whichever_way_rows_came():
    batch, meter = traffic(), metered()
    for part in np.array_split(np.arange(100), 7):
        meter.update(batch.take(part))
    meter.watch("p1", batch.take(np.arange(100)))
    meter.watch("p2", batch.take(np.arange(100)))
    for part in np.array_split(np.arange(100, 300), 9):
        meter.update(batch.take(part))
    for names in (["p1"], ["p2"], ["p1", "p2"]):
        assert equal(meter.ledger(names, NOW), Ledger.from_batch(PROFILE, of(batch, names)))
    assert meter.sketches.rows == 300


def test_the_quiet_have_no_ledgers():
    meter = metered()
    meter.update(traffic())
    assert meter.watched == frozenset() and not meter.is_watched("p1")
    assert meter.ledger(["p1"], NOW) == Ledger.empty(PROFILE)


def test_watching_twice_counts_history_once():
    batch, meter = traffic(), metered()
    meter.watch("p1", batch)
    meter.watch("p1", batch)
    assert meter.ledger(["p1", "p1"], NOW).rows == len(of(batch, ["p1"]))


@pytest.mark.parametrize(("window", "days"), [(1, {100}), (2, {99, 100}), (3, {98, 99, 100})])
def test_the_window_is_a_sum_of_days(window, days):
    batch, meter = traffic(), metered(window)
    meter.watch("p1", batch)
    mine = of(batch, ["p1"])
    assert meter.ledger(["p1"], NOW).rows == int(np.isin(mine.time_s // DAY_S, list(days)).sum())


def test_days_outside_the_window_are_forgotten():
    batch, meter = traffic(), metered(1)
    meter.watch("p1", batch)
    before = meter.ledger(["p1"], NOW)
    meter.forget(NOW)
    assert equal(meter.ledger(["p1"], NOW), before) and list(meter._days["p1"]) == [100]


def test_the_unwatched_are_dropped_and_can_be_watched_again():
    batch, meter = traffic(), metered()
    meter.watch("p1", batch)
    meter.unwatch("p1")
    assert not meter.is_watched("p1") and meter.ledger(["p1"], NOW).rows == 0
    meter.watch("p1", batch)
    assert meter.ledger(["p1"], NOW).rows == len(of(batch, ["p1"]))


def test_rows_that_no_profile_has_coded_are_left_out():
    meter = metered()
    meter.watch("p1", rows(["p1"], [1]))
    meter.update(rows(["p1"], [2]))
    assert meter.ledger(["p1"], NOW).rows == 0


def test_many_rows_are_summed_before_anybody_reads():
    meter, batch = metered(), traffic(2000)
    meter.watch("p1", batch.take(np.zeros(0, np.int64)))
    for _ in range(60):
        meter.update(batch)
    assert meter._days["p1"]
    assert meter.ledger(["p1"], NOW).rows == 60 * len(of(batch, ["p1"]))
