import numpy as np
import pytest
from promising import profile
from serving import WIDTH, exchange

from wellhead.gate.record import Recorder
from wellhead.serve.raw import Raw, seen, told

RNG = np.random.default_rng(9)
RECORDER = Recorder("m", b"k" * 32, lambda _field, value: value)


def ask(raw, name, inputs, request="r"):
    x = exchange(name, inputs, request)
    recorded = RECORDER.record([x], profile())
    raw.see([x], recorded.events, profile())
    return recorded.batches[0]


def test_only_those_that_are_named_are_kept():
    raw = Raw()
    ask(raw, "ann", np.ones(WIDTH))
    assert raw.of(("ann",)) == {}
    raw.names = frozenset(["ann"])
    ask(raw, "bob", np.ones(WIDTH))
    batch = ask(raw, "ann", np.ones((3, WIDTH)))
    assert list(raw.of(("ann", "bob"))) == [int(batch.fingerprint[0])]


def test_the_latest_are_kept_and_memory_is_bounded():
    raw = Raw(most_rows=10, most_bytes=15 * WIDTH * 4)
    raw.names = frozenset(["ann", "bob"])
    for i in range(4):
        last = ask(raw, "ann", RNG.normal(size=(4, WIDTH)), f"a{i}")
    assert len(raw.of(("ann",))) == 10 and set(last.fingerprint.tolist()) <= set(raw.of(("ann",)))
    ask(raw, "bob", RNG.normal(size=(8, WIDTH)))
    assert raw.of(("ann",)) == {} and len(raw.of(("bob",))) == 8
    assert raw.bytes == 8 * WIDTH * 4


def test_codes_tell_inputs_like_the_sample_and_raw_ones_stand_over_them():
    near, far = RNG.normal(size=(20, WIDTH)) * 0.8, RNG.uniform(10, 20, size=(4, WIDTH))
    raw = Raw()
    raw.names = frozenset(["ann"])
    batch = ask(raw, "ann", np.vstack([near, far]))
    inputs, known = seen(batch, profile(), {})
    assert known.tolist() == [True] * 20 + [False] * 4
    assert inputs[:20] == pytest.approx(near, abs=0.1)
    inputs, known = seen(batch, profile(), raw.of(("ann",)))
    assert known.all() and inputs[20:] == pytest.approx(far, rel=1e-5)
    assert told(batch.codes[:20], profile()) == pytest.approx(near, abs=0.1)
