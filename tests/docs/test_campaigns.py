import re
from pathlib import Path

import msgspec
from benchmarks import results
from benchmarks.detect_metrics import ScenarioRow

ROOT = Path(__file__).resolve().parents[2]
PAGE = " ".join((ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8").split())
GANGS = [
    r
    for r in msgspec.json.decode((results.RESULTS / "detect_scenarios.json").read_bytes(), type=list[ScenarioRow])
    if r.scenario in ("A9", "A10")
]
EVENLY = [r for r in GANGS if "active" not in r.title]


def between(values, digits=0):
    """The range of some shares, as the page writes it; digits: of ratios, which are no shares."""
    scale = 1 if digits else 100
    return f"{scale * min(values):.{digits}f} to {scale * max(values):.{digits}f}"


def test_how_many_members_are_named_is_what_the_benchmark_found():
    some = [r.recall for r in EVENLY if r.accounts in (25, 125)]
    many = [r.recall for r in EVENLY if r.accounts == 1250]
    picky = [r.recall for r in GANGS if "active" in r.title]
    assert f"{between(some)} % of 25 or 125 accounts are named" in PAGE
    assert f"and {between(many)} % of 1,250 that ask 40 rows each" in PAGE
    assert f"{between(picky)} % are named, and sometimes as several campaigns" in PAGE
    assert {r.accounts for r in GANGS} == {5, 25, 125, 1250}


def test_how_late_they_are_named_is_what_the_benchmark_found():
    assert f"disagrees only {between([r.ratio for r in EVENLY if r.found], 1)} times as often" in PAGE


def test_few_accounts_are_not_named_and_alarm_by_themselves_as_the_benchmark_found():
    few = [r for r in GANGS if r.accounts == 5]
    assert {r.found for r in few} == {0.0} and "the linker names none of them" in PAGE
    alone = [int(re.search(r"(\d+)% alarm alone", r.note)[1]) for r in few]
    assert f"up to {max(alone)} % alarm by themselves" in PAGE
