import csv
import io
import re

from wellhead.cli.scan_shown import show, show_quick, silence, summary, write_csv, write_quick
from wellhead.core.finding import Evidence, Finding
from wellhead.serve.scan_quick import Line, Quick
from wellhead.serve.scan_words import Scanned, Watched

HOSTILE = "x\x1b[31m\u202e\n[bold]y"


def test_what_was_mended_is_said():
    found = Scanned(files=1, requests=5, twice=2, clocks=3, formats={"json": ""}, first_s=1.7e9, last_s=1.7e9)
    said = " ".join(summary(found))
    assert "2 requests came a second time" in said
    assert "3 absurd times mended" in said
    assert "say which paths are with --paths" in said
    assert "1 file (" in said


def test_of_one_thing_it_is_said_in_the_singular():
    found = Scanned(files=1, lines=1, requests=1, answered=1, rows=1, principals=1, coded=1, twice=1, clocks=1)
    said = " ".join(summary(found))
    assert "1 line of 1 file" in said
    assert "1 request, 1 answered inference call, 1 row of 1 principal" in said
    assert not re.search(r"\b1 \w+s\b", said)


def test_a_setting_by_which_nothing_can_be_read_is_said():
    assert "All lines of a format are malformed: see x" in summary(Scanned(lines=1, bad=1, hints=["see x"]))


def test_detectors_that_lack_the_same_are_said_together():
    lines = silence({"a": "needs x", "b": "needs x", "c": "needs y"})
    assert lines[1:] == ["  needs x: a, b", "  needs y: c"]
    assert silence({}) == []


def finding(name):
    return Finding(
        uid="S-1", time_us=0, title="t", signal="rule", members=(name,), rows=1, replication_ppm=-1, attainable_ppm=-1,
        bits_milli=-1, detail=f"{name}!", evidence=(Evidence(name="e", kind="k", said=f"said {name}"),),
    )  # fmt: skip


def test_nothing_that_a_terminal_obeys_is_shown(capsys):
    watched = Watched(principal=HOSTILE, rows=1, unlike=1.0, evidence=finding(HOSTILE).evidence)
    found = Scanned(
        findings=[finding(HOSTILE)], watching=[watched], sample=[HOSTILE], skipped=[HOSTILE], silent={HOSTILE: HOSTILE}
    )
    show(found, 5)
    line = Line(principal=HOSTILE, requests=1, inputs=None, addresses=None, confidence=None, full=None)
    show_quick(Quick(lines=[line], nobody=3), 5)
    write_csv([finding(HOSTILE)])
    write_quick([line])
    said = capsys.readouterr().out
    assert "\\x1b[31m\\u202e" in said and "[bold]y" in said
    assert all(part.isprintable() for part in said.replace("\r\n", "\n").split("\n"))
    assert "3 lines malformed or without a caller" in said


def test_no_cell_of_the_tables_is_a_formula(capsys):
    names = ["=1", "+1", "-1", "@x", "\t=1", "\r=1"]
    write_csv([finding(n) for n in names])
    quick = [Line(principal=n, requests=1, inputs=None, addresses=2, confidence=0.5, full=0) for n in names]
    write_quick(quick)
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [line[2] for line in lines[1:5]] == [f"'{n}" for n in names[:4]]
    assert all(line[0][:1] == "'" for line in lines[-6:]) and all(line[9][:1] == "'" for line in lines[1:7])
    assert lines[-1][1:] == ["1", "", "2", "0.5", "0"]


def test_what_is_unknown_is_a_dash_and_never_nought(capsys):
    show_quick(
        Quick(
            lines=[Line(principal="p", requests=2, inputs=None, addresses=None, confidence=None, full=None)], nobody=0
        ),
        5,
    )
    assert capsys.readouterr().out.splitlines()[1].split() == ["p", "2", "-", "-", "-", "-"]


def test_periods_skipped_and_damaged_files_are_said():
    found = Scanned(
        lines=1, requests=1, answered=1, periods=3, skipped=[f"{i}.log" for i in range(12)], damaged={"z.gz": "cut"}
    )
    said = "\n".join(summary(found))
    assert "3 periods" in said and "skipped, of no known format: 9.log" in said and "and 2 more files" in said
    assert "not read to its end: z.gz" in said and "empty" not in said
