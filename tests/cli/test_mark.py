import pytest
from marking import INPUTS, House

from wellhead.cli.main import main
from wellhead.serve import ownership
from wellhead.store.marks import Marks


@pytest.fixture
def house():
    house = House()
    yield house
    house.close()


def mark(house, *words):
    return main(["mark", *words, "-c", str(house.file)])


def test_on_show_off(house, capsys):
    assert mark(house, "show") == 0
    assert "no key was made" in capsys.readouterr().out
    assert mark(house, "on") == 0
    said = capsys.readouterr().out
    opening = ownership.load(house.config).current
    assert opening.commitment in said
    assert "10.000% of inputs, best class, for plan agreed" in said
    assert f"stamp {house.folder}/log/checkpoint" in said
    assert opening.key.hex() not in said
    # the command line drew a key at random: how many are marked is not known, only between which bounds
    house.serve(INPUTS)
    assert mark(house, "show") == 0
    said = capsys.readouterr().out
    assert "of 900 distinct inputs" in said
    assert said.endswith("now         on\n")
    assert mark(house, "off") == 0
    assert mark(house, "off") == 1
    assert mark(house, "show") == 0
    assert capsys.readouterr().out.endswith("now         off\n")


def test_a_share_out_of_its_band_is_an_error(house, capsys, monkeypatch):
    mark(house, "on")
    house.serve(INPUTS)
    monkeypatch.setattr("wellhead.serve.proof.band", lambda n, share: (n, n))
    assert mark(house, "show") == 1
    assert "OUTSIDE" in capsys.readouterr().out


def test_excluded_classes_are_shown_by_name(capsys):
    house = House(own='stance = "watch"\nnever_from = ["a"]\nnever_to = ["d"]\nvariant = "second"')
    try:
        assert mark(house, "on", "--model", str(house.file)) == 0
        said = capsys.readouterr().out
        assert "excluded    a, d" in said
        assert "order of second and third class, for stance watch or stricter" in said
        assert "model       m/ sha256:" in said
    finally:
        house.close()


def test_a_principals_inputs_are_erased(house, capsys):
    house.on()
    house.serve(INPUTS)
    before = len(Marks(ownership.marks_path(house.config)))
    assert mark(house, "erase", "eve") == 0
    assert f"{before} marked inputs of eve erased" in capsys.readouterr().out
    assert len(Marks(ownership.marks_path(house.config))) == 0


def test_erasing_somebody_who_has_no_marks_is_said(house, capsys):
    house.on()
    house.serve(INPUTS[:100])
    before = len(Marks(ownership.marks_path(house.config)))
    assert mark(house, "erase", "nosuch") == 1
    caught = capsys.readouterr()
    assert "no marked inputs of 'nosuch' are kept" in caught.err
    assert "erased" not in caught.out
    assert len(Marks(ownership.marks_path(house.config))) == before


def test_off_works_without_the_keys(house, capsys):
    mark(house, "on")
    ownership.path_of(house.config).unlink()
    assert mark(house, "off") == 0
    assert mark(house, "off") == 1
    assert "marks are off" in capsys.readouterr().out


def test_what_cannot_be_marked_is_one_line(capsys):
    house = House(classes=("no", "yes"))
    try:
        assert mark(house, "on") == 2
        assert "impossible with 2 classes" in capsys.readouterr().err
    finally:
        house.close()
