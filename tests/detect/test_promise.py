import math

import msgspec
import numpy as np
import pytest
from looking import BUDGET, Named, honest

from wellhead.core.errors import ProfileError
from wellhead.detect import order
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.calibrate import calibrate
from wellhead.detect.promise import COARSELY, COLD, NOW, WATCHING, announced, segment_sizes

ONE_IN_1000 = AlarmBudget(1, 1000, 30)


@pytest.fixture(scope="module")
def promise():
    return calibrate(honest(1200, np.random.default_rng(0), 3), None, BUDGET, Named)


def of(promise, budget=BUDGET, **counts):
    """A promise whose segments hold so many plain scores."""
    scores = {name: np.arange(count, dtype=np.float64) for name, count in counts.items()}
    return msgspec.structs.replace(promise, budget=budget, scores=scores)


@pytest.mark.parametrize(
    ("count", "word", "level"),
    [(298, WATCHING, 0.0), (299, COARSELY, 0.01), (2994, COARSELY, 0.01), (2995, NOW, 0.001)],
)
def test_says_what_can_be_promised(promise, count, word, level):
    made = of(promise, ONE_IN_1000, everybody=count)
    assert (made.word("everybody"), made.level("everybody")) == (word, level)
    assert math.isfinite(made.threshold("everybody")) == bool(level)


def test_a_coarse_budget_knows_no_coarser_one(promise):
    assert of(promise, AlarmBudget(1, 20, 30), everybody=58).word("everybody") == WATCHING
    assert of(promise, AlarmBudget(1, 20, 30), everybody=59).word("everybody") == NOW


def test_the_threshold_is_the_order_statistic(promise):
    made = of(promise, everybody=1000)
    assert made.threshold("everybody") == 1000 - order.rank(1000, 0.01)
    assert made.threshold("everybody", 0.001) == math.inf
    assert made.threshold("nobody") == math.inf
    assert made.interval("everybody") == order.interval(1000, order.rank(1000, 0.01))
    assert made.interval("nobody") == (0.0, 0.0)


def test_segments_pay_for_each_other_only_where_they_are_promised(promise):
    alone, small = of(promise, a=400), of(promise, a=400, b=20, c=20)
    both = of(promise, a=400, b=400)
    assert alone.threshold("a") == small.threshold("a") <= both.threshold("a")
    assert small.word("b") == WATCHING
    assert of(promise, a=299, b=299).word("a") == NOW
    assert of(promise).needed() == 299
    assert alone.needed() == order.needed(0.01, 2)
    assert alone.needed(segment="a") == 299


def broken(rng, promise, budget, sizes, runs=1500):
    """Share of calibrations after which some segment's realised rate is above what it was promised, by rate.

    Scores are uniform, so that the rate above a threshold is known exactly: whatever their distribution, ranks are.
    """
    over = {}
    for _ in range(runs):
        scores = {s: np.sort(rng.random(c)) for s, c in sizes.items()}
        made = msgspec.structs.replace(promise, budget=budget, scores=scores)
        levels = {s: made.level(s) for s in sizes}
        worst = {}
        for s, alpha in levels.items():
            rate = 1.0 - min(made.threshold(s), 1.0)
            worst[alpha] = worst.get(alpha, False) or rate > alpha
        for alpha, bad in worst.items():
            over[alpha] = over.get(alpha, 0) + bad / runs
    return over


MARGIN = 3.0 * math.sqrt(0.05 * 0.95 / 1500)


@pytest.mark.parametrize(
    ("budget", "sizes"),
    [
        (BUDGET, {"a": 299}),
        (BUDGET, {"a": 2000, "b": 700, "c": 500, "d": 20}),
        (BUDGET, dict.fromkeys("abcdefghij", 600)),
        (ONE_IN_1000, {"a": 2995}),
        (ONE_IN_1000, {"a": 9000, "b": 4000, "c": 700, "d": 450}),
        (AlarmBudget(1, 20, 30), {"a": 200, "b": 5000}),
    ],
)
def test_in_95_of_100_calibrations_no_segment_alarms_more_than_promised(promise, budget, sizes):
    over = broken(np.random.default_rng(11), promise, budget, sizes)
    promised = {alpha: rate for alpha, rate in over.items() if alpha}
    assert promised
    assert max(promised.values()) <= 0.05 + MARGIN
    # a threshold that is never passed would keep any promise
    assert max(promised.values()) > 0.005
    assert over.get(0.0, 0.0) == 0.0


