import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.redteam.extract.active import Margin, Random
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.redteam.wrap.averaged import Averaged
from wellhead.redteam.wrap.covered import Covered
from wellhead.redteam.wrap.jittered import Jittered
from wellhead.redteam.wrap.label_only import LabelOnly
from wellhead.redteam.wrap.recovered import Recovered
from wellhead.testing.attacks import check_attack

KINDS = [Averaged, Covered, Jittered, LabelOnly, Recovered]
POOL = np.random.default_rng(0).normal(size=(240, 3)).astype(np.float32)
KNOWN = Known(rows=90, shape=(3,), low=np.full(3, -9.0), high=np.full(3, 9.0), pool=POOL, decimals=1, classes=2)


def model(x):
    first = np.round(1 / (1 + np.exp(-np.asarray(x)[:, 0])), 1)
    return np.stack([first, 1 - first], axis=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inner", [Random, Margin])
def test_a_wrapped_attack_is_an_attack_within_the_same_rows(kind, inner):
    attack = kind.suit(KNOWN, inner)
    check_attack(attack, model)
    last = finish(run(attack, InProcess(model)))
    assert last.state == "ok" and last.spent.rows <= 90
    assert attack.name == f"{kind.kind}_{inner.name}" and last.result.detail.endswith(kind.note)


def test_wrappers_nest():
    attack = Jittered(
        attack=Averaged(attack=Random(inputs=POOL, rows=20), times=4), low=KNOWN.low, high=KNOWN.high, scale=1e-3
    )
    check_attack(attack, model)
    last = finish(run(attack, InProcess(model)))
    assert attack.repeats and attack.name == "jittered_averaged_random" and last.spent.rows == 80
    assert len(last.result.inputs) == 20


def test_the_inner_attack_asks_what_it_would_ask_alone():
    inner = Random(inputs=POOL, rows=30)
    alone, wrapped = (finish(run(a, InProcess(model), seed=2)).result for a in (inner, LabelOnly(attack=inner)))
    assert np.array_equal(alone.inputs, wrapped.inputs)


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (Covered, Known(rows=9)),
        (Jittered, Known(rows=9, pool=["a", "b"])),
        (LabelOnly, Known(rows=9, pool=POOL, task="regressor")),
        (Recovered, Known(rows=9, pool=POOL)),
    ],
)
def test_what_does_not_fit_is_unsuited(kind, known):
    with pytest.raises(Unsuited):
        kind.suit(known)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda inner: Averaged(attack=inner, times=0),
        lambda inner: Covered(attack=inner, decoys=POOL, share=0.0),
        lambda inner: Jittered(attack=inner, low=np.zeros(3), high=np.ones(3), scale=0.0),
        lambda inner: LabelOnly(attack=Recovered(attack=inner)),
        lambda inner: Recovered(attack=inner, samples=0),
        lambda inner: Recovered(attack=inner, defence="roundign"),
        lambda inner: Recovered(attack=inner, defence="round:places=2"),
        lambda inner: Recovered(attack=inner, defence="round:two"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        wrong(Random(inputs=POOL))
