from contextlib import contextmanager

import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.adaptive import THIEVES
from wellhead.redteam.curves import Curves, Stolen
from wellhead.redteam.grade import Judges
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess, Reply, Simulated, as_answer
from wellhead.redteam.theft import Loot, Trial, steal, summed

SOFT, LABELS, RECOVERY = THIEVES[:3]


@pytest.fixture
def known(pool):
    return Known(pool=pool[:300], shape=(4,), low=pool.min(axis=0), high=pool.max(axis=0), classes=3)


@pytest.fixture
def curves(softmax, pool):
    return Curves(Judges(pool[1000:1150], as_answer(softmax(pool[1000:1150]))), None, 3)


def trial_of(shape, **more):
    @contextmanager
    def guard(model, callers):
        yield InProcess(lambda x: shape(model(x)), clock=Simulated())

    return Trial("p", guard, **more)


def test_thieves_of_one_way_share_a_conversation(known, curves, softmax):
    asked = []
    trial = trial_of(lambda p: asked.append(len(p)) or p)
    loots = steal(trial, softmax, (SOFT, LABELS, RECOVERY), known, curves, (100, 1.0, 0))
    assert sum(asked) == 100
    assert loots["soft"].rows == 100 and [s.inputs for s in loots["soft"].curve] == [50, 100]
    assert loots["soft"].curve[-1].fidelity >= loots["label-only"].curve[-1].fidelity
    assert loots["recovery"].state == "not run" and "nothing to undo" in loots["recovery"].reason


def test_a_label_thief_gets_the_same_through_every_defence_that_keeps_the_best_class(known, curves, softmax):
    def flat(p):
        return 0.9 / 3 + 0.1 * p

    got = [
        steal(trial_of(shape), softmax, (LABELS,), known, curves, (100, 1.0, 0))["label-only"].curve
        for shape in (lambda p: p, flat, lambda p: Answer(Exposure.LABEL, labels=p.argmax(axis=1)))
    ]
    assert got[0] == got[1] == got[2]


class Closing:
    """Answers so many rows, and then refuses for ever."""

    target, owner, rows_per_call, timeout_s, concurrent, account = "shut", "", 50, 1.0, False, "thief-1"

    def __init__(self, model, rows):
        self.model, self.left, self.clock, self.lines = model, rows, Simulated(), (self,)

    def send(self, inputs, timeout_s):
        if self.left < len(inputs):
            return Reply(429, retry_after_s=3600.0, detail="limit reached: rows")
        self.left -= len(inputs)
        return Reply(200, as_answer(self.model(inputs)))

    def close(self):
        pass


def test_a_thief_waits_for_its_days_and_keeps_what_it_has(known, curves, softmax):
    @contextmanager
    def guard(model, callers):
        yield Closing(model, 60)

    loot = steal(Trial("p", guard), softmax, (SOFT,), known, curves, (100, 2.0, 0))["soft"]
    assert loot.state in ("blocked", "cut short") and loot.reason
    assert loot.rows == 60 and 0 < loot.seconds <= 2 * 86_400
    assert [s.inputs for s in loot.curve] == [50, 60]


def test_faults_are_states(known, curves, softmax):
    @contextmanager
    def guard(model, callers):
        raise ConfigError("no gate")
        yield

    loot = steal(Trial("p", guard), softmax, (SOFT,), known, curves, (50, 1.0, 0))["soft"]
    assert loot == Loot("failed", "ConfigError: no gate")
    texts = Known(pool=["a", "b"])
    jitter = next(t for t in THIEVES if t.way == "jitter")
    assert steal(trial_of(lambda p: p), softmax, (jitter,), texts, curves, (2, 1.0, 0))["jitter"].state == "not run"


def test_seeds_are_summed_where_all_have_a_clone():
    one = Loot("ok", "", 200, 5.0, (Stolen(50, 0.5, 0.4, "a"), Stolen(100, 0.8, 0.6, "a")))
    two = Loot("cut short", "30 days", 160, 9.0, (Stolen(50, 0.7, 0.4, "b"), Stolen(80, 0.9, 0.8, "b")))
    taken = summed(SOFT, [one, two], 1000)
    assert (taken.state, taken.reason, taken.rows, taken.seconds) == ("cut short", "30 days", 180, 9.0)
    assert [(p.inputs, p.rows) for p in taken.curve] == [(50, 100), (90, 180)]
    assert [p.fidelity for p in taken.curve] == pytest.approx([0.6, 0.85])
    assert taken.shares == (0.8, 0.9) and taken.learner == "b" and taken.accuracy == pytest.approx(0.7)
    assert taken.accuracy_spread == pytest.approx(np.std([0.6, 0.8], ddof=1))


def test_a_thief_without_a_clone_has_no_curve():
    taken = summed(SOFT, [Loot("blocked", "why")], 10)
    assert (taken.state, taken.reason, taken.curve) == ("blocked", "why", ())
