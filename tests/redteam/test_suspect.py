import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.files import Table
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.patience import Patience
from wellhead.redteam.suspect import CHEAP, Said, answer_text, heard, listen, panel, renamed

RNG = np.random.default_rng(2)
INPUTS = RNG.normal(size=(120, 3)).astype(np.float32)
LABELS = INPUTS.argmax(axis=1)


def test_a_suspect_is_heard_with_scores_or_labels():
    scores = RNG.dirichlet(np.ones(3), 120)
    said = listen(InProcess(lambda x: scores[: len(x)]), INPUTS, 3)
    assert np.array_equal(said.scores, scores)
    assert np.array_equal(said.labels, scores.argmax(axis=1))
    said = listen(InProcess(lambda x: LABELS[: len(x)]), INPUTS, 3)
    assert said.scores is None
    assert np.array_equal(said.labels, LABELS)


def test_what_stays_unanswered_is_minus_one():
    def sometimes(inputs):
        if len(inputs) > 1 or inputs[0, 0] > 0:
            raise ValueError("no")
        return np.array([1])

    oracle = InProcess(sometimes, rows_per_call=1)
    hasty = Patience(first_wait_s=0.0, longest_wait_s=0.0, attempts=1, give_up_after_s=9.0)
    said = listen(oracle, INPUTS[:20], 3, hasty)
    assert np.array_equal(said.labels == 1, INPUTS[:20, 0] <= 0)
    assert set(said.labels.tolist()) == {1, -1}


@pytest.mark.parametrize("wrong", [lambda x: np.full(len(x), 7), lambda x: np.full((len(x), 5), 0.2)])
def test_answers_of_other_classes_are_refused(wrong):
    with pytest.raises(ConfigError, match="3 classes"):
        listen(InProcess(wrong), INPUTS, 3)


def test_a_regressor_is_no_suspect():
    with pytest.raises(ConfigError, match="regressor"):
        listen(InProcess(lambda x: Answer(Exposure.VALUE, values=np.zeros(len(x)))), INPUTS, 3)


def test_classes_in_another_order_are_put_into_ours():
    scores = RNG.dirichlet(np.ones(3), 50)
    ours, theirs = ("a", "b", "c"), ("c", "a", "b")
    said = Said(scores.argmax(axis=1), scores)
    found = renamed(said, theirs, ours)
    for row in range(50):
        assert ours[found.labels[row]] == theirs[said.labels[row]]
        assert {o: found.scores[row, i] for i, o in enumerate(ours)} == {
            t: scores[row, i] for i, t in enumerate(theirs)
        }
    unheard = renamed(Said(np.array([-1, 0]), None), theirs, ours)
    assert unheard.labels.tolist() == [-1, 2]
    assert renamed(said, (), ours) is said
    assert renamed(said, ("x", "y", "z"), ours) is said


def test_a_panel_is_trained_apart_by_learner_rows_and_seed():
    table = Table(INPUTS, LABELS)
    learners = ("logistic", "gradient_boosting")
    found = [(name, heard(clone, INPUTS, 4)) for name, clone in panel(table, 3, 0, learners)]
    assert [name for name, _ in found] == ["logistic 1", "gradient_boosting 2", "logistic 3"]
    assert set(CHEAP) <= set(LEARNERS)
    for _, said in found:
        assert said.scores.shape == (120, 4)
        assert (said.labels == LABELS).mean() > 0.8
    assert not np.array_equal(found[0][1].scores, found[2][1].scores)
    (_, again), *_ = panel(table, 1, 0, learners)
    assert np.array_equal(heard(again, INPUTS, 4).scores, found[0][1].scores)


def test_a_panel_needs_true_labels():
    with pytest.raises(ConfigError, match="true labels"):
        next(panel(Table(INPUTS), 1, 0))


def test_what_was_said_changes_its_bytes():
    said = Said(np.array([1, 2]), None)
    assert answer_text(said) == answer_text(Said(np.array([1, 2]), None))
    assert answer_text(said) != answer_text(Said(np.array([2, 1]), None))
    assert answer_text(said) != answer_text(Said(np.array([1, 2]), np.zeros((2, 2))))
