from contextlib import contextmanager

import msgspec
import numpy as np
import pytest

from wellhead.core.errors import ConfigError, WellheadError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam import curves
from wellhead.redteam.budget import UNLIMITED
from wellhead.redteam.desk import Desk
from wellhead.redteam.known import Known
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.matrix import Terms, validate
from wellhead.redteam.oracle import CallLine, InProcess, Reply, Simulated
from wellhead.redteam.results import Truth
from wellhead.redteam.theft import Trial
from wellhead.redteam.transcript import Transcript


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """One learner is enough to see what is compared with what."""
    monkeypatch.setattr(curves, "learners_for", lambda *a: {"logistic": LEARNERS["logistic"]})


def trial_of(name, shape, **more):
    @contextmanager
    def guard(model, callers):
        yield InProcess(lambda x: shape(model(x)), clock=Simulated())

    return Trial(name, guard, **more)


def as_is(answer):
    return answer


def labels(answer):
    return Answer(Exposure.LABEL, labels=answer.top1)


def tried(model, pool, trials, terms=None, **known):
    asked = []
    oracle = InProcess(lambda x: asked.append(x) or model(x), clock=Simulated())
    known = Known(pool=pool, shape=(4,), low=np.full(4, -5.0), high=np.full(4, 5.0), **known)
    steps = list(
        validate(
            Desk(oracle, UNLIMITED, Transcript()), known, trials, terms or Terms(budget=60, seeds=2, judges=pool[:80])
        )
    )
    return steps, np.concatenate(asked)


def test_policies_are_compared_like_with_like(softmax, pool):
    trials = [trial_of("none", as_is), trial_of("label_only", labels), Trial("late", None, problem="not yet")]
    steps, asked = tried(softmax, pool[:400], trials)
    found = steps[-1].found
    open_, shut, late = found.tried
    assert late.state == "not ready" and late.reason == "not yet" and late.best is None
    assert open_.notice.kept == open_.notice.answered == 80 and open_.notice.l1_max == 0
    assert shut.notice.l1_max > 0 and shut.notice.kept == 80
    takings = [{t.thief: t for t in tried.takings} for tried in (open_, shut)]
    assert (
        takings[0]["label-only"]
        == takings[1]["label-only"]
        == msgspec.structs.replace(takings[1]["soft"], thief="label-only")
    )
    assert takings[0]["soft"].end.fidelity > takings[1]["soft"].end.fidelity
    assert takings[0]["repeats"].rows == 180 and len(takings[0]["soft"].shares) == 2
    assert len({row.tobytes() for row in asked}) == len(asked) == found.spent_rows


def test_progress_ends_where_it_said_and_names_the_policy(softmax, pool):
    steps, _ = tried(softmax, pool[:300], [trial_of("none", as_is)], Terms(budget=50, seeds=1, judges=pool[:40]))
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    assert steps[-1].done == steps[-1].steps and {s.policy for s in steps} == {"none", ""}
    assert [s.tried.policy for s in steps if s.tried] == ["none"]


def test_the_same_seed_finds_the_same(softmax, pool):
    def cells():
        (found,) = (s.found for s in tried(softmax, pool[:300], [trial_of("none", as_is)])[0] if s.found)
        return found.tried[0].takings, found.tried[0].notice

    assert cells() == cells()


def test_members_are_measured_by_scores_and_by_labels(pool):
    inside = pool[:120]
    held = {row.tobytes() for row in inside}

    def leaky(x):
        sure = np.array([0.99 if np.float32(row).tobytes() in held else 0.6 for row in x])
        first = np.asarray(x)[:, 0] > 0
        return np.where(first[:, None], np.stack([1 - sure, sure], 1), np.stack([sure, 1 - sure], 1))

    candidates = np.concatenate([inside, pool[200:320]])
    terms = Terms(
        budget=50, seeds=1, judges=pool[400:440], truth=Truth(members=np.repeat([True, False], 120)), thieves=()
    )
    more = {"candidates": candidates, "candidate_labels": (candidates[:, 0] > 0).astype(int)}
    steps, _ = tried(leaky, pool[500:700], [trial_of("none", as_is), trial_of("label_only", labels)], terms, **more)
    open_, shut = steps[-1].found.tried
    assert open_.by_scores.auc > 0.95 and open_.by_labels is not None
    assert shut.by_scores is None and shut.by_labels == open_.by_labels
    assert open_.why_scores == open_.why_labels == shut.why_labels == "" and "loss" in shut.why_scores


