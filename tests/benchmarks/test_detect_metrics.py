import math

import msgspec
import numpy as np
import pytest
from benchmarks import detect_metrics as metrics
from benchmarks.detect_metrics import NEVER, CampaignScore, Details, PeerCell, PeerRow, ScenarioRow, SegmentRow


def segment(alarms, test, alpha=0.01, **more):
    return SegmentRow(segment="a", victim="v", alpha=alpha, calibration=1_000, test=test, alarms=alarms, **more)


def test_clopper_pearson_bounds_are_those_of_the_textbook():
    # 10 of 100: two-sided 90 % interval 5.53 % to 16.37 % (Clopper & Pearson 1934, exact)
    assert metrics.lower(10, 100) == pytest.approx(0.0553, abs=1e-4)
    assert metrics.upper(10, 100) == pytest.approx(0.1637, abs=1e-4)
    assert metrics.lower(0, 100) == 0.0
    assert metrics.upper(100, 100) == 1.0
    # nothing seen in n: the rule of three, 1 - 0.05 ** (1 / n)
    assert metrics.upper(0, 299) == pytest.approx(1 - 0.05 ** (1 / 299))


def test_the_worst_segment_is_the_one_whose_lower_bound_breaks_the_promise_most():
    rows = [segment(10, 1_000), segment(25, 1_000), segment(400, 999), segment(30, 10_000, alpha=0.001)]
    assert metrics.worst(rows, 0.01) == pytest.approx(metrics.lower(25, 1_000) / 0.01)
    assert metrics.worst(rows, 0.001) == pytest.approx(metrics.lower(30, 10_000) / 0.001)
    assert math.isnan(metrics.worst(rows[2:3], 0.01)), "a segment of under 10 / alpha test principals is not judged"


def test_the_interval_of_a_median_holds_it_and_is_a_point_where_all_are_equal():
    rng = np.random.default_rng(0)
    low, high = metrics.bootstrap(np.arange(101), rng)
    assert low < 50 < high
    assert (low, high) == pytest.approx((42, 58), abs=3)  # order statistics 50.5 -+ 1.645 sqrt(101) / 2
    assert metrics.bootstrap(np.full(7, 3.0), rng) == (3.0, 3.0)
    assert all(math.isnan(x) for x in metrics.bootstrap(np.zeros(0), rng))


def test_who_is_never_found_has_the_whole_budgets_clone():
    rows = np.array([100, NEVER, 5_000])
    assert metrics.at_alarm(rows, lambda n: n / 2_000, 2_000).tolist() == [0.05, 1.0, 1.0]
    assert metrics.spent(rows, 2_000).tolist() == [0.05, 1.0, 1.0]


def test_disagreement_is_a_ratio_and_a_perfect_clone_counts_half_an_input():
    ratio = metrics.disagreement(np.array([0.8, 0.9, 1.0]), np.array([0.9, 0.9, 1.0]), 1_000)
    assert ratio.tolist() == pytest.approx([2.0, 1.0, 1.0])
    assert metrics.disagreement(np.array([0.99]), np.array([1.0]), 1_000)[0] == pytest.approx(20.0)


def test_a_peer_is_beaten_only_where_its_thieves_have_the_better_clone():
    ours = np.array([0.5, 0.6, 0.9])
    peers = {"worse": np.array([0.7, 0.7, 0.7]), "same": ours, "better": np.array([0.1, 0.2, 0.99])}
    assert metrics.beaten(ours, peers) == {"worse": True, "same": False, "better": False}
    assert metrics.beaten_share(ours, peers) == pytest.approx(1 / 3)
    assert math.isnan(metrics.beaten_share(ours, {}))


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], (0.0, math.nan, 0.0)),
        ([{"t1", "t2", "t3", "t4"}], (1.0, 1.0, 0.0)),
        ([{"t1", "t2"}, {"t3", "h1"}], (0.5, 1.0, 0.1)),
        ([{"t1", "t2", "t3", "h1"}], (0.75, 0.75, 0.1)),
        ([{"h1", "h2"}], (0.0, math.nan, 0.2)),
    ],
)
def test_a_campaign_is_scored_by_its_members_and_by_the_honest_it_sweeps_in(findings, expected):
    members, honest = ["t1", "t2", "t3", "t4"], [f"h{i}" for i in range(10)]
    found = metrics.campaign(members, honest, findings)
    assert (found.recall, found.precision, found.swept) == pytest.approx(expected, nan_ok=True)
    assert isinstance(found, CampaignScore)


def test_records_come_back_from_json_with_what_they_lack():
    row = ScenarioRow(scenario="A1", title="grid", victim="v", kind="attack", seeds=3, n=3, found=0.0, ratio=math.nan)
    row = msgspec.structs.replace(row, peers={"PRADA": PeerCell(0.0, None, 0.9)}, curve=((10.0, 0.5),))
    back = msgspec.json.decode(msgspec.json.encode(row), type=ScenarioRow)
    assert back == msgspec.structs.replace(row, ratio=None)
    assert back.rows is None
    peer = PeerRow(name="x", published=None, published_found=None, rate=0.01, found=1.0, fidelity=0.5, wellhead=0.4)
    details = Details(segments=(segment(1, 100, word="promisable now"),), peers=(peer,), tradeoff={"x": ((1.0, 0.5),)})
    assert msgspec.json.decode(msgspec.json.encode(details), type=Details) == details
