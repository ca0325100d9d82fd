import itertools

import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict
from wellhead.redteam.gated import Gated
from wellhead.redteam.noticed import HONEST, added_us, noticed
from wellhead.redteam.oracle import InProcess

TRUE = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]])


def test_what_moved_and_what_changed_is_counted():
    served = TRUE.copy()
    served[0] = [0.1, 0.8, 0.1]
    served[1] = [0.1, 0.5, 0.4]
    found = noticed(Answer(Exposure.PROBABILITIES, served), Answer(Exposure.PROBABILITIES, TRUE))
    assert (found.answered, found.kept, found.refused) == (3, 2, 0)
    assert found.l1_max == pytest.approx(1.2) and found.l1_mean == pytest.approx((1.2 + 0.2) / 3)


def test_labels_are_certainties_and_refusals_are_no_answers():
    told = Answer(Exposure.LABEL, labels=np.array([0, -1, 2]))
    found = noticed(told, Answer(Exposure.PROBABILITIES, TRUE))
    assert (found.answered, found.kept, found.refused) == (2, 2, 1)
    assert found.l1_mean == pytest.approx((0.6 + 1.2) / 2)
    assert noticed(Answer(Exposure.LABEL, labels=np.full(3, -1)), Answer(Exposure.PROBABILITIES, TRUE)).refused == 3


def test_logits_are_compared_as_probabilities_and_labels_alone_do_not_move():
    found = noticed(Answer(Exposure.PROBABILITIES, TRUE), Answer(Exposure.LOGITS, np.log(TRUE) - 3))
    assert found.l1_max == pytest.approx(0, abs=1e-9)
    labels = Answer(Exposure.LABEL, labels=np.array([0, 1, 2]))
    assert noticed(labels, labels).l1_max == -1.0


class Slow:
    def __init__(self, passes=True):
        self.released, self.passes = 0, passes

    def admit(self, caller, query, now_s):
        assert caller is HONEST and query.rows == 1
        status = 0 if self.passes else 429
        return Verdict(Stance.ALLOW if self.passes else Stance.THROTTLE, Exposure.PROBABILITIES, status)

    def shape(self, query, answer, verdict):
        return answer, ""

    def release(self, caller, rows):
        self.released += rows


def test_only_shaping_is_timed():
    gate, truth = Slow(), Answer(Exposure.PROBABILITIES, TRUE)
    ticks = itertools.accumulate(itertools.cycle([1.0, 5e-6]))
    assert added_us(Gated(gate, (), None, None), TRUE, truth, lambda: next(ticks)) == pytest.approx(5.0, rel=1e-3)
    assert gate.released == 3
    assert added_us(Gated(Slow(passes=False), (), None, None), TRUE, truth) == -1.0
    assert added_us(InProcess(None), TRUE, truth) == -1.0
