import msgspec
import numpy as np
import pytest
from looking import BUDGET, Named, honest, looks

from wellhead.core.errors import ConfigError
from wellhead.detect import order
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.calibrate import DEVELOPMENT, MOST, calibrate, development, drawn
from wellhead.detect.looks import joined
from wellhead.detect.weights import weights
from wellhead.detect.yardstick import suprema

ONE_IN_1000 = AlarmBudget(1, 1000, 30)


def largest(promise, seen):
    return suprema(promise.score(seen.values, seen.rows), seen.principal)


def realised(promise, seen, alpha, segment="everybody"):
    return float((largest(promise, seen) > promise.threshold(segment, alpha)).mean())


def test_the_promise_holds_whatever_the_looks_of_a_principal_share():
    rng = np.random.default_rng(0)
    over = 0
    for _ in range(20):
        promise = calibrate(honest(1500, rng, 4), None, BUDGET, Named)
        rate = realised(promise, honest(6000, rng, 4), 0.01)
        over += rate > 0.01 + 1.65 * np.sqrt(0.01 / 6000)
    # each may fail with 5 %, and sampling adds to that
    assert over <= 3


def test_the_promise_holds_in_the_worst_of_segments_that_differ():
    rng = np.random.default_rng(18)
    scale = np.repeat([1.0, 3.0, 0.3], [800, 700, 700])

    def world():
        values = honest(2200, rng, 3).values * np.repeat(scale, 3)[:, None]
        return looks(values, 3, segments=np.repeat(["a", "b", "c"], [800, 700, 700]))

    over, rates = 0, []
    for _ in range(20):
        promise = calibrate(world(), None, BUDGET, Named)
        assert {promise.word(s) for s in "abc"} == {"promisable now"}
        fresh = world()
        found = largest(promise, fresh)
        of = np.array(fresh.segments)[::3]
        worst = [(found[of == s] > promise.threshold(s)).mean() for s in "abc"]
        rates.append(worst)
        over += max(worst) > 0.01 + 1.65 * np.sqrt(0.01 / 700)
    assert np.mean(rates, axis=0).max() <= 0.01
    assert over <= 3


def test_development_and_calibration_are_disjoint_and_stay_so():
    names = [f"p{i}" for i in range(3000)]
    mine = development(names)
    assert np.array_equal(mine, development(names[::-1])[::-1])
    assert not np.array_equal(mine, development(names, b"another key"))
    assert 450 < mine.sum() < 750
    assert development(names[:90]).mean() < 0.5
    promise = calibrate(honest(3000, np.random.default_rng(1)), None, BUDGET, Named)
    assert promise.development == mine.sum()
    assert promise.scores["everybody"].size == 3000 - mine.sum()


def test_a_principal_is_on_one_side_in_all_its_periods():
    rng = np.random.default_rng(2)
    both = joined([honest(400, rng, period=0), honest(400, rng, period=1)])
    promise = calibrate(both, None, BUDGET, Named)
    assert promise.development == 2 * development(both.names).sum()
    assert promise.scores["everybody"].size + promise.development == 800


def test_one_never_read_counts_as_calibrated_and_scores_nothing():
    rng = np.random.default_rng(3)
    seen = joined([honest(300, rng), looks(np.full((200, 4), np.nan), prefix="quiet")])
    scores = calibrate(seen, None, BUDGET, Named).scores["everybody"]
    assert scores.size == 500 - development(seen.names).sum()
    assert np.isneginf(scores).sum() == (~development(seen.names)[300:]).sum()


