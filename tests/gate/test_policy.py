import pytest

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance
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


def treated(text, stance, plan=""):
    return compile_policy(parse(text)).terms(plan).under(stance)


STRICTER = (
    '[exposure]\nanswers = ["round:3"]\ndecimals = 4\n[stances.watch]\nanswers = ["top_k:2"]\nupstream = "http://a:1"\n'
    "[stances.delay]\ndelay_s = [1, 2]\ndecimals = 1\n[plans.gold.exposure]\nexposure = 'label'\n"
)


def test_a_stance_has_what_milder_ones_set_and_changes_what_it_names():
    assert treated(STRICTER, Stance.ALLOW)[0].answers == ("round:3",)
    for stance in (Stance.WATCH, Stance.REDUCE, Stance.DELAY, Stance.THROTTLE, Stance.REVOKE):
        verdict, delay = treated(STRICTER, stance)
        assert (verdict.answers, verdict.upstream) == (("top_k:2", "round:3"), "http://a:1")
        assert verdict.decimals == (1 if stance >= Stance.DELAY else 4)
        assert delay == ((1.0, 2.0) if stance >= Stance.DELAY else (0.0, 0.0))


def test_a_delay_that_is_not_named_has_a_range_of_its_own():
    assert treated("", Stance.DELAY)[1] == (0.5, 1.5)
    assert treated("", Stance.THROTTLE)[1] == (0.0, 0.0)
    assert treated("[stances.watch]\ndelay_s = [3, 4]", Stance.DELAY)[1] == (3.0, 4.0)


@pytest.mark.parametrize("decimals", [-1, 2, 6])
def test_a_stance_gives_away_no_more_than_the_plan(decimals):
    rich = f"[stances.watch]\nexposure = 'logits'\ntop_k = 9\ndecimals = {decimals}\n"
    verdict, _ = treated("[exposure]\nexposure = 'top_k'\ntop_k = 2\ndecimals = 2\n" + rich, Stance.WATCH)
    assert (verdict.exposure, verdict.top_k, verdict.decimals) == (Exposure.TOP_K, 2, 2)
    assert treated(STRICTER, Stance.WATCH, "gold")[0].exposure is Exposure.LABEL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[exposure]\nanswers = ["rund:2"]', "exposure.answers: expected the name of a defence, got 'rund'"),
        ('[exposure]\nanswers = ["round:2", "top_k:2"]', "exposure.answers: expected"),
        ('[plans.gold.exposure]\nanswers = ["round:x"]', "plans.gold.exposure.answers: expected `decimals`"),
        ('[stances.watch]\nanswers = ["rund"]', "stances.watch.answers"),
        ('[exposure]\nanswers = ["mad"]', "flip_labels = true"),
        ('[stances.watch]\nanswers = ["mad"]', "expected stances.watch.answers to keep the best class, got mad"),
        ('[model]\ntask = "regressor"\n[exposure]\nanswers = ["round:2"]', "set exposure.decimals instead"),
        ('[[grades]]\nstance = "watch"\ndrawn = 0.3', "grades[0] to change something, got watch"),
        (
            '[exposure]\nexposure = "label"\n[[grades]]\nstance = "reduce"\ndrawn = 0.3',
            "grades[0] to change something, got reduce",
        ),
    ],
)
def test_what_can_never_be_used_or_changes_nothing_is_an_error_with_a_remedy(text, said):
    with pytest.raises(ConfigError) as caught:
        compile_policy(parse(text))
    assert said in str(caught.value) and caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        '[exposure]\nflip_labels = true\nanswers = ["mad"]',
        '[exposure]\nanswers = ["keep_argmax(mad)"]',
        '[exposure]\nanswers = ["modelguard_s", "top_k:2", "round:2"]',
        '[[grades]]\nstance = "reduce"\ndrawn = 0.3',
        '[[grades]]\nstance = "delay"\ndrawn = 0.3',
        '[stances.watch]\ndelay_s = [0, 1]\n[[grades]]\nstance = "watch"\ndrawn = 0.3',
        '[exposure]\nexposure = "label"\n[plans.gold.exposure]\nexposure = "top_k"\n'
        '[[grades]]\nstance = "reduce"\np = 0.1',
    ],
)
def test_what_can_be_used_compiles(text):
    assert compile_policy(parse(text)).base.treated


def test_a_plan_has_its_own_quota_of_new_ground():
    policy = compile_policy(parse("[valve]\nmax_bits = 100\n[plans.gold]\nmax_bits = 900\n[plans.free]\nmax_drawn = 1"))
    assert [policy.terms(p).max_bits for p in ("", "gold", "free")] == [100.0, 900.0, 100.0]
