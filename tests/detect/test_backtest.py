import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from wellhead.core.errors import ConfigError
from wellhead.detect.backtest import Tally, of_expression, of_rule
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looking
from wellhead.detect.reader import Reader
from wellhead.detect.rules import shipped
from wellhead.detect.signals.unique import Unique
from wellhead.meter.sketch import Sketches
from wellhead.testing.sketches import rows, traffic

READER = Reader(Detectors([Unique]))
DAY = 86_400.0


def looked(*batches, days=30.0):
    looking = Looking(READER, Sketches(), days, origin_s=1.7e9 - 5)
    return [looking.fold(batch) for batch in batches]


def tallied(test, *batches, days=30.0, reviews=None):
    tally = Tally(test)
    for looks in looked(*batches, days=days):
        tally.fold(looks)
    return tally.done(days, reviews or {})


def test_says_who_when_and_at_how_many_rows():
    times = 1.7e9 + np.arange(100.0)
    found = tallied(
        of_expression("unique_ratio>=0.9 and rows>=40", READER),
        *(rows(["new", "same"], [i, 7], time_s=[t, t]) for i, t in enumerate(times)),
        reviews={"new": "theft", "same": "honest", "gone": "theft"},
    )
    (hit,) = found.hits
    assert (hit.principal, hit.rows, hit.time_s, hit.review) == ("new", 64, times[63], "theft")
    assert hit.said == "unique_ratio 1 >= 0.9, rows 64 >= 40"
    assert (found.principals, found.share, found.rate, found.days) == (2, 0.5, 0.5, (1,))
    assert (found.theft, found.honest) == ((1, 1), (0, 1))


def test_every_period_counts_once_and_the_first_hit_is_kept():
    batches = [rows(["p"] * 64, range(d * 64, d * 64 + 64), time_s=1.7e9 + d * DAY) for d in (0, 1, 1, 4)]
    found = tallied(of_expression("unique>0.5", READER), *batches, days=1.0)
    assert [(h.principal, h.time_s, h.periods) for h in found.hits] == [("p", 1.7e9, 3)]
    assert (found.rate, found.days) == (1.0, (1, 0, 0, 0, 0))


def test_a_detector_is_written_as_it_is_shown():
    batch = rows(["p"] * 200, [0] * 100 + list(range(1, 101)))
    assert tallied(of_expression("unique>=0.45, unique<=0.55", READER), batch).hits
    assert not tallied(of_expression("unique>=0.6", READER), batch).hits


@given(st.integers(0, 10_000), st.sampled_from([r.name for r in shipped()]))
def test_a_rule_hits_as_it_does_live(seed, name):
    """Against the slow obvious way: the rule on each View."""
    rule = next(r for r in shipped() if r.name == name)
    batch = traffic(seed, n=900, principals=5)
    sketches = Sketches()
    sketches.update(batch)
    expected = {view.principal for view in sketches.views() if rule.read(view)}
    assert {h.principal for h in tallied(of_rule(rule, READER), batch).hits} == expected


def test_few_rows_are_not_judged():
    found = tallied(of_expression("rows>=1", READER), rows(["p"] * 15, range(15)), rows(["q"] * 16, range(16)))
    assert [h.principal for h in found.hits] == ["q"] and (found.principals, found.judged) == (2, 1)


@pytest.mark.parametrize("text", ["unique", "unique >= ", "unique=0.5", ">=3", "unique>=0.5 or rows>3", "rows>=--1"])
def test_what_is_no_expression_is_said(text):
    with pytest.raises(ConfigError, match="expected such as"):
        of_expression(text, READER)


def test_an_unknown_name_is_said():
    with pytest.raises(ConfigError, match=r"no field or detector `unikue`.*unique"):
        of_expression("unikue>=0.5", READER)


def test_nothing_seen_is_nothing_found():
    found = Tally(of_expression("rows>=1", READER)).done(30.0, {"p": "theft"})
    assert (found.hits, found.share, found.days, found.theft) == ((), 0.0, (), (0, 0))


@pytest.mark.parametrize(("text", "noted"), [("unique>=95", True), ("unique_ratio<0.1", True), ("unique>=0.9", False)])
def test_a_threshold_that_nobody_came_near_is_shown_beside_what_was_seen(text, noted):
    found = tallied(of_expression(f"rows>=16 and {text}", READER), rows(["p"] * 64, range(64)))
    said = [f"`{text}` held of nobody: the values seen lie in {n} to {n}" for n in ("0.9923", "1")]
    assert (not found.hits) == noted
    assert bool(set(said) & set(found.notes)) == noted
    assert len(found.notes) == noted


def test_the_span_is_that_of_the_requests():
    tally = Tally(of_expression("rows>=1", READER))
    tally.saw(1.7e9 - 3 * DAY, 1.7e9 + DAY)
    for looks in looked(rows(["p"] * 16, range(16))):
        tally.fold(looks)
    found = tally.done(30.0, {})
    assert (found.first_s, found.last_s, found.days) == (1.7e9 - 3 * DAY, 1.7e9 + DAY, (0, 0, 0, 1, 0))
