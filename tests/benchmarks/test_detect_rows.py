import msgspec
import pytest
from benchmarks.detect_cell import Alike, Cell, Poisoned, Run
from benchmarks.detect_gangs import Gang
from benchmarks.detect_metrics import SegmentRow
from benchmarks.detect_rows import Found, details, figures, ratio, rows


def run(scenario, rows_, fidelity, title="x"):
    return Run(
        scenario=scenario, title=title, budget=2000, rows=rows_, coarse=64, score=9.0, threshold=8.0, fidelity=fidelity,
        fidelity_coarse=0.5, full=0.9, curve=((32.0, 0.4), (2000.0, 0.9)),
    )  # fmt: skip


def found(seed, alarms, rows_, fidelity):
    cell = Cell(
        victim="v", seed=seed, attainable=0.95, runs=(run("A4", rows_, fidelity), run("A12", -1, 0.9)),
        segments=(SegmentRow(segment="undeclared", victim="v", alpha=0.01, calibration=500, test=500, alarms=alarms),),
        alikes=(Alike(scenario="B9", title="reseller", n=4, strict=1, coarse=2),),
        poisoned=tuple(
            Poisoned(share=s, found_strict=f, found_coarse=1.0, realised_strict=0.0, realised_coarse=0.0)
            for s, f in ((0.0, 1.0), (0.02, 0.25))
        ),
        compared=(), us_per_event=3.0,
    )  # fmt: skip
    gang = Gang(
        scenario="A9", title="5 accounts", accounts=5, budget=2000, rows=500, day=3.0, fidelity=0.8, full=0.9,
        recall=0.9, named=0.95, precision=1.0, swept=0.001, alone=0.2, reading=0.7,
    )  # fmt: skip
    return Found(cell=cell, gangs=(gang,))


def test_seeds_become_one_row_and_segments_are_pooled():
    cells = [found(1, 4, 128, 0.6), found(2, 9, -1, 0.9)]
    held = {r.scenario: r for r in rows(cells)}
    assert held["A4"].found == 0.5 and held["A4"].rows == 128 and held["A4"].kind == "attack"
    assert held["A12"].kind == "hard" and held["A12"].rows is None and held["A12"].share == 1.0
    assert held["B9"].found == 0.25 and held["B9"].n == 8 and held["B9"].coarse_found == 0.5
    assert held["A15"].found == 0.25 and held["A15"].coarse_found == 1.0 and "2.0%" in held["A15"].title
    assert held["A9"].recall == pytest.approx(0.9) and "20% alarm alone" in held["A9"].note
    assert [(s.test, s.alarms) for s in details(cells).segments] == [(1000, 13)]


def test_of_a_campaign_that_never_alarmed_nothing_is_said_about_the_alarm():
    cells = [found(1, 4, 128, 0.6), found(2, 4, 128, 0.6)]

    def noted(*alarmed):
        changes = [{} if a else {"rows": -1, "reading": 0.9} for a in alarmed]
        held = [
            msgspec.structs.replace(c, gangs=(msgspec.structs.replace(c.gangs[0], **more),))
            for c, more in zip(cells, changes, strict=True)
        ]
        return next(r.note for r in rows(held) if r.scenario == "A9")

    assert noted(True, True).endswith("20% alarm alone; union reads 0.70 at the alarm")
    assert noted(True, False).endswith("union reads 0.70 at the alarm")
    assert noted(False, False).endswith("20% alarm alone; the campaign never alarmed")


def test_figures_have_the_names_that_were_promised():
    named = {f.figure: f.value for f in figures([found(1, 4, 128, 0.6), found(2, 9, -1, 0.9)])}
    assert named["single_found_share"] == 0.5
    assert named["disagreement_ratio_at_alarm_single"] == pytest.approx((4 + 1) / 2)
    assert named["disagreement_ratio_at_alarm_campaign"] == pytest.approx(2.0)
    assert named["campaign_honest_swept"] == pytest.approx(0.001)
    assert 0 < named["realised_lower_over_promised_1in100_worst"] < 1.3


def test_a_perfect_clone_still_disagrees_a_little():
    assert ratio(1.0, 1.0) == 1.0 and ratio(0.9, 1.0) > 100
