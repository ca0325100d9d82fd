import shutil

import msgspec
import pytest
from marking import INPUTS, House, softmax

from wellhead.audit.entries import records
from wellhead.core.errors import ConfigError
from wellhead.core.event import Event, Mark
from wellhead.defend.own.commitment import Committed, Withdrawn
from wellhead.serve import ownership, profiles
from wellhead.serve.notes import entries as notes_entries
from wellhead.serve.notes import note, standing
from wellhead.serve.rehearse import Rehearsal


@pytest.fixture
def house():
    house = House()
    yield house
    house.close()


def entries(house):
    return [e for _, e in notes_entries(house.folder / "log")]


def refused(house):
    with pytest.raises(ConfigError) as caught:
        house.start()
    return str(caught.value)


def test_the_commitment_stands_in_the_log_before_the_first_mark(house):
    opening = house.on()
    house.serve(INPUTS[:200])
    found = list(records(house.folder / "log"))
    at = [i for i, r in found if isinstance(r, Mark) and r.what == "ownership"]
    first = next(i for i, r in found if isinstance(r, Event))
    assert len(at) == 1
    assert at[0] < first
    assert entries(house) == [Committed(opening.commitment)]
    assert opening.key.hex() not in str(found)
    assert opening.nonce.hex() not in str(found)


def test_the_keys_are_their_owners_alone_and_hidden(house):
    opening = house.on()
    path = house.folder / "log" / "ownership.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert ownership.load(house.config).current == opening
    assert opening.key.hex() not in repr(ownership.load(house.config))


def test_without_a_key_nothing_is_marked(house):
    assert (house.serve(INPUTS) == softmax(INPUTS)).all()


def test_on_twice_is_one_commitment_and_off_ends_it(house):
    one = house.on()
    assert house.on() == one
    assert entries(house) == [Committed(one.commitment)]
    assert house.off()
    assert not house.off()
    assert (house.serve(INPUTS) == softmax(INPUTS)).all()
    assert house.on() == one
    assert entries(house) == [Committed(one.commitment), Withdrawn(one.commitment), Committed(one.commitment)]
    assert (house.serve(INPUTS) != softmax(INPUTS)).any()


def test_another_policy_or_model_needs_another_commitment(house):
    one = house.on()
    house.write(own='plans = ["agreed"]\nshare = 0.2')
    assert "as they were committed to" in refused(house)
    other = house.on()
    assert other.key != one.key
    assert [o.commitment for o in ownership.load(house.config).openings] == [one.commitment, other.commitment]


def test_the_models_name_is_part_of_it(house):
    house.on()
    house.config = msgspec.structs.replace(house.config, model=msgspec.structs.replace(house.config.model, version="2"))
    assert "as they were committed to" in refused(house)


def test_a_key_that_this_log_does_not_know_marks_nothing(house):
    opening = house.on()
    other = House()
    try:
        (other.folder / "log").mkdir()
        (other.folder / "log" / "fingerprint.key").write_bytes(house.key)
        ownership.save(other.config, ownership.Keyring((opening,), on=True))
        assert "run `wellhead mark on` for this log" in refused(other)
    finally:
        other.close()


def test_a_withdrawn_commitment_marks_nothing(house):
    opening = house.on()
    note(house.config, Withdrawn(opening.commitment), ownership.now_us())
    assert "under a checkpoint" in refused(house)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("share = 0.1", "ownership.plans or ownership.stance"),
        ('plans = ["gold"]', "`plans of the config|plans of the config in ownership.plans"),
        ('plans = ["agreed"]\nnever_from = ["z"]', "classes of model.classes in ownership.never_from"),
        ('plans = ["agreed"]\nnever_to = ["a", "b", "c"]', "two classes or more"),
    ],
)
def test_a_policy_that_proves_nothing_is_refused(house, own, said):
    house.write(own=own)
    with pytest.raises(ConfigError, match=said):
        house.on()


def test_two_classes_are_refused_with_the_reason(house):
    house.write(classes=("no", "yes"))
    with pytest.raises(ConfigError, match="impossible with 2 classes"):
        house.on()


def test_wrong_labels_need_the_operators_word(house):
    house.write(flip=False)
    with pytest.raises(ConfigError, match="flip_labels = true"):
        house.on()
    house.write(own='stance = "watch"', more="[plans.gold.exposure]\nflip_labels = false")
    with pytest.raises(ConfigError, match=r"plans\.gold\.exposure"):
        house.on()


def test_a_mark_among_answers_is_refused(house):
    house.write(more='[plans.gold.exposure]\nanswers = ["when:watch(mark)"]')
    assert "asked for in [ownership]" in refused(house)


