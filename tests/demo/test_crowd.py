import numpy as np
import pytest

from wellhead.core.event import ModelSpec
from wellhead.demo.crowd import body_of, habits, pauses, questions
from wellhead.demo.data import split
from wellhead.protocols.open_inference import OpenInference


def test_thirty_customers_two_heavy_six_newcomers_and_bursts():
    crowd = habits(np.random.default_rng(1))
    assert len(crowd) == len({h.name for h in crowd}) == 30
    assert sum(h.newcomer for h in crowd) == 6
    assert sum(h.queries >= 500 for h in crowd) == 2
    assert any(h.batch > 1 for h in crowd)
    assert len({h.digits for h in crowd}) > 10


@pytest.mark.parametrize("index", [0, 22, 29])
def test_customers_keep_to_their_habits(index):
    rng = np.random.default_rng(2)
    parts, habit = split(rng), habits(rng)[index]
    images = questions(habit, parts, rng)
    assert len(images) == habit.queries
    distinct = len({i.tobytes() for i in images})
    expected = habit.queries * (1 - habit.repeats)
    assert abs(distinct - expected) < 4 * np.sqrt(habit.queries) + 2


def test_a_body_is_the_protocols():
    images = np.random.default_rng(0).random((2, 784), np.float32)
    query = OpenInference().read_query(body_of(images), "application/json", ModelSpec(name="digits"))
    assert query.rows == 2
    assert np.allclose(query.inputs, images)


def test_pauses_vary_around_the_habit():
    habit = habits(np.random.default_rng(1))[0]
    waits = pauses(habit, 500, np.random.default_rng(0))
    assert abs(np.mean(waits) - habit.pause_s) < 0.1 * habit.pause_s
    assert np.std(waits) > 0.2 * habit.pause_s
