import numpy as np
import pytest
from bygone import BEGAN, event
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.core.codec import pack
from wellhead.core.exposure import Exposure
from wellhead.serve.touched import SWEEP, Assessment, records_of

CODES = np.array([[0, 0], [40, 0], [0, 40]], np.int8)
OTHERS = np.array([[10, 0], [50, 0], [0, 50], [-100, -100]], np.int8)
PRINTS = np.array([11, 22, 33], "<u8")
RECORDS = records_of(PRINTS, CODES, OTHERS, np.array([1, 0, 0]))


def asked(prints, codes, top1, confidence, given=Exposure.PROBABILITIES, i=0, **more):
    n = len(prints)
    return event(
        i, "p", BEGAN + i, n, fingerprints=pack(np.array(prints, "<u8")), codes=pack(np.array(codes, np.int8)),
        top1=tuple(top1), confidence_pm=tuple(confidence), given=int(given), **more,
    )  # fmt: skip


def touched(*events, records=RECORDS, crowd=()):
    assessment = Assessment(records)
    for each in (*crowd, *events):
        assessment.overheard(each)
    for each in events:
        assessment.add(each)
    return assessment.touched()


def test_the_record_itself_tells_its_class_and_how_sure_the_model_is():
    crowd = [asked([i], [[90, 90]], [0], [i * 10]) for i in range(100)]
    (touch,) = touched(asked([11, 99], [[0, 0], [90, 90]], [1, 0], [985, 500]), crowd=crowd)
    assert (touch.record, touch.asked, touch.near, touch.labels, touch.right) == (1, 1, 0, (1,), 1)
    assert (touch.confidence, touch.rank) == (0.985, pytest.approx(100 / 102))
    assert touch.inferred[-1].endswith("a sign of membership")


def test_an_ordinary_confidence_is_no_sign():
    crowd = [asked([i], [[90, 90]], [0], [i * 10]) for i in range(100)]
    (touch,) = touched(asked([11], [[0, 0]], [0], [500]), crowd=crowd)
    assert touch.right == 0
    assert not any("membership" in said for said in touch.inferred)


def test_a_label_has_no_confidence():
    (touch,) = touched(asked([11], [[0, 0]], [1], [1000], Exposure.LABEL))
    assert (touch.confidence, touch.rank, touch.given) == (-1.0, -1.0, int(Exposure.LABEL))
    assert touch.inferred == ("what the model says of it", "that its class is the right one")


@pytest.mark.parametrize("defence", ["label_only", "label_only+round", "label_only_after"])
def test_certainty_that_a_defence_made_is_no_confidence(defence):
    one_hot = asked([11], [[0, 0]], [1], [1000], defence=defence)
    crowd = [asked([i], [[90, 90]], [0], [1000], i=i, defence=defence) for i in range(50)]
    assert touched(one_hot)[0].confidence == -1.0
    (touch,) = touched(asked([11], [[0, 0]], [1], [990]), crowd=[*crowd, asked([7], [[90, 90]], [0], [500])])
    assert touch.rank == 0.5


def test_a_sweep_around_a_record_is_a_sign_even_with_labels_alone():
    rows = [[3, i % 3] for i in range(SWEEP)]
    events = [asked([100 + i], [row], [i % 2], [-1], Exposure.LABEL, i) for i, row in enumerate(rows)]
    (touch,) = touched(*events, *events)
    assert (touch.record, touch.asked, touch.near, touch.labels, touch.right) == (1, 0, SWEEP, (0, 1), -1)
    assert "boundary" in touch.inferred[-1]


def test_what_lies_apart_touches_nothing():
    assert touched(asked([99, 98], [[6, 0], [90, 90]], [0, 0], [500, 500])) == []


def test_without_a_profile_only_the_same_inputs_count():
    bare = records_of(PRINTS, np.zeros((3, 0), np.int8), np.zeros((3, 0), np.int8), None)
    found = touched(asked([11, 5], [[0, 0], [1, 0]], [0, 0], [1, 1]), records=bare)
    assert [(t.record, t.asked, t.right) for t in found] == [(1, 1, -1)]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_near_is_what_a_slow_look_at_each_pair_finds(seed):
    rng = np.random.default_rng(seed)
    codes, others, rows = (rng.integers(-20, 21, (n, 3)).astype(np.int8) for n in (6, 9, 12))
    records = records_of(np.arange(6, dtype="<u8"), codes, others, None)
    found = touched(asked(range(100, 112), rows, [0] * 12, [0] * 12), records=records)
    slow = {}
    for i, record in enumerate(codes.astype(float)):
        apart = [d for d in np.linalg.norm(others - record, axis=1) if d > 0]
        near = sum(np.linalg.norm(row - record) <= min(apart) / 2 + 1e-9 for row in rows)
        if near:
            slow[i + 1] = near
    assert {t.record: t.near for t in found} == slow
