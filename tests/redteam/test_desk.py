import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered
from wellhead.redteam.budget import Budget
from wellhead.redteam.desk import Desk, are_logits, called
from wellhead.redteam.http import Account, Http
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.patience import Patience
from wellhead.redteam.transcript import Transcript


def desk_of(oracle, rows=100.0):
    return Desk(oracle, Budget(rows=rows, price_row=0.5), Transcript(), Patience(attempts=1))


def test_a_cap_ends_a_part_and_the_budget_the_whole(softmax, pool):
    desk = desk_of(InProcess(softmax))
    assert answered(desk.ask(pool[:50], cap=30)).sum() == 30
    assert answered(desk.ask(pool[50:100], cap=1000)).sum() == 50
    assert answered(desk.ask(pool[100:200])).sum() == 20
    assert desk.left == 0 and desk.spent.rows == 100 and desk.spent.money == 50.0


def test_asking_again_is_a_new_query_each_time(softmax, pool):
    desk = desk_of(InProcess(softmax))
    for number in (0, 1, 1):
        desk.ask_again(pool[:2], number)
    assert desk.spent.rows == 4


def test_a_blocked_account_is_not_asked_again(server, wording, pool):
    server.misbehave = lambda account, number: (401, {}) if account == "t0" else None
    desk = desk_of(Http(server.url, wording, accounts=[Account("a", "t0"), Account("b", "t1")]))
    for start in (0, 10, 20):
        desk.ask(pool[start : start + 10])
    assert server.by_account["t0"] == 1
    assert desk.blocked == {"a": "refused with 401"} and [x.account for x in desk.lines] == ["b"]


def test_scores_of_another_width_are_no_answer(softmax, pool):
    desk = desk_of(InProcess(softmax))
    desk.classes = 4
    with desk.asker() as asker:
        assert not answered(asker.ask(pool[:2])).any()
        assert "expected scores of 4 classes as before, got 3" in asker.last_failure


def test_logits_are_called_logits(softmax, pool):
    desk = desk_of(InProcess(lambda x: np.log(softmax(x))))
    desk.classes, desk.scores = 3, Exposure.LOGITS
    assert desk.ask(pool[:2]).kind is Exposure.LOGITS
    label = Answer(Exposure.LABEL, labels=np.zeros(1, np.int64))
    assert called(label, Exposure.LOGITS) is label and called(None, Exposure.LOGITS) is None
    desk.scores = Exposure.PROBABILITIES
    assert desk.ask(pool[4:6]).kind is Exposure.PROBABILITIES
    assert are_logits(np.array([[-1.0, 2.0]])) and not are_logits(np.array([[0.2, 0.9], [np.nan, np.nan]]))
