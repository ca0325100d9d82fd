import math

import numpy as np
import pytest
from benchmarks import detect_peer_coverage as coverage
from benchmarks import detect_peer_distances as near
from benchmarks import detect_peer_mmd as mmd
from benchmarks import detect_peers as peers
from benchmarks.detect_peer_volume import ThreeSignals, Volume
from benchmarks.detect_peers import Honest, Looks
from benchmarks.detect_world import Stream, table_of
from scipy.stats import shapiro

WIDTH, CENTRES, SHARED = 16, 12, 3_000


def make_table(rng):
    """SHARED honest inputs around centres, 1,000 of an attack that moves seeds by a step, 1,000 of noise."""
    centres = rng.normal(0, 45, (CENTRES, WIDTH))
    honest = centres[rng.integers(CENTRES, size=SHARED)] + rng.normal(0, 10, (SHARED, WIDTH))
    walk = [honest[:125]]
    for _ in range(3):
        now = np.concatenate(walk)
        walk.append(now + 4 * rng.choice([-1, 1], now.shape))
    noise = rng.integers(-127, 128, (1_000, WIDTH))
    codes = np.clip(np.concatenate([honest, *walk, noise]), -127, 127).round().astype(np.int8)
    truth = np.eye(4)[(codes @ rng.normal(size=(WIDTH, 4))).argmax(1)]
    shared = np.ones(len(codes), bool)
    return table_of(codes, np.zeros((len(codes), 3), np.uint8), truth, codes, shared, 0)


def stream(rows, gap_s=60.0, name="s", **more):
    rows = np.asarray(rows, np.int64)
    times = np.arange(rows.size) * gap_s
    return Stream(name=name, scenario="", segment="", time_s=times, rows=rows, attributes=frozenset(), **more)


@pytest.fixture(scope="module")
def table():
    return make_table(np.random.default_rng(1))


@pytest.fixture(scope="module")
def honest():
    rng = np.random.default_rng(2)
    return [stream(rng.choice(SHARED, 400, replace=False)) for _ in range(30)]


def rng():
    return np.random.default_rng(3)


def test_ranks_are_those_of_the_promise():
    assert [peers.rank(n, 0.01) for n in (298, 299)] == [0, 299]
    assert [peers.rank(n, 0.001) for n in (2_994, 2_995)] == [0, 2_995]
    assert peers.recalibrated(range(298), 0.01) == math.inf
    assert peers.recalibrated(range(299), 0.01) == 298.0
    assert peers.recalibrated(range(2_000), 0.01) == peers.rank(2_000, 0.01) - 1.0


def test_a_matched_threshold_alarms_no_larger_share():
    peaks = [0.0] * 10 + [1.0, 2.0, 3.0]
    assert sum(p > peers.matched(peaks, 2 / 13) for p in peaks) == 2
    assert peers.matched(peaks, 0.0) == 3.0
    assert sum(p > peers.matched(peaks, 0.5) for p in peaks) == 3, "ties do not alarm together beyond the share"
    assert peers.matched([], 0.1) == math.inf


def test_the_alarm_is_the_first_look_over_the_threshold():
    looks = Looks(np.array([10, 20, 30]), np.array([1.0, 3.0, 2.0]))
    assert (looks.alarm(1.5), looks.alarm(3.0), looks.peak) == (20, -1, 3.0)
    assert (peers.NOTHING.peak, peers.NOTHING.alarm(0.0)) == (-math.inf, -1)


def test_volume_counts_the_last_hour():
    volume = Volume.fit(None, [], rng())
    burst = stream(np.zeros(600), gap_s=7.0)
    assert volume.looks(burst).alarm(volume.published) == 500
    assert volume.looks(stream(np.zeros(600), gap_s=7.3)).alarm(volume.published) == -1, "494 an hour are let be"


