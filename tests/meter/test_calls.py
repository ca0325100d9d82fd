import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.batch import Visits
from wellhead.meter.calls import DOCS
from wellhead.meter.sketch import Sketches
from wellhead.testing.sketches import rows

CALL = st.tuples(
    st.sampled_from("abc"), st.sampled_from([200, 301, 400, 404, 429, 500]),
    st.sampled_from(["/v1/predict", "/v1/predict?x=1", "/docs", "/v2/health/ready/", "/x", ""]),
)  # fmt: skip


def visits(calls):
    names = tuple(dict.fromkeys(name for name, _, _ in calls))
    return Visits(
        names=names,
        principal=np.array([names.index(name) for name, _, _ in calls], np.int32),
        time_s=np.zeros(len(calls)),
        status=np.array([status for _, status, _ in calls], np.int64),
        endpoint=tuple(path for _, _, path in calls),
    )


@given(st.lists(CALL, max_size=60), st.lists(CALL, max_size=60))
def test_requests_equal_the_slow_obvious_twin(before, after):
    split, left, right = Sketches(), Sketches(), Sketches()
    for sketches in (split, left):
        sketches.visit(visits(before))
    for sketches in (split, right):
        sketches.visit(visits(after))
    for views in (split.columns("abc"), left.merge(right).columns("abc")):
        for i, name in enumerate("abc"):
            mine = [(status, path.split("?")[0].rstrip("/")) for who, status, path in before + after if who == name]
            assert views.requests[i] == len(mine)
            if mine:
                assert views.error_ratio[i] == sum(s in (400, 404) for s, _ in mine) / len(mine)
                assert views.docs_ratio[i] == sum(p.rsplit("/", 1)[-1] in DOCS for _, p in mine) / len(mine)
            assert views.endpoints[i] == len({p for _, p in mine})


def test_rows_and_requests_are_told_apart():
    sketches = Sketches()
    sketches.update(rows(["a"] * 5, range(5)))
    sketches.visit(visits([("a", 200, "/x")]))
    assert (sketches.columns(["a"]).rows[0], sketches.columns(["a"]).requests[0]) == (5, 1)
