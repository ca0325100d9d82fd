import numpy as np
import pytest

from wellhead.detect.kept import RISK, Kept, Tally, kept, stake


def ever_broken(rng, runs, principals, rate, alpha):
    """Share of runs in which the bet ever reached the bar, looked at after every principal."""
    alarms = np.cumsum(rng.random((runs, principals)) < rate, axis=1)
    money = np.vectorize(lambda n, a: stake(int(n), int(a), alpha))
    n = np.arange(1, principals + 1)
    worst = np.zeros(runs)
    for run, row in enumerate(alarms):
        # the bet only rises where somebody alarms
        at = np.flatnonzero(np.diff(row, prepend=0))
        worst[run] = money(n[at], row[at]).max() if at.size else 1.0
    return float((worst >= 1 / RISK).mean())


@pytest.mark.parametrize("alpha", [0.01, 0.001])
def test_a_kept_promise_is_rarely_called_broken_however_often_one_looks(alpha):
    assert ever_broken(np.random.default_rng(1), 600, 20_000, alpha, alpha) <= RISK


def test_a_broken_promise_is_found():
    rng = np.random.default_rng(2)
    assert ever_broken(rng, 100, 5000, 0.03, 0.01) >= 0.95
    assert ever_broken(rng, 100, 5000, 0.02, 0.01) >= 0.8


def principals_until_broken(rng, rate, alpha, runs=101):
    """Median number of principals after which a promise of alpha is called broken."""
    found = []
    for _ in range(runs):
        at = np.flatnonzero(rng.random(int(60 / alpha)) < rate) + 1
        found.append(next(int(n) for a, n in enumerate(at, 1) if stake(int(n), a, alpha) >= 1 / RISK))
    return np.median(found)


@pytest.mark.parametrize(
    ("alpha", "times", "known"), [(0.01, 2, 900), (0.01, 5, 90), (0.001, 2, 8500), (0.001, 5, 800)]
)
def test_how_soon_a_broken_promise_is_found(alpha, times, known):
    found = principals_until_broken(np.random.default_rng(3), times * alpha, alpha)
    assert found == pytest.approx(known, rel=0.25)


def test_open_principals_only_lower_the_money():
    assert stake(100, 2, 0.01) < stake(100, 3, 0.01)
    assert stake(200, 2, 0.01) < stake(100, 2, 0.01)
    assert stake(0, 0, 0.01) == 1.0


def test_says_what_was_promised_and_what_happened():
    found = kept({"a": Tally(1000, 40), "b": Tally(500, 1), "c": Tally(10, 9)}, {"a": 0.01, "b": 0.01})
    assert (found.principals, found.alarms, found.promised, found.worst) == (1500, 41, 15.0, "a")
    assert found.broken
    assert "the promise is broken, most of all in `a`" in str(found)


def test_reviews_as_theft_mend_it():
    before = kept({"a": Tally(1000, 40)}, {"a": 0.01})
    after = kept({"a": Tally(970, 10)}, {"a": 0.01})
    assert before.broken
    assert not after.broken
    assert str(after) == "10 alarms among 970 principal-periods, at most 9.7 promised"


@pytest.mark.parametrize(("started", "said"), [(2, "0.02"), (30, "0.3"), (100, "1.0"), (1070, "10.7")])
def test_what_was_promised_is_said_as_exactly_as_it_tells_something(started, said):
    words = str(kept({"a": Tally(started, 0)}, {"a": 0.01}))
    assert words == f"0 alarms among {started:,} principal-periods, at most {said} promised"


def test_without_a_promise_nothing_is_broken():
    assert kept({"a": Tally(1000, 1000)}, {}) == Kept(principals=0, alarms=0, promised=0.0, money=1.0)


@pytest.mark.parametrize("alpha", [0.5, 0.9])
def test_large_rates_can_be_bet_on_too(alpha):
    assert stake(100, 100, alpha) > 1.0


def test_no_amount_of_alarms_overflows():
    assert np.isfinite(stake(10**6, 10**6, 0.001))
