import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.redteam.attack import take, take_inputs
from wellhead.redteam.box import Box
from wellhead.redteam.extract.jacobian import Jacobian, JacobianTargeted, stride, uphill
from wellhead.redteam.known import Known
from wellhead.redteam.measure import fidelity
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(8, 3))
LOW, HIGH = np.zeros(8), np.full(8, 2.0)
POOL = RNG.uniform(0, 2, (40, 8)).astype(np.float32)
JUDGE = RNG.uniform(0, 2, (1000, 8)).astype(np.float32)
KNOWN = Known(rows=600, shape=(8,), low=LOW, high=HIGH, pool=POOL, classes=3)


def model(x):
    powers = np.exp(2 * np.tanh(x.reshape(len(x), -1) - 1) @ WEIGHTS)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", [Jacobian, JacobianTargeted])
def test_it_keeps_the_contract_within_the_bounds(kind):
    attack = kind.suit(Known(rows=90, shape=(2, 4), low=LOW, high=HIGH, pool=POOL.reshape(-1, 2, 4)))
    check_attack(attack, model)
    check_attack(attack, lambda x: (np.abs(x.reshape(len(x), -1)[:, 0]) * 5000).astype(int))
    result = finish(run(attack, InProcess(model))).result
    assert result.inputs.shape == (90, 2, 4) and result.inputs.min() >= 0 and result.inputs.max() <= 2


def test_where_it_does_not_fit():
    with pytest.raises(Unsuited, match="numbers"):
        Jacobian.suit(Known(pool=["a"]))
    with pytest.raises(Unsuited, match="classifier"):
        Jacobian.suit(Known(task="regressor", shape=(8,), low=LOW, high=HIGH))
    with pytest.raises(ConfigError, match="step"):
        Jacobian(box=Box.of(KNOWN), step=0.0)
    assert (
        len(finish(run(Jacobian.suit(Known(rows=40, shape=(8,), low=LOW, high=HIGH)), InProcess(model))).result.inputs)
        == 40
    )


@pytest.mark.parametrize("kind", [Jacobian, JacobianTargeted])
@pytest.mark.parametrize("answer", [model, lambda x: model(x).argmax(axis=1)])
def test_it_beats_its_seeds_alone(kind, answer):
    attack = kind(box=Box.of(KNOWN), seeds=POOL, first=40, rows=600)
    last = finish(run(attack, InProcess(answer)))
    told, truth = last.result.answer, as_answer(model(JUDGE))
    found = []
    for n in (40, 600):
        rows = np.arange(n)
        targets = take(told, rows).top1
        clone = train(take_inputs(last.result.inputs, rows), targets, Recipe(epochs=60), np.random.default_rng(0))
        found.append(fidelity(clone, JUDGE, truth))
    assert found[1].low > found[0].high and last.spent.calls <= 6


def test_the_number_doubles_or_quadruples():
    rounds = {
        kind: [r.asked for r in run(kind(box=Box.of(KNOWN), seeds=POOL, first=40, rows=600), InProcess(model))]
        for kind in (Jacobian, JacobianTargeted)
    }
    assert rounds[Jacobian][:5] == [40, 40, 80, 160, 280]
    assert rounds[JacobianTargeted][:3] == [40, 120, 440]


def test_uphill_makes_the_loss_grow():
    labels = model(JUDGE).argmax(axis=1)
    network = train(JUDGE, labels, Recipe(epochs=20), np.random.default_rng(0))
    box = Box.of(KNOWN)
    unit = box.unit(JUDGE)
    moved = box.inputs(unit + 1e-3 * np.sign(uphill(network, box, unit, labels)))
    rows = np.arange(len(labels))
    less = network.predict_proba(moved)[rows, labels] <= network.predict_proba(JUDGE)[rows, labels] + 1e-6
    assert less.mean() > 0.97


def test_a_category_moves_by_one_now_and_then():
    box = Box.of(Known(shape=(2,), low=np.zeros(2), high=np.array([4.0, 1.0]), arities=np.array([5, 0])))
    steps = stride(box, np.ones((2000, 2)), 0.1, np.random.default_rng(0))
    assert set(np.round(steps[:, 0], 6)) == {0.0, 0.25} and (steps[:, 1] == 0.1).all()
    assert 0.06 < (steps[:, 0] > 0).mean() < 0.14
