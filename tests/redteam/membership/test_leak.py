import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.redteam.membership.leak import (
    Roc,
    auc,
    called,
    clopper_pearson,
    delong,
    leak,
    rank_p,
    rate_at,
    rate_interval,
    supported,
    top_p,
)

RNG = np.random.default_rng(0)
FEW = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=40)


def split(pairs):
    return np.array([float(s) for s, _ in pairs]), np.array([m for _, m in pairs])


@given(FEW)
def test_the_area_is_the_share_of_pairs_in_order(pairs):
    scores, members = split(pairs)
    wins = [(a > b) + (a == b) / 2 for a in scores[members] for b in scores[~members]]
    assert auc(scores, members) == pytest.approx(np.mean(wins) if wins else 0.5)


@given(FEW)
def test_curve_points_lie_at_ends_of_blocks_of_equal_scores(pairs):
    scores, members = split(pairs)
    roc = Roc.of(scores, members)
    slow = [(0, 0)]
    for cut in sorted(set(scores), reverse=True):
        slow.append((int((scores[~members] >= cut).sum()), int((scores[members] >= cut).sum())))
    assert list(zip(roc.false.tolist(), roc.true.tolist(), strict=True)) == slow


@given(FEW, FEW, st.sampled_from([0.05, 0.1, 0.2, 0.5]))
def test_calls_are_conformal(pairs, others, rate):
    scores, calibration = split(pairs)[0], split(others)[0]
    slow = [(1 + sum(c >= s for c in calibration)) / (1 + len(calibration)) <= rate for s in scores]
    assert called(scores, calibration, rate).tolist() == slow


@given(st.integers(0, 30), st.integers(0, 30))
def test_exact_intervals_are_binomial_tails(hits, misses):
    n = hits + misses
    low, high = clopper_pearson(hits, n)

    def tail(p, ks):
        return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in ks)

    assert low == 0 if hits == 0 else tail(low, range(hits, n + 1)) == pytest.approx(0.025)
    assert high == 1 if hits == n else tail(high, range(hits + 1)) == pytest.approx(0.025)
    assert low <= (hits / n if n else 0.5) <= high


def test_none_in_449_still_allows_most_of_a_percent():
    assert clopper_pearson(0, 449)[1] == pytest.approx(0.0082, abs=1e-4)
    assert clopper_pearson(1, 1000) == pytest.approx((0.00003, 0.0056), abs=1e-4)


def test_a_binary_score_keeps_its_area_and_gives_no_rate_it_cannot_reach():
    members = np.repeat([True, False], 10_000)
    scores = np.concatenate([np.arange(10_000) < 7540, np.arange(10_000) < 5000]).astype(float)
    found = leak(scores, members)
    assert found.auc == pytest.approx(0.627)
    assert found.tpr1 == found.tpr01 == 0.0
    assert found.balanced_accuracy == pytest.approx(0.627, abs=0.01)
    assert found.curve == ((0.0, 0.0), (0.5, 0.754), (1.0, 1.0))
    # all members on top, but in one block with too many others
    scores = np.concatenate([np.ones(10_000), np.arange(10_000) < 200])
    found = leak(scores, members)
    assert found.tpr1 == 0.0 and found.ties1[0] == pytest.approx(0.5, abs=0.1) and found.ties1[1] == 1.0
    assert found.false1[0] == 0.0 and found.false1[1] < 0.001


def test_rounding_costs_little_area():
    members = np.repeat([True, False], 5000)
    scores = RNG.normal(size=10_000) * 3 + members * 1.8
    assert leak(np.round(scores), members).auc == pytest.approx(leak(scores, members).auc, abs=0.004)


def test_shifted_normals_give_the_textbook_rates():
    members = np.repeat([True, False], [20_000, 40_000])
    scores = RNG.normal(size=60_000) + members
    found = leak(scores, members)
    assert found.auc == pytest.approx(0.7602, abs=0.01) and found.auc_interval[0] < 0.7602 < found.auc_interval[1]
    assert found.tpr1 == pytest.approx(0.0924, abs=0.015) and found.tpr01 == pytest.approx(0.0183, abs=0.01)
    assert found.tpr1_interval[0] < found.tpr1 < found.tpr1_interval[1]
    assert found.advantage == pytest.approx(0.3829, abs=0.02)
    assert found.balanced_accuracy == pytest.approx(0.6915, abs=0.01)
    assert len(found.curve) <= 200 and found.curve[0] == (0, 0) and found.curve[-1] == (1, 1)


def test_rates_are_withheld_where_non_members_are_too_few():
    scores, members = RNG.normal(size=2998), np.repeat([True, False], [2000, 998])
    few = leak(scores, members)
    assert few.tpr1 is None and few.tpr01 is None and 0 < few.tpr1_interval[1] < 1
    assert supported(1000, 0.01) and supported(10_000, 0.001) and not supported(9999, 0.001)


