import numpy as np
import pytest
from metering import answered, classifier, inputs, regressor, softmax_model, told, valued

from wellhead.core.errors import ProfileError
from wellhead.core.exposure import Exposure
from wellhead.meter.ledger import Ledger
from wellhead.meter.reading import GRID, Reading, read

PROFILE = classifier()


def reading(n, given=Exposure.PROBABILITIES, profile=PROFILE, **kw):
    return read(Ledger.from_batch(profile, answered(profile, n, given=given, **kw)), profile)


def slow(profile, batch):
    """The best ridge clone on centred log-probabilities or labels, solved anew for every strength."""
    phi, seen = profile.features(batch.codes), profile.reference_features
    k = profile.classes
    logs = (batch.scores.astype(float) - 127.0) * (-np.log(1e-3) / 127.0)
    best = 0.0
    for targets in (np.eye(k)[batch.top1] - 1 / k, logs - logs.mean(1, keepdims=True)):
        for strength in GRID:
            W = np.linalg.solve(phi.T @ phi + strength * np.eye(phi.shape[1]), phi.T @ targets)
            best = max(best, float(((seen @ W).argmax(1) == profile.reference.truth).mean()))
    return best


@pytest.mark.parametrize("n", [5, 40, 300])
def test_equals_the_slow_clone(n):
    batch = answered(PROFILE, n)
    assert abs(read(Ledger.from_batch(PROFILE, batch), PROFILE).replication - slow(PROFILE, batch)) <= 0.01


def test_nobody_has_drawn_nothing():
    nothing = read(Ledger.empty(PROFILE), PROFILE)
    assert (nothing.rows, nothing.replication, nothing.bits, nothing.drawn) == (0, PROFILE.floor, 0.0, 0.0)
    assert nothing.by == "nothing"


def test_more_rows_give_more_and_a_lot_gives_nearly_all():
    few, many = reading(10), reading(1000)
    assert few.replication < many.replication and many.replication > 0.9
    assert 0 < few.bits < many.bits and few.drawn < many.drawn <= 1.0


def test_repeats_give_almost_no_bits():
    once = answered(PROFILE, 20)
    again = once.take(np.tile(np.arange(20), 5))
    new = reading(100)
    repeated = read(Ledger.from_batch(PROFILE, again), PROFILE)
    assert repeated.bits < new.bits and abs(repeated.replication - reading(20).replication) < 0.05


def test_a_group_reads_as_the_one_it_is():
    batch = answered(PROFILE, 200)
    parts = [Ledger.from_batch(PROFILE, batch.take(np.arange(i, 200, 10))) for i in range(10)]
    total = sum(parts[1:], parts[0])
    whole, group = read(Ledger.from_batch(PROFILE, batch), PROFILE), read(total, PROFILE)
    assert abs(group.replication - whole.replication) < 0.005 and np.isclose(group.bits, whole.bits)
    assert all(read(p, PROFILE).replication < whole.replication for p in parts)


def test_adding_one_number_to_all_log_scores_changes_nothing():
    x = inputs(80, seed=2)
    batch = told(PROFILE, x, softmax_model(x))
    quiet = read(Ledger.from_batch(PROFILE, batch), PROFILE)
    louder = batch.take(np.arange(80))
    louder.scores[:] = np.minimum(batch.scores.astype(int) + (127 - batch.scores.max(1, keepdims=True)), 127)
    shifted = read(Ledger.from_batch(PROFILE, louder), PROFILE)
    assert abs(quiet.replication - shifted.replication) < 0.02


def test_lies_in_the_scores_do_not_read_below_the_labels():
    batch = answered(PROFILE, 150)
    rng = np.random.default_rng(0)
    batch.scores[:] = rng.integers(0, 127, batch.scores.shape)
    labels = reading(150, Exposure.LABEL)
    defended = read(Ledger.from_batch(PROFILE, batch), PROFILE)
    assert defended.replication >= labels.replication and defended.by == "labels"


def test_labels_and_scores_in_one_ledger_read_no_less_than_either():
    half = np.arange(200) % 2 == 0
    batch = answered(PROFILE, 200, given=np.where(half, Exposure.PROBABILITIES, Exposure.LABEL))
    mixed = read(Ledger.from_batch(PROFILE, batch), PROFILE)
    for rows in (half, ~half):
        assert mixed.replication >= read(Ledger.from_batch(PROFILE, batch.take(rows)), PROFILE).replication - 0.02


def test_a_ledger_of_another_profile_is_refused():
    with pytest.raises(ProfileError, match="not"):
        read(Ledger.empty(classifier(4)), PROFILE)


def test_many_classes_most_of_them_absent():
    profile = classifier(classes=150)
    found = read(Ledger.from_batch(profile, answered(profile, 30, classes=150)), profile)
    assert profile.floor <= found.replication <= 1.0


def test_regressors_read_by_explained_variance():
    profile = regressor()
    few, many = (read(Ledger.from_batch(profile, valued(profile, n)), profile) for n in (5, 500))
    assert few.by == many.by == "values" and 0 <= few.replication < many.replication <= 1.0
    assert many.replication > 0.95 and few.within < many.within
    nothing = read(Ledger.empty(profile), profile)
    assert (nothing.replication, nothing.within) == (0.0, 0.0)


def test_drawn_is_the_share_of_the_way_from_guessing_to_attainable():
    words = {"rows": 1, "bits": 0.0, "by": "labels", "within": 0.0}
    assert Reading(replication=0.5, attainable=0.9, floor=0.1, **words).drawn == pytest.approx(0.5)
    assert Reading(replication=0.95, attainable=0.9, floor=0.1, **words).drawn == 1.0
    assert Reading(replication=0.05, attainable=0.9, floor=0.1, **words).drawn == 0.0
