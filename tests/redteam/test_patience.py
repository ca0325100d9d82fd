import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.oracle import CallLine, InProcess, Reply, Simulated, as_answer
from wellhead.redteam.patience import Pace, Patience


@pytest.mark.parametrize("wrong", [{"rows_per_s": -1}, {"rows_per_s": float("nan")}, {"jitter": 1.5}])
def test_a_pace_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError, match="pace"):
        Pace(**wrong)


def test_pauses_have_the_mean_of_the_pace_and_vary_by_the_jitter():
    rng = np.random.default_rng(0)
    pauses = [Pace(rows_per_s=2, jitter=0.5).pause_s(4, rng) for _ in range(2000)]
    assert min(pauses) >= 1 and max(pauses) <= 3 and abs(np.mean(pauses) - 2) < 0.05
    assert Pace().pause_s(100, rng) == 0


def test_each_account_asks_no_faster_than_its_pace(asker, softmax, pool):
    class Two(InProcess):
        @property
        def lines(self):
            return tuple(CallLine(n, lambda x: Reply(200, as_answer(self.model(x))), self.clock) for n in "ab")

    clock = Simulated()
    talk = asker(Two(softmax, rows_per_call=10, clock=clock), patience=Patience(pace=Pace(rows_per_s=5)))
    talk.ask(pool[:80])
    assert clock.now_s() == pytest.approx(6.0)  # four requests of an account, three pauses of 2 s
