import re

import msgspec
import pytest
from validations import VALIDATION

from wellhead.config import parse
from wellhead.redteam.outcome import Mark, Outcome, Study
from wellhead.redteam.report.validated import as_json

CONFIG = """\
# ours
[limits]
rows_per_day = 20000 # a lot

[plans.paid.exposure]
exposure = "probabilities"
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wellhead.toml").write_text(CONFIG)
    (tmp_path / "wellhead-validate").mkdir()
    (tmp_path / "wellhead-validate" / "study.json").write_text(as_json(VALIDATION))
    return tmp_path


def patched(before, diff):
    """The file that a unified diff makes of one whose every line it shows or leaves."""
    lines, out, at = before.splitlines(), [], 0
    for line in diff.splitlines():
        start = re.match(r"@@ -(\d+)", line)
        if start:
            out += lines[at : int(start[1]) - 1]
            at = int(start[1]) - 1
        elif line.startswith(("+++", "---")):
            continue
        elif line[:1] == "+":
            out.append(line[1:])
        elif line[:1] in (" ", "-"):
            assert lines[at] == line[1:]
            out += [] if line[0] == "-" else [line[1:]]
            at += 1
    return "\n".join(out + lines[at:]) + "\n"


def test_the_diff_makes_a_config_that_serves_what_was_measured_best(here, wellhead):
    code, out, _ = wellhead("recommend", "--goal", "fidelity below 0.9", "--honest-rows", "5")
    diff, _, words = out.partition("\n\n- ")
    config = parse(patched(CONFIG, diff))
    assert config.exposure.answers == ("label_only",) and config.limits.rows_per_day == 9
    assert "# ours" in patched(CONFIG, diff)
    assert [g.stance for g in config.grades] == ["delay"] and config.grades[0].drawn < config.valve.max_drawn <= 0.8
    assert config.plans["paid"].limits.rows_per_day == 9
    assert code == 0 and "Serve label_only: through it 90.0 % takes a thief at least 300 answers" in words
    assert "none 300" in words and "Reached for one account" in words


def test_a_price_that_cannot_do_it_is_said_with_numbers(here, wellhead):
    code, out, _ = wellhead("recommend", "--value", "2000000", "--price", "0.002")
    assert code == 3 and "Not reached by price and limits, as far as was measured" in out
    assert "at least 1 account" in out and "at least 3.0 days" in out and "It would take 6,666.66 a row" in out


def test_a_deposit_that_does_it_is_reached(here, wellhead):
    code, out, _ = wellhead("recommend", "--value", "20", "--account-price", "9", "--honest-rows", "1")
    assert code == 0 and "Reached: a thief needs at least 4 accounts" in out and "above 20.00" in out


def test_what_is_served_richer_than_label_only_is_reduced_by_grades(here, wellhead):
    rich = msgspec.structs.replace(VALIDATION, tried=VALIDATION.tried[:1])
    (here / "wellhead-validate" / "study.json").write_text(as_json(rich))
    _, out, _ = wellhead("recommend", "--goal", "days to clone above 2", "--honest-rows", "1")
    config = parse(patched(CONFIG, out.partition("\n\n- ")[0]))
    assert [g.stance for g in config.grades] == ["reduce", "delay"] and config.exposure.answers == ()


def test_a_study_of_attacks_will_do(here, wellhead):
    marks = (Mark(rows=100, fidelity=0.7, low=0.65, high=0.75), Mark(rows=900, fidelity=0.95, low=0.93, high=0.97))
    outcome = Outcome(attack="random", room="extract", paper="", atlas=(), state="ok", marks=marks)
    study = Study(target="t", time_us=0, seed=0, judges=100, chance=0.1, outcomes=(outcome,))
    (here / "report.json").write_bytes(msgspec.json.encode(study))
    code, out, _ = wellhead("recommend", "--study", ".", "--goal", "fidelity below 0.9", "--honest-rows", "5")
    assert code == 0 and "Serve none" in out and "rows_per_day = 29" in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--goal", "be safe"), "known: cost to clone above value"),
        ((), "--value"),
        (("--value", "5", "--study", "nowhere"), "wellhead validate"),
        (("--value", "5", "--fidelity", "2"), "fidelity"),
        (("--value", "5", "-c", "none.toml"), "config file"),
    ],
)
def test_user_errors_are_one_line(here, wellhead, argv, said):
    code, out, err = wellhead("recommend", *argv)
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""


def test_a_file_that_cannot_be_changed_line_by_line_is_left_alone(here, wellhead):
    (here / "wellhead.toml").write_text('exposure = { answers = ["round:1"] }\n')
    code, _, err = wellhead("recommend", "--value", "5")
    assert code == 2 and "line by line" in err
