import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.defend.mark import FIRST, SECOND, Marking, marks_of
from wellhead.defend.own.chance import tail
from wellhead.defend.own.commitment import Declaration
from wellhead.defend.own.judge import (
    DEPENDENT,
    NOT_SHOWN,
    REFUSED,
    Asking,
    attribute,
    evidence,
    expected,
    grind,
    rule,
)

KEY = bytes(range(32))
TEST = Declaration(uid="t", commitments=("c",), suspects=("s",), marks=40, beacon="b")
STRANGERS = [(f"stranger {i}", np.arange(40) < i % 5) for i in range(19)]


def hits(n, of=40):
    return np.arange(of) < n


def ruled(matched, panel=STRANGERS, test=TEST, tests=1, principals=("eve",)):
    names = [principals[i % len(principals)] for i in range(len(matched))]
    return rule(test, names, matched, panel, (9, tests))


def test_a_copy_is_found_beside_strangers():
    found = ruled(hits(30))
    assert (found.verdict, found.reasons, found.rank) == (DEPENDENT, (), 1)
    assert found.whole.log10_p == found.whole.log10_corrected == tail(40, 30, 9)
    assert found.whole.p == pytest.approx(10 ** tail(40, 30, 9))


def test_a_stranger_is_not():
    found = ruled(hits(5))
    assert found.verdict == NOT_SHOWN
    assert "above the declared 1e-06" in found.reasons[0]


def test_every_test_costs():
    assert ruled(hits(30), tests=30).whole.log10_corrected == pytest.approx(tail(40, 30, 9) + math.log10(30))
    least = next(n for n in range(41) if ruled(hits(n)).verdict == DEPENDENT)
    assert ruled(hits(least), tests=5000).verdict == NOT_SHOWN


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        (STRANGERS[:18], "19 independent models were declared, 18 answered"),
        ([*STRANGERS[:18], ("odd", hits(15))], "match too many marks"),
    ],
)
def test_a_poor_panel_refuses_even_a_perfect_match(panel, said):
    found = ruled(hits(40), panel)
    assert found.verdict == REFUSED
    assert said in found.reasons[0]


def test_too_few_answers_refuse():
    assert (
        "40 marks were declared, 39 were answered" in ruled(hits(39, 39), [(n, m[:39]) for n, m in STRANGERS]).reasons
    )


@given(st.integers(0, 40), st.integers(0, 40))
def test_nobody_is_accused_who_does_not_rank_first(suspect, stranger):
    found = ruled(hits(suspect), [*STRANGERS[:18], ("one more", hits(stranger))])
    assert found.verdict != DEPENDENT or found.rank == 1


def test_each_principal_is_judged_by_its_own_marks_and_pays_for_all():
    matched = np.array([True, False] * 20)
    by = attribute(["eve", "bob"] * 20, matched, 9, 1)
    assert [e.of for e in by] == ["eve", "bob"]
    assert (by[0].marks, by[0].matches, by[1].matches) == (20, 20, 0)
    assert by[0].log10_corrected == pytest.approx(by[0].log10_p + math.log10(2))


@given(st.lists(st.booleans(), max_size=50), st.integers(2, 50), st.integers(1, 10**6))
def test_a_corrected_p_value_is_a_probability(matched, among, tests):
    found = evidence("s", np.array(matched, bool), among, tests)
    assert found.log10_p <= found.log10_corrected <= 0.0


def marked(variant, n=4000, share=0.1, classes=6):
    rng = np.random.default_rng(1)
    scores, prints = rng.dirichlet(np.ones(classes), n), rng.integers(0, 2**64, n, dtype=np.uint64)
    marking = Marking(KEY, share, variant)
    who = np.array(["eve", "bob"])[rng.integers(0, 2, n)]
    parts = []
    for name in ("bob", "eve"):
        rows = np.flatnonzero(who == name)
        found = marks_of(marking, scores[rows], name, prints[rows])
        parts.append((name, rows[found.rows], found.served, found.rival))
    names = tuple(n for n, rows, _, _ in parts for _ in rows)
    rows, served, rival = (np.concatenate([p[i] for p in parts]) for i in (1, 2, 3))
    return marking, Asking(names, prints[rows], served, rival, classes), scores[rows]


@pytest.mark.parametrize("variant", [FIRST, SECOND])
def test_the_right_key_gives_every_mark_and_a_wrong_one_by_chance(variant):
    marking, asking, _ = marked(variant)
    drawn, served = expected(marking, asking)
    assert drawn.all()
    assert np.array_equal(served, asking.served)
    drawn, served = expected(Marking(KEY[::-1], 0.1, variant), asking)
    assert drawn.mean() < 0.2
    assert (served == asking.served).mean() == pytest.approx(0.5 if variant == SECOND else 0.2, abs=0.1)


def test_the_first_variant_is_matched_by_labels():
    _, asking, _ = marked(FIRST)
    assert asking.matches(FIRST, asking.served, None).all()
    assert not asking.matches(FIRST, asking.rival, None).any()


def test_the_second_variant_is_matched_by_scores_and_never_by_labels():
    _, asking, scores = marked(SECOND)
    assert not asking.matches(SECOND, asking.served, None).any()
    # a model that was not trained on the marks is right half of the time
    assert asking.matches(SECOND, asking.rival, scores).mean() == pytest.approx(0.5, abs=0.1)
    assert not asking.matches(SECOND, asking.rival, np.full_like(scores, 0.1)).any()


@pytest.mark.parametrize("variant", [FIRST, SECOND])
def test_other_keys_find_nothing(variant):
    marking, asking, _ = marked(variant)
    rng = np.random.default_rng(7)
    found = grind(asking, marking, [rng.bytes(32) for _ in range(200)], asking.served, 2 if variant == SECOND else 5)
    assert -5 < found.log10_best < -1
    assert found.log10_expected == pytest.approx(-math.log10(201))
