import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.goal import COST, DAYS, FIDELITY, KNOWN, Goal, checked_prices, parse_goal
from wellhead.redteam.outcome import Prices


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("cost to clone above value", Goal(COST, 2e6)),
        ("Cost  to clone above 50,000", Goal(COST, 50_000.0)),
        ("cost to clone above 1e6", Goal(COST, 1e6)),
        ("fidelity below 0.8", Goal(FIDELITY, 0.8)),
        ("fidelity below 80 %", Goal(FIDELITY, 0.8)),
        ("days to clone above 90", Goal(DAYS, 90.0)),
    ],
)
def test_goals_are_sentences(text, goal):
    assert parse_goal(text, 2e6) == goal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("make it safe", KNOWN[0]),
        ("days to clone below 90", KNOWN[3]),
        ("fidelity below 80", "per cent"),
        ("fidelity below 0", "between 0 and 1"),
        ("cost to clone above value", "--value"),
        ("days to clone above 0", "above 0"),
        ("days to clone above 1e400", "at most 1e.15, got inf"),
        ("cost to clone above 1e300", "at most 1e.15"),
    ],
)
def test_other_goals_are_refused_with_what_is_known(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_goal(text)


def test_every_known_goal_is_one():
    assert len({parse_goal(text, 1.0).kind for text in KNOWN}) == 3


@pytest.mark.parametrize("price", [float("inf"), float("nan"), -1.0, 1e-300, 1e300])
def test_prices_that_nobody_can_pay_are_refused(price):
    with pytest.raises(ConfigError, match="got .*--price"):
        checked_prices(Prices(row=price))
    with pytest.raises(ConfigError, match="got .*--account-price"):
        checked_prices(Prices(account=price))


@pytest.mark.parametrize("price", [0.0, 1e-9, 0.002, 1e15])
def test_other_prices_pass(price):
    assert checked_prices(Prices(row=price, account=price)) == Prices(row=price, account=price)