@pytest.mark.parametrize(
    ("alpha", "calibrated", "found"), [(0.01, 298, False), (0.01, 299, True), (0.001, 2994, False), (0.001, 2995, True)]
)
def test_what_must_have_been_seen(alpha, calibrated, found):
    rng = np.random.default_rng(4)
    draws = drawn([f"p{i}" for i in range(5000)])
    # as many principals as give exactly this many calibrated ones
    n = next(n for n in range(calibrated, 5000) if (draws[:n] >= min(MOST, DEVELOPMENT / n)).sum() == calibrated)
    promise = calibrate(honest(n, rng), None, ONE_IN_1000, Named)
    assert promise.scores["everybody"].size == calibrated
    assert np.isfinite(promise.threshold("everybody", alpha)) == found
    assert promise.needed(alpha) == (order.needed(alpha, 2) if found else order.needed(alpha))


def thief(rng, n):
    """Unusual to two kinds of detectors."""
    return rng.normal([6, 0, 0, 6], 1.5, (n, 4))


def poisoned(rng, n, poison, budget):
    """A promise made of honest principals and a share of thieves; its threshold, realised rate and power."""
    thieves = round(poison * n)
    seen = [honest(n - thieves, rng), looks(thief(rng, thieves), prefix="thief")]
    promise = calibrate(joined(seen), None, budget, Named)
    assert promise.level("everybody") == budget.alpha
    caught = realised(promise, looks(thief(rng, 1000)), None)
    return promise.threshold("everybody"), realised(promise, honest(10_000, rng), None), caught


@pytest.mark.parametrize(
    ("budget", "n", "poison", "power"),
    [
        (BUDGET, 1500, 0.0, 0.98),
        (BUDGET, 1500, 0.005, 0.67),
        (BUDGET, 1500, 0.02, 0.16),
        (ONE_IN_1000, 5000, 0.0, 0.81),
        (ONE_IN_1000, 5000, 0.005, 0.04),
        (ONE_IN_1000, 5000, 0.02, 0.004),
    ],
)
def test_poisoned_calibration_stays_valid_and_loses_power(budget, n, poison, power):
    rng = np.random.default_rng(5)
    found = np.array([poisoned(rng, n, poison, budget) for _ in range(30)])
    assert found[:, 1].mean() <= budget.alpha
    assert found[:, 2].mean() == pytest.approx(power, abs=0.08)


def test_thieves_in_the_threshold_group_only_raise_thresholds():
    rng = np.random.default_rng(14)
    seen = honest(1500, rng)
    clean = calibrate(seen, None, BUDGET, Named)
    held = clean.scores["everybody"]
    for share in (0.005, 0.02):
        bad = round(share * held.size)
        high = np.sort(np.concatenate([held[bad:], np.full(bad, 99.0)]))
        low = np.sort(np.concatenate([held[bad:], np.full(bad, -np.inf)]))
        raised, lowered = (msgspec.structs.replace(clean, scores={"everybody": s}) for s in (high, low))
        assert raised.threshold("everybody") > clean.threshold("everybody") >= held[-1 - round(0.01 * held.size)]
        # accounts that do nothing cannot lower it by more than their share of the ranks
        assert lowered.threshold("everybody") == clean.threshold("everybody")


def power_at(rng, c, alpha, poison):
    """The fact sheet's own setting: one Student-t5 score, thieves N(6, 1.5), the plain conformal threshold."""
    bad = rng.binomial(c, poison)
    scores = np.sort(np.concatenate([rng.standard_t(5, c - bad), rng.normal(6, 1.5, bad)]))
    m = order.conformal_rank(c, alpha)
    return (rng.normal(6, 1.5, 2000) > scores[-m]).mean(), (rng.standard_t(5, 2000) > scores[-m]).mean()


@pytest.mark.parametrize(
    ("c", "alpha", "known"),
    [(1000, 0.01, (0.96, 0.89, 0.44)), (1000, 0.001, (0.40, 0.14, 0.04)), (99, 0.01, (0.85, 0.69, 0.42))],
)
def test_contamination_table(c, alpha, known):
    rng = np.random.default_rng(6)
    for poison, power in zip((0.0, 0.005, 0.02), known, strict=True):
        caught, alarmed = np.mean([power_at(rng, c, alpha, poison) for _ in range(400)], axis=0)
        assert caught == pytest.approx(power, abs=0.05)
        assert alarmed <= alpha * 1.1


