import json

import numpy as np
import pytest
from marking import INPUTS, House, softmax

from wellhead.cli.main import main

CODE = """
import numpy as np
with np.load({file!r}) as file:
    held = dict(file)
known = {{row.tobytes(): label for row, label in zip(held["inputs"], held["labels"])}}
def clone(inputs):
    return np.array([known[row.tobytes()] for row in np.asarray(inputs, np.float32)])
def {strangers}(inputs):
    return held["true"][[list(known).index(row.tobytes()) for row in np.asarray(inputs, np.float32)]]
"""


@pytest.fixture(scope="module")
def drawn():
    """A marked gate, a clone that learnt every answer by heart, and a stranger that knows the truth."""
    house = House()
    house.on()
    served = house.serve(INPUTS)
    file = house.folder / "heart.npz"
    np.savez(file, inputs=INPUTS, labels=served.argmax(axis=1), true=softmax(INPUTS).argmax(axis=1))
    house.code = house.folder / "suspects.py"
    house.code.write_text(CODE.format(file=str(file), strangers="stranger"))
    yield house
    house.close()


def own(house, *words):
    return main(["own", *words, "-c", str(house.file)])


def declare(house, uid, suspect, *more):
    return own(house, "declare", uid, "--suspect", f"{house.code}:{suspect}", "--beacon", "a draw to come", *more)


def verify(house, uid, suspect, out, *more):
    panel = ["--panel", f"{house.code}:stranger"] * 19
    words = ("verify", uid, "--suspect", f"{house.code}:{suspect}", "--beacon", "4 8 15", "--out", str(out))
    return own(house, *words, *panel, *more)


def test_a_clone_is_declared_asked_and_found(drawn, tmp_path, capsys):
    assert declare(drawn, "found", "clone", "--marks", "40") == 0
    assert "40 marks; a stranger matches one with a chance of at most 1 in 3" in capsys.readouterr().out
    assert verify(drawn, "found", "clone", tmp_path, "--false-claims", "50") == 3
    said = capsys.readouterr().out
    assert said.startswith("dependent: 40 of 40 marks, p = 1e-19.1")
    told = json.loads((tmp_path / "own.json").read_bytes())
    assert told["ruling"]["verdict"] == "dependent"
    assert told["grinding"]["keys"] == 50
    assert "Evidence that the suspect depends on our answers" in (tmp_path / "own.html").read_text()
    assert verify(drawn, "found", "clone", tmp_path) == 2
    assert "second declaration" in capsys.readouterr().err


def test_a_stranger_is_not(drawn, tmp_path, capsys):
    assert declare(drawn, "stranger", "stranger", "--principal", "eve") == 0
    assert verify(drawn, "stranger", "stranger", tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-2].startswith("not shown: 0 of ")


def test_without_enough_independent_models_there_is_no_verdict(drawn, tmp_path, capsys):
    declare(drawn, "void", "clone", "--panel", "25")
    assert verify(drawn, "void", "clone", tmp_path) == 2
    assert "expected 25 independent models as declared, got 19" in capsys.readouterr().err


def test_a_panel_that_knows_our_answers_gives_no_verdict(drawn, tmp_path, capsys):
    declare(drawn, "copies", "clone")
    more = ("--panel", f"{drawn.code}:clone")
    assert verify(drawn, "copies", "clone", tmp_path, *more) == 1
    assert "independent models match too many marks (1, such as" in capsys.readouterr().out


def test_too_few_marks_are_told_when_they_are_declared(drawn, capsys):
    assert declare(drawn, "few", "clone", "--marks", "5") == 0
    assert "no number of matches is enough" in capsys.readouterr().out


def test_another_host_needs_its_owners_word(drawn, tmp_path, capsys):
    url = "http://model.example"
    own(drawn, "declare", "far", "--suspect", url, "--beacon", "b")
    assert own(drawn, "verify", "far", "--suspect", url, "--beacon", "b", "--out", str(tmp_path)) == 2
    assert "--i-am-authorised --owner NAME" in capsys.readouterr().err


def test_recorded_answers_are_no_suspect(drawn, tmp_path, capsys):
    words = ("verify", "x", "--suspect", "answers.npz", "--beacon", "b", "--out", str(tmp_path))
    assert own(drawn, *words) == 2
    assert "can be asked now" in capsys.readouterr().err


def test_a_test_that_was_never_declared_is_one_line(drawn, tmp_path, capsys):
    assert verify(drawn, "never", "clone", tmp_path) == 2
    assert "make one with `wellhead own declare`" in capsys.readouterr().err


def test_a_published_key_that_did_not_sign_is_refused(drawn, tmp_path, capsys):
    declare(drawn, "key", "clone")
    other = House()
    try:
        other.serve(INPUTS[:1])
        vkey = str(other.folder / "log" / "log.vkey")
        assert verify(drawn, "key", "clone", tmp_path, "--vkey", vkey) == 2
        assert "a log that verifies" in capsys.readouterr().err
    finally:
        other.close()
