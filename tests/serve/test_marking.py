import asyncio

import httpx
import numpy as np
import pytest
from marking import INPUTS, House, softmax
from serving import WIDTH, body_of, model, predict

from wellhead.audit.entries import records
from wellhead.core.codec import unpack
from wellhead.core.errors import AuditError
from wellhead.core.event import Event, Mark
from wellhead.defend.mark import SECOND, marks_of
from wellhead.defend.own.commitment import Committed, Withdrawn
from wellhead.defend.own.slip import place_of, read, slip
from wellhead.gate.record import fingerprints
from wellhead.serve import Wellhead, ownership
from wellhead.serve.assemble import secret
from wellhead.serve.marking import is_marked
from wellhead.serve.notes import entries, note
from wellhead.store.marks import Marks, inputs_of


@pytest.fixture
def house():
    house = House()
    yield house
    house.close()


def kept_of(house):
    return Marks(house.folder / "log" / "marks.jsonl").read()


@pytest.mark.parametrize(
    ("defence", "is_it"),
    [
        ("mark", True),
        ("mad+mark+round", True),
        ("keep_argmax(mark)", True),
        ("", False),
        ("round", False),
        ("bookmark", False),
    ],
)
def test_a_marked_answer_is_told_by_its_defences(defence, is_it):
    assert is_marked(defence) is is_it


def test_what_was_served_otherwise_is_kept_with_its_input(house):
    opening = house.on()
    served = house.serve(INPUTS)
    true = softmax(INPUTS)
    flipped = np.flatnonzero(served.argmax(axis=1) != true.argmax(axis=1))
    kept = kept_of(house)
    assert 50 < flipped.size < 150
    assert np.array_equal(inputs_of(kept), INPUTS[flipped])
    assert [k.served for k in kept] == served.argmax(axis=1)[flipped].tolist()
    assert [k.rival for k in kept] == true.argmax(axis=1)[flipped].tolist()
    assert {(k.principal, k.classes, k.commitment) for k in kept} == {("eve", 4, opening.commitment)}
    found = marks_of(opening.marking, true, "eve", fingerprints(INPUTS, house.key))
    assert np.array_equal(found.rows, flipped)


def test_a_plan_that_did_not_agree_is_never_marked(house):
    house.on()
    assert np.array_equal(house.serve(INPUTS, plan=""), softmax(INPUTS))
    assert kept_of(house) == []


def test_the_same_question_gets_the_same_mark_and_is_kept_once(house):
    house.on()
    one = house.serve(INPUTS[:300])
    assert np.array_equal(house.serve(INPUTS[:300]), one)
    many = len(kept_of(house))
    assert 0 < many < 80
    house.serve(INPUTS[:300], "bob")
    others = [k for k in kept_of(house) if k.principal == "bob"]
    assert others
    assert {k.fingerprint for k in others} != {k.fingerprint for k in kept_of(house) if k.principal == "eve"}


def test_labels_alone_carry_the_mark_too():
    house = House(more='[plans.agreed.exposure]\nexposure = "label"\nflip_labels = true')
    try:
        house.on()
        served = house.serve(INPUTS).argmax(axis=1)
        kept = kept_of(house)
        flipped = np.count_nonzero(served != softmax(INPUTS).argmax(axis=1))
        assert len(kept) == flipped
        assert flipped > 50
    finally:
        house.close()


def test_the_second_variant_keeps_every_label_and_needs_no_leave_to_flip():
    house = House(own='plans = ["agreed"]\nshare = 0.2\nvariant = "second"', flip=False)
    try:
        opening = house.on()
        served, true = house.serve(INPUTS), softmax(INPUTS)
        assert np.array_equal(served.argmax(axis=1), true.argmax(axis=1))
        found = marks_of(opening.marking, true, "eve", fingerprints(INPUTS, house.key))
        assert len(kept_of(house)) == found.rows.size > 50
        assert opening.marking.variant == SECOND
    finally:
        house.close()


def test_a_mark_that_was_rounded_away_is_no_evidence():
    house = House(more="[plans.agreed.exposure]\ndecimals = 0\nflip_labels = true")
    try:
        house.on()
        served = house.serve(INPUTS).argmax(axis=1)
        kept = kept_of(house)
        rows = [int(np.flatnonzero(np.equal(one, INPUTS).all(axis=1))[0]) for one in inputs_of(kept)]
        assert rows
        assert [served[r] for r in rows] == [k.served for k in kept]
    finally:
        house.close()


