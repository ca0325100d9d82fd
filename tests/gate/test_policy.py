import pytest

from wellhead.config import parse
from wellhead.core.exposure import Exposure
from wellhead.gate.policy import compile_policy


def test_a_plan_changes_only_what_it_names():
    config = parse(
        'mode = "enforce"\n[limits]\nrows_per_minute = 60\nburst_rows = 5\n'
        '[plans.gold]\nmax_drawn = 0.9\n[plans.gold.exposure]\nexposure = "label"\n'
        "[plans.big.limits]\nrows_per_minute = 6000\nmax_rows = 1000\n"
    )
    policy = compile_policy(config)
    assert policy.enforce
    assert policy.base.per_row_s == pytest.approx(1.0)
    assert policy.terms("gold").passing.exposure is Exposure.LABEL
    assert policy.terms("gold").burst_rows == 5
    assert policy.terms("gold").max_drawn == 0.9
    assert policy.terms("big").max_rows == 1000
    assert policy.terms("unheard of") is policy.base


def test_observe_is_the_default():
    assert not compile_policy(parse("")).enforce
