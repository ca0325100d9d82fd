import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marking import INPUTS, House, softmax

from wellhead.audit.log import Log
from wellhead.audit.verify import PASS
from wellhead.core.codec import quantise, strongest
from wellhead.core.errors import AuditError, ConfigError
from wellhead.core.event import Mark
from wellhead.defend.own.chance import band
from wellhead.defend.own.commitment import MarkPolicy, Opening
from wellhead.defend.own.slip import slip, slips_of, written
from wellhead.gate.record import fingerprints
from wellhead.serve import ownership
from wellhead.serve.marking import Marker
from wellhead.serve.proof import (
    Vouched,
    asking_of,
    checked_log,
    contradiction,
    declared,
    faults,
    follows,
    gather,
    marked_rows,
    observed,
    vouched_rows,
)
from wellhead.store.marks import Kept, Marks, inputs_of, packed


@pytest.fixture(scope="module")
def drawn():
    """A gate that marked eve and bob, stopped."""
    house = House()
    house.opening = house.on()
    house.serve(INPUTS[:600])
    house.serve(INPUTS[300:], "bob")
    house.serve(INPUTS[:300], "carol", "")
    yield house
    house.close()


def kept_of(house):
    return Marks(ownership.marks_path(house.config)).read()


def signed(house):
    return checked_log(house.config).signed


def test_every_kept_mark_holds(drawn):
    proof = gather(drawn.config, [drawn.opening], (), signed(drawn))
    assert len(proof.marks) == len(kept_of(drawn)) > 60
    assert proof.rejected == {}
    assert proof.first[drawn.opening.commitment] > 0
    assert {k.principal for k in proof.marks} == {"eve", "bob"}


def test_one_principals_marks_alone(drawn):
    proof = gather(drawn.config, [drawn.opening], ("bob",), signed(drawn))
    assert {k.principal for k in proof.marks} == {"bob"}


def test_entries_beyond_the_checkpoint_prove_nothing(drawn):
    assert gather(drawn.config, [drawn.opening], (), 0).marks == ()


def test_the_observed_share_lies_in_the_band(drawn):
    found = observed(drawn.config, drawn.opening)
    assert found.inputs == 1200
    assert (found.low, found.high) == band(1200, 0.1)
    assert found.drawn == found.kept == len(kept_of(drawn))
    assert found.plausible
    assert "within the 99.9 % band" in found.said


def test_a_share_that_chance_does_not_give_is_told(drawn):
    rare = msgspec.structs.replace(drawn.opening.terms, share=0.5)
    found = observed(drawn.config, drawn.opening)
    assert not msgspec.structs.replace(found, high=found.drawn - 1).plausible
    assert "OUTSIDE" in msgspec.structs.replace(found, low=found.drawn + 1).said
    assert rare.share == 0.5


def test_a_later_commitment_counts_its_own(drawn):
    other = msgspec.structs.replace(drawn.opening, nonce=bytes(32))
    assert observed(drawn.config, other).inputs == 0


def test_only_marked_events_are_looked_at(drawn):
    rows = list(marked_rows(drawn.config))
    assert {e.principal for _, e, _ in rows} == {"eve", "bob"}
    assert sum(len(prints) for _, _, prints in rows) == 1200


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"served": 9}, "this key does not give this mark"),
        ({"principal": "mallory"}, "this key does not give this mark"),
        ({"fingerprint": "00000000000000ff"}, "the input is not the one that was marked"),
        ({"numbers": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "the input is not the one that was marked"),
    ],
)
def test_an_edited_mark_does_not_hold(drawn, other, said):
    kept = [msgspec.structs.replace(kept_of(drawn)[0], **other), kept_of(drawn)[1]]
    assert faults(drawn.opening, kept, drawn.key) == [said, ""]


def test_a_wrong_key_gives_none_of_the_marks(drawn):
    wrong = msgspec.structs.replace(drawn.opening, key=bytes(32))
    found = faults(wrong, kept_of(drawn), drawn.key)
    assert np.mean([bool(f) for f in found]) > 0.9


