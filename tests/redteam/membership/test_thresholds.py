import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.known import Known
from wellhead.redteam.membership.leak import auc
from wellhead.redteam.membership.thresholds import MEASURES, Gap, Threshold, measure
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(400, 6)).astype(np.float32)
LABELS = RNG.integers(3, size=400)
MEMBERS = np.arange(400) < 200
REMEMBERED = {row.tobytes(): int(y) for row, y in zip(ROWS[MEMBERS], LABELS[MEMBERS], strict=True)}


def model(inputs):
    """Knows what it has seen, guesses the rest; class 0 is easy."""
    scores = np.full((len(inputs), 3), 0.3) + 0.1 * np.eye(3)[0]
    for row, told in zip(np.asarray(inputs, np.float32), scores, strict=True):
        if row.tobytes() in REMEMBERED:
            told[:] = 0.05 + 0.85 * np.eye(3)[REMEMBERED[row.tobytes()]]
    return scores


def scores(attack):
    return finish(run(attack, InProcess(model))).result.scores


@pytest.mark.parametrize("by", MEASURES)
def test_the_contract(by):
    check_attack(Threshold(candidates=ROWS[:20], labels=LABELS[:20], by=by), model)


def test_the_contract_of_the_gap():
    check_attack(Gap(candidates=ROWS[:20], labels=LABELS[:20]), model)


def test_what_was_learnt_by_heart_is_found():
    for by in ("loss", "entropy", "mentr"):
        assert auc(scores(Threshold(candidates=ROWS, labels=LABELS, by=by)), MEMBERS) == 1.0
    right = scores(Gap(candidates=ROWS, labels=LABELS))
    assert right[MEMBERS].all() and right[~MEMBERS].mean() == pytest.approx((LABELS[~MEMBERS] == 0).mean())


def test_measures_are_those_of_the_papers():
    shares, labels = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]]), np.array([0, 2])
    answer = Answer(Exposure.PROBABILITIES, scores=shares)
    entropy = -np.sum(shares[0] * np.log(shares[0]))
    assert measure(answer, labels, "entropy") == pytest.approx([-entropy] * 2)
    sure = 0.3 * np.log(0.7) + 0.2 * np.log(0.8) + 0.1 * np.log(0.9)
    wrong = 0.9 * np.log(0.1) + 0.7 * np.log(0.3) + 0.2 * np.log(0.8)
    assert measure(answer, labels, "mentr") == pytest.approx([sure, wrong])
    assert measure(answer, labels, "loss") == pytest.approx([np.log(0.7 / 0.3), np.log(0.1 / 0.9)])
    assert measure(answer, labels, "gap").tolist() == [1, 0]
    logits = Answer(Exposure.LOGITS, scores=np.log(shares))
    assert measure(logits, labels, "mentr") == pytest.approx([sure, wrong])
    assert np.isfinite(measure(Answer(Exposure.PROBABILITIES, scores=np.eye(3)[[0, 1]]), labels, "mentr")).all()
    assert np.isfinite(measure(answer, np.array([0, 5]), "mentr")).all()


def test_each_class_has_its_own_threshold():
    # class 0 is easy for everybody, and hides members of class 1 below one threshold for all
    labels = np.repeat([0, 1], 200)
    sure = np.where(labels == 0, 0.8, 0.3) + 0.1 * (np.arange(400) % 2)
    table = {row.tobytes(): p for row, p in zip(ROWS, sure, strict=True)}

    def easy(inputs):
        true = np.array([table[np.asarray(row, np.float32).tobytes()] for row in inputs])
        own = np.array([np.searchsorted(np.arange(400)[200:], i) for i in range(len(true))])
        first = np.where(true >= 0.75, true, 1 - true)
        return np.stack([first, 1 - first], axis=1) if own is not None else None

    rest = np.arange(400) % 4 == 0
    whole = Known(
        rows=1000, candidates=ROWS[~rest], candidate_labels=labels[~rest], pool=ROWS[rest], labels=labels[rest]
    )
    members = (np.arange(400) % 2 == 1)[~rest]
    found = [finish(run(a, InProcess(easy))).result for a in (Threshold.suit(whole), Threshold.per_class(whole))]
    assert auc(found[1].scores, members) == 1.0 > auc(found[0].scores, members)
    assert "each class" in found[1].detail


def test_what_cannot_be_asked_for():
    with pytest.raises(ConfigError, match="mentr"):
        Threshold(candidates=ROWS, labels=LABELS, by="width")
    with pytest.raises(ConfigError, match="one true label"):
        Threshold(candidates=ROWS, labels=LABELS[1:])
    with pytest.raises(Unsuited, match="pool"):
        Threshold.per_class(Known(candidates=ROWS, candidate_labels=LABELS))


def test_labels_alone_leave_nothing_to_the_loss():
    silent = finish(run(Threshold(candidates=ROWS, labels=LABELS), InProcess(lambda x: np.zeros(len(x), int))))
    assert silent.state == "unsupported"
