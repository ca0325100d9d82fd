import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from wellhead.core.errors import ConfigError, ProfileError
from wellhead.defend.guarantees import Context
from wellhead.defend.modelguard_s import ModelGuardS
from wellhead.defend.spec import Unready, parse
from wellhead.meter.codebook import Codebook, fit_codebook
from wellhead.testing.defences import check_defence, hard_rows

K = 6
BOOK = fit_codebook(np.random.default_rng(0).dirichlet(np.full(K, 0.4), 500))
rows_of = arrays(np.float64, (4, K), elements=st.floats(-40, 40)).map(
    lambda x: np.exp(x - x.max(axis=1, keepdims=True)) / np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1)[:, None]
)
epsilons = st.sampled_from([0.0, 1e-12, 0.1, 0.5, 1.0, 2.0])


def shaped(scores, epsilon=1.0, book=BOOK):
    return ModelGuardS(book, epsilon).shape(np.asarray(scores, dtype=np.float64), Context())


def one_by_one(y, epsilon):
    """The answer as it is described."""
    label = int(y.argmax())
    made_up = np.full(K, (1.0 - BOOK.peak) / (K - 1))
    made_up[label] = BOOK.peak
    entries = [*BOOK.entries[BOOK.starts[label] : BOOK.starts[label + 1]], made_up]
    for entry in entries:
        if np.abs(entry - y).sum() <= epsilon:
            return entry
    nearest = min(entries, key=lambda entry: np.abs(entry - y).sum())
    return y + epsilon / np.abs(nearest - y).sum() * (nearest - y)


@pytest.mark.parametrize("epsilon", [0.0, 0.05, 1.0, 2.0])
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_keeps_the_contract(epsilon, classes):
    sample = np.random.default_rng(classes).dirichlet(np.full(classes, 0.3), 300)
    check_defence(ModelGuardS(fit_codebook(sample), epsilon), sizes=(classes,))


@given(rows_of, epsilons)
def test_answers_are_as_described(before, epsilon):
    wanted = np.array([one_by_one(y, epsilon) for y in before])
    assert np.allclose(shaped(before, epsilon), wanted, rtol=0, atol=1e-12)


def test_rows_that_are_near_get_one_of_few_answers_exactly():
    before = np.random.default_rng(7).dirichlet(np.full(K, 0.4), 2000)
    after = shaped(before)
    made_up = BOOK.choices(np.arange(K))[:, -1]
    assert len(np.unique(after, axis=0)) <= len(BOOK.entries) + K + 0.02 * len(before)
    known = {entry.tobytes() for entry in np.vstack((BOOK.entries, made_up))}
    assert np.mean([row.tobytes() in known for row in after]) > 0.98


def test_classes_that_no_sample_showed_are_answered_too():
    book = fit_codebook(np.random.default_rng(0).dirichlet([9.0, 1.0, 1.0, 1.0], 300))
    sure = np.array([[0.02, 0.03, 0.05, 0.9]])
    rest = (1.0 - book.peak) / 3
    assert np.array_equal(shaped(sure, book=book), [[rest, rest, rest, book.peak]])


@given(rows_of, epsilons, st.randoms(use_true_random=False))
def test_classes_in_another_order_get_their_answers_in_that_order(before, epsilon, random):
    order = random.sample(range(K), K)
    counts = np.diff(BOOK.starts)[order]
    entries = [BOOK.entries[BOOK.starts[label] : BOOK.starts[label + 1]][:, order] for label in order]
    moved = Codebook(np.vstack(entries), np.concatenate(([0], np.cumsum(counts))), BOOK.peak, BOOK.covered)
    for y, after in zip(before, shaped(before, epsilon), strict=True):
        if (y == y.max()).sum() == 1:
            assert np.allclose(shaped(y[None, order], epsilon, moved)[0], after[order], rtol=0, atol=1e-12)


@given(rows_of)
def test_no_distance_changes_nothing(before):
    assert np.array_equal(shaped(before, 0.0), before)


@given(rows_of, epsilons, epsilons)
def test_a_row_moves_no_further_than_it_may(before, one, other):
    for epsilon in (one, other):
        assert (np.abs(shaped(before, epsilon) - before).sum(axis=1) <= epsilon + 1e-12).all()


@pytest.mark.parametrize("size", [1, 7, 3000])
def test_a_row_is_the_same_alone_in_any_batch_and_in_any_layout(size):
    rows = np.random.default_rng(size).dirichlet(np.full(K, 0.3), size)
    together = shaped(rows, 0.5)
    assert np.array_equal(shaped(np.asfortranarray(rows), 0.5), together)
    some = np.arange(0, size, 37)
    assert np.array_equal(np.vstack([shaped(rows[i : i + 1], 0.5) for i in some]), together[some])


def test_another_model_and_no_rows():
    assert shaped(np.zeros((0, K))).shape == (0, K)
    with pytest.raises(ProfileError, match="6 classes, got 5"):
        shaped(hard_rows(5))


def test_is_written_with_its_distance_and_given_its_codebook():
    defence = parse("modelguard_s:0.5", {"codebook": BOOK})
    assert isinstance(defence, ModelGuardS) and defence.epsilon == 0.5 and defence.codebook is BOOK
    with pytest.raises(Unready, match="codebook"):
        parse("modelguard_s", {})
    with pytest.raises(ConfigError):
        parse("modelguard_s:-1", {"codebook": BOOK})
