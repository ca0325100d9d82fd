import msgspec
import numpy as np
import pytest

from wellhead.core.event import Answer, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict
from wellhead.defend.guarantees import Argmax, Depends, Guarantees, Stage
from wellhead.defend.pipeline import Pipeline
from wellhead.gate import shaping
from wellhead.gate.record import fingerprints
from wellhead.gate.shaping import Shaping

KEY = b"k" * 32
SCORES = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
QUERY = Query("m", np.array([[1.0], [2.0]], np.float32), 2, Exposure.PROBABILITIES)


class Listening(msgspec.Struct, frozen=True):
    """Keeps what it was told."""

    heard: list
    depends: Depends = Depends.OUTPUT
    keyed: bool = False
    name: str = "listening"
    stage: Stage = Stage.PERTURB

    @property
    def guarantees(self):
        return Guarantees(argmax=Argmax.STRICT, deterministic=self.depends, keyed=self.keyed)

    def shape(self, scores, context):
        self.heard.append(context)
        return scores.copy()


def made(monkeypatch, defence):
    """A Shaping in which every list of words stands for this defence, and the lists that were compiled."""
    compiled = []
    monkeypatch.setattr(shaping, "compose", lambda texts, given: compiled.append(texts) or (defence,))
    return Shaping(Pipeline(), KEY, {}), compiled


def verdict(*answers, **fields):
    return Verdict(Stance.WATCH, Exposure.PROBABILITIES, answers=answers, principal="ann", **fields)


@pytest.mark.parametrize(
    ("depends", "keyed", "marks"),
    [(Depends.OUTPUT, False, False), (Depends.INPUT, False, True), (Depends.OUTPUT, True, True)],
)
def test_inputs_are_hashed_only_for_what_looks_at_them(monkeypatch, depends, keyed, marks):
    heard = []
    held, _ = made(monkeypatch, Listening(heard, depends, keyed))
    held.shape(QUERY, Answer(Exposure.PROBABILITIES, SCORES), verdict("x"))
    (context,) = heard
    assert (context.principal, context.stance) == ("ann", Stance.WATCH)
    assert (context.fingerprints is not None) == marks
    assert not marks or context.fingerprints.tolist() == fingerprints(QUERY.inputs, KEY).tolist()


def test_each_list_is_compiled_once_until_something_new_is_known(monkeypatch):
    held, compiled = made(monkeypatch, Listening([]))
    for _ in range(3):
        for answers in (("a",), ("a", "b")):
            held.shape(QUERY, Answer(Exposure.PROBABILITIES, SCORES), verdict(*answers))
    assert compiled == [("a",), ("a", "b")]
    held.give({"codebook": 1})
    held.shape(QUERY, Answer(Exposure.PROBABILITIES, SCORES), verdict("a"))
    assert compiled[2:] == [("a",)]


@pytest.mark.parametrize("wrong", [("modelgard_s",), ("round:2", "top_k:2"), ("round:x",)])
def test_what_cannot_be_compiled_leaves_labels_and_is_counted(wrong):
    held = Shaping(Pipeline(), KEY, {})
    for n in (1, 2):
        answer, name = held.shape(QUERY, Answer(Exposure.PROBABILITIES, SCORES), verdict(*wrong))
        assert (answer.kind, name, held.faults.count) == (Exposure.LABEL, "label_only", n)
    assert held.faults.last


def test_inputs_that_cannot_be_hashed_leave_labels(monkeypatch):
    held, _ = made(monkeypatch, Listening([], Depends.INPUT))
    odd = Query("m", np.array([["x"]], object), 1, Exposure.PROBABILITIES)
    answer, _ = held.shape(odd, Answer(Exposure.PROBABILITIES, SCORES[:1]), verdict("a"))
    assert answer.kind is Exposure.LABEL and held.faults.count == 1


def test_an_answer_without_scores_needs_no_defence():
    held = Shaping(Pipeline(), KEY, {})
    labels = Answer(Exposure.LABEL, labels=np.array([1, 0]))
    answer, name = held.shape(QUERY, labels, verdict("modelguard_s"))
    assert answer.labels.tolist() == [1, 0] and name == "label_only" and held.faults.count == 0
