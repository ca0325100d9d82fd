import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.choose import (
    PICKS,
    affordable,
    choose,
    k_center,
    least_confidence,
    margin,
)

SHARES = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.4, 0.35, 0.25]])
RNG = np.random.default_rng(0)
ASKED, CANDIDATES = (RNG.normal(size=(n, 4)).astype(np.float32) for n in (60, 200))


def slow_k_center(held, candidates, count):
    held, chosen = list(held), []
    for _ in range(min(count, len(candidates))):
        away = [
            -1.0 if i in chosen else min((((c - h) ** 2).sum() for h in held), default=np.inf)
            for i, c in enumerate(candidates)
        ]
        chosen.append(int(np.argmax(away)))
        held.append(candidates[chosen[-1]])
    return chosen


@given(st.integers(0, 2**31), st.integers(0, 6), st.integers(1, 12), st.integers(1, 14))
def test_k_center_equals_its_slow_twin(seed, m, n, count):
    rng = np.random.default_rng(seed)
    # Whole numbers, so that both ways of computing a distance agree on ties.
    held, candidates = rng.integers(-4, 5, (m, 2)).astype(float), rng.integers(-4, 5, (n, 2)).astype(float)
    assert k_center(held, candidates, count).tolist() == slow_k_center(held, candidates, count)


def test_scores_of_doubt_by_hand():
    assert np.allclose(least_confidence(SHARES), [0.5, 0.0, 0.6])
    assert np.allclose(margin(SHARES), [-0.2, -1.0, -0.05]) and margin(np.ones((2, 1))).tolist() == [0, 0]


@pytest.mark.parametrize("pick", PICKS[1:])
@pytest.mark.parametrize("kind", ["scores", "labels", "values", "one class"])
def test_every_pick_takes_so_many_different_candidates(pick, kind):
    labels = (ASKED[:, 0] > 0).astype(np.int64)
    told = {
        "scores": Answer(Exposure.PROBABILITIES, np.eye(3)[labels] * 0.7 + 0.1),
        "labels": Answer(Exposure.LABEL, labels=labels),
        "values": Answer(Exposure.VALUE, values=ASKED[:, 0].astype(float)),
        "one class": Answer(Exposure.LABEL, labels=np.zeros(60, np.int64)),
    }[kind]
    chosen = choose(pick, ASKED, told, CANDIDATES, 20, ("logistic", np.random.default_rng(0)))
    assert len(set(chosen.tolist())) == 20 and max(chosen) < 200


@pytest.mark.parametrize("pick", ["uncertainty", "margin"])
def test_doubt_is_at_the_boundary(pick):
    told = Answer(Exposure.LABEL, labels=(ASKED[:, 0] > 0).astype(np.int64))
    chosen = choose(pick, ASKED, told, CANDIDATES, 20, ("logistic", np.random.default_rng(0)))
    assert np.abs(CANDIDATES[chosen, 0]).mean() < 0.6 * np.abs(CANDIDATES[:, 0]).mean()


def test_regressors_are_asked_where_bootstraps_disagree():
    told = Answer(Exposure.VALUE, values=np.abs(ASKED[:, 0]).astype(float))
    chosen = choose("margin", ASKED, told, CANDIDATES, 20, ("random_forest", np.random.default_rng(0)))
    far = np.linalg.norm(CANDIDATES, axis=1)
    assert far[chosen].mean() > far.mean()


def test_k_center_in_thousands_of_classes_is_projected():
    told = Answer(Exposure.LABEL, labels=np.arange(60) * 100)
    assert affordable(4096, told) == 20_000_000 // 5901 and affordable(10, Answer(Exposure.VALUE)) == 10
    chosen = choose("k_center", ASKED, told, CANDIDATES[:50], 10, ("random_forest", np.random.default_rng(0)))
    assert len(set(chosen.tolist())) == 10