def test_thresholds_keep_their_promise_on_rows_that_did_not_set_them():
    false = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = rate_at(rng.normal(size=50), np.round(rng.normal(size=2000), 1), 0.05, rng)
        false.append(np.mean(found.false))
        assert found.value <= found.ties[0] <= found.ties[1]
    assert 0.03 < np.mean(false) <= 0.052


def test_noise_leaks_nothing():
    members = RNG.random(4000) < 0.5
    found = leak(RNG.normal(size=4000), members)
    assert found.auc_interval[0] < 0.5 < found.auc_interval[1]
    assert found.epsilon == 0.0 and found.balanced_accuracy == pytest.approx(0.5, abs=0.04)


def test_epsilon_is_below_that_of_randomised_response():
    members = RNG.random(20_000) < 0.5
    truthful = RNG.random(20_000) < math.exp(1) / (1 + math.exp(1))
    found = leak(np.where(truthful, members, ~members).astype(float), members)
    assert 0.85 < found.epsilon < 1.0
    assert leak(members.astype(float), members).epsilon > 5


def test_a_perfect_score_has_an_interval():
    found = leak(np.array([3.0, 2.5, 1.0, 0.0]), np.array([True, True, False, False]))
    assert found.auc == 1.0 and found.auc_interval[0] < 0.5 and found.auc_interval[1] == 1.0


def test_intervals_of_the_area_cover():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        low, high = delong(rng.normal(size=60) + 1, rng.normal(size=80))
        hits += low <= 0.76025 <= high
    assert hits >= 180


def test_unanswered_rows_are_left_out_and_both_kinds_are_needed():
    scores, members = np.array([1.0, np.nan, 0.0, 2.0]), np.array([True, True, False, False])
    assert leak(scores, members).members == 1 and leak(scores, members).auc == 0.5
    with pytest.raises(ConfigError, match="3 and 0"):
        leak(scores, np.ones(4, bool))


@pytest.mark.parametrize(("members", "nonmembers"), [(1000, 1000), (5000, 1000), (4000, 10_000)])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_intervals_of_the_rate_cover_though_the_threshold_is_estimated(members, nonmembers, shift):
    rng, normal, hits = np.random.default_rng(3), NormalDist(), 0
    truth = 1 - normal.cdf(normal.inv_cdf(0.99) - shift)
    for _ in range(100):
        low, high = rate_interval(rng.normal(size=members) + shift, rng.normal(size=nonmembers), 0.01)
        hits += low <= truth <= high
    assert hits >= 95 and high - low < 0.15


def test_the_rate_lies_within_its_interval_and_few_rows_leave_it_open():
    assert rate_interval(np.ones(20), np.zeros(10), 0.01)[0] == 0.0
    assert rate_interval(np.ones(20), np.zeros(1), 0.01)[1] == 1.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = rate_at(rng.normal(size=30) + 2, rng.normal(size=300), 0.05, rng)
        assert found.interval[0] <= found.value <= found.interval[1]


@given(FEW)
def test_chances_are_those_of_shuffled_membership(pairs):
    scores, members = split(pairs)
    tops = [c for c in sorted(set(scores)) if (scores >= c).sum() <= max(0.3 * len(scores), 1)]
    high = scores >= tops[0] if tops else np.zeros(len(scores), bool)
    k, hits, m, n = int(high.sum()), int((high & members).sum()), int(members.sum()), len(scores)
    slow = sum(math.comb(m, i) * math.comb(n - m, k - i) for i in range(hits, min(k, m) + 1)) / math.comb(n, k)
    assert top_p(scores, members, 0.3) == pytest.approx(slow)


def test_the_rank_test_is_the_textbooks():
    from scipy import stats

    inside, outside = np.round(RNG.normal(size=50) + 0.3, 1), np.round(RNG.normal(size=80), 1)
    slow = stats.mannwhitneyu(inside, outside, alternative="greater", method="asymptotic").pvalue
    assert rank_p(inside, outside) == pytest.approx(slow)
    assert rank_p(np.ones(5), np.ones(7)) == 1.0


def test_evidence_is_found_in_the_area_and_in_a_few_at_the_top():
    members = np.repeat([True, False], 1000)
    assert leak(RNG.normal(size=2000) + 0.3 * members, members).p_value < 1e-6
    few = RNG.normal(size=2000) + 9 * (np.arange(2000) < 20)
    found = leak(few, members)
    assert found.p_value < 1e-4 and found.auc_interval[0] < 0.52
    assert leak(-few, members).p_value > 0.2
