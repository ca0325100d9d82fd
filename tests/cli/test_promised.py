import msgspec
import numpy as np
from looking import BUDGET, Named, honest
from rich.console import Console

from wellhead.cli.past import Survey
from wellhead.cli.promised import notes, table
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.calibrate import calibrate

NOBODY = Survey(
    first_s=0.0, last_s=0.0, principals=1, thieves=frozenset(), accused=frozenset(), drills=frozenset(), coded={}
)


def promise():
    rng = np.random.default_rng(0)
    seen = honest(900, rng, segments=["big"] * 850 + ["[small]"] * 50)
    return calibrate(seen, None, BUDGET, Named)


def said(made):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table(made))
    return capture.get()


def test_every_segment_has_its_line():
    made = promise()
    big, small = said(made).splitlines()[1:3]
    assert big.split()[:2] == ["big", str(made.scores["big"].size)]
    assert "promisable now" in big
    assert "%" in big
    assert "[small]" in small
    assert "not promisable: watching" in small


def test_a_coarser_promise_is_said():
    made = msgspec.structs.replace(promise(), budget=AlarmBudget(1, 1000, 30))
    assert "promisable at 1 in 100 only" in said(made)


def test_who_was_left_out_and_who_keeps_thresholds_high():
    survey = msgspec.structs.replace(
        NOBODY, thieves=frozenset({"t2", "t1"}), accused=frozenset({"a"}), drills=frozenset({"d"})
    )
    made = promise()
    lines = list(notes(made, survey, ["x"], ["t1", "t2", "a", "x"]))
    assert "Left out, reviewed as theft: t1, t2" in lines
    assert "Left out, excluded by you: x" in lines
    assert "Left out, drills: d" in lines
    assert any(line.startswith("Counted as honest, though a finding on them is open: a.") for line in lines)
    (highest,) = [line for line in lines if line.startswith("Highest in")]
    assert highest.startswith(f"Highest in big: {made.holders['big'][0][0]}")
    assert "without these it would be" in highest


def test_who_was_not_looked_at_was_not_left_out_and_not_counted_as_honest():
    survey = msgspec.structs.replace(NOBODY, thieves=frozenset({"t"}), accused=frozenset({"late", "t", "x"}))
    lines = list(notes(promise(), survey, ["x", "nobody"], ["t", "x"]))
    assert "Left out, reviewed as theft: t" in lines
    assert "Left out, excluded by you: x" in lines
    assert "Not in the periods calibrated, so that leaving them out changed nothing: nobody" in lines
    assert not any("Counted as honest" in line for line in lines)
    assert not any("Left out" in line for line in notes(promise(), survey, [], ["other"]))


def test_a_threshold_that_would_be_lost_is_said():
    few = calibrate(honest(465, np.random.default_rng(0), segments=["big"] * 465), None, BUDGET, Named)
    made = msgspec.structs.replace(few, scores={"big": few.scores["big"][-300:]})
    (highest,) = [line for line in notes(made, NOBODY, [], []) if line.startswith("Highest in")]
    assert "there would be none in place of" in highest and "inf" not in highest


def test_long_lists_are_cut():
    survey = msgspec.structs.replace(NOBODY, thieves=frozenset(f"t{i:02d}" for i in range(30)))
    assert any(line.endswith("t09 and 20 more") for line in notes(promise(), survey, [], survey.thieves))
