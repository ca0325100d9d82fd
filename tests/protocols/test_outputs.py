import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import BadAnswer
from wellhead.core.event import ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.defend.pipeline import Pipeline
from wellhead.protocols.outputs import Ranked, class_index, is_simplex, one_hot, read, read_labels, softmax
from wellhead.protocols.tensorflow_serving import TensorFlowServing

ANY = ModelSpec()
TWO = ModelSpec(classes=("no", "yes"))
DIGITS = ModelSpec(classes=("1", "2", "3"))


@given(st.lists(st.lists(st.floats(-0.1, 1.1), min_size=3, max_size=3), min_size=1, max_size=4))
def test_simplex_equals_a_slow_twin(rows):
    near = any(abs(abs(sum(r) - 1) - 1e-3) < 1e-9 or any(abs(x + 1e-3) < 1e-9 for x in r) for r in rows)
    slow = all(abs(sum(r) - 1) <= 1e-3 and min(r) >= -1e-3 for r in rows)
    assert near or is_simplex(np.array(rows)) == slow


def test_softmax_gives_log_probabilities_back():
    p = np.random.default_rng(0).dirichlet(np.ones(5), 3)
    assert np.allclose(softmax(np.log(p)), p)
    assert is_simplex(softmax(np.array([[1e4, -1e4]])))


def test_margins_are_log_odds():
    answer = read({"score": np.array([-2.0, 3.0])}, 2, TWO)
    assert answer.kind is Exposure.LOGITS
    assert answer.scores.tolist() == [[0, -2], [0, 3]]


def test_a_probability_beside_a_label():
    answer = read({"class": np.array([2.0]), "probability": np.array([0.5])}, 1, DIGITS)
    assert (answer.kind, answer.labels.tolist(), answer.scores.tolist()) == (Exposure.TOP_K, [1], [[0, 0.5, 0]])
    unknown = read({"class": np.array([2.0]), "probability": np.array([0.5])}, 1, ANY)
    assert (unknown.kind, unknown.scores) == (Exposure.TOP_K, None)


def test_labels_are_names_first_and_indices_second():
    assert read_labels(np.array([3.0]), DIGITS).tolist() == [2]
    assert read_labels(np.array([1.0]), TWO).tolist() == [1]
    assert class_index("2", ANY) == 2
    huge = np.array([1e38])
    for column, spec in (
        (np.array([2.0]), TWO),
        (np.array([-1.0]), ANY),
        (np.array([7.0]), DIGITS),
        (["cat"], ANY),
        (huge, ANY),
    ):
        with pytest.raises(BadAnswer):
            read_labels(column, spec)


def test_ranked_scores_by_how_many_are_listed():
    full = Ranked(np.array([[0.75, 0.25]]), np.array([[1, 0]]))
    assert read({"": full}, 1, TWO).scores.tolist() == [[0.25, 0.75]]
    assert read({"": full}, 1, TWO).kind is read({"": full}, 1, ANY).kind is Exposure.PROBABILITIES
    cut = Ranked(np.array([[0.75]]), np.array([[1]]))
    assert read({"": cut}, 1, TWO).kind is Exposure.TOP_K
    logits = Ranked(np.array([[7.5]]), np.array([[1]]))
    answer = read({"": logits}, 1, TWO)
    assert (answer.kind, answer.scores, answer.labels.tolist()) == (Exposure.LOGITS, None, [1])


def test_what_a_classifier_cannot_have_said():
    for columns in ({"x": np.zeros((1, 2, 2))}, {"x": np.zeros((1, 5))}, {"embedding": np.zeros((1, 3))}, {}):
        with pytest.raises(BadAnswer, match="expected"):
            read(columns, 1, DIGITS)
    with pytest.raises(BadAnswer, match="one value a row"):
        read({"x": np.zeros((1, 2))}, 1, ModelSpec(task="regressor"))


def test_one_hot():
    assert one_hot(np.array([1, 0]), 2).tolist() == [[0, 1], [1, 0]]


SIGMOIDS = b'{"predictions":[[0.9,0.8,0.1],[0.2,0.1,0.3]]}'


@pytest.mark.parametrize(
    ("allowed", "served"),
    [
        (Exposure.LOGITS, [[0.9, 0.8, 0.1], [0.2, 0.1, 0.3]]),
        (Exposure.PROBABILITIES, [[0.4248, 0.3844, 0.1909], [0.3322, 0.3006, 0.3672]]),
        (Exposure.LABEL, [[1, 0, 0], [0, 0, 1]]),
    ],
)
def test_scores_that_are_no_probabilities_leave_as_a_softmax(allowed, served):
    """From the model's bytes to the client's: independent sigmoids are read as logits, and that is no failure."""
    protocol, pipeline, spec = TensorFlowServing(), Pipeline(), ModelSpec(name="m")
    query = Query("m", [], 2, Exposure.PROBABILITIES)
    answer = protocol.read_answer(SIGMOIDS, "application/json", query, spec)
    shaped, _ = pipeline.shape(answer, allowed)
    body = protocol.write_answer(SIGMOIDS, "application/json", shaped, spec)
    assert np.allclose(msgspec.json.decode(body)["predictions"], served, atol=1e-4)
    assert pipeline.failures == 0 and shaped.kind <= allowed


def test_probabilities_that_nearly_sum_to_one_leave_as_labels_where_they_are_reshaped():
    protocol, pipeline, spec = TensorFlowServing(), Pipeline(), ModelSpec(name="m")
    answer = protocol.read_answer(
        b'{"predictions":[[0.5,0.3,0.1995]]}', "application/json", Query("m", [], 1, Exposure.PROBABILITIES), spec
    )
    assert answer.kind is Exposure.PROBABILITIES
    shaped, _ = pipeline.shape(answer, Exposure.TOP_K, top_k=2)
    assert (shaped.kind, shaped.top1.tolist(), pipeline.failures) == (Exposure.LABEL, [0], 1)
