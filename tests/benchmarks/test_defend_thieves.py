import numpy as np
from benchmarks.defend_tables import Cell, best, table
from benchmarks.defend_tasks import CLONE, answers, one_hot, train
from benchmarks.defend_thieves import Stack, class_means, fingerprints, recovered

from wellhead.defend.label_only import LabelOnly

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(40, 3))
LABELS = one_hot((INPUTS[:, 0] > 0).astype(int) + (INPUTS[:, 1] > 1), 3)


def test_a_network_is_the_same_whoever_is_trained_beside_it():
    other = RNG.dirichlet(np.ones(3), 40)
    alone, beside = train(INPUTS, LABELS[None], CLONE, 5), train(INPUTS, np.stack([other, LABELS, LABELS]), CLONE, 5)
    for first, others in zip(alone.weights + alone.biases, beside.weights + beside.biases, strict=True):
        assert np.array_equal(first[0], others[1]) and np.array_equal(others[1], others[2])
        assert not np.array_equal(others[0], others[1])


def test_training_learns_and_goes_on_from_where_it_was():
    made = train(INPUTS, LABELS[None], CLONE, 5)
    assert (answers(made, INPUTS)[0].argmax(axis=1) == LABELS.argmax(axis=1)).mean() >= 0.85
    more = train(INPUTS, LABELS[None], CLONE, 6, made)
    before, after = ((answers(n, INPUTS)[0] * LABELS).sum() for n in (made, more))
    assert after > before


def test_an_answer_is_recovered_from_what_leads_near_it():
    clean = np.array([[0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    shaped = np.array([[0.70, 0.30], [0.705, 0.295], [0.2, 0.8]])
    found = recovered(np.array([[0.7, 0.3], [0.1, 0.9]]), clean, shaped)
    assert np.allclose(found, [[0.7, 0.3], [0.3, 0.7]])


def test_an_answer_of_a_class_that_no_candidate_has_stays():
    soft = np.array([[0.1, 0.9]])
    assert np.array_equal(recovered(soft, np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])), soft)


def test_a_label_is_read_as_what_usually_led_to_it():
    clean = np.array([[0.6, 0.4], [0.8, 0.2]])
    found = class_means(np.array([[1.0, 0.0], [0.0, 1.0]]), clean, clean)
    assert np.allclose(found, [[0.7, 0.3], [0.0, 1.0]])


def test_a_stack_shapes_in_order_and_knows_chance():
    stack = Stack("labels", (LabelOnly(),))
    assert stack.shape(np.array([[0.4, 0.6]]), fingerprints(INPUTS[:1])).tolist() == [[0.0, 1.0]]
    assert not stack.by_chance
    assert len(set(fingerprints(INPUTS).tolist())) == 40


def cell(seed, thief, accuracy):
    return Cell("digits", 100, "none", thief, seed, accuracy, 0.5, 0.0, 1.0, True, False)


def test_the_table_has_means_and_spreads_and_the_best_thief():
    rows = table([cell(0, "soft", 0.5), cell(1, "soft", 0.7), cell(0, "top1", 0.55), cell(1, "top1", 0.55)])
    assert [(r.thief, r.accuracy, r.accuracy_sd) for r in rows] == [("soft", 0.6, 0.1414), ("top1", 0.55, 0.0)]
    assert best(rows, "digits", 100, "none").thief == "soft"
