import typing

import msgspec
import numpy as np
import pytest

from wellhead.core.codec import Record
from wellhead.core.event import Answer, Event, ModelSpec
from wellhead.core.exposure import Exposure

RECORDS = typing.get_args(Record)


@pytest.mark.parametrize("record", RECORDS)
def test_every_stored_record_says_its_version_and_its_kind(record):
    fields = {f.name: f for f in msgspec.structs.fields(record)}
    assert fields["v"].type is int
    assert fields["v"].default == 1
    assert record.__struct_config__.tag == record.__name__.lower()


@pytest.mark.parametrize("record", RECORDS)
def test_stored_records_hold_only_strings_and_integers(record):
    for hint in typing.get_type_hints(record).values():
        assert hint in (str, int, tuple[str, ...], tuple[int, ...])


@pytest.mark.parametrize("record", RECORDS)
def test_stored_records_cannot_be_changed(record):
    assert record.__struct_config__.frozen


def test_the_best_class_comes_from_labels_then_scores_then_nowhere():
    scores = np.array([[0.2, 0.8], [0.9, 0.1]])
    assert Answer(Exposure.PROBABILITIES, scores=scores).top1.tolist() == [1, 0]
    assert Answer(Exposure.LABEL, scores=scores, labels=np.array([0, 0])).top1.tolist() == [0, 0]
    assert Answer(Exposure.VALUE, values=np.array([1.0])).top1 is None


def test_an_event_without_an_answer_gave_nothing_away():
    event = Event(request="r", time_us=1, principal="a", model="m", rows=0, status=429)
    assert Exposure(event.given) is Exposure.NONE


def test_a_model_is_a_classifier_unless_told():
    assert ModelSpec() == ModelSpec(name="model", task="classifier", classes=())
