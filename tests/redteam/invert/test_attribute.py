import msgspec
import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.redteam.invert.attribute import Attribute
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

replace = msgspec.structs.replace
RNG = np.random.default_rng(5)
N, K = 400, 3


def rows(n):
    """A category that nothing else tells, but that decides the label together with the first number."""
    category = RNG.integers(0, K, n)
    numbers = RNG.normal(size=(n, 2))
    inputs = np.column_stack([numbers[:, :1], category, numbers[:, 1:]]).astype(np.float32)
    return inputs, (category + (numbers[:, 0] > 0)) % K


INPUTS, LABELS = rows(N)
POOL, POOL_LABELS = rows(500)


def sharp(inputs):
    """Knows the rule."""
    labels = (np.rint(inputs[:, 1]).astype(int) + (inputs[:, 0] > 0)) % K
    return 0.1 + 0.7 * np.eye(K)[labels]


def blind(inputs):
    """Never looks at the category."""
    return np.full((len(inputs), K), 1 / K)


@pytest.fixture(scope="module")
def known():
    return Known(
        rows=10_000,
        classes=K,
        shape=(3,),
        low=np.array([-9.0, 0, -9]),
        high=np.array([9.0, K - 1, 9]),
        arities=np.array([0, K, 0]),
        pool=POOL,
        candidates=INPUTS,
        candidate_labels=LABELS,
    )


@pytest.mark.parametrize("told", ["scores", "labels"])
def test_a_model_that_knows_the_rule_gives_the_category_away(told, known):
    attack = replace(Attribute.suit(known), learner="logistic")
    model = sharp if told == "scores" else lambda x: sharp(x).argmax(axis=1)
    last = finish(run(attack, InProcess(model)))
    found = last.result
    assert last.spent.rows <= N * K and last.spent.calls == 1
    assert found.accuracy == 1.0 == found.right.mean() and found.column == 1
    assert np.array_equal(found.guesses, INPUTS[:, 1])
    assert found.baseline < 0.5 and found.interval.low < found.lift == pytest.approx(1 - found.baseline)
    assert found.interval.low > 0.5 and "lift +" in found.detail


def test_a_model_that_never_looks_gives_no_lift_over_imputation(known):
    attack = replace(Attribute.suit(replace(known, labels=POOL_LABELS)), learner="gradient_boosting")
    found = finish(run(attack, InProcess(blind))).result
    assert found.lift == 0 == found.interval.low == found.interval.high
    assert found.baseline > 0.9  # the label and the first number tell the category to anybody


def test_a_small_budget_means_fewer_records(known):
    attack = replace(Attribute.suit(replace(known, rows=100)), learner="logistic")
    last = finish(run(attack, InProcess(sharp)))
    assert last.spent.rows <= 99 and np.isfinite(last.result.guesses).sum() == 33 == last.result.right.size


def test_what_does_not_suit(known):
    for changed, why in (({"arities": np.zeros(3, int)}, "categorical"), ({"candidate_labels": None}, "true labels")):
        with pytest.raises(Unsuited, match=why):
            Attribute.suit(replace(known, **changed))
    with pytest.raises(Unsuited, match="pool"):
        Attribute.suit(replace(known, pool=POOL[:0]))
    with pytest.raises(ConfigError, match="values"):
        replace(Attribute.suit(known), values=np.zeros(1))


def test_the_contract_is_kept(known):
    check_attack(replace(Attribute.suit(known), learner="logistic"), sharp)
