import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given

from wellhead.core.errors import ProfileError
from wellhead.meter.codebook import EPSILON, MEMBERS, MOST, Codebook, fit_codebook

samples = st.tuples(st.integers(2, 9), st.integers(1, 200), st.floats(0.1, 3.0), st.integers(0, 99)).map(
    lambda x: np.random.default_rng(x[3]).dirichlet(np.full(x[0], x[2]), x[1])
)


def far(rows, point):
    return np.abs(rows - point).sum(axis=1)


def of(book, label):
    return book.entries[book.starts[label] : book.starts[label + 1]]


@given(samples)
def test_every_class_has_answers_that_are_probabilities_with_it_alone_on_top(scores):
    book = fit_codebook(scores)
    assert book.classes == scores.shape[1] and book.entries.shape == (book.starts[-1], book.classes)
    best = np.arange(book.classes)
    choices = book.choices(best)
    assert np.allclose(choices.sum(axis=2), 1.0) and (choices >= 0.0).all()
    lead = np.sort(choices, axis=2)
    assert (choices.argmax(axis=2) == best[:, None]).all() and (lead[:, :, -1] - lead[:, :, -2] >= 1e-5).all()


@given(samples)
def test_no_answer_is_anybodys_own(scores):
    book = fit_codebook(scores)
    for label in range(book.classes):
        own = np.unique(scores[scores.argmax(axis=1) == label], axis=0)
        assert len(of(book, label)) <= (MOST if len(own) >= MEMBERS else 0)
        for entry in of(book, label):
            assert not (scores == entry).all(axis=1).any()
            others = sorted(far(own, entry))[:MEMBERS]
            # It is a mean of five rows or more, so none of them can be told from it alone.
            assert len(others) == MEMBERS and others[0] > 0.0


def test_a_class_that_is_asked_for_often_in_one_way_is_not_given_away():
    once = np.array([0.7, 0.2, 0.1])
    assert len(fit_codebook(np.tile(once, (50, 1))).entries) == 0
    jitter = once + 1e-4 * np.random.default_rng(0).dirichlet(np.ones(3), 50)
    assert len(fit_codebook(jitter).entries) == 0
    few = np.vstack((np.tile(once, (50, 1)), [[0.6, 0.3, 0.1], [0.6, 0.1, 0.3], [0.5, 0.3, 0.2], [0.8, 0.1, 0.1]]))
    (entry,) = fit_codebook(few).entries
    assert entry == pytest.approx(np.unique(few, axis=0).mean(axis=0), abs=1e-4)


def test_an_odd_answer_is_averaged_with_others_however_far_or_has_no_entry():
    apart = np.zeros((6, 8))
    apart[:, 0] = 0.6
    apart[np.arange(6), np.arange(1, 7)] = 0.4
    (entry,) = fit_codebook(apart[:5]).entries
    assert entry == pytest.approx(apart[:5].mean(axis=0), abs=1e-4)
    assert all(len(fit_codebook(apart[:n], epsilon).entries) == 0 for n, epsilon in ((4, 1.0), (5, 0.5)))


@given(samples)
def test_all_that_was_asked_is_near_an_answer_where_a_class_was_asked_often(scores):
    scores = np.maximum(scores, 0.2 / scores.shape[1])
    scores /= scores.sum(axis=1, keepdims=True)
    book, best = fit_codebook(scores), scores.argmax(axis=1)
    near = [far(book.choices(best[i : i + 1])[0], scores[i]).min() <= EPSILON for i in range(len(scores))]
    assert book.covered == pytest.approx(np.mean(near))


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_the_sample_is_nothing(scores, random):
    order = random.sample(range(len(scores)), len(scores))
    one, other = fit_codebook(scores), fit_codebook(np.asfortranarray(scores[order]))
    assert np.array_equal(one.entries, other.entries) and np.array_equal(one.starts, other.starts)


def test_more_sorts_of_answers_mean_more_entries_up_to_the_distance():
    rng = np.random.default_rng(0)
    flat = rng.dirichlet(np.full(8, 0.3), 400)
    assert (
        len(fit_codebook(flat, 0.3).entries)
        > len(fit_codebook(flat, 1.0).entries)
        > len(fit_codebook(flat, 2.0).entries)
    )
    assert np.diff(fit_codebook(flat, 0.3).starts).max() == 12
    assert np.diff(fit_codebook(flat, 2.0).starts).tolist() == [1] * 8


def test_choices_are_those_of_the_class_and_then_the_made_up_one():
    rng = np.random.default_rng(1)
    scores = np.vstack((rng.dirichlet([9, 1, 1], 60), rng.dirichlet([1, 9, 1], 3), [[0.1, 0.3, 0.6]]))
    book = fit_codebook(scores)
    first, last = book.choices(np.array([0, 2]))
    count = len(of(book, 0))
    assert count and np.array_equal(first[:count], of(book, 0))
    rest = (1.0 - book.peak) / 2
    assert np.allclose(first[count:], [book.peak, rest, rest]) and np.allclose(last, [rest, rest, book.peak])
    assert np.array_equal(book.choices(np.array([2]))[0], last[-1:])
    assert book.choices(np.zeros(0, np.int64)).shape == (0, 1, 3)


def test_rows_that_hold_no_numbers_are_left_out_and_sums_need_not_be_exact():
    scores = np.random.default_rng(0).dirichlet([0.4] * 4, 100)
    spoilt = np.vstack((scores * 1.04, [[np.nan, 0, 0, 1]], [[np.inf, 0, 0, 0]], np.zeros((1, 4))))
    assert np.allclose(fit_codebook(spoilt).entries, fit_codebook(scores).entries)
    nothing = fit_codebook(spoilt[100:])
    assert (len(nothing.entries), nothing.covered) == (0, 0.0) and nothing.choices(np.arange(4)).shape == (4, 1, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"entries": np.ones(3)},
        {"entries": np.eye(3)},
        {"entries": np.eye(3)[:, [1, 0, 2]]},
        {"entries": np.eye(3) * 2.0, "starts": np.arange(4)},
        {"entries": np.array([[1.5, -0.5, 0.0]]), "starts": np.array([0, 1, 1, 1])},
        {"entries": np.array([[np.nan, 0.0, 0.0]]), "starts": np.array([0, 1, 1, 1])},
        {"starts": np.array([0, 2, 1, 0])},
        {"starts": np.array([1, 1, 1, 1])},
        {"starts": np.zeros(4)},
        {"starts": 7},
        {"peak": 0.3},
        {"peak": float("nan")},
    ],
)
def test_what_does_not_fit_together_is_refused(change):
    book = Codebook(np.zeros((0, 3)), np.zeros(4, np.int64), 0.6, 1.0)
    with pytest.raises(ProfileError, match="codebook"):
        msgspec.structs.replace(book, **change)


def test_scores_of_less_precision_are_taken_as_well():
    scores = np.random.default_rng(0).dirichlet(np.ones(4), 200)
    wide, narrow = fit_codebook(scores), fit_codebook(scores.astype(np.float32))
    assert np.allclose(wide.entries, narrow.entries, atol=1e-6)
