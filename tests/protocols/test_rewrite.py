import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ProtocolError
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.protocols.outputs import Ranked, read
from wellhead.protocols.rewrite import rows, write, write_labels

THREE = ModelSpec(classes=("a", "b", "c"))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())
def test_what_is_written_is_what_is_read(seed, n, ranked):
    rng = np.random.default_rng(seed)
    old, new = rng.dirichlet(np.ones(3), n), rng.dirichlet(np.ones(3), n)
    order = np.argsort(-old, axis=1)
    column = Ranked(np.take_along_axis(old, order, axis=1), order) if ranked else old
    columns = {"p": column, "label": [THREE.classes[i] for i in old.argmax(axis=1)]}
    answer = read(write(columns, Answer(Exposure.PROBABILITIES, scores=new), THREE), n, THREE)
    assert np.allclose(answer.scores, new)
    assert answer.labels.tolist() == new.argmax(axis=1).tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_a_label_leaves_nothing_else(seed, n):
    rng = np.random.default_rng(seed)
    columns = {"p": rng.dirichlet(np.ones(3), n), "logits": rng.normal(size=(n, 3)), "hidden": rng.normal(size=(n, 5))}
    top = rng.integers(0, 3, n)
    kept = write(columns, Answer(Exposure.LABEL, labels=top), THREE)
    assert list(kept) == ["p"]
    assert np.array_equal(kept["p"], np.eye(3)[top])


def test_cut_classes_leave_a_ranked_list():
    column = Ranked(np.array([[0.5, 0.3, 0.2]]), np.array([[2, 0, 1]]), (("c", "a", "b"),))
    cut = write({"": column}, Answer(Exposure.TOP_K, scores=np.array([[0.4, 0.0, 0.6]])), THREE)[""]
    assert (cut.values.tolist(), cut.index.tolist(), cut.names) == ([[0.6, 0.4]], [[2, 0]], (("c", "a"),))


def test_a_label_makes_its_probability_certain():
    columns = {"class": ["b"], "probability": np.array([0.5])}
    assert write(columns, Answer(Exposure.LABEL, labels=np.array([1])), THREE)["probability"].tolist() == [1.0]


def test_values_are_replaced_and_extras_dropped():
    spec = ModelSpec(task="regressor")
    kept = write(
        {"y": np.array([[1.25]]), "var": np.zeros((1, 2))}, Answer(Exposure.VALUE, values=np.array([1.0])), spec
    )
    assert list(kept) == ["y"]
    assert kept["y"].tolist() == [[1.0]]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Exposure.LABEL),
        Answer(Exposure.LABEL, labels=np.array([0, 1])),
        Answer(Exposure.PROBABILITIES, scores=np.array([[0.5, 0.5]])),
        Answer(Exposure.VALUE, values=np.array([0.5])),
    ],
)
def test_answers_that_do_not_fit(answer):
    with pytest.raises(ProtocolError, match="expected"):
        write({"p": np.array([[0.2, 0.3, 0.5]])}, answer, THREE)


def test_labels_in_the_form_they_had():
    top = np.array([1])
    assert write_labels(["a"], top, THREE) == ["b"]
    assert write_labels(["0"], top, ModelSpec()) == ["1"]
    assert write_labels(np.array([[7.0]]), top, ModelSpec(classes=("7", "9"))).tolist() == [[9.0]]
    assert rows(Answer(Exposure.LABEL, labels=top)) == 1
