import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import BadAnswer, ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols.outputs import Ranked, read
from wellhead.protocols.rewrite import write
from wellhead.protocols.trees import columns_of, csv_table, reply_of, rewritten, wrapped

PETS = ModelSpec(classes=("cat", "dog"))


@pytest.mark.parametrize(
    "node",
    [
        [[0.25, 0.75], [0.5, 0.5]],
        [0.25, 0.75],
        [1, 0],
        [True, False],
        ["dog", "cat"],
        [{"score": 0.25, "predicted_label": 0}, {"score": 0.75, "predicted_label": 1}],
        {"probabilities": [[0.25, 0.75], [0.5, 0.5]], "label": ["dog", "cat"]},
        [{"dog": 0.75, "cat": 0.25}, {"cat": 0.5, "dog": 0.5}],
        [[["dog", 0.75], ["cat", 0.25]], [["cat", 0.5], ["dog", 0.5]]],
        [{"probabilities": {"dog": 0.75, "cat": 0.25}}, {"probabilities": {"cat": 0.5, "dog": 0.5}}],
    ],
)
def test_columns_go_back_as_they_came(node):
    columns = columns_of(node, PETS)
    answer = read(columns, 2, PETS)
    assert answer.top1.tolist() in ([1, 0], [0, 1])
    assert rewritten(node, columns) == node
    hot = Answer(Exposure.LABEL, labels=np.array([0, 1]))
    served = read(columns_of(rewritten(node, write(columns, hot, PETS)), PETS), 2, PETS)
    assert served.top1.tolist() == [0, 1]


@pytest.mark.parametrize(
    "node",
    [[], None, 3, [None], [[1], [None]], ["a", 1], [{"a": 1}, {"b": 1}], [{"a": {}}], [{"cat": 0.5, "dog": "x"}],
     [["1", "2"]],
     [{"cat": 0.5, "dog": 0.5}, {"cat": 0.5}], [{"cat": 0.5, "eel": 0.5}], [[["cat", 0.5], ["cat", 0.5]]],
     [["cat", 0.5]],
     [[["cat", 0.5], ["dog", 0.5]], 0.5], [[["cat", 0.5], ["dog", 0.5]], [0.5, 0.5]], [[["cat", 0.5]], "cat"]],
)  # fmt: skip
def test_what_is_no_prediction(node):
    with pytest.raises((BadAnswer, ProtocolError)):
        read(columns_of(node, PETS), len(node) if isinstance(node, list) else 1, PETS)


def test_a_bare_row():
    assert wrapped([0.25, 0.75], 1, PETS) == ([[0.25, 0.75]], True)
    assert wrapped([0.25, 0.75], 2, PETS) == ([0.25, 0.75], False)
    assert wrapped({"cat": 0.5, "dog": 0.5}, 1, PETS) == ([{"cat": 0.5, "dog": 0.5}], True)
    assert wrapped(0.5, 1, PETS) == ([0.5], True)


def test_unlisted_labels_name_themselves():
    with pytest.raises(BadAnswer, match="'tabby'"):
        columns_of([{"tabby": 0.4, "lynx": 0.2}], ModelSpec())
    assert isinstance(columns_of([{"0": 0.4, "3": 0.2}], ModelSpec())[""], Ranked)


def test_csv():
    assert csv_table(b"1,2\n3,4\n", header=False).tolist() == [[1, 2], [3, 4]]
    assert csv_table(b"1\n3", header=False).tolist() == [[1], [3]]
    assert csv_table(b"b10,b2\n1,2\n", header=True).tolist() == [[2, 1]]
    assert csv_table(b'"a, b"\nc\n', header=False) == ["a, b", "c"]
    for bad in (b"", b"\n", b"1,2\n3", b"nan", b"1e999", b'"a', b"a,a\n1,2"):
        with pytest.raises((ProtocolError, UnicodeDecodeError)):
            csv_table(bad, header=bad.startswith(b"a"))


def test_replies():
    query = Query("m", [], 1, Exposure.PROBABILITIES)
    scores = np.array([[0.25, 0.75]])
    assert reply_of(Answer(Exposure.PROBABILITIES, scores=scores), query) == [[0.25, 0.75]]
    assert reply_of(Answer(Exposure.PROBABILITIES, scores=scores), Query("m", [], 1, Exposure.LABEL)) == [1]
    both = reply_of(Answer(Exposure.PROBABILITIES, scores=scores, labels=np.array([0])), query)
    assert both == [{"predicted_label": 0, "score": [0.25, 0.75]}]


SCORE = st.floats(0.01, 0.99)
ROW = st.one_of(
    SCORE,
    st.sampled_from([0, 1, "cat", "dog"]),
    SCORE.map(lambda p: [p, 1 - p]),
    SCORE.map(lambda p: {"cat": p, "dog": 1 - p}),
    SCORE.map(lambda p: [["cat", p], ["dog", 1 - p]]),
    SCORE.map(lambda p: {"score": p, "predicted_label": 1}),
    SCORE.map(lambda p: {"class": "cat", "probability": p, "logits": [p * 3, 1.0]}),
    SCORE.map(lambda p: {"p": [p, 1 - p], "hidden": [p, p, p], "z": p}),
)


def decimals(tree):
    if isinstance(tree, dict | list):
        return {x for v in (tree.values() if isinstance(tree, dict) else tree) for x in decimals(v)}
    return {tree} if isinstance(tree, float) else set()


@given(st.lists(ROW, min_size=2, max_size=2) | ROW.map(lambda r: [r, r]) | ROW.map(lambda r: {"x": [r, r]}))
def test_a_label_leaves_no_score_behind(node):
    try:
        top = read(columns_of(node, PETS), 2, PETS).top1
    except ProtocolError:
        return
    served = rewritten(node, write(columns_of(node, PETS), Answer(Exposure.LABEL, labels=top), PETS))
    assert decimals(served) <= {0.0, 1.0}
    assert read(columns_of(served, PETS), 2, PETS).top1.tolist() == top.tolist()
