import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.budget import Budget
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


class Quota:
    """So many rows a day, in requests of any size that still fits."""

    target, owner, rows_per_call, timeout_s, concurrent, account = "quota", "", 50, 1.0, False, "a"

    def __init__(self, model, a_day):
        self.model, self.a_day, self.clock, self.lines = model, a_day, Simulated(), (self,)
        self.days, self.refusals = {}, 0

    def send(self, inputs, timeout_s):
        day, into = divmod(self.clock.now_s(), 86_400)
        if self.days.get(day, 0) + len(inputs) > self.a_day:
            self.refusals += 1
            return Reply(429, retry_after_s=86_400 - into, detail="full: rows a day")
        self.days[day] = self.days.get(day, 0) + len(inputs)
        return Reply(200, as_answer(self.model(inputs)))

    def close(self):
        pass


@pytest.mark.parametrize("a_day", [3, 40, 64, 100])
def test_who_asks_in_smaller_requests_uses_every_day_to_the_last_row(asker, softmax, pool, a_day):
    quota = Quota(softmax, a_day)
    patience = Patience(give_up_after_s=1e6, longest_wait_s=60.0, full="full")
    told = asker(quota, patience=patience).ask(pool[:120])
    assert np.allclose(told.scores, softmax(pool[:120]))
    spent = [quota.days[day] for day in sorted(quota.days)]
    assert spent == [a_day] * (120 // a_day) + [120 % a_day] * bool(120 % a_day)
    assert quota.refusals < 12 * (len(spent) + 120 // 50)


def test_who_does_not_shrink_asks_as_before_and_who_does_stops_with_its_time(asker, softmax, pool):
    quota = Quota(softmax, 40)
    last = asker(quota, Budget(seconds=2 * 86_400), patience=Patience(give_up_after_s=1e6)).ask(pool[:50])
    assert (last.top1 < 0).all() and not quota.days
    quota = Quota(softmax, 40)
    patience = Patience(give_up_after_s=1e6, full="full")
    told = asker(quota, Budget(seconds=2 * 86_400), patience=patience).ask(pool[:500])
    assert (told.top1 >= 0).sum() == 80 and quota.refusals < 40


def test_a_request_shrinks_for_a_long_wait_and_for_a_full_limit_alone():
    patience = Patience(longest_wait_s=60.0, full="limit reached")
    assert patience.shrinks("limit reached: rows a day", 61.0)
    assert not patience.shrinks("limit reached: rows a minute", 60.0)
    assert not patience.shrinks("too many new inputs", 3600.0) and not Patience().shrinks("limit reached", 1e9)


class Window(Quota):
    """One request of any size a day, after which all is closed: to shrink would be a waste."""

    def send(self, inputs, timeout_s):
        day, into = divmod(self.clock.now_s(), 86_400)
        if day in self.days:
            return Reply(429, retry_after_s=86_400 - into, detail="closed")
        self.days[day] = len(inputs)
        return Reply(200, as_answer(self.model(inputs)))


def test_who_is_shut_out_comes_back_with_a_whole_request(asker, softmax, pool):
    window = Window(softmax, 0)
    asker(window, patience=Patience(give_up_after_s=1e6, full="full")).ask(pool[:120])
    assert list(window.days.values()) == [50, 50, 20]


def test_after_the_wait_requests_are_whole_again(asker, softmax, pool):
    sizes, quota = [], Quota(lambda x: sizes.append(len(x)) or softmax(x), 64)
    asker(quota, patience=Patience(give_up_after_s=1e6, full="full")).ask(pool[:130])
    assert sizes[0] == 50 and sum(sizes) == 130 and sizes.count(1) < 3 and quota.days == {0.0: 64, 1.0: 64, 2.0: 2}
