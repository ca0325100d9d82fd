import msgspec
import pytest
from studies import STUDIES, defended, exact, failed, leak, leaky, outcome, stolen

from wellhead.redteam.outcome import Prices, Study
from wellhead.redteam.report import tables
from wellhead.redteam.report.summary import summarise


def every(study):
    s = summarise(study)
    return [
        tables.attacks(study),
        tables.needs(study),
        tables.costs(study, s),
        tables.times(study, s),
        tables.exact(study),
        tables.leaks(study),
        *tables.probed(study.probed),
        tables.provenance(study),
    ]


@pytest.mark.parametrize("make", STUDIES.values(), ids=STUDIES)
def test_every_row_has_a_cell_for_every_head(make):
    for table in every(make()):
        assert all(len(row) == len(table.head) for row in table.rows), table.title
        assert all(
            isinstance(cell, str) and cell for row in table.rows for cell in row if "what happened" not in table.head
        )
        assert all(i < max(len(table.head), 1) for i in table.numeric)


def test_an_unsupported_attack_stands_there_with_its_reason():
    row = next(r for r in tables.attacks(stolen()).rows if r[0] == "relu_mlp")
    assert row[1] == "does not fit this target" and "rounded to 6 decimals" in row[6] and row[5] == "nothing"


def test_costs_add_up():
    rows = {r[0]: r for r in tables.costs(stolen(), summarise(stolen())).rows}
    assert rows["95 %"] == ("95 %", "1,600", "3.20", "20.00", "0", "23.20", "0.04 %")
    assert rows["1,000,000 queries"][2] == "2,000.00"
    assert not tables.costs(defended(), summarise(defended())).rows


def test_what_was_not_reached_costs_more_than_was_spent():
    study = msgspec.structs.replace(defended(), prices=Prices(row=0.01, build=100))
    row = tables.costs(study, summarise(study)).rows[0]
    assert row == ("90 %", "over 800", "over 8.00", "0", "0", "over 8.00", "over 8.0 %")


def test_times_cover_the_given_limit_and_others():
    table = tables.times(stolen(), summarise(stolen()))
    assert [r[0] for r in table.rows] == ["1 a second", "10 a second (yours)", "100 a second"]
    assert table.head[1:5] == ("1 account", "4 accounts", "10 accounts", "100 accounts")
    assert table.rows[1][2] == "40 s" and table.rows[1][-2:] == ("1", "5.00")


def test_rates_stand_only_where_the_sample_carries_them():
    few = Study(target="t", time_us=0, seed=0, outcomes=(outcome("loss", "membership", leak=leak(2.0, 90, 90)),))
    row = tables.leaks(few).rows[0]
    assert "too few" in row[3] and "too few" in row[4]
    assert all("too few" not in cell for r in tables.leaks(leaky()).rows for cell in r)


def test_guessing_is_called_guessing():
    assert tables.leaks(defended()).rows[0][-1].startswith("about nothing")


def test_provenance_names_owner_seed_and_transcript():
    rows = dict(tables.provenance(stolen()).rows)
    assert rows["by leave of"] == "Ann Example, Head of Risk" and rows["transcript"] == "5f" * 32
    assert rows["time"] == "2027-01-15 08:00 UTC" and rows["spent"].startswith("6,214 queries of 10,000")
    assert "nobody named" in dict(tables.provenance(exact()).rows)["by leave of"]


def test_what_was_not_probed_is_not_told():
    assert tables.probed(failed().probed) == ()