def test_a_regressor_has_no_marks(house):
    house.on()
    house.config = msgspec.structs.replace(
        house.config, model=msgspec.structs.replace(house.config.model, task="regressor", classes=())
    )
    with pytest.raises(ConfigError, match="regressor"):
        house.on()


def test_a_profile_of_two_classes_is_refused(house):
    house.write(classes=())
    house.on()
    with pytest.raises(ConfigError, match="impossible"):
        ownership.prepare(house.config, None, house.key, classes=2)


def test_the_digest_of_the_models_file_is_committed_to(house, tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"weights")
    text = ownership.model_of(house.config, file)
    assert text.startswith("m/ sha256:")
    ownership.switch_on(house.config, text, house.key, ownership.now_us())
    assert ownership.opening_of(house.config, house.key).model == text
    with pytest.raises(ConfigError, match="model's file"):
        ownership.model_of(house.config, tmp_path / "absent")


def test_damaged_keys_are_said(house):
    house.on()
    (house.folder / "log" / "ownership.json").write_text("{}x")
    with pytest.raises(ConfigError, match="restore it from a backup"):
        ownership.load(house.config)


def test_a_rehearsal_is_marked_as_customers_are_and_writes_nothing(house, tmp_path, monkeypatch):
    opening = house.on()
    # a profile takes seconds to fit, and has no part in this
    monkeypatch.setattr(profiles, "load", lambda _: None)
    monkeypatch.setattr(profiles, "save", lambda *_: None)
    monkeypatch.setattr(Rehearsal, "_fitted", lambda *_: None)
    with Rehearsal(house.config, tmp_path, 1, INPUTS[:100]).guard(softmax) as oracle:
        assert oracle.gate.policy.terms("agreed").passing.answers == ("mark",)
        assert (tmp_path / "gate-1" / "marks.jsonl").exists() is False
    assert entries(house) == [Committed(opening.commitment)]


def test_a_new_log_gets_the_commitment_too(house):
    opening = house.on()
    keys = (house.folder / "log" / "ownership.json").read_bytes()
    shutil.rmtree(house.folder / "log")
    assert house.key
    (house.folder / "log" / "ownership.json").write_bytes(keys)
    assert "run `wellhead mark on` for this log" in refused(house)
    assert house.on() == opening
    house.serve(INPUTS[:10])
    assert entries(house) == [Committed(opening.commitment)]


def test_keys_that_cannot_be_written_are_said(house):
    file = house.folder / "file"
    file.write_text("")
    house.write(own=f'plans = ["agreed"]\nkey = "{file}/keys.json"')
    with pytest.raises(ConfigError, match="set ownership.key"):
        house.on()


def test_a_commitment_that_stands_without_its_key_refuses_the_start(house):
    opening = house.on()
    path = ownership.path_of(house.config)
    keys = path.read_bytes()
    path.unlink()
    told = refused(house)
    assert opening.commitment[:12] in told
    assert "restore that file from a backup, or run `wellhead mark off`" in told
    path.write_bytes(keys)
    house.start().stop()
    path.unlink()
    assert house.off()
    assert not house.off()
    assert entries(house) == [Committed(opening.commitment), Withdrawn(opening.commitment)]
    assert not path.exists()
    assert (house.serve(INPUTS[:100]) == softmax(INPUTS[:100])).all()


def test_off_withdraws_whatever_stands(house):
    one = house.on()
    house.write(own='plans = ["agreed"]\nshare = 0.2')
    other = house.on()
    assert standing(house.folder / "log") == [one.commitment, other.commitment]
    assert house.off()
    assert standing(house.folder / "log") == []
    assert ownership.load(house.config).current is None


def test_without_ownership_in_the_config_a_commitment_binds_nobody(house):
    house.on()
    ownership.path_of(house.config).unlink()
    house.write(own="")
    house.start()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"flip": False}, "flip_labels = true"),
        ({"own": 'plans = ["gold"]'}, "plans of the config"),
        ({"own": 'plans = ["agreed"]\nnever_from = ["z"]'}, "never_from"),
        ({"own": 'stance = "watch"\nnever_to = ["z"]'}, "never_to"),
        ({"classes": ("no", "yes")}, "impossible with 2 classes"),
    ],
)
def test_a_wish_that_cannot_be_met_refuses_the_start_before_anything_is_on(house, wrong, said):
    house.write(**wrong)
    assert said in refused(house)


def test_a_profile_of_two_classes_refuses_the_start_before_anything_is_on(house):
    house.write(classes=())
    with pytest.raises(ConfigError, match="impossible with 2 classes"):
        ownership.prepare(house.config, None, house.key, classes=2)
    assert ownership.prepare(house.config, None, house.key, classes=3)[1] is None


def test_the_names_of_the_classes_are_committed_to(house):
    house.on()
    house.write(classes=("b", "a", "c", "d"))
    assert "as they were committed to" in refused(house)
