import struct
import typing

import msgspec
import numpy as np
import pytest

from wellhead.core.arrays import Flat
from wellhead.core.codec import Record
from wellhead.core.event import Answer, Event, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.core.finding import Evidence

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
        assert hint in (str, int, tuple[str, ...], tuple[int, ...], tuple[Evidence | str, ...])
    assert set(typing.get_type_hints(Evidence).values()) == {str}


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


def test_numbers_become_an_array_once_and_at_first_use():
    query = Query("m", Flat(struct.pack("<2f", 0.5, 0.1), (1, 2)), 1, Exposure.LABEL)
    assert query.inputs is query.inputs and query.inputs.dtype == np.float32
    assert query.inputs.tolist() == [[0.5, float(np.float32(0.1))]]
    answer = Answer(Exposure.PROBABILITIES, Flat([0.1, 0.9], (1, 2)))
    assert answer.flat is not None and answer.top1.tolist() == [1]
    assert answer.flat is None and answer.scores is answer.scores
    assert answer.scores.tolist() == [[0.1, 0.9]] and answer.scores.dtype == np.float64


def test_arrays_and_texts_stay_the_objects_that_they_are():
    texts, scores = ["a"], np.eye(2)
    assert Query(model="m", inputs=texts, rows=1, asked=Exposure.LABEL).inputs is texts
    assert Answer(Exposure.PROBABILITIES, scores).scores is scores
    assert Answer(Exposure.PROBABILITIES, scores).flat is None


def test_answers_are_equal_where_they_say_the_same():
    one = Answer(Exposure.PROBABILITIES, Flat([0.1, 0.9], (1, 2)))
    assert one == Answer(Exposure.PROBABILITIES, np.array([[0.1, 0.9]]))
    for other in (
        Answer(Exposure.TOP_K, one.scores),
        Answer(Exposure.PROBABILITIES, np.array([[0.9, 0.1]])),
        Answer(Exposure.PROBABILITIES, one.scores, np.array([1])),
        Answer(Exposure.PROBABILITIES),
    ):
        assert one != other
    assert one != Exposure.PROBABILITIES
