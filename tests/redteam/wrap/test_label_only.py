import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.wrap.label_only import labels_alone


def test_scores_are_forgotten():
    told = labels_alone(Answer(Exposure.PROBABILITIES, np.array([[0.2, 0.8], [0.9, 0.1]])))
    assert told == Answer(Exposure.LABEL, labels=np.array([1, 0]))
    assert labels_alone(Answer(Exposure.VALUE, values=np.ones(2))).kind == Exposure.NONE
