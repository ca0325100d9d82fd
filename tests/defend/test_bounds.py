import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from wellhead.defend.bounds import between, cap_l1, crown, keep_argmax

# Few different numbers, so that ties are common; and numbers that are nearly ties.
entries = st.sampled_from([0.0, 1e-300, 1e-9, 0.1, 0.1 + 1e-9, 0.3, 1.0]) | st.floats(0.001, 1.0)
pairs = st.integers(2, 6).flatmap(lambda k: st.tuples(*[arrays(np.float64, (3, k), elements=entries)] * 2))


def rows(pair):
    out = []
    for x in pair:
        some = np.where(x.sum(axis=1, keepdims=True) == 0, 1.0, x)
        out.append(some / some.sum(axis=1, keepdims=True))
    return out


def furthest(p, q):
    """The slow twin: the largest share of the way that leaves the best class ahead."""
    top = max(range(len(p)), key=lambda j: (p[j], -j))
    share = 1.0
    for j in range(len(p)):
        led, leads = p[top] - p[j], q[top] - q[j]
        wanted = min(1e-4, led / 2)
        if leads < wanted:
            share = min(share, (led - wanted) / (led - leads))
    return share


@given(pairs)
def test_a_row_goes_as_far_as_its_best_class_leads(pair):
    before, after = rows(pair)
    shaped = keep_argmax(before, after)
    for p, q, got in zip(before, after, shaped, strict=True):
        share = furthest(p.tolist(), q.tolist())
        assert np.allclose(got, p + share * (q - p), rtol=0, atol=1e-12)
        best = p.argmax()
        assert got.argmax() == best and all(got[best] > got[j] for j in range(len(p)) if p[j] < p[best])


def test_what_keeps_the_lead_passes_untouched_and_a_tie_stays_where_it_is():
    tied, further = np.array([[0.4, 0.4, 0.2]]), np.array([[0.1, 0.5, 0.4]])
    assert np.array_equal(keep_argmax(tied, further), tied)
    sure = np.array([[0.1, 0.8, 0.1]])
    assert np.array_equal(keep_argmax(further, sure), sure)


def test_a_small_lead_is_halved_at_most():
    shaped = keep_argmax(np.array([[0.50001, 0.49999]]), np.array([[0.0, 1.0]]))
    assert np.allclose(shaped[0, 0] - shaped[0, 1], 1e-5)


@given(pairs, st.sampled_from([0.0, 1e-6, 0.1, 0.5, 1.0, 2.0]))
def test_no_row_goes_further_than_the_distance(pair, epsilon):
    before, after = rows(pair)
    moved = cap_l1(before, after, epsilon)
    far = np.abs(after - before).sum(axis=1)
    assert np.allclose(np.abs(moved - before).sum(axis=1), np.minimum(far, epsilon), rtol=0, atol=1e-12)
    assert (moved >= 0).all() and np.allclose(moved.sum(axis=1), 1.0)
    if epsilon == 0.0:
        assert np.array_equal(moved, before)
    assert np.array_equal(moved[far <= epsilon], after[far <= epsilon])


def test_between_is_exact_at_both_ends():
    before, after = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3))
    assert np.array_equal(between(before, after, np.zeros(3)), before)
    assert np.array_equal(between(before, after, np.ones(3)), after)


def test_crown_lifts_the_best_by_a_hair_and_only_where_it_fell():
    before, after = np.array([[0.5, 0.3, 0.2]] * 2), np.array([[0.4, 0.4, 0.2], [0.5, 0.3, 0.2]])
    crowned = crown(before, after)
    assert crowned[0, 0] == np.nextafter(0.4, 1) and np.array_equal(crowned[1], after[1])
    assert after[0, 0] == 0.4, "the argument was written to"
    ties = np.array([[0.4, 0.4, 0.2]])
    assert np.array_equal(crown(ties, ties), ties)
