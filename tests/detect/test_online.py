import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.detect.online import Lond, benjamini_hochberg


@given(st.lists(st.floats(0, 1), max_size=30), st.sampled_from([0.05, 0.2]))
def test_step_up_is_the_textbooks(p, rate):
    found = benjamini_hochberg(np.array(p), rate)
    ranked = sorted(p)
    good = [x for i, x in enumerate(ranked, 1) if x <= rate * i / len(p)]
    assert sorted(np.array(p)[found]) == [x for x in ranked if good and x <= good[-1]][: found.sum()]
    assert found.sum() == sum(bool(good) and x <= good[-1] for x in p)


def conformal(rng, calibration, honest, thieves):
    """p-values that share their calibration scores: positively dependent."""
    reference = np.sort(rng.standard_normal(calibration))
    scores = np.concatenate([rng.standard_normal(honest), rng.normal(6, 1, thieves)])
    p = (1 + calibration - np.searchsorted(reference, scores)) / (calibration + 1)
    order = rng.permutation(p.size)
    return p[order], (np.arange(p.size) >= honest)[order]


def share_false(found, guilty):
    return (found & ~guilty).sum() / max(found.sum(), 1)


def test_lists_hold_no_more_honest_than_said():
    rng = np.random.default_rng(0)
    batch, stream, caught = [], [], []
    for _ in range(150):
        p, guilty = conformal(rng, 3000, 180, 20)
        found = benjamini_hochberg(p, 0.1)
        batch.append(share_false(found, guilty))
        caught.append(found[guilty].mean())
        lond = Lond(0.1)
        stream.append(share_false(np.array([lond.test(x) for x in p]), guilty))
    assert np.mean(batch) <= 0.1 + 0.02
    assert np.mean(stream) <= 0.1
    assert np.mean(caught) > 0.9


def test_resolution_bounds_what_can_be_discovered():
    # C + 1 >= n / rate for one discovery among n
    p = np.ones(1000)
    p[0] = 1 / 1001
    assert not benjamini_hochberg(p, 0.1).any()
    p[0] = 1 / 10_001
    assert benjamini_hochberg(p, 0.1).sum() == 1


def test_levels_of_a_stream_add_up_to_the_rate():
    lond = Lond(0.1)
    total = 0.0
    for _ in range(20_000):
        total += lond.level
        lond.test(1.0)
    assert 0.03 < total <= 0.1
