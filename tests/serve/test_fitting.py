import numpy as np
import pytest

from wellhead.core.codec import unpack
from wellhead.core.errors import ProfileError, WellheadError
from wellhead.core.event import Answer, Caller, Exchange, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.gate.record import Recorder
from wellhead.meter.fit import fit
from wellhead.serve.fitting import MOST, Fitting, coded, mark

RECORDER = Recorder("m", b"k" * 32, lambda _field, value: value)


def exchange(inputs, request="r"):
    p = np.random.default_rng(1).dirichlet(np.ones(3), len(inputs))
    query = Query("m", np.asarray(inputs, np.float32), len(inputs), Exposure.PROBABILITIES)
    return Exchange(Caller(principal="ann"), query, Answer(Exposure.PROBABILITIES, p), 1, 200, request)


def feed(fitting, inputs, request="r"):
    x = exchange(inputs, request)
    events = RECORDER.record([x], None).events[0]
    fitting.see(x, events, None)
    return events


def real_fit(inputs, answer):
    return fit(inputs, answer, ModelSpec(name="m"), np.random.default_rng(0))


def test_it_fits_once_enough_distinct_inputs_were_seen_and_codes_what_it_held():
    rng = np.random.default_rng(0)
    fitting = Fitting(real_fit, enough=40)
    held = [*feed(fitting, rng.normal(size=(39, 6)), "a"), *feed(fitting, np.zeros((2, 6)), "b")]
    fitting.wait()
    assert fitting.ready
    profile, waited = fitting.take()
    records = [record for h, codes in waited for record in coded(profile, h, codes)]
    assert [(c.request, c.part) for c in records] == [(e.request, e.part) for e in held]
    codes = [unpack(c.codes, "|i1", e.rows) for c, e in zip(records, held, strict=True)]
    assert (codes[1] == profile.code(np.zeros((2, 6), np.float32))).all()
    assert profile.id in mark(profile, 7).detail
    assert not fitting.ready


def test_repeats_do_not_count():
    fitting = Fitting(real_fit, enough=5)
    for _ in range(10):
        feed(fitting, np.zeros((1, 4)))
    assert "1 of 5" in fitting.progress


def test_refusals_and_coded_queries_are_not_held():
    fitting = Fitting(real_fit, enough=2)
    x = exchange(np.zeros((1, 4)))
    fitting.see(x, RECORDER.record([x], None).events[0], np.zeros((1, 4), np.int8))
    x.answer = None
    fitting.see(x, RECORDER.record([x], None).events[0], None)
    assert "0 of 2" in fitting.progress


def test_a_failed_fit_is_said_and_nothing_is_taken():
    def fail(_inputs, _answer):
        raise ProfileError("no")

    fitting = Fitting(fail, enough=1)
    feed(fitting, np.zeros((1, 4)))
    fitting.wait()
    assert not fitting.ready
    assert "could not be fitted: no" in fitting.progress
    with pytest.raises(WellheadError):
        fitting.take()


def test_memory_is_bounded_and_what_was_left_out_is_counted():
    fitting = Fitting(real_fit, enough=10**9)
    feed(fitting, np.zeros((MOST, 1)))
    feed(fitting, np.zeros((3, 1)))
    assert fitting.uncoded == 3
