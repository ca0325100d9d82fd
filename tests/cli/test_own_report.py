import json
from html.parser import HTMLParser

import msgspec
import pytest

from wellhead.audit.verify import Outcome, Report
from wellhead.cli.own_report import LIMITS, PROVES, headline, markdown, page, power, write
from wellhead.core.errors import StoreError
from wellhead.defend.own.commitment import Declaration
from wellhead.defend.own.judge import Evidence, Grinding, Ruling
from wellhead.serve.proof import Observed
from wellhead.serve.trial import Row, Told

EVIL = "<script>alert(1)</script>|`x`"
FINE = Outcome("pass", "all entries are there")
TOLD = Told(
    declaration=Declaration(uid="t", commitments=("c",), suspects=(EVIL,), marks=2, beacon="b"),
    suspect=EVIL,
    owner="",
    beacon=EVIL,
    time_us=1_800_000_000_000_000,
    model=("m/1",),
    variant="first",
    among=9,
    places={"declaration t": 9, "commitment c": 2},
    log=Report(20, 20, FINE, FINE, FINE),
    rejected={"not in the log as served": 2},
    lost=3,
    observed={"c": Observed(4000, 21, 7, 36, 19)},
    ruling=Ruling(
        "dependent",
        (),
        Evidence(EVIL, 2, 2, -20.3, -20.0),
        (Evidence("eve", 2, 2, -20.3, -19.7),),
        (Evidence("logistic 1", 2, 0, 0.0, 0.0),),
        1,
        2,
    ),
    grinding=Grinding(5000, -3.5, -3.7),
    rows=(Row("eve", "00ff", 1, 2, 1, True),),
)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.links += [v for k, v in attributes if k in ("src", "href")]


def test_three_files_are_written_and_the_json_is_read_back(tmp_path):
    paths = write(TOLD, tmp_path / "new")
    assert [p.name for p in paths] == ["own.json", "own.md", "own.html"]
    assert msgspec.json.decode(paths[0].read_bytes(), type=Told) == TOLD
    assert json.loads(paths[0].read_bytes())["ruling"]["verdict"] == "dependent"


def test_the_page_loads_nothing_and_runs_nothing():
    found = Tags(page(TOLD))
    assert "script" not in found.seen
    assert found.links == []
    assert "&lt;script&gt;" in page(TOLD)
    assert "<script>" not in markdown(TOLD)


@pytest.mark.parametrize("made", [page, markdown])
def test_the_report_says_what_it_proves_and_what_not(made):
    text = made(TOLD).replace("&#x27;", "'").replace("\\", "")
    for said in (
        PROVES[0],
        LIMITS[0][:60],
        "5.0e-21",
        "eve",
        "logistic 1",
        "entry",
        "5000 other keys",
        "21 of 4000",
        "19 kept",
        "3, each a miss",
    ):
        assert said in text


def test_the_order_of_the_log_is_told_in_order():
    text = markdown(TOLD)
    assert text.index("commitment c") < text.index("declaration t")


@pytest.mark.parametrize(
    ("verdict", "said"), [("not shown", "Dependence is not shown: why"), ("refused", "No verdict: why")]
)
def test_other_verdicts_accuse_nobody(verdict, said):
    ruling = msgspec.structs.replace(TOLD.ruling, verdict=verdict, reasons=("why",))
    told = msgspec.structs.replace(TOLD, ruling=ruling, grinding=None)
    assert headline(told) == said
    assert "other keys" not in markdown(told)


@pytest.mark.parametrize(
    ("log10", "said"), [(0.0, "1.0000"), (-2.0, "0.0100"), (-20.3, "5.0e-21"), (-4000.0, "1.0e-4000")]
)
def test_p_values_of_any_size_are_readable(log10, said):
    assert power(log10) == said


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="directory to write the report to"):
        write(TOLD, tmp_path / "file")