def test_a_mark_that_the_log_does_not_hold_is_refused(drawn, tmp_path, monkeypatch):
    # carol was never marked, but her row can be made up with the key at hand
    path = tmp_path / "marks.jsonl"
    monkeypatch.setattr(ownership, "marks_path", lambda _: path)
    marking = drawn.opening.marking
    prints = np.array([int(k.fingerprint, 16) for k in kept_of_file(drawn)], np.uint64)
    hit, choice = marking.draws("carol", prints)
    made_up = [
        msgspec.structs.replace(k, principal="carol", served=(k.rival + 1 + int(c) % 3) % 4)
        for k, h, c in zip(kept_of_file(drawn), hit, choice.tolist(), strict=True)
        if h
    ]
    assert made_up
    Marks(path).add(made_up)
    proof = gather(drawn.config, [drawn.opening], (), signed(drawn))
    assert proof.marks == ()
    assert proof.rejected == {"not in the log as served": len(made_up)}


def kept_of_file(house):
    return Marks(house.folder / "log" / "marks.jsonl").read()


def test_another_fingerprint_key_is_refused(drawn, monkeypatch):
    monkeypatch.setattr(ownership, "fingerprint_key", lambda _: bytes(32))
    with pytest.raises(ConfigError, match="fingerprint key"):
        gather(drawn.config, [drawn.opening], (), signed(drawn))


def test_marks_of_two_models_are_no_test(drawn):
    one, two = kept_of_file(drawn)[:2]
    with pytest.raises(ConfigError, match="one model"):
        asking_of([one, msgspec.structs.replace(two, classes=5)])


def test_a_test_that_was_not_declared_is_not_found():
    with pytest.raises(ConfigError, match="own declare"):
        declared([], "t")


def test_a_log_that_was_edited_is_no_evidence():
    house = House()
    try:
        house.on()
        house.serve(INPUTS[:50])
        assert checked_log(house.config).integrity.outcome == PASS
        entries = house.folder / "log" / "entries" / "000000.jsonl"
        entries.write_bytes(entries.read_bytes().replace(b"committed", b"Committed"))
        with pytest.raises(AuditError, match="a log that verifies"):
            checked_log(house.config)
    finally:
        house.close()


def edited(house, tmp_path, monkeypatch, *lines):
    """What is gathered where these lines are the whole file of marks."""
    path = tmp_path / "marks.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(k) + b"\n" for k in lines))
    monkeypatch.setattr(ownership, "marks_path", lambda _: path)
    return gather(house.config, [house.opening], (), signed(house))


EDITS = {
    "commitment": lambda _: "c",
    "principal": lambda k: "bob" if k.principal == "eve" else "eve",
    "fingerprint": lambda k: f"{int(k.fingerprint, 16) ^ 1:016x}",
    "served": lambda k: (k.served + 1) % 4,
    "rival": lambda k: (k.rival + 1) % 4,
    "classes": lambda _: 1000,
    "shape": lambda _: (3, 2),
    "numbers": lambda _: packed(INPUTS, 0)["numbers"],
    "text": lambda _: "x",
}


@pytest.mark.parametrize("field", EDITS)
def test_an_edit_of_any_field_is_rejected_and_the_mark_counts_as_lost(drawn, tmp_path, monkeypatch, field):
    one, *more = kept_of_file(drawn)
    other = msgspec.structs.replace(one, **{field: EDITS[field](one)})
    proof = edited(drawn, tmp_path, monkeypatch, other, *more)
    assert len(proof.marks) == len(more)
    assert other.name not in {k.name for k in proof.marks} or other.name in {k.name for k in more}
    assert [m.name for m in proof.lost] == [one.name]
    # a mark of a key that is not tested is not looked at; the file may hold several keys' marks
    assert sum(proof.rejected.values()) == (0 if field == "commitment" else 1)


