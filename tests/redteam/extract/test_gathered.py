import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.gathered import Gathered


def test_unanswered_rows_are_left_out():
    gathered = Gathered()
    inputs = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert gathered.add(inputs, Answer(Exposure.LABEL, labels=np.array([1, -1, 0])))
    assert gathered.add(inputs + 9, Answer(Exposure.LABEL, labels=np.array([-1, 2, -1])))
    assert gathered.rows == 3 and gathered.heard.tolist() == [False, True, False]
    assert gathered.last_inputs.tolist() == [[11, 12]]
    result = gathered.extraction("done")
    assert result.inputs.tolist() == [[0, 1], [4, 5], [11, 12]] and result.answer.labels.tolist() == [1, 0, 2]
    assert result.detail == "done"


def test_nothing_answered_keeps_what_there_was():
    gathered = Gathered()
    assert not gathered.add(["a", "b"], Answer(Exposure.NONE, labels=np.array([-1, -1])))
    assert gathered.rows == 0 and len(gathered.extraction("").inputs) == 0
