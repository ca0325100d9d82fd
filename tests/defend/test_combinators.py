import msgspec
import numpy as np
import pytest

from wellhead.core.verdict import Stance
from wellhead.defend.buckets import Buckets
from wellhead.defend.combinators import CapL1, KeepArgmax, LabelOnlyAfter, When
from wellhead.defend.guarantees import Argmax, Context, Depends, Guarantees, Stage
from wellhead.defend.label_only import LabelOnly
from wellhead.defend.mad import Mad
from wellhead.defend.noise import Noise
from wellhead.defend.reverse_sigmoid import ReverseSigmoid
from wellhead.defend.rounding import Rounding
from wellhead.defend.top_k import TopK
from wellhead.testing.defences import Chain, check_defence, hard_rows

NOISE = Noise(bytes(32), 0.8)
UNGUARDED = ReverseSigmoid(1.0, 0.1, guarded=False)
INNER = (Mad(), Mad(0.1), UNGUARDED, NOISE, LabelOnly(), TopK(2), Buckets(), Rounding(1))


@pytest.mark.parametrize("inner", INNER, ids=lambda d: d.name)
@pytest.mark.parametrize("around", [KeepArgmax, lambda d: CapL1(0.3, d), lambda d: When("reduce", d), LabelOnlyAfter])
def test_keeps_the_contract_around_anything(around, inner):
    check_defence(around(inner), sizes=(2, 3, 10))


def test_guarantees_follow_from_those_inside():
    assert KeepArgmax(Mad(0.5)).guarantees == Guarantees(argmax=Argmax.STRICT, l1_max=0.5, deterministic=Depends.INPUT)
    assert CapL1(0.3, NOISE).guarantees == Guarantees(argmax=Argmax.STRICT, l1_max=0.3, keyed=True)
    assert CapL1(0.9, NOISE).guarantees.l1_max == 0.8
    assert CapL1(0.9, UNGUARDED).guarantees.argmax is Argmax.NONE
    assert When("watch", Mad()).guarantees == Mad().guarantees
    assert LabelOnlyAfter(NOISE).guarantees == Guarantees(argmax=Argmax.STRICT, keyed=True)
    for inner in (Mad(), Rounding(1)):
        assert LabelOnlyAfter(inner).guarantees.argmax is Argmax.NONE


def test_the_label_of_a_rounded_row_may_be_another():
    """Why it promises nothing of the best class."""
    row = np.array([[0.496, 0.504]])
    assert Rounding(1).shape(row, Context()).tolist() == [[0.5, 0.5]]
    for after in (LabelOnlyAfter(Rounding(1)), Chain((Rounding(1), Rounding(0)))):
        assert after.shape(row, Context()).tolist() == [[1.0, 0.0]]
        assert after.guarantees.argmax is Argmax.NONE


def test_a_row_on_the_way_to_a_cut_one_is_not_cut():
    for around in (KeepArgmax, lambda d: CapL1(0.3, d)):
        assert [around(d).stage for d in (Mad(), TopK(), Rounding())] == [Stage.PERTURB] * 3
    assert [When("watch", d).stage for d in (Mad(), TopK(), Rounding())] == [
        Mad().stage,
        TopK().stage,
        Rounding().stage,
    ]
    assert LabelOnlyAfter(Mad()).stage is Stage.TRUNCATE


def test_when_bites_from_its_stance_on():
    rows, defence = hard_rows(3), When("reduce", LabelOnly())
    for stance in Stance:
        shaped = defence.shape(rows, Context(stance=int(stance)))
        assert np.array_equal(shaped, rows) != (stance >= Stance.REDUCE)


def test_the_label_is_that_of_what_was_left():
    rows = np.random.default_rng(0).dirichlet(np.ones(5), 50)
    left = Mad().shape(rows, Context()).argmax(axis=1)
    assert np.array_equal(LabelOnlyAfter(Mad()).shape(rows, Context()).argmax(axis=1), left)
    assert not np.array_equal(left, rows.argmax(axis=1))


def test_whoever_reads_labels_alone_reads_the_same_whatever_strict_defence_there_is():
    rows = hard_rows(10)
    assert np.array_equal(LabelOnlyAfter(KeepArgmax(Mad())).shape(rows, Context()), LabelOnly().shape(rows, Context()))


class Careless(msgspec.Struct, frozen=True):
    """Moves by 1 what promised 0.1."""

    name: str = "careless"
    stage: Stage = Stage.PERTURB
    guarantees: Guarantees = Guarantees(l1_max=0.1)

    def shape(self, scores, context):
        return LabelOnly().shape(scores[:, ::-1], context)


def test_a_cap_holds_what_broke_its_own_promise():
    rows = hard_rows(10)
    capped = CapL1(0.3, KeepArgmax(Careless())).shape(rows, Context())
    assert (np.abs(capped - rows).sum(axis=1) <= 0.3 + 1e-9).all()


def test_names_say_what_is_inside():
    assert KeepArgmax(CapL1(0.5, When("watch", Mad()))).name == "keep_argmax(cap_l1(when(mad)))"