@pytest.mark.parametrize("field", ["time_us", "request"])
def test_when_it_was_asked_decides_nothing(drawn, tmp_path, monkeypatch, field):
    lines = [msgspec.structs.replace(k, **{field: 5 if field == "time_us" else "other"}) for k in kept_of_file(drawn)]
    proof = edited(drawn, tmp_path, monkeypatch, *lines)
    assert [k.name for k in proof.marks] == [k.name for k in gather_all(drawn, monkeypatch).marks]
    assert proof.rejected == {}


def gather_all(house, monkeypatch):
    monkeypatch.undo()
    return gather(house.config, [house.opening], (), signed(house))


def test_every_field_of_a_mark_has_its_test():
    assert {*EDITS, "time_us", "request"} == set(Kept.__struct_fields__)


def test_a_mark_that_is_written_down_often_counts_once(drawn, tmp_path, monkeypatch):
    one, two, *_ = kept_of_file(drawn)
    proof = edited(drawn, tmp_path, monkeypatch, *[one] * 20, *[two] * 10)
    assert sorted(k.name for k in proof.marks) == sorted([one.name, two.name])
    assert proof.rejected == {"more than once": 28}


def test_an_input_that_two_keys_marked_counts_once():
    house = House(own='plans = ["agreed"]\nshare = 0.5')
    try:
        first = house.on()
        house.serve(INPUTS[:200])
        house.write(own='plans = ["agreed"]\nshare = 0.4')
        second = house.on()
        house.serve(INPUTS[:200])
        kept = kept_of_file(house)
        proof = gather(house.config, [first, second], (), signed(house))
        assert len(proof.marks) == len({k.fingerprint for k in kept}) < len(kept)
        assert proof.rejected == {"more than once": len(kept) - len(proof.marks)}
        assert {k.fingerprint for k in kept if k.commitment == first.commitment} == {
            k.fingerprint for k in proof.marks if k.commitment == first.commitment
        }
    finally:
        house.close()


def test_marks_that_are_gone_are_counted(drawn, tmp_path, monkeypatch):
    kept = kept_of_file(drawn)
    proof = edited(drawn, tmp_path, monkeypatch, *kept[5:])
    assert {m.name for m in proof.lost} == {k.name for k in kept[:5]}
    assert {(m.principal, m.commitment) for m in proof.lost} == {("eve", drawn.opening.commitment)}
    path = tmp_path / "marks.jsonl"
    monkeypatch.setattr(ownership, "marks_path", lambda _: path)
    assert gather(drawn.config, [drawn.opening], ("bob",), signed(drawn)).lost == ()


def forge(house, opening, kept, event):
    """Slips for a mark that was never made, at the end of the log. event: as it stands in it."""
    each = [slip(opening.nonce, event.principal, int(kept.fingerprint, 16), kept.told)] * event.rows
    now_us = ownership.now_us()
    audit = house.config.audit
    log = Log.open(audit.directory, audit.origin, audit.key, now_us)
    detail = written(slips_of(opening.commitment, event, each))
    log.append([Mark(time_us=now_us, what="slips", detail=detail)])
    log.close(now_us)


def made_up(house):
    """A mark that the key would give for a drawn row that was not marked, and its event: a stranger matches it."""
    marking = house.opening.marking
    kept = {k.fingerprint for k in kept_of_file(house)}
    prints = fingerprints(INPUTS, house.key)
    hit, choice = marking.draws("eve", prints)
    for i in np.flatnonzero(hit).tolist():
        event = next((e for _, e, p in marked_rows(house.config) if int(prints[i]) in p.tolist()), None)
        if event is None or f"{int(prints[i]):016x}" in kept:
            continue
        served = int(softmax(INPUTS[i : i + 1]).argmax())
        rival = (served - 1 - int(choice[i] % np.uint64(3))) % 4
        return event, Kept(
            commitment=house.opening.commitment,
            time_us=0,
            principal="eve",
            request="",
            fingerprint=f"{int(prints[i]):016x}",
            served=served,
            rival=rival,
            classes=4,
            **packed(INPUTS, i),
        )
    raise AssertionError


