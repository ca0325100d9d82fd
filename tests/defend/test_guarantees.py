from pathlib import Path

import numpy as np
import pytest

from wellhead.defend.guarantees import Argmax, Guarantees, broken, is_simplex
from wellhead.defend.label_only import LabelOnly
from wellhead.defend.rounding import Rounding
from wellhead.defend.top_k import TopK

P = np.array([[0.6, 0.3, 0.1], [0.2, 0.4, 0.4]])


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
        (Guarantees(l1_max=0.1), moved(0.06, -0.06, 0.0), "l1_max"),
        (Guarantees(l1_max=0.1), moved(0.05, -0.05, 0.0), ""),
    ],
)
def test_broken_names_the_first_broken_guarantee(promise, after, fault):
    assert broken(promise, P, after) == fault


def test_meet_is_what_still_holds():
    first = Guarantees(argmax=Argmax.STRICT, l1_max=1.5, keyed=True)
    second = Guarantees(argmax=Argmax.WEAK, l1_max=1.0, stateless=False, deterministic=False)
    assert first.meet(second) == Guarantees(
        argmax=Argmax.WEAK, l1_max=2.0, keyed=True, stateless=False, deterministic=False
    )


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.array([[np.inf, 0.0]]), np.array([0.5, 0.5]), np.zeros((2, 0))])
def test_not_a_simplex(rows):
    assert not is_simplex(rows)


@pytest.mark.parametrize("defence", [LabelOnly(), TopK(), Rounding()])
def test_the_page_says_what_is_declared(defence):
    page = (Path(__file__).parents[2] / "docs" / "defences.md").read_text()
    declared = defence.guarantees
    cells = (
        f"`{defence.name}`",
        "yes" if declared.simplex else "no",
        declared.argmax.name.lower(),
        f"{declared.l1_max:g}",
        "yes" if declared.deterministic else "no",
        "no" if declared.stateless else "yes",
    )
    assert f"| {' | '.join(cells)} |" in page
