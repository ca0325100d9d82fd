import pytest

from wellhead.core.errors import ConfigError
from wellhead.detect.budget import AlarmBudget


def test_reads_the_budget_as_people_write_it():
    budget = AlarmBudget.parse("1 per 1000 principals per 30 days")
    assert (budget.alpha, budget.period_days) == (0.001, 30)
    assert AlarmBudget.parse(" 2  per 100 Principals per 1 day ") == AlarmBudget(2, 100, 1)
    assert AlarmBudget.parse("1 per 1000 principals per 30d").period_days == 30


def test_says_itself_as_it_is_parsed():
    assert AlarmBudget.parse(str(AlarmBudget(3, 500, 7))) == AlarmBudget(3, 500, 7)


@pytest.mark.parametrize(
    "text", ["", "one per thousand", "0 per 10 principals per 1 day", "5 per 5 principals per 1 day",
             "1 per 10 principals per 0 days", "1 per 10 principals per 400 days", "1 per 10 principals per 30 days!",
             "1 per 1000000001 principals per 1 day", f"1 per {'9' * 5000} principals per 30 days"],
)  # fmt: skip
def test_refuses_what_is_no_budget(text):
    with pytest.raises(ConfigError, match="expected `A per N principals per D days`") as refused:
        AlarmBudget.parse(text)
    assert len(str(refused.value)) < 400
