import numpy as np
import pytest
from benchmarks.defend_rows import PROPERTIES, ask, faults, hard_rows, promised

from wellhead.defend.guarantees import Argmax, Depends, Guarantees

ROWS = hard_rows(5, 700, np.random.default_rng(0))
MARKS = np.arange(700, dtype=np.uint64)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_hard_rows_are_probabilities_with_ties_certainties_and_next_to_nothing(k):
    rows = hard_rows(k, 700, np.random.default_rng(1))
    assert rows.shape == (700, k)
    assert (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1)
    best = rows.max(axis=1, keepdims=True)
    assert ((rows == best).sum(axis=1) > 1).any() and (best == 1).any() and ((rows > 0) & (rows < 1e-200)).any()


def found(shape):
    return {name: int(bad.sum()) for name, bad in faults(ROWS, ask(shape, ROWS, MARKS), 0.5).items()}


def test_what_changes_nothing_breaks_nothing():
    assert set(found(lambda rows, marks: rows.copy()).values()) == {0}


def written(rows, marks):
    rows[:] = rows
    rows[0] = 0.2
    return rows


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "broken"),
    [
        (lambda rows, marks: rows * 1.1, {"simplex"}),
        (lambda rows, marks: rows[:, ::-1], {"argmax weak", "argmax strict", "l1"}),
        (lambda rows, marks: np.full_like(rows, 0.2), {"argmax strict", "l1"}),
        (lambda rows, marks: np.full_like(rows, np.nan), {"simplex"}),
        (lambda rows, marks: rows + NOISE.normal(0, 1e-15, rows.shape), {"deterministic"}),
        (lambda rows, marks: rows[:1] + 0 * rows, {"batch-independent"}),
    ],
)
def test_what_breaks_is_counted(shape, broken):
    with np.errstate(all="ignore"):
        told = found(shape)
    assert broken <= {name for name, count in told.items() if count}


def test_writing_into_the_argument_is_a_fault():
    given = ROWS.copy()
    assert faults(ROWS, ask(written, given, MARKS))["input kept"].all()


def test_of_a_tie_the_first_must_stay_unless_any_may():
    rows = np.array([[0.4, 0.4, 0.2]])
    told = ask(lambda r, marks: np.repeat([[0.3, 0.5, 0.2]], len(r), axis=0), rows, MARKS[:1])
    assert faults(rows, told)["argmax weak"].tolist() == [True]
    assert faults(rows, told, ties=False)["argmax weak"].tolist() == [False]


def test_a_defence_answers_for_what_it_declares():
    assert promised(Guarantees(argmax=Argmax.STRICT, l1_max=1.0)) == PROPERTIES
    by_chance = Guarantees(deterministic=Depends.NONE, stateless=False)
    assert promised(by_chance) == ("simplex", "input kept")
