import numpy as np
import pytest

from wellhead.detect.drift import Drift


def drifted(rng, reference, shift, n=2000):
    return Drift(np.sort(rng.standard_normal(reference))).fold(rng.normal(shift, 1, n))


def test_no_drift_is_said_where_there_is_none_whatever_the_size_of_the_reference():
    rng = np.random.default_rng(0)
    assert sum(drifted(rng, c, 0.0) for c in (50, 500, 3000) for _ in range(50)) == 0


def test_scores_that_rise_are_drift():
    rng = np.random.default_rng(1)
    assert all(drifted(rng, 1000, 1.0) for _ in range(10))


def test_looking_in_parts_is_looking_at_once():
    rng = np.random.default_rng(2)
    reference, scores = np.sort(rng.standard_normal(500)), rng.normal(0.5, 1, 300)
    whole, parts = Drift(reference), Drift(reference)
    whole.fold(scores)
    for part in np.split(scores, 7 * np.arange(1, 30)):
        parts.fold(part)
    assert (parts.seen, parts.largest) == (300, pytest.approx(whole.largest))


def test_a_drift_once_seen_stays_said():
    drift = Drift(np.sort(np.random.default_rng(3).standard_normal(2000)))
    assert drift.fold(np.full(200, 9.0))
    assert drift.fold(np.full(5000, -9.0))


def test_the_bet_is_the_plain_product():
    rng = np.random.default_rng(4)
    reference, scores = np.sort(rng.standard_normal(300)), rng.normal(1.5, 1, 40)
    bets, money, most = np.linspace(0.05, 0.95, 19), np.ones(19), 0.0
    for score in scores:
        p = (1 + (reference >= score).sum()) / 301 + np.sqrt(np.log(2 / 0.005) / 600)
        money = money * bets * min(p, 1.0) ** (bets - 1)
        most = max(most, money.mean())
    drift = Drift(reference)
    drift.fold(scores)
    assert np.exp(drift.largest) == pytest.approx(max(most, 1.0))


def test_without_a_reference_nothing_is_said():
    assert not Drift(np.zeros(0)).fold(np.arange(100.0))
