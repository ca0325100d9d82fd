import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Result
from wellhead.redteam.budget import Budget
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.http import Http
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run


def test_rows_tell_the_progress_and_the_last_brings_the_result(pool, softmax):
    rounds = list(run(Pool(inputs=pool, rows=250, per_round=100), InProcess(softmax)))
    assert [r.state for r in rounds] == ["asking"] * 3 + ["ok"]
    assert [r.spent.rows for r in rounds] == [100, 200, 250, 250]
    assert [r.accounts["local"].answered for r in rounds] == [100, 200, 250, 250]
    assert rounds[0].result is None and len(rounds[-1].digest) == 64
    assert np.array_equal(rounds[-1].result.answer.scores, softmax(rounds[-1].result.inputs))


def test_the_seed_decides_what_is_asked(pool, softmax):
    a, b, c = (finish(run(Pool(inputs=pool, rows=50), InProcess(softmax), seed=s)).result.inputs for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_in_process_and_over_http_the_conversation_is_the_same(server, wording, pool, softmax):
    attack = Pool(inputs=pool, rows=120, per_round=40, pick="uncertainty")
    here = finish(run(attack, InProcess(softmax), seed=3)).result
    there = finish(run(attack, Http(server.url, wording), seed=3)).result
    assert np.array_equal(here.inputs, there.inputs) and np.array_equal(here.answer.scores, there.answer.scores)


class Greedy(msgspec.Struct, frozen=True):
    """Needs scores."""

    name: ClassVar[str] = "greedy"
    paper: ClassVar[str] = ""
    atlas: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    def run(self, rng):
        while True:
            yield np.zeros((1, 4), np.float32)


def test_answers_that_give_too_little_make_the_attack_unsupported(softmax):
    last = finish(run(Greedy(), InProcess(lambda inputs: softmax(inputs).argmax(axis=1))))
    assert last.state == "unsupported" and "needs probabilities, the answers carry label" in last.reason


def test_an_attack_that_does_not_stop_is_stopped():
    def dead(inputs):
        return np.zeros((7, 3))

    last = finish(run(Greedy(), InProcess(dead)))
    assert last.state == "failed" and "went on asking" in last.reason and last.number == 4


@pytest.mark.parametrize("budget", [Budget(rows=0), Budget(calls=0), Budget(money=0, price_row=1), Budget(seconds=0)])
def test_an_empty_budget_asks_nothing(pool, softmax, budget):
    asked = []
    last = finish(run(Pool(inputs=pool), InProcess(lambda inputs: asked.append(1)), budget))
    assert last.state == "exhausted" and not asked and isinstance(last.result, Result)


THIEF = """
import sys, pathlib, importlib.util
spec = importlib.util.spec_from_file_location("conftest", sys.argv[1])
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)
import numpy as np
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.http import Http
from wellhead.redteam.run import finish, run
from wellhead.redteam.transcript import Transcript
pool = np.random.default_rng(1).normal(size=(2000, 4)).astype(np.float32)
oracle = Http(sys.argv[2], conftest.Json(), target="model", rows_per_call=2)
finish(run(Pool(inputs=pool, rows=200, per_round=50), oracle, transcript=Transcript(sys.argv[3]), seed=9))
"""


def test_sigkill_loses_no_answer_and_no_count(server, wording, pool, tmp_path, record):
    thief = None

    def kill_at_31(account, number):
        if number == 31:
            os.kill(thief.pid, signal.SIGKILL)
            return "drop"
        return None

    server.misbehave = kill_at_31
    here = str(Path(__file__).parent / "conftest.py")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    thief = subprocess.Popen(
        [sys.executable, "-c", THIEF, here, server.url, str(tmp_path / "transcript.jsonl")], env=env
    )
    assert thief.wait(60) == -signal.SIGKILL
    transcript = record()
    assert transcript.spent.calls == server.requests == 31 and transcript.spent.rows == 62
    oracle = Http(server.url, wording, target="model", rows_per_call=2)
    last = finish(run(Pool(inputs=pool, rows=200, per_round=50), oracle, transcript=transcript, seed=9))
    assert last.state == "ok" and len(last.result.inputs) == 200
    assert server.seen.total() == 200 and max(server.seen.values()) == 1
    assert last.spent.calls == server.requests == 101 and last.spent.rows == 202


class Picky(Pool, frozen=True, kw_only=True, eq=False):
    """Finds out on the way that the target does not suit it."""

    name: ClassVar[str] = "picky"

    def run(self, rng):
        yield self.inputs[:5]
        raise Unsuited("unsupported precision: the answers are rounded")


def test_an_attack_that_finds_itself_unsuited_is_unsupported_with_its_reason(softmax, pool):
    last = finish(run(Picky(inputs=pool), InProcess(softmax)))
    assert (last.state, last.reason) == ("unsupported", "unsupported precision: the answers are rounded")
    assert last.spent.rows == 5 and last.result is None