@pytest.fixture
def excluding():
    """A gate that draws half of the inputs, and marks those of three classes alone."""
    house = House(own='plans = ["agreed"]\nshare = 0.5\nnever_from = ["a"]')
    house.opening = house.on()
    yield house
    house.close()


def test_a_second_slip_for_an_answer_vouches_for_nothing(excluding, tmp_path, monkeypatch):
    excluding.serve(INPUTS[:60])
    event, mark = made_up(excluding)
    forge(excluding, excluding.opening, mark, event)
    proof = edited(excluding, tmp_path, monkeypatch, mark)
    assert (proof.marks, proof.rejected) == ((), {"not in the log as served": 1})


@pytest.mark.parametrize(("late", "marks"), [(False, 1), (True, 0)])
def test_a_slip_that_comes_after_anything_else_vouches_for_nothing(excluding, tmp_path, monkeypatch, late, marks):
    monkeypatch.setattr(Marker, "_slips", lambda *_: [])  # a crash came between the answer and its slip
    excluding.serve(INPUTS[:60])
    event, mark = made_up(excluding)
    if late:
        excluding.start().stop()
    forge(excluding, excluding.opening, mark, event)
    proof = edited(excluding, tmp_path, monkeypatch, mark)
    # right behind the answer it stands as the gate itself would have put it
    assert (len(proof.marks), proof.rejected) == (marks, {"not in the log as served": 1} if late else {})


def test_slips_under_another_commitment_vouch_for_nothing(drawn):
    other = msgspec.structs.replace(drawn.opening, nonce=bytes(32))
    assert list(vouched_rows(drawn.config, [other], 2**63)) == []
    assert len(list(vouched_rows(drawn.config, [drawn.opening], 2**63))) == len(kept_of_file(drawn))


POLICY = MarkPolicy(share=0.5, variant="first", classes=("a", "b", "c", "d"))
ROW = Vouched(1, "", "c", "eve", b"", 2, 4, {})
MARK = Kept(commitment="c", time_us=0, principal="eve", request="", fingerprint="0" * 16, served=2, rival=1, classes=4)


def said(terms=None, mark=None, row=None):
    opening = Opening.of(bytes(32), bytes(32), "m", msgspec.structs.replace(POLICY, **(terms or {})))
    return contradiction(opening, msgspec.structs.replace(MARK, **(mark or {})), ROW._replace(**(row or {})))


RANKS = {0: 80, 1: 120, 2: 60, 3: 40}
SECOND = {"variant": "second"}


@pytest.mark.parametrize(
    ("terms", "mark", "row", "why"),
    [
        ({}, {}, {}, ""),
        ({}, {}, {"classes": 0}, ""),
        ({}, {}, {"classes": 5}, "another number of classes"),
        ({}, {"classes": 1000}, {"classes": 0}, "another number of classes"),
        ({"classes": ()}, {"classes": 1000}, {"classes": 0}, ""),
        ({}, {}, {"top": 3}, "not in the log as served"),
        ({}, {}, {"top": 1}, "not in the log as served"),
        ({}, {}, {"top": -1}, "not in the log as served"),
        ({}, {"rival": 5}, {}, "classes that there are not"),
        ({}, {"rival": -3}, {}, "classes that there are not"),
        ({}, {"served": -2}, {"top": -2}, "classes that there are not"),
        ({}, {"rival": 2}, {}, "classes that there are not"),
        ({"never_from": (1,)}, {}, {}, "excluded by the policy"),
        ({"never_from": (2,)}, {}, {}, ""),
        ({"never_to": (2,)}, {}, {}, "excluded by the policy"),
        (SECOND, {"served": 0, "rival": 2}, {"top": 1, "ranks": RANKS}, ""),
        (SECOND, {"served": 0, "rival": 2}, {"top": 1}, ""),
        (SECOND, {"served": 2, "rival": 0}, {"top": 1, "ranks": RANKS}, "not the second and third class"),
        (SECOND, {"served": 0, "rival": 3}, {"top": 1, "ranks": RANKS}, "not the second and third class"),
        (SECOND, {"served": 2, "rival": 3}, {"top": 1, "ranks": RANKS}, "not the second and third class"),
        (SECOND, {"served": 1, "rival": 0}, {"top": 1, "ranks": RANKS}, "not in the log as served"),
        (SECOND, {"served": 0, "rival": 1}, {"top": 1, "ranks": RANKS}, "not in the log as served"),
        (SECOND | {"never_from": (1,)}, {"served": 0, "rival": 2}, {"top": 1}, "excluded by the policy"),
        (SECOND | {"never_to": (2,)}, {"served": 0, "rival": 2}, {"top": 1}, "excluded by the policy"),
    ],
)
def test_a_mark_that_the_logged_answer_contradicts_is_told_why(terms, mark, row, why):
    found = said(terms, mark, row)
    assert found.startswith(why)
    assert bool(found) is bool(why)


