import json

import msgspec
import pytest
from rich.console import Console

from wellhead.cli.status import summary, table
from wellhead.core.words import chance
from wellhead.serve.status import ALARMED, Acting, Promised, Reply, SegmentRow, Standing, Status

QUIET = Standing("ann", 12, 3.2)
THIEF = Standing("key:7", 900, 60.0, 0.81, 0.94, 0.1, 0.85, 512.4, "throttle", "drawn 85 %", 1_700_000_000_000_000)
STATUS = Status("enforce", "digits", "ab12", 1, 40, 912, 5, 2, 1, 1, 77, 3, 4, 0, (THIEF, QUIET))


def printed(thing):
    console = Console(width=120, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(thing)
    return capture.get()


def test_the_summary_says_the_numbers_of_the_whole_gate():
    first, second = summary(STATUS).splitlines()
    assert first == "enforce: model digits, profile ab12, log 77 records"
    for said in ("40 requests", "912 rows", "5 refused", "2 principals", "1 watched", "1 findings", "3 waiting"):
        assert said in second
    assert "4 answers failed closed" in second


def test_the_summary_says_why_the_last_answer_failed_closed():
    failed = msgspec.structs.replace(STATUS, last_failure="Unready: expected a codebook")
    assert summary(failed).splitlines()[2] == "the last that failed closed: Unready: expected a codebook"


def test_the_table_has_a_row_for_each_principal_in_the_order_given():
    head, first, second = printed(table(STATUS)).splitlines()
    assert head.split()[:2] == ["principal", "rows"]
    assert first.split() == ["key:7", "900", "60", "81.0", "%", "94.0", "%", "85.0", "%", "512", "-", "throttle"]
    assert second.split() == ["ann", "12", "3", "-", "-", "-", "-", "-", "allow"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_narrow_terminal_loses_columns_and_never_the_name(width):
    long = msgspec.structs.replace(THIEF, principal="customer-0123456789-west", p=1 / 329, word=ALARMED)
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table(msgspec.structs.replace(STATUS, standings=(long, QUIET)), width))
    head, first, *_ = capture.get().splitlines()
    assert "customer-0123456789-west" in first and "throttle" in first
    assert ("established, p = 1/329" in first) == (width > 40) and ("bits" in head) == (width == 120)


def test_a_name_wider_than_the_terminal_is_folded_and_not_cut():
    status = msgspec.structs.replace(STATUS, standings=(Standing("x" * 99, 1, 1.0),))
    console = Console(width=60, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(table(status, 60))
    assert capture.get().count("x") == 99


def test_what_is_piped_is_not_cut(running, wellhead, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    running.reply = Reply(status=msgspec.structs.replace(STATUS, standings=(Standing("x" * 99, 1, 1.0),)))
    out = wellhead("status")[1]
    assert "x" * 99 in out and summary(STATUS).splitlines()[1] in out


def test_a_principal_that_looks_like_markup_is_printed_as_it_is():
    status = Status("observe", "m", "", 1, *[0] * 10, (Standing("[red]ann[/red] [/b]", 1, 1.0),))
    assert "[red]ann[/red] [/b]" in printed(table(status))


def test_campaigns_stand_below_with_what_they_have_drawn_together():
    campaign = Acting(("a", "b", "c"), 512, -1.0, -1.0, -1.0, 1e-6, "", ())
    last = summary(msgspec.structs.replace(STATUS, campaigns=(campaign,))).splitlines()[-1]
    assert last == "campaign: a, b, c: 512 rows; p = 1/1,000,000 at most, by the model of honest principals"


def test_the_running_gate_is_asked(running, wellhead):
    running.reply = Reply(status=STATUS)
    code, out, _ = wellhead("status")
    assert code == 0
    assert summary(STATUS).splitlines()[0] in out
    assert "key:7" in out


def test_json_is_for_programs(running, wellhead):
    running.reply = Reply(status=STATUS)
    assert json.loads(wellhead("status", "--json")[1])["standings"][0]["principal"] == "key:7"


@pytest.mark.parametrize("reply", [Reply()])
def test_no_status_is_a_failure(running, wellhead, reply):
    running.reply = reply
    assert wellhead("status")[0] == 1


GUILTY = Standing("eve", 64, 9.0, p=1 / 329, segment="band=new", word=ALARMED)
SUSPECT = Standing("mallory", 64, 9.0, p=0.02, segment="band=new", word="not promisable: watching")
PROMISED = Promised(
    "1 per 100 principals per 30 days: promisable now to 1 of 1 segments",
    "1 per 100 principals per 30 days",
    (SegmentRow("band=new", "promisable now", 328, 0.0004, 0.0091),),
    kept="3 alarms among 150 principal-periods, at most 1.5 promised",
    drifted=True,
    campaigns=1,
    looks=7,
    refits=2,
)


def test_guilt_is_shown_as_far_as_the_promise_allows():
    rows = printed(table(msgspec.structs.replace(STATUS, standings=(GUILTY, SUSPECT, QUIET)))).splitlines()
    assert "established, p = 1/329" in rows[1]
    assert "watching, p = 1/50" in rows[2]
    assert chance(0.5) == "p = 0.50"


def test_a_segment_that_was_never_calibrated_does_not_look_ordinary():
    stranger = Standing("new", 64, 9.0, segment="use=pen-test", word="nobody like it was calibrated")
    row = printed(table(msgspec.structs.replace(STATUS, standings=(stranger,)))).splitlines()[1]
    assert "nobody like it" in row and "p =" not in row


def test_the_summary_says_what_may_be_relied_on():
    said = summary(msgspec.structs.replace(STATUS, promise=PROMISED)).splitlines()[2:]
    assert said == [
        "promise: 1 per 100 principals per 30 days: promisable now to 1 of 1 segments",
        "  band=new: promisable now (328 honest principal-periods, realised 0.04 to 0.91 %)",
        "  kept: 3 alarms among 150 principal-periods, at most 1.5 promised",
        "  traffic has drifted since calibration: `wellhead calibrate`",
        "linker: 7 looks, 1 campaigns; 2 refits",
    ]
