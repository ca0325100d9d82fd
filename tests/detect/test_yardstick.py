import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.detect import yardstick
from wellhead.detect.yardstick import FEWEST, Panel, checkpoint, fit, suprema


def world(n, rng, looks=5, detectors=4):
    """Looks of n principals at 16, 32 ... rows: heavy-tailed numbers."""
    rows = 2 ** np.tile(np.arange(4, 4 + looks), n)
    return rng.standard_t(4, (n * looks, detectors)), rows, np.repeat(np.arange(n), looks)


STRONGEST, HALF, REACH = yardstick._STRONGEST, yardstick._HALF, yardstick._REACH
SIDES = ((1,), (-1,), (1, -1), (1,))
KINDS = ("a", "a", "b", "c")
PANEL = Panel.plain(SIDES, KINDS)
OPEN, COVER = ((1.0, 0.0), (0.0, 0.5), (0.3, 0.0), (0.0, 0.0)), ((0.0, 0.0), (0.0, 0.0), (0.0, 2.0), (0.1, 0.0))
LEAST, WEIGHTS, ALL = (0.1,) * 4, (OPEN, COVER), (1.0, 1.0)


@pytest.fixture(scope="module")
def stick():
    return fit(*world(400, np.random.default_rng(0)), PANEL)


@pytest.fixture(scope="module")
def weighed_stick():
    return fit(*world(400, np.random.default_rng(0)), PANEL._replace(least=LEAST, weights=WEIGHTS))


def at(values, rows=64):
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    return values, np.full(len(values), rows)


@given(st.integers(1, 2**43))
def test_checkpoint_is_the_highest_bit(rows):
    assert checkpoint(np.array([rows]))[0] == rows.bit_length() - 1


def test_only_the_suspicious_side_counts(stick):
    # the second is silent, so that the first is the strongest of their kind
    high, low = stick.contributions(*at([[9.0, np.nan, 9.0, 9.0], [-9.0, np.nan, -9.0, -9.0]]))
    assert (high > 0.05).tolist() == [True, False, True, True]
    assert (low > 0.05).tolist() == [False, False, True, False]
    assert stick.sides(*at([9.0, np.nan, -9.0, 9.0])).tolist() == [[1, 0, -1, 1]]
    assert stick.sides(*at([np.nan, -9.0, 9.0, 0.0])).tolist()[0][:3] == [0, -1, 1]


def test_what_is_not_known_says_nothing(stick):
    full = stick.score(*at([9.0, 0.0, 0.0, 0.0]))
    assert stick.score(*at([9.0, np.nan, np.nan, np.nan])) == pytest.approx(full, rel=0.2)
    assert stick.score(*at([np.nan] * 4)) == -np.inf
    assert stick.score(*at([9.0] * 4, rows=8)) == -np.inf
    assert stick.score(*at([9.0] * 4, rows=2**30)) == stick.score(*at([9.0] * 4, rows=2**8))
    assert not stick.contributions(*at([np.nan] * 4)).any()


def test_a_constant_detector_is_silent_and_an_infinite_number_is_no_crash():
    values, rows, subject = world(200, np.random.default_rng(1))
    values[:, 1] = 7.0
    values[:, 2] = np.nan
    bare = fit(values, rows, subject, PANEL)
    heard = fit(values, rows, subject, PANEL._replace(weights=((ALL,) * 4,)))
    for stick in (bare, heard):
        gives = stick.contributions(*at([0.0, 1e6, 5.0, np.inf]))[0]
        assert gives[1] == gives[2] == 0.0
        # no detector counts for more than its surprise's bound and its squashed deviation
        assert gives[0] < gives[3] == stick.contributions(*at([0.0, 1e6, 5.0, 1e300]))[0, 3] < np.inf


def test_a_constant_detector_speaks_by_its_least_difference():
    values, rows, subject = world(200, np.random.default_rng(1))
    values[:, 0] = 7.0
    # the others say nothing, so that no voice but the first detector's is heard
    unlike = (np.nan, np.nan, np.nan)
    stick = fit(values, rows, subject, PANEL._replace(least=LEAST, weights=(OPEN,)))
    looks = at([[7.0, *unlike], [7.02, *unlike], [7.2, *unlike], [9.0, *unlike]])
    same, near, off, far = stick.contributions(*looks)[:, 0]
    assert same == 0.0
    assert 0.0 < 2.5 * near < off < far
    assert stick.unusual(*looks)[:, 0] == pytest.approx([0.0, 0.2, 1.9, min(STRONGEST, 7.8)], abs=0.05)
    coarse = fit(values, rows, subject, PANEL._replace(least=(2.0,) * 4, weights=(OPEN,)))
    assert coarse.contributions(*looks)[2, 0] < off


def test_a_number_that_is_nearly_always_the_same_still_speaks():
    values, rows, subject = world(400, np.random.default_rng(2))
    values[:, 0] = np.repeat(np.random.default_rng(3).random(400) < 0.03, 5) * 0.1
    gives = fit(values, rows, subject, PANEL).contributions(*at([[0.0, 0, 0, 0], [0.9, 0, 0, 0]]))[:, 0]
    assert gives[0] == 0.0
    assert gives[1] > 0.5


