import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.redteam.extract.boxes import Boxes, Domain, Trusted

DOMAIN = Domain(np.array([0.0, -1.0, 0.0]), np.array([4.0, 1.0, 2.0]), np.array([0, 0, 3]))


def some(seed, n):
    """Random boxes of the domain."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, 5, (n, 3, 2)), axis=2).astype(float)
    allowed = rng.random((n, 3, 3)) < 0.7
    allowed[:, 2, 0] |= ~allowed[:, 2].any(axis=1)
    allowed[:, :2] = True
    low, high = ends[..., 0], ends[..., 1]
    low[:, 2], high[:, 2] = -np.inf, np.inf
    return Boxes(low, high, allowed)


def holds(boxes, i, point):
    """Whether box i holds a point, one feature at a time."""
    numbers = all(boxes.low[i, f] <= point[f] <= boxes.high[i, f] for f in (0, 1))
    return numbers and bool(boxes.allowed[i, 2, int(point[2])])


@given(st.integers(0, 1000))
def test_a_box_is_within_another_where_each_feature_is(seed):
    ones, others = some(seed, 4), some(seed + 1, 5)
    slow = [
        [
            all(ones.low[i, f] >= others.low[k, f] and ones.high[i, f] <= others.high[k, f] for f in (0, 1))
            and set(np.flatnonzero(ones.allowed[i, 2])) <= set(np.flatnonzero(others.allowed[k, 2]))
            for k in range(5)
        ]
        for i in range(4)
    ]
    assert ones.within(others).tolist() == slow


@given(st.integers(0, 1000))
def test_points_and_corners_lie_in_their_boxes_and_visit_every_category(seed):
    boxes, rng = some(seed, 6), np.random.default_rng(seed)
    rounds = DOMAIN.corners(boxes, rng)
    for points in [*rounds, DOMAIN.scatter(boxes, rng)]:
        assert all(holds(boxes, i, p) for i, p in enumerate(points) if not np.isnan(p).any())
    for i in range(6):
        visited = {int(points[i, 2]) for points in rounds if not np.isnan(points[i, 2])}
        assert visited == set(np.flatnonzero(boxes.allowed[i, 2]))
        assert (np.sort([rounds[0][i, :2], rounds[1][i, :2]], axis=0) == [boxes.low[i, :2], boxes.high[i, :2]]).all()


def test_cutting_a_box_leaves_two_that_share_nothing():
    whole = DOMAIN.whole
    below, above = whole.below(0, 1.0), whole.above(0, 1.5)
    assert below.high[0, 0] == 1.0 and above.low[0, 0] == 1.5
    only, without = whole.only(2, 1), whole.without(2, 1)
    assert only.allowed[0, 2].tolist() == [False, True, False] and without.allowed[0, 2].tolist() == [True, False, True]
    assert not only.without(2, 1).possible and only.possible


def test_a_point_is_found_in_the_first_trusted_box_that_holds_it():
    boxes = some(3, 4)
    points = DOMAIN.scatter(DOMAIN.whole.take(np.zeros(50, int)), np.random.default_rng(0))
    trusted = Trusted(DOMAIN, boxes, np.arange(4))
    first = [next((i for i in range(4) if holds(boxes, i, p)), -1) for p in points]
    assert trusted.find(points).tolist() == first
    assert (trusted.drop(np.arange(4)).find(points) == -1).all()
