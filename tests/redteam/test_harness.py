import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.active import Random
from wellhead.redteam.harness import BARE, Harness
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run


@pytest.fixture
def known(pool):
    return Known(rows=120, shape=(4,), low=np.full(4, -3.0), high=np.full(4, 3.0), pool=pool)


def test_bare_changes_nothing(known):
    attack = Random.suit(BARE.less(known))
    assert BARE.around(attack, known) is attack and attack.rows == 120


@pytest.mark.parametrize(
    ("harness", "inner"),
    [
        (Harness(average=3), 40),
        (Harness(cover=0.5), 60),
        (Harness(noise=0.01), 120),
        (Harness(labels_only=True), 120),
        (Harness(recover="round:2"), 120),
        (Harness(average=2, cover=0.5, noise=0.01, labels_only=True), 30),
    ],
)
def test_the_rows_that_leave_are_those_that_were_granted(softmax, known, harness, inner):
    attack = Random.suit(harness.less(known))
    assert attack.rows == inner
    end = finish(run(harness.around(attack, known), InProcess(softmax), seed=1))
    assert end.state == "ok" and end.spent.rows == 120
    assert end.result.answer.kind is (Exposure.LABEL if harness.labels_only else Exposure.PROBABILITIES)


def test_what_cannot_be_worn_is_refused(known):
    with pytest.raises(Unsuited, match="labels"):
        Harness(labels_only=True).around(Random.suit(known), Known(task="regressor"))
    with pytest.raises(Unsuited, match="pool"):
        Harness(cover=0.5).less(Known())


@pytest.mark.parametrize(
    "wrong",
    [{"average": 0}, {"cover": 0}, {"noise": -1}, {"labels_only": True, "recover": "round"}, {"recover": "rounded"}],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ConfigError):
        Harness(**wrong)