def slips_of_log(house):
    found = [r for _, r in records(house.folder / "log")]
    at = [i for i, r in enumerate(found) if isinstance(r, Mark) and r.what == "slips"]
    return found, at


def test_every_row_has_a_slip_right_behind_its_answer_marked_or_not(house):
    opening = house.on()
    house.serve(INPUTS[:300])
    house.serve(INPUTS[:300], "carol", "")
    found, at = slips_of_log(house)
    events = [(i, r) for i, r in enumerate(found) if isinstance(r, Event)]
    agreed = [(i, e) for i, e in events if e.principal == "eve"]
    assert len(at) == len(agreed) == 6
    marked = {(k.principal, int(k.fingerprint, 16)): k for k in kept_of(house)}
    seen = 0
    for i, event in agreed:
        j = next(j for j in at if read(found[j].detail).place == place_of(event) and j > i)
        assert all(isinstance(r, Event) or r.what == "slips" for r in found[i:j])
        prints = unpack(event.fingerprints, "<u8", event.rows).ravel().tolist()
        for print_, one in zip(prints, read(found[j].detail).each(event.rows), strict=True):
            told = marked[("eve", print_)].told if ("eve", print_) in marked else b""
            assert one == slip(opening.nonce, "eve", print_, told)
            seen += bool(told)
    assert seen == len(marked) > 10


def test_a_question_that_is_repeated_has_the_same_slips(house):
    house.on()
    house.serve(INPUTS[:64])
    house.serve(INPUTS[:64])
    found, at = slips_of_log(house)
    one, other = (read(found[i].detail).slips for i in at)
    assert one == other


def test_a_full_disk_costs_evidence_and_no_answer(house, monkeypatch, capsys):
    house.on()

    def full(self, kept):
        list(kept)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Marks, "add", full)
    assert house.serve(INPUTS[:200]).shape == (200, 4)
    assert "No space left" in capsys.readouterr().err


def test_a_log_that_refuses_the_slips_costs_evidence_and_no_metering(house, monkeypatch, capsys):
    house.on()
    house.start()

    def full(records):
        raise AuditError("the log cannot be written")

    monkeypatch.setattr(house.worker.aides[-1], "_write", full)
    assert house.ask(INPUTS[:200]).shape == (200, 4)
    assert house.worker.counts.lost == 0
    assert "could not be kept: the log cannot be written" in capsys.readouterr().err
    house.stop()
    assert kept_of(house) == []


def test_two_classes_that_nobody_announced_leave_as_labels_alone():
    house = House(model=lambda inputs: softmax(inputs)[:, :2], classes=())
    try:
        house.on()
        house.start()
        served = house.ask(INPUTS[:100])
        assert set(np.unique(served)) == {0.0, 1.0}
        assert np.array_equal(served.argmax(axis=1), softmax(INPUTS[:100])[:, :2].argmax(axis=1))
        assert house.worker.gate.shaping.faults.count > 0
        house.stop()
        assert kept_of(house) == []
    finally:
        house.close()


def test_over_the_wire_the_marked_rows_are_those_that_are_kept(place):
    """Through protocol, keys, gate and worker; a note of the command line reaches the running gate's log."""
    own = '[exposure]\nflip_labels = true\n[plans.agreed]\n[ownership]\nplans = ["agreed"]\nshare = 0.3\n'
    config, token = place.config(own), place.token("ann", plan="agreed")
    (place.folder / "log").mkdir()
    key = secret(place.folder / "log" / "fingerprint.key")
    opening = ownership.switch_on(config, ownership.model_of(config), key, ownership.now_us())
    inputs = np.random.default_rng(1).normal(size=(200, WIDTH))

    async def play():
        app = Wellhead(model, config)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://model") as c:
            headers = {"x-api-key": token, "content-type": "application/json"}
            answered = await c.post("/v2/models/m/infer", content=body_of(inputs), headers=headers)
            await asyncio.to_thread(note, config, Withdrawn(opening.commitment), 1)
        await app.stop()
        return answered

    answered = asyncio.run(play())
    got = np.array(answered.json()["outputs"][0]["data"]).reshape(200, -1)
    flipped = np.flatnonzero(got.argmax(axis=1) != predict(inputs).argmax(axis=1))
    kept = Marks(place.folder / "log" / "marks.jsonl").read()
    assert flipped.size == len(kept)
    assert len(kept) > 20
    assert np.array_equal(inputs_of(kept), inputs[flipped].astype(np.float32))
    assert [e for _, e in entries(config.audit.directory)] == [
        Committed(opening.commitment),
        Withdrawn(opening.commitment),
    ]
