import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.adaptive import ACCOUNTS, THIEVES, TIMES, ask_as, callers_of, reading
from wellhead.redteam.attack import Extraction
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

THIEF = {thief.name: thief for thief in THIEVES}


@pytest.fixture
def known(pool):
    return Known(pool=pool[:400], shape=(4,), low=pool.min(axis=0), high=pool.max(axis=0), classes=3)


def asked(way, known, model):
    seen = []
    last = finish(run(ask_as(way, known, 60), InProcess(lambda x: seen.append(x) or model(x)), seed=4))
    return last.result.inputs, np.concatenate(seen), last.spent.rows


def test_every_way_learns_from_the_same_inputs(known, softmax):
    plain, sent, rows = asked("plain", known, softmax)
    assert len(plain) == rows == 60 and np.array_equal(sent, plain)
    for way, most in (("repeats", 60 * TIMES), ("jitter", 60 * TIMES), ("split", 60), ("cover", 120)):
        inputs, sent, rows = asked(way, known, softmax)
        assert np.array_equal(inputs, plain) and len(sent) == rows == most, way


def test_jitter_asks_copies_that_differ_and_cover_asks_decoys(known, softmax):
    plain = {row.tobytes() for row in asked("plain", known, softmax)[0]}
    jittered = asked("jitter", known, softmax)[1]
    assert len({row.tobytes() for row in jittered}) == 60 * TIMES and np.abs(jittered).max() <= np.abs(known.pool).max()
    assert sum(row.tobytes() in plain for row in asked("cover", known, softmax)[1]) == 60


def test_texts_cannot_be_jittered_or_covered():
    texts = Known(pool=["a", "b", "c"])
    for way in ("jitter", "cover"):
        with pytest.raises(Unsuited):
            ask_as(way, texts, 2)


def test_split_accounts_are_unlike():
    callers = callers_of("split")
    assert len(callers) == ACCOUNTS and len(callers_of("plain")) == 1
    for field in ("principal", "address", "agent", "created_day"):
        assert len({getattr(c, field) for c in callers}) == ACCOUNTS, field
    assert len({c.address.rpartition(".")[0] for c in callers}) == ACCOUNTS


def told(name, answer, undoing=None, n=40):
    got = Extraction(inputs=np.arange(n * 4.0).reshape(n, 4), answer=answer)
    return reading(THIEF[name], got, undoing, 0)


def test_split_and_cover_read_what_soft_and_label_only_read(softmax, pool):
    scores = softmax(pool[:40])
    answer = Answer(Exposure.PROBABILITIES, scores)
    _, soft = told("soft", answer)
    _, labels = told("label-only", answer)
    assert np.array_equal(soft, scores) and np.array_equal(labels, scores.argmax(axis=1))
    for way in ("split", "cover"):
        assert np.array_equal(told(f"{way} soft", answer)[1], soft), way
        assert np.array_equal(told(f"{way} label-only", answer)[1], labels), way


def test_certainties_are_read_as_the_labels_that_they_are(softmax, pool):
    labels = softmax(pool[:40]).argmax(axis=1)
    for answer in (Answer(Exposure.PROBABILITIES, np.eye(3)[labels]), Answer(Exposure.LABEL, labels=labels)):
        _, targets = told("soft", answer)
        assert np.array_equal(targets, labels)


def test_rows_without_scores_are_left_out(softmax, pool):
    scores = softmax(pool[:40])
    scores[10:] = np.nan
    labels = np.arange(40) % 3
    inputs, targets = told("soft", Answer(Exposure.PROBABILITIES, scores, labels))
    assert len(inputs) == len(targets) == 10
    inputs, targets = told("label-only", Answer(Exposure.PROBABILITIES, scores, labels))
    assert np.array_equal(targets, labels)


def test_what_is_known_is_undone(softmax, pool):
    scores = softmax(pool[:40])
    bent = lambda p: p**0.5 / (p**0.5).sum(axis=1, keepdims=True)  # noqa: E731
    _, undone = told("recovery", Answer(Exposure.PROBABILITIES, bent(scores)), bent)
    assert np.abs(undone - scores).mean() < 0.5 * np.abs(bent(scores) - scores).mean()
    for answer, shape in ((scores, None), (np.eye(3)[scores.argmax(axis=1)], bent)):
        with pytest.raises(Unsuited, match="nothing to undo"):
            told("recovery", Answer(Exposure.PROBABILITIES, answer), shape)
