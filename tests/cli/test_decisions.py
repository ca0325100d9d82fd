import pytest

from wellhead.serve.status import Ask, DecisionRow, Reply

ROWS = (
    DecisionRow("u1", "ann", "throttle", "replication", "drawn 85 %", 1_700_000_000_000_000, False),
    DecisionRow("u2", "bob", "block", "operator", "asked to", 1_700_000_000_000_000, True),
)


def test_decisions_in_force_and_those_only_noted(running, wellhead):
    running.reply = Reply(decisions=ROWS)
    code, out, _ = wellhead("decisions", "list")
    assert code == 0
    assert out.splitlines() == [
        "ann  throttle  until 2023-11-14 22:13 UTC  by replication: drawn 85 %",
        "bob  block (observe mode: noted only)  until 2023-11-14 22:13 UTC  by operator: asked to",
    ]


def test_no_decisions_are_said(running, wellhead):
    running.reply = Reply(decisions=())
    assert wellhead("decisions", "list")[1] == "no decisions in force\n"


def test_an_operator_puts_a_stance_in_force(running, wellhead):
    running.reply = Reply(done="ann: block for 2 hours")
    code, out, _ = wellhead("decisions", "add", "ann", "block", "--hours", "2", "--reason", "abuse desk")
    assert (code, out) == (0, "ann: block for 2 hours\n")
    assert running.heard == [Ask(ask="decide", principal="ann", stance="block", reason="abuse desk", hours=2.0)]


def test_a_decision_always_expires(running, wellhead):
    running.reply = Reply(done="done")
    wellhead("decisions", "add", "ann", "throttle")
    assert running.heard[0].hours == 24.0


@pytest.mark.parametrize("stance", ["allow", "ban"])
def test_only_a_stance_that_does_something_can_be_added(wellhead, stance):
    code, _, err = wellhead("decisions", "add", "ann", stance)
    assert code == 2
    assert "throttle" in err


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "many"])
def test_hours_are_a_time_that_ends(running, wellhead, hours):
    running.reply = Reply(done="done")
    code, _, err = wellhead("decisions", "add", "ann", "block", f"--hours={hours}")
    assert code == 2
    assert "hours" in err
    assert running.heard == []


def test_a_decision_is_lifted(running, wellhead):
    running.reply = Reply(done="lifted")
    assert wellhead("decisions", "remove", "ann", "--reason", "cleared")[:2] == (0, "lifted\n")
    assert running.heard == [Ask(ask="lift", principal="ann", reason="cleared")]