@given(st.integers(3, 40), st.integers(0, 2**32))
def test_the_second_and_third_class_always_follow_and_others_never_by_far(classes, seed):
    scores = np.random.default_rng(seed).dirichlet(np.full(classes, 0.7))
    kept, order = strongest(scores[None])
    ranks = dict(zip(range(classes) if order is None else order[0].tolist(), kept[0].tolist(), strict=True))
    top, second, third, *rest = np.argsort(-scores, kind="stable").tolist()
    assert follows(ranks, second, third, top)
    for c in rest:
        # two steps of the log apart, and above what it can tell
        if scores[third] > 1.12 * max(scores[c], 1e-3):
            assert not follows(ranks, second, c, top)
            assert not follows(ranks, third, c, top)


def test_a_pair_that_was_not_served_is_rejected_though_a_slip_vouches_for_it(monkeypatch):
    house = House(own='plans = ["agreed"]\nshare = 0.5\nvariant = "second"', flip=False)
    honest = Marker._kept

    def other_pair(self, x):
        """As an owner would, whose gate writes down the pair that somebody else's model orders so."""
        for row, k in honest(self, x):
            spare = min({0, 1, 2, 3} - {k.served, k.rival, int(x.answer.top1[row])})
            pair = {"rival": spare} if (k.served < k.rival) == (k.served < spare) else {"served": spare}
            yield row, msgspec.structs.replace(k, **pair)

    try:
        opening = house.on()
        house.serve(INPUTS[:400])
        assert gather(house.config, [opening], (), signed(house)).rejected == {}
        monkeypatch.setattr(Marker, "_kept", other_pair)
        house.serve(INPUTS[:400], "bob")
        proof = gather(house.config, [opening], ("bob",), signed(house))
        assert proof.rejected["not the second and third class that were served"] > 50
        # left are those that the log's steps cannot tell apart
        for k, scores in zip(proof.marks, quantise(softmax(inputs_of(proof.marks))).tolist(), strict=True):
            assert scores[k.served] in sorted(scores)[-3:]
            assert scores[k.rival] >= sorted(scores)[-3]
    finally:
        house.close()


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (lambda k: {"rival": min({0, 1, 2, 3} - {k.served, k.rival})}, "this key does not give this mark"),
        (lambda _: {"numbers": packed(INPUTS, 899)["numbers"]}, "the input is not the one that was marked"),
    ],
)
def test_what_key_and_input_contradict_is_rejected_though_a_slip_vouches_for_it(monkeypatch, other, why):
    house = House()
    honest = Marker._kept
    monkeypatch.setattr(
        Marker, "_kept", lambda self, x: [(row, msgspec.structs.replace(k, **other(k))) for row, k in honest(self, x)]
    )
    try:
        opening = house.on()
        house.serve(INPUTS[:300])
        proof = gather(house.config, [opening], (), signed(house))
        assert proof.marks == ()
        assert proof.rejected == {why: len(kept_of_file(house))}
    finally:
        house.close()
