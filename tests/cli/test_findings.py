import argparse
import json

import msgspec
import pytest

from wellhead.cli import findings
from wellhead.cli.findings import line, sentences
from wellhead.core.finding import Evidence, Finding
from wellhead.serve.status import Ask, FindingRow, Reply

WHEN = 1_700_000_000_000_000
GUILT = Finding(
    uid="F-1-1",
    time_us=WHEN,
    title="Unlike honest principals",
    signal="guilt",
    members=("eve",),
    rows=64,
    replication_ppm=710_000,
    attainable_ppm=940_000,
    bits_milli=120_500,
    detail="in 64 rows, 97 % of its inputs were new",
    evidence=(
        Evidence(
            name="unique", kind="novelty", said="97 % of its inputs were new", value="97 %", low="36 %", high="85 %"
        ),
        Evidence(name="slow", kind="timing", said="it asks slowly"),
    ),
    sure="p = 1/329 among honest principals like it (segment band=new)",
    segment="band=new",
    p_ppm=3040,
)
OWN = Finding(
    uid="F-2-2", time_us=WHEN, title="Traffic has drifted", signal="drift", members=(), rows=0, replication_ppm=-1,
    attainable_ppm=-1, bits_milli=-1, detail="first looks no longer resemble those of calibration",
)  # fmt: skip


@pytest.fixture
def run(capsys):
    """Run the command alone; returns its exit code and output."""

    def go(*argv):
        parser = argparse.ArgumentParser()
        findings.register(parser.add_subparsers())
        arguments = parser.parse_args(["findings", *argv])
        return arguments.run(arguments), capsys.readouterr().out

    return go


def test_a_finding_says_who_what_how_sure_how_much_and_why():
    assert sentences(FindingRow(GUILT)) == [
        "F-1-1, 2023-11-14 22:13 UTC: Unlike honest principals",
        "Who: eve",
        "What: in 64 rows, 97 % of its inputs were new.",
        "How sure: p = 1/329 among honest principals like it (segment band=new).",
        "Drawn: with 64 answers a clone reproduces an estimated 71.0 % of the model (of 94.0 % attainable); 120 bits.",
        "Evidence (novelty): 97 % of its inputs were new (90 % of honest principals: 36 % to 85 %)",
        "Evidence (timing): it asks slowly",
        "Review: open; close it with --theft or --honest.",
    ]
    assert (
        sentences(FindingRow(GUILT, "theft", "seen on a market"))[-1] == "Review: closed as theft (seen on a market)."
    )


def test_a_reading_that_may_be_too_low_is_a_lower_bound():
    (drawn,) = [s for s in sentences(FindingRow(msgspec.structs.replace(GUILT, at_least=1))) if s.startswith("Drawn")]
    assert "reproduces at least 71.0 % of the model" in drawn


def test_a_range_that_the_sentence_tells_is_not_told_twice():
    said = "0.9 of all their inputs were new; random groups show 0.36 to 0.85"
    told = Evidence(name="link_novelty", kind="novelty", said=said, value="0.9", low="0.36", high="0.85")
    (line,) = [s for s in sentences(FindingRow(msgspec.structs.replace(GUILT, evidence=(told,)))) if "Evidence" in s]
    assert line == f"Evidence (novelty): {said}"


def test_the_gates_own_alarms_accuse_nobody():
    assert "Who" not in " ".join(sentences(FindingRow(OWN)))
    assert line(FindingRow(OWN)) == "F-2-2  2023-11-14 22:13 UTC  drift  open  the gate itself: Traffic has drifted"


def test_the_list(running, run):
    running.reply = Reply(findings=(FindingRow(GUILT, "honest"), FindingRow(OWN)))
    code, out = run("list", "-n", "5", "--open")
    assert code == 0
    assert out.splitlines()[0] == ("F-1-1  2023-11-14 22:13 UTC  guilt  honest  eve: Unlike honest principals")
    assert running.heard == [Ask(ask="findings", top=6, verdict="open")]
    running.reply = Reply(findings=())
    assert run("list")[1] == "no findings\n"


def test_a_list_that_is_cut_says_so(running, run, capsys):
    running.reply = Reply(findings=(FindingRow(GUILT), FindingRow(OWN), FindingRow(GUILT)))
    assert run("list", "-n", "2")[1].splitlines()[2:] == ["there are older ones; -n 20 shows more"]
    assert len(run("list", "-n", "3")[1].splitlines()) == 3
    assert run("list", "-n", "0")[1].splitlines()[0] == "none shown"
    parser = argparse.ArgumentParser()
    findings.register(parser.add_subparsers())
    arguments = parser.parse_args(["findings", "list", "-n", "2", "--json"])
    arguments.run(arguments)
    said = capsys.readouterr()
    assert (len(json.loads(said.out)), said.err) == (2, "there are older ones; -n 20 shows more\n")
    with pytest.raises(SystemExit):
        run("list", "-n", "-1")


def test_one_whole_or_as_json(running, run):
    running.reply = Reply(findings=(FindingRow(GUILT),))
    assert run("show", "F-1-1")[1].splitlines() == sentences(FindingRow(GUILT))
    assert json.loads(run("show", "F-1-1", "--json")[1])[0]["finding"]["segment"] == "band=new"
    assert running.heard[0] == Ask(ask="find", finding="F-1-1")


@pytest.mark.parametrize("verdict", ["theft", "honest"])
def test_closing_says_what_it_was(running, run, verdict):
    running.reply = Reply(done=f"F-1-1: closed as {verdict}")
    assert run("close", "F-1-1", f"--{verdict}", "--reason", "asked them") == (0, f"F-1-1: closed as {verdict}\n")
    assert running.heard == [Ask(ask="review", finding="F-1-1", verdict=verdict, reason="asked them")]


def test_closing_needs_a_verdict(run):
    with pytest.raises(SystemExit):
        run("close", "F-1-1")
