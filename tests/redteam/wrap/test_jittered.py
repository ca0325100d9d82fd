import numpy as np

from wellhead.redteam.extract.active import Random
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.redteam.wrap.averaged import Averaged
from wellhead.redteam.wrap.jittered import Jittered

POOL = np.random.default_rng(0).random((50, 2, 2)).astype(np.float32)
LOW, HIGH = np.zeros(4), np.ones(4)


def test_no_two_queries_are_equal_and_all_stay_near_and_within_the_bounds():
    seen = []

    def model(x):
        seen.append(np.asarray(x))
        return (np.asarray(x)[:, 0, 0] > 0.5).astype(int)

    inner = Averaged(attack=Random(inputs=POOL, rows=50), times=3)
    attack = Jittered(attack=inner, low=LOW, high=HIGH, arities=np.array([0, 0, 0, 2]), scale=0.01)
    result = finish(run(attack, InProcess(model))).result
    asked = np.concatenate(seen)
    assert asked.dtype == np.float32 and len(np.unique(asked.reshape(150, 4), axis=0)) == 150
    assert asked.min() >= 0 and asked.max() <= 1
    away = asked - np.tile(result.inputs, (3, 1, 1))
    assert 0.005 < away[:, 0].std() < 0.012 and (away[:, 1, 1] == 0).all()