@pytest.mark.parametrize("answered", ["nobody", "members", "some"])
def test_candidates_that_were_not_answered_are_not_counted(softmax, pool, answered):
    inside = {row.tobytes() for row in pool[:60]}

    def picky(trial_model):
        def model(x):
            keep = [answered == "some" or (answered == "members" and row.tobytes() in inside) for row in x]
            scores = np.where(np.array(keep)[:, None], trial_model(x).scores, np.nan)
            return Answer(Exposure.PROBABILITIES, scores)

        return model

    @contextmanager
    def guard(model, callers):
        yield Lines(picky(model))

    terms = Terms(budget=50, seeds=1, judges=pool[400:440], truth=Truth(members=np.repeat([True, False], 60)))
    terms = msgspec.structs.replace(terms, thieves=())
    more = {"candidates": pool[:120], "candidate_labels": softmax(pool[:120]).argmax(axis=1)}
    steps, _ = tried(softmax, pool[500:700], [Trial("p", guard)], terms, **more)
    (found,) = steps[-1].found.tried
    if answered == "some":
        assert found.by_scores.members == 60 and found.why_scores == ""
    else:
        assert found.by_scores is None
        assert found.why_scores.startswith(f"{60 if answered == 'members' else 0} members and 0 others were answered")


class Lines(InProcess):
    """Answers each row by itself, so that some may be refused."""

    def __init__(self, model):
        super().__init__(model, rows_per_call=1, clock=Simulated())

    @property
    def lines(self):
        return (CallLine("a", self._one, self.clock),)

    def _one(self, inputs):
        answer = self.model(inputs)
        return Reply(422, detail="no") if np.isnan(answer.scores).any() else Reply(200, answer)


def test_labels_that_the_model_has_no_class_for_are_refused(softmax, pool):
    terms = Terms(budget=50, seeds=1, judges=pool[:40], truth=Truth(members=np.repeat([True, False], 20)))
    more = {"candidates": pool[:40], "candidate_labels": np.arange(40) % 10}
    with pytest.raises(ConfigError, match=r"labels 0\.\.2 of members .* got 9"):
        tried(softmax, pool[:300], [trial_of("none", as_is)], terms, **more)


def test_honest_customers_split_requests_too_and_wait_no_longer_than_the_thieves(softmax, pool):
    @contextmanager
    def guard(model, callers):
        yield Daily(model)

    steps, _ = tried(softmax, pool[:300], [Trial("p", guard)], Terms(budget=50, seeds=1, judges=pool[:80], days=4))
    (found,) = steps[-1].found.tried
    assert (found.notice.answered, found.notice.refused) == (40, 40)
    assert found.takings[0].rows == 40


class Daily:
    """Ten rows a day."""

    target, owner, rows_per_call, timeout_s, concurrent, account = "daily", "", 256, 1.0, False, "a"

    def __init__(self, model):
        self.model, self.clock, self.lines, self.days = model, Simulated(), (self,), {}

    def send(self, inputs, timeout_s):
        day, into = divmod(self.clock.now_s(), 86_400)
        if self.days.get(day, 0) + len(inputs) > 10:
            return Reply(429, retry_after_s=86_400 - into, detail="limit reached: rows a day")
        self.days[day] = self.days.get(day, 0) + len(inputs)
        return Reply(200, self.model(inputs))

    def close(self):
        pass


def test_logits_are_recognised_and_labelled_judges_give_accuracy(pool):
    weights = np.random.default_rng(2).normal(size=(4, 3))
    terms = Terms(budget=50, seeds=1, judges=pool[:60], judge_labels=(pool[:60] @ weights).argmax(axis=1))
    steps, _ = tried(lambda x: np.asarray(x, float) @ weights, pool[:300], [trial_of("none", as_is)], terms)
    found = steps[-1].found
    assert found.accuracy == 1.0 and found.tried[0].best.accuracy > 0.5 and found.tried[0].notice.l1_max == 0


def test_a_small_pool_is_said_and_topped_up(softmax, pool):
    steps, _ = tried(softmax, pool[:90], [trial_of("none", as_is)], Terms(budget=70, seeds=1))
    assert "mixed" in steps[-1].found.warnings[0] and steps[-1].found.tried[0].takings[0].rows == 70


def raises(x):
    raise ValueError("Input X contains NaN.\n  Give none.")


@pytest.mark.parametrize(
    ("model", "rows", "said"),
    [
        (lambda x: np.asarray(x).sum(axis=1), 100, "regressor"),
        (lambda x: None, 100, "got expected .* from the model, got NoneType"),
        (raises, 100, "got 500 ValueError: Input X contains NaN. Give none.$"),
        (None, 0, "--pool"),
    ],
)
def test_what_cannot_be_tried_is_said(model, rows, said, pool):
    with pytest.raises(WellheadError, match=said):
        tried(model, pool[:rows], [])


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"seeds": 0}, {"days": 0.0}, {"goal": 1.5}])
def test_terms_make_sense(wrong):
    with pytest.raises(ConfigError):
        Terms(**wrong)
