import numpy as np
from looking import looks

from wellhead.gate.lately import Lately

EVERYBODY = {f"p{i}": "here" for i in range(99)}


def test_the_last_look_of_each_is_kept_and_no_other():
    lately = Lately()
    lately.fold(looks([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan], [7.0, 8.0]], checkpoints=2))
    lately.fold(looks([[9.0, 9.0]]))
    held = lately.looks(EVERYBODY)
    assert held.names == ("p0", "p1") and held.segments == ("here", "here")
    assert np.array_equal(held.values, [[9.0, 9.0], [7.0, 8.0]])
    assert (held.rows.tolist(), held.period.tolist(), held.principal.tolist()) == ([16, 32], [0, 0], [0, 1])


def test_many_are_kept_as_they_come():
    lately, values = Lately(), np.random.default_rng(0).normal(size=(70, 3))
    for i in range(0, 70, 7):
        part = looks(values[i : i + 7], prefix=f"part{i}-")
        lately.fold(part)
    held = lately.looks({f"part{i}-{j}": "here" for i in range(0, 70, 7) for j in range(7)})
    # to the last bit: a score that was calibrated on must not pass its own threshold by rounding
    assert np.array_equal(held.values, values)


def test_a_new_period_and_other_detectors_forget_what_was():
    lately = Lately()
    lately.fold(looks([[1.0], [2.0]]))
    lately.fold(looks([[3.0]], period=1))
    assert lately.looks(EVERYBODY).names == ("p0",)
    lately.fold(looks([[3.0, 4.0]], period=1))
    assert np.array_equal(lately.looks(EVERYBODY).values, [[3.0, 4.0]])


def test_a_period_that_has_come_forgets_what_was_before_anybody_is_looked_at():
    lately = Lately()
    lately.fold(looks([[1.0]]))
    lately.roll(0)
    assert len(lately.looks(EVERYBODY)) == 1
    lately.roll(1)
    assert len(lately.looks(EVERYBODY)) == 0


def test_looks_below_the_first_rows_and_of_unknown_segments_are_no_looks():
    lately, early = Lately(), looks([[1.0]])
    early.rows[:] = 15
    lately.fold(early)
    assert len(lately.looks(EVERYBODY)) == 0
    lately.fold(looks([[1.0]]))
    assert len(lately.looks({})) == 0 and len(lately.looks(EVERYBODY)) == 1