def test_reviewed_thieves_are_left_out_and_the_power_is_back():
    rng = np.random.default_rng(7)
    clean, dirty = honest(1500, rng), looks(rng.normal(9, 1, (30, 4)), prefix="thief")
    everything = joined([clean, dirty])
    fooled = calibrate(everything, None, BUDGET, Named)
    told = calibrate(everything, None, BUDGET, Named, excluded=dirty.names)
    assert told.excluded == 30
    assert told.threshold("everybody") < fooled.threshold("everybody")
    caught = looks(rng.normal(6, 1.5, (400, 4)))
    assert realised(told, caught, 0.01) > realised(fooled, caught, 0.01) + 0.1


def test_the_holders_of_a_threshold_are_named_and_what_it_would_be_without_them():
    rng = np.random.default_rng(8)
    seen = joined([honest(1500, rng), looks(np.full((4, 4), 50.0) * [1, -1, 1, 1], prefix="thief")])
    promise = calibrate(seen, None, BUDGET, Named)
    calibrated = dict(zip(seen.names, ~development(seen.names), strict=True))
    thieves = {n for n in seen.names if n.startswith("thief") and calibrated[n]}
    assert thieves
    assert {name for name, _ in promise.holders["everybody"][: len(thieves)]} == thieves
    assert promise.without("everybody") < promise.threshold("everybody")


def test_the_holders_are_five_principals_however_often_one_of_them_came():
    rng = np.random.default_rng(8)
    prefix = next(p for p in "abcdefgh" if not development([f"{p}0"] * 1501)[0])
    often = [looks(np.full((1, 4), 50.0 + i) * [1, -1, 1, 1], prefix=prefix, period=i) for i in range(9)]
    seen = joined([honest(1500, rng), *often])
    promise = calibrate(seen, None, BUDGET, Named)
    holders = [name for name, _ in promise.holders["everybody"]]
    assert (len(set(holders)), holders.count(f"{prefix}0")) == (5, 9)
    kept = calibrate(seen, None, BUDGET, Named, excluded=set(holders))
    assert promise.without("everybody") == pytest.approx(kept.threshold("everybody"), rel=0.05)


def test_segments_of_a_mapping_a_function_or_the_looks():
    rng = np.random.default_rng(9)
    seen = honest(600, rng, segments=["odd" if i % 2 else "even" for i in range(600)])
    by_looks = calibrate(seen, None, BUDGET, Named)
    by_name = calibrate(seen, {n: ("odd" if int(n[1:]) % 2 else "even") for n in seen.names}, BUDGET, Named)
    by_call = calibrate(seen, lambda n: "odd" if int(n[1:]) % 2 else "even", BUDGET, Named)
    assert set(by_looks.scores) == {"odd", "even"}
    for other in (by_name, by_call):
        assert all(np.array_equal(other.scores[s], v) for s, v in by_looks.scores.items())


def test_odd_segments_do_not_make_what_they_do_look_usual():
    rng = np.random.default_rng(13)
    main, odd = honest(1200, rng, segments="main"), looks(rng.normal([20, 0, 20, 0], 5, (500, 4)), 1, "odd", "o")
    alone, both = calibrate(main, None, BUDGET, Named), calibrate(joined([main, odd]), None, BUDGET, Named)
    k = 4
    assert both.yardstick.spread[k] == pytest.approx(alone.yardstick.spread[k], rel=0.2)
    caught = looks(thief(rng, 400))
    assert realised(both, caught, 0.01, "main") > 0.8 * realised(alone, caught, 0.01, "main")
    assert realised(both, looks(rng.normal([20, 0, 20, 0], 5, (2000, 4))), 0.01, "odd") <= 0.013


def test_first_looks_are_one_number_a_principal():
    rng = np.random.default_rng(10)
    seen = honest(500, rng, 3)
    promise = calibrate(seen, None, BUDGET, Named)
    scores = promise.score(seen.values, seen.rows)[::3]
    assert promise.first == pytest.approx(np.sort(scores[~development(seen.names)]))


