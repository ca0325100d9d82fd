import itertools

import msgspec
import numpy as np
import pytest

from wellhead.defend.guarantees import Argmax, Context, Guarantees
from wellhead.defend.label_only import LabelOnly
from wellhead.testing.defences import check_defence, hard_rows

counter = itertools.count(1)


class Fake(msgspec.Struct, frozen=True):
    """Does what it is told; promises that the top stays."""

    what: object
    name: str = "fake"
    guarantees: Guarantees = Guarantees(argmax=Argmax.WEAK)

    def shape(self, scores, context):
        return self.what(scores)


def all_columns_of_all_rows(scores):
    """The well-known mistake: the labels of all rows are set in every row."""
    out = np.zeros_like(scores)
    out[:, scores.argmax(axis=1)] = 1.0
    return out


def in_place(scores):
    scores[0] = scores[0][::-1]
    return scores


def cut_off(scores):
    """Another one: what is not sure becomes a row of zeros."""
    return np.where(scores.max(axis=1, keepdims=True) > 0.9, scores, 0.0)


def noisy(scores):
    shares = 1.0 / (1.0 + next(counter))
    return (1 - shares) * scores + shares / scores.shape[1]


def by_company(scores):
    return scores if len(scores) > 1 else 0.9 * scores + 0.1 / scores.shape[1]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (all_columns_of_all_rows, "simplex"),
        (lambda s: np.round(s, 2), "simplex"),
        (cut_off, "simplex"),
        (lambda s: s[:, ::-1], "argmax"),
        (in_place, "wrote into its argument"),
        (noisy, "deterministic"),
        (by_company, "stateless"),
    ],
    ids=["columns", "plain_rounding", "cut_off", "flips", "in_place", "noise", "batch"],
)
def test_finds_the_mistakes_of_others(what, why):
    with pytest.raises(AssertionError, match=why):
        check_defence(Fake(what))


def test_a_promised_distance_is_held():
    with pytest.raises(AssertionError, match="l1_max"):
        check_defence(Fake(lambda s: LabelOnly().shape(s, Context()), guarantees=Guarantees(l1_max=0.5)))


def test_a_name_is_one_word():
    with pytest.raises(AssertionError, match="lower_snake_case"):
        check_defence(Fake(lambda s: s, name="not a name"))


def test_hard_rows_are_probabilities():
    for classes in (2, 3, 10):
        rows = hard_rows(classes)
        assert np.allclose(rows.sum(axis=1), 1.0) and (rows >= 0).all()
