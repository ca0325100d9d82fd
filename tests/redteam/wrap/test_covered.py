import numpy as np
import pytest

from wellhead.redteam.extract.active import Random
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.redteam.wrap.covered import Covered

JOB = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
DECOYS = JOB[:200] + 100


def labels(x):
    return (np.asarray(x)[:, 0] > 0).astype(int)


@pytest.mark.parametrize(("share", "decoys"), [(0.25, 150), (0.4, 75), (1.0, 0)])
def test_the_attacks_rows_are_the_share_that_was_asked_for(share, decoys):
    seen = []

    def model(x):
        seen.append(np.asarray(x))
        return labels(x)

    last = finish(
        run(Covered(attack=Random(inputs=JOB, rows=50, per_round=7), decoys=DECOYS, share=share), InProcess(model))
    )
    asked = np.concatenate(seen)
    assert last.spent.rows == 50 + decoys == len(asked) and (asked[:, 0] > 50).sum() == decoys
    assert np.array_equal(last.result.answer.labels, labels(last.result.inputs)) and (last.result.inputs < 50).all()


def test_decoys_and_the_attacks_rows_are_mixed():
    seen = []
    finish(
        run(
            Covered(attack=Random(inputs=JOB, rows=100), decoys=DECOYS[:100], share=0.5),
            InProcess(lambda x: (seen.append(np.asarray(x)), labels(x))[1]),
        )
    )
    places = np.flatnonzero(np.concatenate(seen)[:, 0] > 50)
    assert 80 < places.mean() < 120


def test_texts_are_covered_too():
    attack = Covered(attack=Random(inputs=["a", "b"], rows=2), decoys=["x", "y", "z"], share=0.5)
    result = finish(run(attack, InProcess(lambda x: np.array([text > "m" for text in x], int)))).result
    assert sorted(result.inputs) == ["a", "b"] and result.answer.labels.tolist() == [0, 0]


def test_each_decoy_is_used_once_before_any_is_used_again():
    seen = []
    cover = Covered(attack=Random(inputs=JOB, rows=30, per_round=10), decoys=DECOYS[:20], share=0.5)
    finish(run(cover, InProcess(lambda x: (seen.append(np.asarray(x)), labels(x))[1])))
    asked = np.concatenate(seen)
    decoys = asked[asked[:, 0] > 50]
    # the second use of a decoy comes from the cache and is not seen again
    assert len(np.unique(decoys, axis=0)) == len(decoys) == 20