def test_a_checkpoint_with_too_few_says_nothing():
    values, rows, subject = world(FEWEST - 1, np.random.default_rng(4))
    assert (fit(values, rows, subject, PANEL).score(values, rows) == -np.inf).all()


@given(st.integers(0, 2**32 - 1))
def test_more_unusual_never_scores_less(stick, seed):
    rng = np.random.default_rng(seed)
    low = rng.normal(0, 4, 4)
    high = low + np.array([1, -1, 0, 1]) * rng.exponential(3, 4)
    assert stick.score(*at(high))[0] >= stick.score(*at(low))[0]


def test_kinds_are_one_voice_each(stick):
    values, rows = at([5.0, -4.0, 0.0, 4.0])
    surprise = stick.surprise(values, rows)[0]
    heard = stick.voices(values, rows)[0, 0]
    assert (heard > 0).tolist() == [surprise[0] >= surprise[1], surprise[1] > surprise[0], False, False, True]
    strongest = [surprise[:2].max(), surprise[2:4].max(), surprise[4]]
    assert heard.sum() == pytest.approx(np.linalg.norm(strongest))


@given(st.integers(0, 2**32 - 1))
def test_the_score_is_the_sum_of_what_is_shown(weighed_stick, seed):
    values, rows = at(np.random.default_rng(seed).normal(0, 4, (5, 4)))
    score = weighed_stick.score(values, rows)
    assert score == pytest.approx(weighed_stick.contributions(values, rows).sum(axis=1))
    assert score == pytest.approx(weighed_stick.parts(values, rows).sum(axis=1))


def slow_score(stick, values, rows):
    """One look, one detector and one voice at a time, by scalars, from the yardstick's tables."""
    k = rows.bit_length() - 1

    def between(table, s):
        here, there = table[k, s], table[min(k + 1, 43), s]
        return here + (math.log2(rows) - k) * ((there if math.isfinite(there) else here) - here)

    def squash(z):
        return 3.0 * math.asinh(z / 3.0)

    surprise, beyond, known = [], [], False
    for t, (s, side) in enumerate(zip(stick.detector, stick.side, strict=True)):
        centre, value = between(stick.centre, s), float(values[s])
        z = squash((value - centre) / between(stick.spread, s) * side)
        known = known or not math.isnan(z)
        nats = 0.0
        if z > stick.middle[t]:
            nats = -math.log(stick.share[t]) * min((z - stick.middle[t]) / (stick.upper[t] - stick.middle[t]), 1.0)
        if z > stick.upper[t]:
            nats += ((z - stick.upper[t]) / stick.scale[t]) ** stick.power[t]
        surprise.append(min(nats, 10.0))
        end = between(stick.high if value > centre else stick.low, s)
        unit = max(abs(end - centre) / 1.645, stick.least[s])
        far = squash((value - centre) / unit * side)
        beyond.append(min(far, STRONGEST) if far > 0 else 0.0)
    if not known:
        return -math.inf
    kinds = [max(n for n, kind in zip(surprise, stick.kind, strict=True) if kind == k) for k in set(stick.kind)]
    voices = [sum(w * b for w, b in zip(voice, beyond, strict=True)) for voice in stick.weight]
    loudest = max((v / r for v, r in zip(voices, stick.reach[1:], strict=True)), default=0.0)
    return HALF * math.sqrt(sum(n * n for n in kinds)) / stick.reach[0] + loudest


NUMBERS = st.one_of(st.floats(-40, 40), st.just(math.nan))


@given(st.lists(NUMBERS, min_size=4, max_size=4), st.integers(1, 2000), st.booleans())
def test_the_score_is_that_of_the_slow_twin(stick, weighed_stick, numbers, rows, heard):
    made = weighed_stick if heard else stick
    values = np.array([numbers])
    assert made.score(values, np.array([rows]))[0] == pytest.approx(slow_score(made, values[0], rows))


def test_weights_count_on_their_side_alone_and_only_so_far(weighed_stick):
    voices = weighed_stick.voices(*at([[3.0] * 4, [-3.0] * 4, [1e9] * 4]))
    high = [True, False, True, False, False]
    assert (voices[:, 1] > 0).tolist() == [high, [False, True, False, False, False], high]
    assert voices[2, 1] == pytest.approx(STRONGEST * weighed_stick.weight[0] * high)


def test_the_stronger_voice_is_heard(weighed_stick):
    values, rows = at(np.random.default_rng(0).normal(0, 4, (200, 4)))
    voices = weighed_stick.voices(values, rows).sum(axis=2) / weighed_stick.reach
    assert weighed_stick.score(values, rows) == pytest.approx(HALF * voices[:, 0] + voices[:, 1:].max(axis=1))
    assert 0.2 < (voices[:, 2] > voices[:, 1]).mean() < 0.8