def test_without_sharing_the_doubt_some_segment_would_break_its_promise(promise, monkeypatch):
    rank = order.rank
    monkeypatch.setattr("wellhead.detect.order.rank", lambda count, alpha, share=1: rank(count, alpha))
    over = broken(np.random.default_rng(12), promise, BUDGET, dict.fromkeys("abcdefghij", 299), 300)
    assert over[0.01] > 0.15


def newcomers_rate(rng, agree, principals=100, periods=10):
    """Realised rate for newcomers at 1 in 20, calibrated on few principals that came in many periods."""
    own = rng.normal(size=(principals, 1)) * math.sqrt(agree)
    scores = np.sort((own + math.sqrt(1 - agree) * rng.normal(size=(principals, periods))).ravel())
    threshold = scores[-order.rank(scores.size, 0.01)]
    return 0.5 * math.erfc(threshold / math.sqrt(2))


@pytest.mark.parametrize(("agree", "sure"), [(0.0, 0.96), (0.5, 0.91), (0.9, 0.75)])
def test_who_comes_again_and_again_counts_for_less_than_it_seems(agree, sure):
    rng = np.random.default_rng(13)
    kept = np.mean([newcomers_rate(rng, agree) <= 0.01 for _ in range(1500)])
    assert kept == pytest.approx(sure, abs=0.03)


def test_p_values_have_the_resolution_of_the_calibration(promise):
    made = of(promise, everybody=99)
    assert made.p_value("everybody", 1e9) == 1 / 100
    assert made.p_value("everybody", 98) == 2 / 100
    assert made.p_value("everybody", -math.inf) == 1.0
    assert made.p_value("nobody", 1e9) == 1.0


def test_p_values_of_honest_principals_are_uniform(promise):
    fresh = promise.score(*_table(honest(5000, np.random.default_rng(1))))
    made = msgspec.structs.replace(promise, scores={"e": np.sort(fresh[:2000])})
    p = np.array([made.p_value("e", s) for s in fresh[2000:]])
    for level in (0.01, 0.1, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=0.03)


def _table(seen):
    return seen.values, seen.rows


def test_honest_range_holds_nine_in_ten(promise):
    seen = honest(4000, np.random.default_rng(2), 3)
    low, high = promise.honest("c", 33)
    column = seen.values[seen.rows == 32, 2]
    assert ((column >= low) & (column <= high)).mean() == pytest.approx(0.9, abs=0.03)
    assert all(math.isnan(x) for x in promise.honest("c", 2))
    # beyond all that was seen, the range of those who asked most
    assert promise.honest("c", 2**20) == promise.honest("c", int(seen.rows.max()))


def test_evidence_is_what_the_score_is_made_of(promise):
    values = np.array([[9.0, 0.0, -9.0, 0.0]])
    gives = promise.contributions(values, np.array([16]))[0]
    assert promise.score(values, np.array([16]))[0] == pytest.approx(gives.sum())
    assert promise.sides(values, np.array([16]))[0, [0, 2]].tolist() == [1, -1]


def test_is_the_same_from_its_bytes(promise):
    again = type(promise).from_bytes(promise.to_bytes())
    assert again.to_bytes() == promise.to_bytes()
    seen = honest(50, np.random.default_rng(3), 3)
    assert np.array_equal(again.score(*_table(seen)), promise.score(*_table(seen)))
    assert (again.budget, again.names, again.kinds) == (promise.budget, promise.names, promise.kinds)
    assert again.holders == promise.holders
    assert again.threshold("everybody") == promise.threshold("everybody")


def test_refuses_bytes_that_are_none(promise):
    data = promise.to_bytes()
    for damaged in (b"", data[:-1], data[:200] + bytes([data[200] ^ 1]) + data[201:]):
        with pytest.raises(ProfileError):
            type(promise).from_bytes(damaged)


def test_the_switch_is_announced(promise):
    small, large = of(promise, a=10), of(promise, a=500, b=10)
    assert announced(None) == COLD
    assert announced(small).endswith("still rules first, and watching")
    assert announced(large, small).endswith(
        "promisable now to 1 of 2 segments; until now rules, the promise from now on"
    )
    assert announced(large, large).endswith("promisable now to 1 of 2 segments")
    assert "promisable at 1 in 100 only to 1" in announced(of(promise, ONE_IN_1000, a=500))


def test_sizes_are_told_the_largest_first(promise):
    assert segment_sizes(of(promise, a=3, b=9, c=3)) == {"b": 9, "a": 3, "c": 3}
