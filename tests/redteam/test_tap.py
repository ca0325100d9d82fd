import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.active import Random
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.redteam.tap import Heap, Tapped


def test_a_tapped_attack_does_the_same_and_is_overheard(softmax, pool):
    attack, heap = Random(inputs=pool[:300], rows=100), Heap()
    plain = finish(run(attack, InProcess(softmax), seed=2)).result
    tapped = finish(run(Tapped(attack, heap), InProcess(softmax), seed=2)).result
    assert np.array_equal(plain.inputs, tapped.inputs)
    assert heap.rows == 100
    assert np.array_equal(heap.extraction.answer.scores, softmax(heap.extraction.inputs))


def test_a_heap_keeps_each_answered_input_once(softmax, pool):
    heap = Heap()
    labels = np.array([0, -1, 1])
    heap.add(pool[:3], Answer(Exposure.LABEL, labels=labels))
    heap.add(pool[:3], Answer(Exposure.LABEL, labels=labels))
    gap = pool[3:4].copy()
    gap[0, 0] = np.nan
    heap.add(gap, Answer(Exposure.LABEL, labels=np.array([1])))
    assert heap.rows == 2
    texts = Heap()
    texts.add(["a", "a"], Answer(Exposure.LABEL, labels=np.array([1, 1])))
    assert texts.extraction.inputs == ["a"]
