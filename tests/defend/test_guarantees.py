from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from wellhead import plugins
from wellhead.defend.guarantees import NOTHING_CHANGES, Argmax, Depends, Guarantees, Stage, broken, is_simplex
from wellhead.defend.mark import Marking
from wellhead.defend.spec import parse
from wellhead.meter.codebook import fit_codebook

P = np.array([[0.6, 0.3, 0.1], [0.2, 0.4, 0.4]])

guarantees = st.builds(
    Guarantees,
    argmax=st.sampled_from(Argmax),
    l1_max=st.sampled_from([0.1, 0.5, 1.5, 2.0]),
    deterministic=st.sampled_from(Depends),
    keyed=st.booleans(),
    stateless=st.booleans(),
)


def moved(*by):
    return P + np.array(by)


@pytest.mark.parametrize(
    ("promise", "after", "fault"),
    [
        (Guarantees(), P, ""),
        (Guarantees(), P[:1], "shape"),
        (Guarantees(), P * 1.01, "simplex"),
        (Guarantees(), moved(0.5, -0.5, 0.0), "simplex"),
        (Guarantees(), np.full_like(P, np.nan), "simplex"),
        (Guarantees(simplex=False), P * 7, ""),
        (Guarantees(), P[:, ::-1], ""),
        (Guarantees(argmax=Argmax.WEAK), P[:, ::-1], "argmax"),
        (Guarantees(argmax=Argmax.WEAK), np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]), ""),
        (Guarantees(argmax=Argmax.STRICT), np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]), "argmax"),
        (Guarantees(argmax=Argmax.STRICT), np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), ""),
        (Guarantees(argmax=Argmax.STRICT), np.array([[1.0, 0.0, 0.0], [0.4, 0.4, 0.2]]), "argmax"),
        (Guarantees(l1_max=0.1), moved(0.06, -0.06, 0.0), "l1_max"),
        (Guarantees(l1_max=0.1), moved(0.05, -0.05, 0.0), ""),
    ],
)
def test_broken_names_the_first_broken_guarantee(promise, after, fault):
    assert broken(promise, P, after) == fault


few = arrays(np.float64, (4, 3), elements=st.integers(1, 3).map(float))


@given(few, few, st.sampled_from([Argmax.WEAK, Argmax.STRICT]))
def test_the_best_class_against_sets(before, after, promise):
    """The slow twin, over many ties."""
    before, after = (x / x.sum(axis=1, keepdims=True) for x in (before, after))
    for x, y in zip(before, after, strict=True):
        best, now = ({j for j in range(3) if row[j] == max(row)} for row in (x, y))
        held = min(best) in now and (promise is Argmax.WEAK or now <= best)
        assert (broken(Guarantees(argmax=promise), x[None], y[None]) == "") == held


def test_meet_is_what_still_holds():
    first = Guarantees(argmax=Argmax.STRICT, l1_max=1.5, keyed=True)
    second = Guarantees(argmax=Argmax.WEAK, l1_max=1.0, stateless=False, deterministic=Depends.INPUT)
    assert first.meet(second) == Guarantees(
        argmax=Argmax.WEAK, l1_max=2.0, keyed=True, stateless=False, deterministic=Depends.INPUT
    )


def test_whatever_follows_a_weak_one_may_keep_the_wrong_class():
    weak, strict = Guarantees(argmax=Argmax.WEAK), Guarantees(argmax=Argmax.STRICT)
    assert weak.meet(strict).argmax is Argmax.NONE and weak.meet(weak).argmax is Argmax.NONE
    assert strict.meet(weak).argmax is Argmax.WEAK


@given(guarantees, guarantees, guarantees)
def test_the_meet_only_loses_and_nothing_changes_nothing(a, b, c):
    both = a.meet(b)
    assert both.argmax <= min(a.argmax, b.argmax) and both.deterministic <= min(a.deterministic, b.deterministic)
    assert both.l1_max >= max(a.l1_max, b.l1_max) and both.l1_max <= 2.0
    assert a.meet(NOTHING_CHANGES) == a == NOTHING_CHANGES.meet(a)
    assert both.meet(c).argmax == a.meet(b.meet(c)).argmax


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.array([[np.inf, 0.0]]), np.array([0.5, 0.5]), np.zeros((2, 0))])
def test_not_a_simplex(rows):
    assert not is_simplex(rows)


def test_stages_stand_in_the_order_of_a_pipeline():
    assert list(Stage) == [Stage.PERTURB, Stage.MARK, Stage.TRUNCATE, Stage.ROUND]


def test_the_page_says_what_is_declared():
    page = (Path(__file__).parents[2] / "docs" / "defences.md").read_text()
    given = {"key": bytes(32), "marking": Marking(bytes(32)), "codebook": fit_codebook(P)}
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    single = [cells for cells in lines if len(cells) == 6]
    for text, *said in single:
        defence = parse(text.strip("`"), given)
        declared = defence.guarantees
        depends = {Depends.OUTPUT: "scores", Depends.INPUT: "input"}[declared.deterministic]
        keyed = "yes" if declared.keyed else "no"
        told = [defence.stage.name.lower(), declared.argmax.name.lower(), f"{declared.l1_max:g}", depends, keyed]
        assert told == said, text
        assert declared.simplex and declared.stateless
    named = {cells[0].strip("`").partition(":")[0].partition("(")[0] for cells in lines}
    assert named == set(plugins.names("defences"))
