import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.active import Random
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.redteam.wrap.averaged import Averaged, averaged, commonest

POOL = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


def test_averaging_undoes_noise_whose_mean_is_zero():
    rng = np.random.default_rng(1)

    def noisy(x):
        noise = rng.normal(0, 0.1, len(x))
        return np.stack([0.5 + noise, 0.5 - noise], axis=1)

    error = {}
    for times in (1, 25):
        last = finish(run(Averaged(attack=Random(inputs=POOL, rows=300), times=times), InProcess(noisy)))
        assert last.spent.rows == 300 * times and last.spent.cached == 0
        error[times] = np.abs(last.result.answer.scores - 0.5).mean()
    assert 3.5 < error[1] / error[25] < 7


def test_blocks_are_averaged_and_what_is_unanswered_does_not_count():
    nan = np.nan
    scores = np.array([[0.8, 0.2], [nan, nan], [0.4, 0.6], [nan, nan]])
    answer = averaged(Answer(Exposure.PROBABILITIES, scores, np.array([0, -1, 1, 1])), 2)
    assert np.allclose(answer.scores[0], [0.6, 0.4]) and np.isnan(answer.scores[1]).all()
    assert answer.labels.tolist() == [0, 1]
    values = averaged(Answer(Exposure.VALUE, values=np.array([1.0, nan, 3.0, nan])), 2).values
    assert values[0] == 2.0 and np.isnan(values[1])


@given(st.lists(st.lists(st.integers(-1, 3), min_size=5, max_size=5), min_size=1, max_size=6))
def test_the_commonest_label_equals_its_slow_twin(votes):
    found = commonest(np.array(votes))
    for column, label in zip(zip(*votes, strict=True), found, strict=True):
        told = [v for v in column if v >= 0]
        assert label == (max(told, key=lambda v: (told.count(v), -told.index(v))) if told else -1)
