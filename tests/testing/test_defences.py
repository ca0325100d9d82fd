import itertools

import msgspec
import numpy as np
import pytest

from wellhead.defend.guarantees import Argmax, Context, Depends, Guarantees, Stage
from wellhead.defend.label_only import LabelOnly
from wellhead.testing.defences import SIZES, check_defence, hard_rows

counter = itertools.count(1)


class Fake(msgspec.Struct, frozen=True):
    """Does what it is told; promises that the top stays."""

    what: object
    name: str = "fake"
    guarantees: Guarantees = Guarantees(argmax=Argmax.WEAK)
    stage: Stage = Stage.PERTURB

    def shape(self, scores, context):
        return self.what(scores)


class Told(Fake, frozen=True):
    """Does what it is told, and may look at the context."""

    def shape(self, scores, context):
        return self.what(scores, context)


class Keyed(Told, frozen=True):
    """With a key that changes nothing."""

    key: bytes = b"key"


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


def by_place(scores):
    """Half of the last class's share goes to the best."""
    out = scores.copy()
    out[:, -1] /= 2
    out[np.arange(len(out)), scores.argmax(axis=1)] += 1 - out.sum(axis=1)
    return out


def top_k_of_numbers(scores):
    """Sorts what is no number to the end, and serves the rest as if nothing were amiss."""
    kept = np.where(np.isfinite(scores), scores, 0.0)
    return kept / kept.sum(axis=1, keepdims=True)


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
        (by_place, "by its place"),
        (top_k_of_numbers, "rows that hold nan"),
    ],
    ids=["columns", "plain_rounding", "cut_off", "flips", "in_place", "noise", "batch", "place", "nan"],
)
def test_finds_the_mistakes_of_others(what, why):
    with pytest.raises(AssertionError, match=why):
        check_defence(Fake(what))


def nudged(scores, context):
    """Towards the best class, more for odd fingerprints."""
    odd = np.zeros(len(scores)) if context.fingerprints is None else context.fingerprints % 2
    share = 0.1 + 0.1 * odd.astype(np.float64)[:, None]
    return (1 - share) * scores + share * LabelOnly().shape(scores, context)


def test_what_depends_on_inputs_says_so():
    with pytest.raises(AssertionError, match="on scores alone"):
        check_defence(Told(nudged))
    check_defence(Told(nudged, guarantees=Guarantees(argmax=Argmax.STRICT, deterministic=Depends.INPUT)))


def test_a_key_counts():
    with pytest.raises(AssertionError, match="has a key, and answers the same by another"):
        check_defence(Keyed(lambda s, context: LabelOnly().shape(s, context), guarantees=Guarantees(keyed=True)))


def test_chance_is_held_to_the_rest_of_its_promise():
    chance = Guarantees(argmax=Argmax.WEAK, deterministic=Depends.NONE)
    check_defence(Fake(noisy, guarantees=chance))
    with pytest.raises(AssertionError, match="l1_max"):
        check_defence(Fake(noisy, guarantees=msgspec.structs.replace(chance, l1_max=1e-4)))


def test_of_equals_none_may_rise_that_was_below():
    """Where two are best nobody may join them: a third with a lower index would be the label."""

    def level(scores):
        return 0.0 * scores + 1 / scores.shape[1]

    with pytest.raises(AssertionError, match="argmax"):
        check_defence(Fake(level, guarantees=Guarantees(argmax=Argmax.STRICT)))
    check_defence(Fake(level))


def test_sizes_are_those_that_a_defence_is_made_for():
    def of_three(scores):
        if scores.shape[1] != 3:
            raise ValueError("expected 3 classes")
        return scores

    check_defence(Fake(of_three), sizes=(3,))
    with pytest.raises(ValueError, match="3 classes"):
        check_defence(Fake(of_three))


def test_a_promised_distance_is_held():
    with pytest.raises(AssertionError, match="l1_max"):
        check_defence(Fake(lambda s: LabelOnly().shape(s, Context()), guarantees=Guarantees(l1_max=0.5)))


def test_a_name_is_one_word():
    with pytest.raises(AssertionError, match="lower_snake_case"):
        check_defence(Fake(lambda s: s, name="not a name"))


def test_hard_rows_are_probabilities():
    for classes in SIZES:
        rows = hard_rows(classes)
        assert np.allclose(rows.sum(axis=1), 1.0) and (rows >= 0).all()
