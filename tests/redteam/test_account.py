import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.account import AccountState, checked
from wellhead.redteam.oracle import InProcess, Reply, Simulated
from wellhead.redteam.patience import Patience

PATIENT = Patience(give_up_after_s=60, attempts=6)
SILENT, REFUSED, UNUSABLE = Reply(0, detail="timed out"), Reply(503, detail="busy"), Reply(200, detail="no JSON")


@pytest.mark.parametrize(
    ("reply", "most", "said"), [(SILENT, 6, "6 requests without a reply"), (UNUSABLE, 3, "3 unusable answers in a row")]
)
def test_what_is_billed_and_tells_nothing_blocks_after_a_few(reply, most, said):
    state = AccountState()
    for _ in range(most - 1):
        state.lost(reply, 0.1, PATIENT)
    assert not state.blocked
    state.lost(reply, 0.1, PATIENT)
    assert said in state.blocked and reply.detail in state.blocked


def test_a_good_answer_forgives():
    state = AccountState()
    for _ in range(20):
        state.lost(UNUSABLE, 1.0, PATIENT)
        state.lost(UNUSABLE, 1.0, PATIENT)
        state.got(5)
    assert not state.blocked and state.answered == 100


def test_time_spent_waiting_for_replies_counts():
    state = AccountState()
    for _ in range(3):
        state.lost(REFUSED, 25.0, PATIENT)
    assert state.blocked.startswith("no usable answer for 75.0 s") and "503 busy" in state.blocked


def test_a_target_that_hangs_midway_does_not_burn_the_budget(pool, softmax, asker):
    clock, sizes = Simulated(), []

    def model(inputs):
        sizes.append(len(inputs))
        if len(sizes) <= 3:
            return softmax(inputs)
        clock.sleep(2)
        return Reply(0, detail="timed out")

    talk = asker(_Replying(model, clock=clock, rows_per_call=10), patience=Patience(give_up_after_s=6))
    talk.ask(pool[:200])
    assert not talk.alive and talk.spent.rows <= 30 + 40
    assert "timed out" in talk.accounts["local"].blocked


def test_fewer_classes_midway_are_asked_three_times_and_no_more(pool, softmax, asker):
    asked = []

    def model(inputs):
        asked.append(len(inputs))
        return softmax(inputs) if len(asked) <= 2 else softmax(inputs)[:, :2]

    talk = asker(InProcess(model, rows_per_call=10))
    talk.ask(pool[:200])
    assert asked == [10] * 5 and talk.accounts["local"].blocked.endswith(
        "expected scores of 3 classes as before, got 2"
    )


def test_questions_asked_again_count_as_repeats(pool, softmax, asker):
    asked = []

    def model(inputs):
        asked.append(len(inputs))
        return softmax(inputs) if len(asked) > 1 else softmax(inputs)[:-1]

    talk = asker(InProcess(model))
    for _ in range(2):
        talk.ask(pool[:5])
    assert (talk.spent.calls, talk.spent.retries) == (1, 1)


def test_checked_drops_what_does_not_fit():
    nan = Answer(Exposure.VALUE, values=np.full(2, np.nan))
    assert checked(Reply(200, nan), 2, None).answer is None
    assert checked(Reply(200, Answer(Exposure.VALUE, values=np.ones(2))), 2, None).answer is not None


class _Line:
    account = "local"

    def __init__(self, model):
        self._model = model

    def send(self, inputs, timeout_s):
        told = self._model(inputs)
        return told if isinstance(told, Reply) else Reply(200, Answer(Exposure.PROBABILITIES, scores=told))

    def close(self):
        pass


class _Replying(InProcess):
    @property
    def lines(self):
        return (_Line(self.model),)
