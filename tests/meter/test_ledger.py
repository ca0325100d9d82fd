import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metering import answered, classifier, inputs, regressor, softmax_model, told, valued

from wellhead.core.codec import log_scores, quantise
from wellhead.core.errors import ProfileError
from wellhead.core.exposure import Exposure
from wellhead.meter.ledger import Ledger

PROFILE = classifier()
MIXED = np.tile([Exposure.PROBABILITIES, Exposure.LABEL, Exposure.TOP_K], 40)
BATCH = answered(PROFILE, 120, given=MIXED)


def same(a, b):
    if a is None or b is None:
        return a is b
    fields = [(getattr(a, f), getattr(b, f)) for f in ("A", "T", "S")]
    return a.rows == b.rows and all((x is None and y is None) or np.allclose(x, y, rtol=1e-6) for x, y in fields)


def equal(a, b):
    return a.profile == b.profile and a.rows == b.rows and same(a.plain, b.plain) and same(a.scored, b.scored)


def slow(profile, batch):
    """Row by row, from the words of the design."""
    D, k = profile.dimension, profile.classes
    A, T, S, A_scored = np.zeros((D, D)), np.zeros((D, k)), np.zeros((D, k)), np.zeros((D, D))
    for i in range(len(batch)):
        phi = profile.features(batch.codes[i : i + 1])[0]
        A += np.outer(phi, phi)
        T += np.outer(phi, np.eye(k)[batch.top1[i]])
        if batch.given[i] > Exposure.LABEL:
            A_scored += np.outer(phi, phi)
            S += np.outer(phi, log_scores(batch.scores[i]) - np.log(1e-3))
    return A, T, A_scored, S


def test_equals_the_sums_of_the_design():
    ledger = Ledger.from_batch(PROFILE, BATCH)
    A, T, A_scored, S = slow(PROFILE, BATCH)
    assert np.allclose(ledger.total.A, A) and np.allclose(ledger.total.T, T)
    assert np.allclose(ledger.scored.A, A_scored) and np.allclose(ledger.scored.S, S)
    assert (ledger.rows, ledger.plain.rows, ledger.scored.rows) == (120, 40, 80)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(120)), st.lists(st.integers(0, 120), max_size=6), st.randoms(use_true_random=False))
def test_any_split_in_any_order_gives_the_same_ledger(order, cuts, shuffler):
    parts = [Ledger.from_batch(PROFILE, BATCH.take(p)) for p in np.split(np.array(order), sorted(cuts))]
    shuffler.shuffle(parts)
    total = Ledger.empty(PROFILE)
    for part in parts:
        total = total + part
    assert equal(total, Ledger.from_batch(PROFILE, BATCH))


def test_adding_is_associative_and_the_empty_ledger_is_its_zero():
    a, b, c = (Ledger.from_batch(PROFILE, answered(PROFILE, 30, seed=s, given=MIXED[s : s + 30])) for s in (1, 2, 3))
    assert equal((a + b) + c, a + (b + c)) and equal(a + b, b + a)
    assert equal(a + Ledger.empty(PROFILE), a) and Ledger.empty(PROFILE).total is None


def test_adding_changes_neither_part():
    a, b = (Ledger.from_batch(PROFILE, answered(PROFILE, 30, seed=s)) for s in (1, 2))
    before = a.scored.A.copy()
    _ = a + b
    assert (before == a.scored.A).all()


def test_ledgers_of_other_profiles_do_not_add():
    with pytest.raises(ProfileError, match="do not add"):
        Ledger.empty(PROFILE) + Ledger.empty(classifier(4))


def test_only_labels_are_summed_where_only_labels_were_given():
    ledger = Ledger.from_batch(PROFILE, answered(PROFILE, 30, given=Exposure.LABEL))
    assert ledger.scored is None and ledger.plain.S is None


@pytest.mark.parametrize("batch", [BATCH, answered(PROFILE, 9, given=Exposure.LABEL)])
def test_bytes_bring_the_same_ledger_back(batch):
    ledger = Ledger.from_batch(PROFILE, batch)
    assert equal(Ledger.from_bytes(ledger.to_bytes()), ledger)
    with pytest.raises(ProfileError):
        Ledger.from_bytes(ledger.to_bytes()[:-3])


def test_the_empty_ledger_is_small_and_comes_back():
    data = Ledger.empty(PROFILE).to_bytes()
    assert len(data) < 200 and Ledger.from_bytes(data) == Ledger.empty(PROFILE)


def test_many_classes_are_packed_by_those_that_occur():
    many = classifier(classes=150)
    x = inputs(40, seed=4)
    scores = softmax_model(x, 150)
    batch = told(many, x, scores)
    assert batch.scores.shape == (40, 32)
    ledger = Ledger.from_batch(many, batch)
    full = log_scores(quantise(scores)) - np.log(1e-3)
    kept = np.where(np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1) < 32, full, 0.0)
    assert np.allclose(ledger.scored.S, many.features(batch.codes).T @ kept)
    few = Ledger.from_batch(many, batch.take(np.arange(2)))
    assert len(few.to_bytes()) < len(ledger.to_bytes()) and equal(Ledger.from_bytes(few.to_bytes()), few)


def test_scores_of_another_number_of_classes_are_refused():
    other = answered(classifier(5), 10, classes=5)
    with pytest.raises(ProfileError, match="3 classes, got scores of 5"):
        Ledger.from_batch(PROFILE, other)


def test_labels_the_sample_never_met_widen_the_ledger():
    batch = answered(PROFILE, 10, given=Exposure.LABEL)
    batch.top1[0] = 7
    batch.top1[1] = -1
    ledger = Ledger.from_batch(PROFILE, batch) + Ledger.from_batch(PROFILE, answered(PROFILE, 5, given=Exposure.LABEL))
    assert ledger.plain.T.shape[1] == 8 and ledger.rows == 15
    assert np.isclose(ledger.plain.T[-1].sum(), 14)


def test_regressors_sum_standardised_values():
    profile = regressor()
    batch = valued(profile, 20)
    ledger = Ledger.from_batch(profile, batch)
    expected = profile.features(batch.codes).T @ ((batch.values - profile.location) / profile.scale)
    assert ledger.scored is None and np.allclose(ledger.plain.T[:, 0], expected)
