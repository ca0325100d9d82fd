import pytest

from wellhead.config import Ownership, parse
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict
from wellhead.gate.marking import marked, with_mark
from wellhead.gate.policy import compile_policy


def answers(own, plan, stance, before=("round:2",)):
    return marked(own, plan, Verdict(stance, Exposure.PROBABILITIES, answers=before)).answers


@pytest.mark.parametrize("stance", Stance)
def test_nobody_is_marked_who_was_not_named(stance):
    assert answers(Ownership(), "gold", stance) == ("round:2",)


@pytest.mark.parametrize("stance", Stance)
def test_only_plans_that_agreed_are_marked_whatever_their_stance(stance):
    own = Ownership(plans=("gold",))
    assert answers(own, "gold", stance) == ("mark", "round:2")
    assert answers(own, "other", stance) == answers(own, "", stance) == ("round:2",)


@pytest.mark.parametrize("stance", Stance)
def test_a_stance_marks_from_there_on(stance):
    is_marked = "mark" in answers(Ownership(stance="reduce"), "", stance)
    assert is_marked is (stance >= Stance.REDUCE)


def test_nobody_is_marked_twice():
    own = Ownership(plans=("gold",), stance="watch")
    assert answers(own, "gold", Stance.WATCH, answers(own, "gold", Stance.WATCH)) == ("mark", "round:2")


def test_the_policy_marks_by_plan_and_stance():
    head = '[exposure]\nanswers = ["round:2"]\nflip_labels = true\n[plans.gold]\n[plans.other]\n'
    policy = compile_policy(parse(head + '[ownership]\nplans = ["gold"]\nstance = "reduce"'))
    assert policy.terms("gold").passing.answers == ("mark", "round:2")
    assert policy.terms("other").passing.answers == ("round:2",)
    treated = {stance: told[0].answers for stance, told in policy.terms("other").treated.items()}
    assert treated[Stance.WATCH] == ("round:2",)
    assert treated[Stance.REDUCE] == treated[Stance.THROTTLE] == ("mark", "round:2")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ("mark",)),
        (("top_k:2", "round:2"), ("mark", "top_k:2", "round:2")),
        (("unheard_of", "round:2"), ("unheard_of", "mark", "round:2")),
    ],
)
def test_the_mark_stands_before_what_cuts(before, after):
    assert with_mark(before) == after