def test_few_of_the_honest_reach_one_in_any_voice(weighed_stick):
    values, rows, subject = world(400, np.random.default_rng(0))
    peaks = suprema(weighed_stick.voices(values, rows).sum(axis=2), subject)
    assert (peaks > weighed_stick.reach).mean(axis=0) == pytest.approx([1.0 - REACH] * 3, abs=0.006)


def test_between_checkpoints_moments_are_between():
    values, rows, subject = world(400, np.random.default_rng(9))
    values += np.log2(rows)[:, None]
    stick = fit(values, rows, subject, PANEL)
    rows = np.array([64, 90, 128, 256, 400])
    z = stick.standard(np.log2(rows)[:, None].repeat(4, axis=1), rows)
    # beyond the last checkpoint that is known, its moments hold
    assert np.abs(z[:4]).max() < 0.3
    assert z[4, 0] > 0.3


def test_several_weak_kinds_count_more_than_one(stick):
    one, three = stick.score(*at([[3.0, 0, 0, 0], [3.0, 0, 3.0, 3.0]]))
    assert three > one * 1.3


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-9, 9)), min_size=1, max_size=30))
def test_suprema_are_the_plain_maxima(looks):
    subject, scores = np.array([s for s, _ in looks]), np.array([v for _, v in looks])
    found = suprema(scores, subject)
    for s in range(subject.max() + 1):
        assert found[s] == max((v for i, v in looks if i == s), default=-np.inf)


def test_a_few_thieves_among_the_honest_move_the_moments_little():
    values, rows, subject = world(400, np.random.default_rng(5))
    clean = fit(values, rows, subject, PANEL)
    values[subject < 8] += 50.0
    dirty = fit(values, rows, subject, PANEL)
    k = checkpoint(np.array([64]))[0]
    assert dirty.spread[k] == pytest.approx(clean.spread[k], rel=0.35)
    assert np.abs(dirty.centre[k] - clean.centre[k]).max() < 0.15


def test_one_look_a_subject_makes_the_moments():
    values, rows, subject = world(100, np.random.default_rng(6), looks=1)
    again = np.concatenate([values, values[:1].repeat(500, axis=0)])
    more = fit(again, np.full(len(again), 16), np.concatenate([subject, np.zeros(500, int)]), PANEL)
    plain = fit(values, rows, subject, PANEL)
    assert np.array_equal(more.centre, plain.centre, equal_nan=True)
    assert msgspec.structs.asdict(more).keys() == msgspec.structs.asdict(plain).keys()


def test_a_look_is_cheap_because_it_is_a_column_operation(stick):
    values, rows, _ = world(2000, np.random.default_rng(7))
    whole = stick.score(values, rows)
    parts = [stick.score(values[i : i + 100], rows[i : i + 100]) for i in range(0, len(rows), 100)]
    assert np.array_equal(whole, np.concatenate(parts))


def mixed(n, rng, shift=0.0, hit=()):
    """Five looks at twelve detectors of six kinds: light, heavy, skewed and mostly zero tails."""
    own, kind = rng.normal(size=(n, 1, 12)), rng.normal(size=(n, 1, 6))[:, :, np.arange(12) % 6]
    x = 0.6 * kind + 0.6 * own + 0.53 * rng.normal(size=(n, 5, 12))
    x[:, :, list(hit)] += shift
    tails = (lambda v: v, lambda v: np.sinh(1.2 * v), np.exp, lambda v: np.maximum(v - 1.3, 0))
    for s in range(12):
        x[:, :, s] = tails[s // 3](x[:, :, s])
    return x.reshape(-1, 12), 2 ** np.tile(np.arange(4, 9), n), np.repeat(np.arange(n), 5)


def test_finds_more_than_the_largest_standard_score():
    """The simpler score: the largest over detectors of (sup - median) / (upper quantile - median)."""
    rng = np.random.default_rng(8)
    dev, cal = mixed(400, rng), mixed(1000, rng)
    stick = fit(*dev, Panel.plain(((1,),) * 12, [str(i % 6) for i in range(12)]))
    flat = suprema((dev[0] - stick.centre[6]) / stick.spread[6], dev[2])
    middle, upper = np.quantile(flat, (0.5, 0.99), axis=0)

    def plain(seen):
        z = suprema((seen[0] - stick.centre[6]) / stick.spread[6], seen[2])
        return ((z - middle) / (upper - middle)).max(axis=1)

    def ours(seen):
        return suprema(stick.score(*seen[:2]), seen[2])

    found = {plain: [], ours: []}
    for hit, shift in (((0,), 5.0), ((0, 4), 3.0), ((0, 1, 2), 3.0), ((3, 7, 11), 3.0), (range(6), 2.0)):
        thieves = mixed(300, rng, shift, hit)
        for score, power in found.items():
            power.append((score(thieves) > np.sort(score(cal))[-5]).mean())
    assert np.mean(found[ours]) > np.mean(found[plain]) + 0.1