@pytest.mark.parametrize("n", [0, 1, 20])
def test_no_history_or_next_to_none(n):
    with pytest.raises(ConfigError, match=f"expected at least 48 honest principals to calibrate on, got {n}"):
        calibrate(honest(n, np.random.default_rng(15)), None, BUDGET, Named)


def test_one_who_asks_ten_million_times_is_compared_with_those_who_asked_most():
    rng = np.random.default_rng(16)
    promise = calibrate(honest(600, rng, 5), None, BUDGET, Named)
    unusual = np.array([[12.0, 0.0, 12.0, 12.0]] * 3)
    scores = promise.score(unusual, np.array([16, 300, 10_000_000]))
    assert (scores[:2] > promise.threshold("everybody")).all()
    assert scores[2] == promise.score(unusual[:1], np.array([2**8]))[0] > promise.threshold("everybody")


class Weighed(Named):
    """Two detectors that the shipped weights name, and two that they do not."""

    names = ("typical", "mine", "breadth", "yours")


def test_weights_reach_the_detectors_that_they_name():
    promise = calibrate(honest(600, np.random.default_rng(17)), None, BUDGET, Weighed)
    of = promise.yardstick
    shipped = list(weights().values())
    for t, (s, side) in enumerate(zip(of.detector, of.side, strict=True)):
        pair = [voice.get(Weighed.names[s], (0.0, 0.0)) for voice in shipped]
        assert of.weight[:, t].tolist() == [high if side > 0 else low for high, low in pair]
    assert of.weight.any()
    assert not calibrate(honest(600, np.random.default_rng(17)), None, BUDGET, Named).yardstick.weight.any()


def test_too_few_to_fit_anything():
    with pytest.raises(ConfigError, match="expected at least 48 honest principals"):
        calibrate(honest(20, np.random.default_rng(11)), None, BUDGET, Named)


def tenants(rng, n, tau, t=1000):
    """Scores of events: a mean of the tenant's own, and AR(1) noise."""
    noise = np.empty((n, t))
    noise[:, 0] = rng.standard_normal(n)
    for i in range(1, t):
        noise[:, i] = 0.5 * noise[:, i - 1] + np.sqrt(0.75) * rng.standard_normal(n)
    return rng.normal(0, tau, (n, 1)) + noise if tau else noise


def martingale_alarms(rng, pool, events, alpha):
    """Share of principals whose event-level conformal martingale ever reaches 1/alpha."""
    reference = np.sort(rng.choice(pool.ravel(), 5000))
    p = (reference.size - np.searchsorted(reference, events) + rng.random(events.shape)) / (reference.size + 1)
    bets = np.linspace(0.05, 0.95, 19)[:, None, None]
    paths = np.cumsum(np.log(bets) + (bets - 1) * np.log(p), axis=2)
    top = paths.max(axis=0)
    money = top + np.log(np.exp(paths - top).mean(axis=0))
    return float((money.max(axis=1) >= np.log(1 / alpha)).mean())


@pytest.mark.parametrize(("tau", "known"), [(0.0, 0.116), (0.1, 0.24), (0.3, 0.34), (0.6, 0.35)])
def test_events_are_not_exchangeable_and_principals_are(tau, known):
    """An event-level martingale breaks its promise of 1 in 100; the supremum of a principal keeps it."""
    rng = np.random.default_rng(12)
    pool, fresh = tenants(rng, 400, tau), tenants(rng, 200, tau)
    assert martingale_alarms(rng, pool, fresh, 0.01) == pytest.approx(known, abs=0.12)
    rates = []
    for _ in range(30):
        sup = tenants(rng, 600, tau, 100).max(axis=1)
        m = order.rank(400, 0.01)
        rates.append((sup[400:] > np.sort(sup[:400])[-m]).mean())
    assert np.mean(rates) <= 0.01
