import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance
from wellhead.defend.guarantees import Stage
from wellhead.defend.pipeline import Pipeline
from wellhead.gate.gate import Gate
from wellhead.gate.lists import both, stage_of
from wellhead.gate.policy import compile_policy

KEY = b"k" * 32
PERTURB = ("noise:0.5", "noise:1:input", "keep_argmax(reverse_sigmoid)", "keep_argmax(mad:0.5)")
TRUNCATE = ("label_only", "top_k:2", "top_k:1", "buckets", "label_only_after(noise:1)")
ROUND = ("round:1", "round:2", "round:6")


def some(words, most=2):
    return st.lists(st.sampled_from(words), unique=True, max_size=most)


LISTS = st.tuples(some(PERTURB), some(TRUNCATE), some(ROUND, 1)).map(lambda parts: tuple(itertools.chain(*parts)))
CUTS = st.tuples(some(TRUNCATE), some(ROUND, 1)).map(lambda parts: tuple(itertools.chain(*parts)))


def words(answers):
    return "[" + ", ".join(f'"{text}"' for text in answers) + "]"


def leaves(plan, stance, scores, at=Stance.WATCH):
    """What leaves of these scores under the plan, and under a stance with a list of its own."""
    policy = compile_policy(parse(f"[exposure]\nanswers = {words(plan)}\n[stances.watch]\nanswers = {words(stance)}\n"))
    gate, told = Gate(policy, Pipeline(), KEY), Answer(Exposure.PROBABILITIES, scores)
    query = Query("m", np.arange(len(scores), dtype=np.float32)[:, None], len(scores), Exposure.PROBABILITIES)
    shaped = [gate.shape(query, told, v)[0].scores for v in (policy.base.passing, policy.base.under(at)[0])]
    assert not gate.shaping.faults.count
    return shaped


SCORES = np.random.default_rng(7).dirichlet(np.ones(4), 60).round(2).clip(0.01)
SCORES = SCORES / SCORES.sum(axis=1, keepdims=True)


def finest(scores):
    """Decimals that the numbers need, 13 for more than 12."""
    return next((d for d in range(13) if np.allclose(scores, np.round(scores, d), atol=1e-13, rtol=0)), 13)


def follows(before, after):
    """True where each row is a function of the row before."""
    told = {}
    return all(told.setdefault(tuple(a), b) == b for a, b in zip(before.tolist(), after.tolist(), strict=True))


@given(LISTS, LISTS, st.sampled_from([Stance.WATCH, Stance.REDUCE, Stance.THROTTLE]))
def test_whatever_a_stance_says_no_more_leaves_than_the_plan_allows(plan, stance, at):
    quiet, watched = leaves(plan, stance, SCORES, at)
    most = min((int(text[-1]) for text in plan if text.startswith("top_k")), default=4)
    assert "buckets" in (*plan, *stance) or ((watched > 0).sum(axis=1) <= most).all()
    if {"label_only", "top_k:1", "label_only_after(noise:1)"} & {*plan}:
        assert follows(quiet, watched)  # of labels nothing but labels is made
    assert finest(watched) <= min((int(text[-1]) for text in plan if text.startswith("round")), default=13)


@given(LISTS.map(lambda texts: tuple(t for t in texts if t not in ROUND)), CUTS)
def test_what_cuts_after_the_plan_is_a_function_of_what_leaves_under_it(plan, stance):
    assert follows(*leaves(plan, stance, SCORES))


def test_a_watched_partner_gets_labels_as_its_plan_says():
    quiet, watched = leaves(("label_only",), ("round:6",), np.array([[0.2, 0.5, 0.3]]))
    assert quiet.tolist() == watched.tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("round:3",), ("noise:1", "top_k:5", "round:2"), ("noise:1", "top_k:5", "round:2")),
        (("round:2",), ("round:6",), ("round:2",)),
        (("round",), ("round:3", "round:decimals=2"), ("round",)),
        (("label_only",), ("round:6",), ("label_only", "round:6")),
        (("noise:1", "round:2"), ("noise:1", "label_only"), ("noise:1", "label_only", "round:2")),
        (("round:2",), ("modelguard_s", "mark", "label_only_after(modelguard_s)"), None),
        (("round:1",), (), ("round:1",)),
        ((), ("round:2", "top_k:2"), ("round:2", "top_k:2")),
        (("mark", "top_k:3"), ("mad",), ("mad", "mark", "top_k:3")),
        ((), ("round:2", "round:2"), ("round:2", "round:2")),
    ],
)
def test_two_lists_are_in_force_stage_by_stage(first, second, expected):
    assert both(first, second) == (expected or (*second, *first))


def test_a_list_in_a_wrong_order_is_found_out_beside_another():
    with pytest.raises(ConfigError, match=r"stances.watch.answers: expected defence `top_k` before `round`"):
        compile_policy(parse('[exposure]\nanswers = ["noise:1"]\n[stances.watch]\nanswers = ["round:2", "top_k:2"]'))


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("mark", Stage.MARK),
        ("modelguard_s", Stage.PERTURB),
        ("label_only_after(modelguard_s)", Stage.TRUNCATE),
        ("noise:by=input", Stage.PERTURB),
        ("round:2", Stage.ROUND),
        ("unheard_of", Stage.PERTURB),
    ],
)
def test_where_a_defence_stands_depends_on_nothing_that_comes_later(text, stage):
    assert stage_of(text) is stage
