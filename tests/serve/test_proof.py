import msgspec
import numpy as np
import pytest
from marking import INPUTS, House

from wellhead.audit.verify import PASS
from wellhead.core.errors import AuditError, ConfigError
from wellhead.defend.own.chance import band
from wellhead.serve import ownership
from wellhead.serve.proof import asking_of, checked_log, declared, faults, gather, marked_rows, observed
from wellhead.store.marks import Marks


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
