import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validations import VALIDATION

from wellhead.cli.proposed import by_hand, fewer, propose, through
from wellhead.config import Config, Exposed, Plan, parse
from wellhead.core.errors import ConfigError
from wellhead.redteam.advice import Terms
from wellhead.redteam.goal import DAYS, FIDELITY, Goal

GOAL = Goal(FIDELITY, 0.9)
FREE = Terms(honest_rows=1)


def proposed(text, goal=GOAL, terms=FREE):
    return propose(text, parse(text), VALIDATION, goal, terms)[1]


def test_no_limit_is_more_than_any():
    assert (fewer(0, 9), fewer(9, 5), fewer(5, 9)) == (9, 5, 5)


def test_answers_that_were_not_measured_count_as_none():
    plan = Plan(exposure=Exposed(answers=("mad_argmax",)))
    assert through(VALIDATION, Config(), plan, 0.9).policy == "mad_argmax"
    odd = Config(exposure=Exposed(answers=("top_k:9",)))
    assert through(VALIDATION, odd, Plan(), 0.9).policy == "none"


def test_the_text_says_what_is_promised():
    found = proposed('mode = "enforce"\n[plans.a.exposure]\nanswers = []\n')
    assert found.reached
    assert parse(found.text).limits == found.config.limits and parse(found.text).plans == found.config.plans
    assert list(found.efforts) == ["", "a"]


def test_what_observes_reaches_nothing(monkeypatch):
    monkeypatch.setenv("WELLHEAD__MODE", "observe")
    assert not proposed('mode = "enforce"\n').reached
    monkeypatch.delenv("WELLHEAD__MODE")
    assert proposed("").reached and proposed("").changes[()] == {"mode": '"enforce"'}


def test_what_the_text_cannot_take_is_still_counted_with():
    found = proposed('mode = "enforce"\nlimits = { rows_per_day = 500 }\n')
    assert found.by_hand == {("limits",): {"rows_per_day": "9"}} and "500" in found.text
    assert found.config.limits.rows_per_day == 9 and found.reached


def test_lines_to_set_by_hand_are_toml():
    told = by_hand({(): {"mode": '"enforce"'}, ("plans", "big co"): {"max_drawn": "0.5"}})
    assert told == 'mode = "enforce"\n\n[plans."big co"]\nmax_drawn = 0.5'


def test_a_config_that_no_gate_runs_with_is_refused_by_its_own_words():
    with pytest.raises(ConfigError, match="exposure.answers") as raised:
        proposed('mode = "enforce"\n[exposure]\nanswers = ["nonsense"]\n[plans.a.exposure]\nanswers = ["nonsense"]\n')
    assert "line" not in str(raised.value)


@settings(max_examples=40)
@given(
    st.integers(0, 50), st.integers(0, 50), st.floats(0, 1), st.floats(0, 1), st.floats(0.3, 0.99), st.integers(1, 60)
)
def test_no_limit_is_ever_loosened_and_what_is_reached_holds(rows, plan_rows, drawn, plan_drawn, fidelity, days):
    text = f"[limits]\nrows_per_day = {rows}\n[valve]\nmax_drawn = {drawn}\nwindow_days = {days}\n"
    text += f"[plans.a]\nmax_drawn = {plan_drawn}\n[plans.a.limits]\nrows_per_day = {plan_rows}\n"
    terms = Terms(honest_rows=1, window_days=days, fidelity=fidelity)
    found = proposed(text, Goal(DAYS, 20.0), terms)
    config, plan = found.config, found.config.plans["a"]
    assert 0 < config.limits.rows_per_day <= (rows or 10**9) and config.valve.max_drawn <= drawn
    assert 0 < plan.limits.rows_per_day <= (plan_rows or 10**9) and plan.max_drawn <= plan_drawn
    asked = max(days, 20) + 1  # days, and one for midnight
    for limits in (config.limits, plan.limits):
        assert not found.reached or limits.rows_per_day * asked < through(VALIDATION, config, plan, fidelity).number