def test_three_signals_want_new_inputs_asked_for_scores(table):
    three = ThreeSignals.fit(table, [], rng())
    assert three.looks(stream(range(300))).alarm(three.published) == 101
    assert three.looks(stream([i // 2 for i in range(300)])).alarm(three.published) == -1
    assert three.looks(stream(range(300), label_only=True)).alarm(three.published) == -1


@pytest.mark.parametrize("n", [12, 13, 50, 101, 999, 4_000])
@pytest.mark.parametrize("kind", ["normal", "uniform", "exponential"])
def test_w_is_scipys(n, kind):
    values = getattr(np.random.default_rng(n), kind)(size=n)
    assert near.shapiro(values) == pytest.approx(shapiro(values).statistic, abs=2e-6)


def slow_nearest(codes, classes):
    """Algorithm 3 of the paper, a query at a time."""
    found, sets, gaps, threshold = [], {}, {}, {}
    for x, c in zip(codes.astype(float), classes, strict=True):
        if c not in sets:
            sets[c], gaps[c], threshold[c] = [x], [0.0], 0.0
            found.append(np.nan)
            continue
        d = min(np.linalg.norm(x - s) for s in sets[c])
        found.append(d)
        if d > threshold[c]:
            sets[c].append(x)
            gaps[c].append(d)
            threshold[c] = max(threshold[c], np.mean(gaps[c]) - np.std(gaps[c]))
    return np.array(found)


def test_prada_grows_its_sets_as_the_paper_does(table):
    rows = np.concatenate([np.arange(120), np.arange(40), np.arange(SHARED, SHARED + 60)])
    fast = near.nearest(table.codes[rows], table.top1[rows])
    assert np.allclose(fast, slow_nearest(table.codes[rows], table.top1[rows]), equal_nan=True, atol=1e-3)


def test_prada_sees_a_jacobian_walk_and_takes_honest_repeats_for_one():
    draw = np.random.default_rng(5)
    natural = np.clip(draw.normal(0, 30, (1_500, 64)), -127, 127)
    walk = [natural[:50]]
    while sum(map(len, walk)) < 800:
        walk.append(np.concatenate(walk) + 4 * draw.choice([-1, 1], (sum(map(len, walk)), 64)))
    codes = np.clip(np.concatenate([natural, *walk]), -127, 127).round().astype(np.int8)
    table = table_of(
        codes, np.zeros((len(codes), 3), np.uint8), np.ones((len(codes), 1)), codes, np.ones(len(codes)), 0
    )
    prada, distinct = near.Prada.fit(table, [], draw), near.Prada.fit_distinct(table, [], draw)
    attack = stream(np.arange(1_500, 2_300))
    retries = stream(np.concatenate([[i, i] if i % 3 == 0 else [i] for i in range(600)]))
    assert prada.looks(stream(range(800))).alarm(prada.published) == -1, "natural queries are near normal"
    assert 101 <= prada.looks(attack).alarm(prada.published) <= 200
    assert prada.looks(retries).alarm(prada.published) > 0, "its known false alarm"
    assert distinct.looks(retries).alarm(distinct.published) == -1
    assert distinct.looks(attack).alarm(distinct.published) == prada.looks(attack).alarm(prada.published)


def test_prada_looks_every_ten_queries_once_over_a_hundred_distances(table, honest):
    looks = near.Prada.fit(table, [], rng()).looks(honest[0])
    assert looks.at[0] >= 101
    assert set(np.diff(looks.at)) == {10}


def test_seat_counts_pairs_and_its_delta_is_the_tail_of_honest_pairs(table, honest):
    seat = near.Seat.fit(table, honest, rng())
    assert 0 < seat.delta < np.median(near.distances(table.codes[:500], table.codes[:500]))
    repeats = near.Seat(table, once=False, delta=0.0).looks(stream([5, 5, 7, 5, 7]))
    assert repeats.score.tolist() == [0, 1, 1, 3, 4]
    assert near.Seat(table, once=True, delta=0.0).looks(stream([5, 5, 7, 5, 7])).score.tolist() == [0, 0]
    walk = stream(np.arange(SHARED, SHARED + 1_000))
    assert seat.looks(walk).peak > 20 * max(seat.looks(s).peak for s in honest)
    assert seat.looks(walk).alarm(seat.published) > 0


def test_the_discrepancy_is_the_unbiased_one():
    draw = np.random.default_rng(4)
    x, y, sigma = draw.normal(size=(9, 3)).astype(np.float32), draw.normal(size=(7, 3)).astype(np.float32), 1.3

    def k(a, b):
        return np.mean([np.exp(-np.sum((a - b) ** 2) / (2 * (w * sigma) ** 2)) for w in (0.5, 1, 2, 4)])

    xx = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    yy = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    across = mmd.kernel(near.distances(x, y), sigma).mean()
    fast = mmd.mmd2(mmd.within(x, sigma), mmd.within(y, sigma), across)
    assert fast == pytest.approx(xx + yy - 2 * xy, abs=1e-5)


def test_windows_of_the_pool_itself_alarm_as_rarely_as_the_null_says(table, honest):
    window = mmd.Window.fit_100(table, honest, rng())
    draw = np.random.default_rng(9)
    pool = peers.pooled(honest)
    pure = [window.looks(stream(draw.choice(pool, 100))).alarm(window.published) > 0 for _ in range(400)]
    assert np.mean(pure) < 0.09, "5 % by construction; the mean over 20 references is less spread than the null's draws"
    assert window.looks(stream(np.arange(4_000, 4_100))).alarm(window.published) == 100, "noise is seen at once"
    assert window.looks(stream(range(99))).at.size == 0
    assert window.name == "MMD window 100"


def test_caps_price_is_the_papers():
    assert float(coverage.cost(np.array(0.0), 0.0, 0.0)) == pytest.approx(0.0005)
    full = coverage.cost(np.array(0.19), 1.0, 1.0)  # at coverage beta the exponential is alpha / lambda
    assert float(full) == pytest.approx(0.0005 + 0.05 * (8 / 0.0005 - 1) + 8 * 0.35 + 8 * 0.45)


def slow_cap(cap, rows):
    """A query at a time."""
    seen, score = set(), []
    for end in range(100, len(rows) + 1, 100):
        old = len(seen)
        seen |= set(cap.bucket[rows[end - 100 : end]].tolist())
        spread = np.sqrt(np.square(cap.unit[rows[:end]] - cap.unit[rows[:end]].mean(0)).sum(1).mean())
        score.append(float(coverage.cost(np.array(len(seen) / 2_048), (len(seen) - old) / 100, spread)))
    return score


def test_cap_adds_up_over_looks(table, honest):
    cap = coverage.Cap.fit(table, honest, rng())
    assert np.allclose(cap.looks(honest[0]).score, slow_cap(cap, honest[0].rows), rtol=1e-4)
    narrow = stream(np.tile(np.arange(20), 20))
    assert cap.looks(narrow).peak < cap.looks(honest[0]).peak < cap.looks(stream(range(4_000, 5_000))).peak


def test_coverage_of_the_leaves_is_whole_for_the_pool_and_nothing_for_one_input(table):
    everything = [stream(range(SHARED))]
    kesarwani = coverage.Kesarwani.fit(table, everything, rng())
    full = coverage._ranges(table.codes[:SHARED], kesarwani.leaf[:SHARED], len(kesarwani.share))
    assert float(kesarwani.share @ coverage._spanned(*full, kesarwani.width)) == pytest.approx(1.0)
    assert kesarwani.looks(stream(np.zeros(200))).score.tolist() == [0.0, 0.0]
    scores = kesarwani.looks(everything[0]).score
    assert (np.diff(scores) >= 0).all(), "coverage only grows"


def test_all_peers_judge_one_cast(table, honest):
    who = Honest(honest[:10], honest[10:20], honest[20:], lambda s: "all")
    attacks = [stream(np.arange(4_000, 5_000), name="noise")]
    rulings = peers.judge(table, who, attacks, rng())
    assert [r.peer for r in rulings] == list(peers.makers())
    by_name = {r.peer: r for r in rulings}
    assert by_name["MMD window 100"].alarms(by_name["MMD window 100"].matched(0.0)) == {"noise": 100}
    assert by_name["SEAT-like"].realised(math.inf) == 0.0
    assert by_name["PRADA"].thresholds(0.01) == {"all": math.inf}, "ten calibration streams promise nothing"


def test_levelled_scores_mean_the_same_in_every_segment():
    calibration = [("small", float(p)) for p in range(101)] + [("large", 1_000.0 + 10 * p) for p in range(101)]
    attacks = {"a": ("large", Looks(np.array([10, 20]), np.array([1_500.0, 1_990.0])))}
    level = peers.Ruling("x", math.nan, calibration, [("small", 50.0), ("large", 1_990.0)], attacks).levelled()
    assert level.test == [("small", 0.0), ("large", 1.0)]
    assert level.attacks["a"][1].score.tolist() == [0.0, 1.0]
    assert level.alarms(0.5) == {"a": 20}
    own = peers.Ruling("ours", 0.0, [], [("s", 2.0), ("s", -math.inf)], {})
    assert own.levelled() == own
