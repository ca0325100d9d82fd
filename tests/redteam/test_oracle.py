import numpy as np
import pytest

from wellhead.core.errors import BadAnswer
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.oracle import InProcess, Simulated, Wall, as_answer
from wellhead.redteam.run import finish, run


def test_what_a_callable_returns_says_what_it_gives_away():
    assert as_answer(np.eye(2)).kind is Exposure.PROBABILITIES
    assert as_answer(np.array([1, 0])).kind is Exposure.LABEL
    assert as_answer(np.array([1.0, 0.5])).kind is Exposure.VALUE
    told = Answer(Exposure.LOGITS, scores=np.eye(2))
    assert as_answer(told) is told


def test_calls_are_as_large_as_allowed(pool, softmax, asker):
    sizes = []

    def model(inputs):
        sizes.append(len(inputs))
        return softmax(inputs)

    answer = asker(InProcess(model, rows_per_call=300)).ask(pool[:1000])
    assert sizes == [300, 300, 300, 100] and np.array_equal(answer.scores, softmax(pool[:1000]))


def test_a_model_that_raises_is_a_failed_attempt(pool, asker):
    def model(inputs):
        raise ValueError("odd input")

    talk = asker(InProcess(model, clock=Simulated()))
    assert talk.ask(pool[:2]).labels.tolist() == [-1, -1]
    assert talk.last_failure == "500 ValueError: odd input"


@pytest.mark.parametrize("told", [np.zeros((1, 3)), np.full((10, 3), np.nan)])
def test_answers_that_do_not_fit_are_unanswered(pool, told):
    last = finish(run(Pool(inputs=pool, rows=10), InProcess(lambda inputs: told)))
    assert last.state == "failed" and "expected" in last.reason


def test_clocks():
    wall, simulated = Wall(), Simulated(5.0)
    before = wall.now_s()
    wall.sleep(0.001)
    assert wall.now_s() - before >= 0.001 and before > 1.7e9
    simulated.sleep(86_400.0)
    assert simulated.now_s() == 86_405.0


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (None, "got NoneType"),
        (3.0, "got float"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ([[1.0], [1.0, 2.0]], "got list"),
        (["cat", "dog"], "model.classes"),
    ],
)
def test_what_is_no_answer_is_said_and_not_asked_again(pool, told, said):
    asked = []
    with pytest.raises(BadAnswer, match=said):
        as_answer(told)
    last = finish(run(Pool(inputs=pool, rows=10), InProcess(lambda inputs: asked.append(1) or told)))
    assert last.state == "failed" and "expected" in last.reason and len(asked) == 1
