import re

import msgspec
import numpy as np
import pytest
from benchmarks import detect_report as report
from benchmarks import results
from benchmarks.detect_metrics import Details, PeerCell, PeerRow, ScenarioRow, SegmentRow
from benchmarks.results import Figure

PEERS = {"PRADA": PeerCell(0.5, 700.0, 0.82), "MMD window 100": PeerCell(1.0, 100.0, 0.55)}


def attack(scenario, victim, rows, fidelity, **more):
    curve = tuple((float(n), 0.9 - 0.6 * n**-0.3) for n in (20, 50, 100, 200, 500, 1_000, 2_000))
    some = {"rows_low": rows and rows * 0.8, "rows_high": rows and rows * 1.3, "budget": 2_000, "full": 0.84}
    some |= {"attainable": 0.9, "ratio": (1 - fidelity) / 0.16, "curve": curve, "peers": PEERS, "seeds": 3, "n": 9}
    some |= {"found": 1.0 if rows else 0.0, "share": rows / 2_000 if rows else 1.0, "kind": "attack"}
    return ScenarioRow(scenario=scenario, victim=victim, rows=rows, fidelity=fidelity, **(some | {"title": "x"} | more))


ROWS = [
    attack("A1", "adult", 64.0, 0.52, title="uniform grid"),
    attack("A4", "adult", 128.0, 0.61, title="knockoff"),
    attack("A4", "digits", None, 0.84, title="knockoff"),
    attack("A12", "adult", None, 0.84, title="mimic", kind="hard", note="asks what a tenant asks", curve=()),
    ScenarioRow(
        scenario="A9",
        title="round-robin",
        victim="adult",
        kind="campaign",
        seeds=3,
        n=3,
        found=1.0,
        accounts=25,
        recall=0.96,
        precision=1.0,
        swept=0.001,
        fidelity=0.7,
        full=0.84,
        ratio=1.875,
    ),
    ScenarioRow(scenario="B2", title="load test", victim="adult", kind="lookalike", seeds=3, n=30, found=0.1),
]
DETAILS = Details(
    segments=tuple(
        SegmentRow(segment=s, victim="adult", alpha=a, calibration=5_000, test=n, alarms=k, word="promisable now")
        for s, a, n, k in [("new", 0.01, 2_000, 14), ("<1k", 0.01, 3_000, 60), ("new", 0.001, 10_000, 3)]
    ),
    peers=(
        PeerRow(
            name="PRADA",
            published=0.95,
            published_found=1.0,
            rate=0.007,
            found=0.5,
            fidelity=0.82,
            wellhead=0.6,
            cost_ms=2.9,
        ),
        PeerRow(
            name="MMD window 100",
            published=None,
            published_found=None,
            rate=0.007,
            found=1.0,
            fidelity=0.55,
            wellhead=0.6,
        ),
    ),
    tradeoff={
        "Wellhead": ((0.0, 0.7), (1.0, 0.62), (10.0, 0.6), (100.0, 0.5)),
        "PRADA": ((0.0, 0.84), (10.0, 0.82), (100.0, 0.8)),
    },
    costs={"µs an event, all signals": 3.2},
    notes=("One victim could not be installed.",),
)
FIGURES = [
    Figure("single_found_share", 0.67, "share", "", "higher"),
    Figure("disagreement_ratio_at_alarm_single", 3.0, "x", "", "higher"),
    Figure("realised_lower_over_promised_1in100_worst", 0.47, "x"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    (tmp_path / "results").mkdir()
    return tmp_path


def keep(name, value):
    (results.RESULTS / f"{name}.json").write_bytes(msgspec.json.encode(value))


def test_without_a_run_the_page_says_so(folder):
    text = report.write(folder / "docs" / "benchmark.md").read_text()
    assert "No run has been recorded yet." in text
    assert "##" not in text.split("\n", 1)[1]


def test_the_page_shows_what_the_run_wrote(folder):
    keep("detect", FIGURES)
    keep("detect_scenarios", ROWS)
    keep("detect_details", DETAILS)
    page = report.write(folder / "docs" / "benchmark.md")
    text = page.read_text()
    assert "| A1-A8 found within the budget of 2,000 queries | 67.0 % | at least 100.0 % | **missed** |" in text
    assert "| attack | adult (attainable: 90 %) | digits (attainable: 90 %) |" in text
    assert "| A1 uniform grid | 64 [51, 83]: 52 % of 84 %, 3.0 x |  |" in text
    assert "| A4 knockoff | 128 [102, 166]: 61 % of 84 %, 2.4 x | **never**: 84 % |" in text
    assert "| adult | new | 1 in 1,000 | 5,000 | 3 of 10,000 | 0.03 % |" in text
    assert "| PRADA | 95.0 % | 100 % | 0.70 % | 50 % | 82.0 % | 60.0 % | yes | 2.9 |" in text
    assert "| MMD window 100 | – | – | 0.70 % | 100 % | 55.0 % | 60.0 % | **no** | – |" in text
    assert "| A9 round-robin | adult | 25 | 100 % | 96 % | 100 % | 0.10 % | 70.0 % | 84.0 % | 1.9 x |" in text
    assert "| B2 load test | 10 % |" in text
    assert text.endswith("One victim could not be installed.\n")
    pictures = sorted(p.name for p in (page.parent / "pictures").iterdir())
    assert pictures == ["detect-curves.svg", "detect-promises.svg", "detect-tradeoff.svg"]
    assert sorted(re.findall(r"\(pictures/([^)]+)\)", text)) == pictures
    for name in pictures:
        drawn = (page.parent / "pictures" / name).read_text()
        assert drawn.startswith("<svg")
        assert drawn.endswith("</svg>\n")


def test_failures_are_listed_with_the_hard_scenarios():
    text = report.render(FIGURES, ROWS, DETAILS, set())
    fails = text.split("## Where Wellhead fails")[1].split("\n## ")[0]
    assert "A12 mimic" in fails
    assert "asks what a tenant asks" in fails
    assert re.search(r"^\| A4 knockoff \|.*\*\*never\*\*: 84 % \|$", fails, re.MULTILINE)
    assert "A1 uniform" not in fails
    assert "A9" not in fails


def test_a_campaign_that_was_never_found_has_no_clone_at_the_alarm():
    some = {"victim": "adult", "kind": "campaign", "seeds": 3, "n": 3, "accounts": 5, "recall": 0.0, "swept": 0.0}
    never = ScenarioRow(scenario="A9", title="5 accounts", found=0.0, fidelity=0.84, full=0.84, ratio=1.0, **some)
    text = report.render(FIGURES, [never], DETAILS, set())
    table = text.split("## Campaigns")[1].split("\n## ")[0]
    assert "| A9 5 accounts | adult | 5 | 0 % | 0 % | – | 0.00 % | **never alarmed** | 84.0 % | – |" in table
    fails = text.split("## Where Wellhead fails")[1].split("\n## ")[0]
    assert "| A9 5 accounts | **never**: 84 % |" in fails


def test_the_same_results_write_the_same_bytes(folder):
    keep("detect_details", DETAILS)
    first = [p.read_bytes() for p in sorted(report.write(folder / "a" / "x.md").parent.rglob("*.*"))]
    assert first == [p.read_bytes() for p in sorted(report.write(folder / "b" / "x.md").parent.rglob("*.*"))]


def test_nothing_is_a_dash():
    assert (report.percent(None), report.percent(np.nan), report.number(None)) == ("–", "–", "–")
    assert (report.percent(0.1234, 1), report.number(12345.6)) == ("12.3 %", "12,346")
