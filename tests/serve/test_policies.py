import functools

import numpy as np
import pytest

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.core.event import Caller
from wellhead.core.exposure import Exposure
from wellhead.plugins import names
from wellhead.redteam.adaptive import THIEVES, callers_of
from wellhead.redteam.curves import Stolen
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import as_answer
from wellhead.redteam.theft import steal
from wellhead.serve import policies as module
from wellhead.serve import profiles
from wellhead.serve.policies import SENSIBLE, Policies, rows_per_call

WEIGHTS = np.random.default_rng(7).normal(size=(4, 3))
POOL = np.random.default_rng(1).normal(size=(120, 4)).astype(np.float32)
ONE = (Caller(principal="a", key="a"),)


def model(x):
    powers = np.exp(np.asarray(x, float) @ WEIGHTS)
    return powers / powers.sum(axis=1, keepdims=True)


FIT = profiles.fit_profile


@functools.cache
def fitted():
    return FIT(POOL, as_answer(model(POOL)), profiles.spec_of(parse("")))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Trials of a config text, with few installed defences unless told otherwise."""

    fits = []

    def make(text="", wanted=(), flip_labels=False, installed=("label_only", "round")):
        monkeypatch.setattr(module, "names", lambda group: installed)
        monkeypatch.setattr(profiles, "fit_profile", lambda *_: fits.append(1) or fitted())
        config = parse(f'[audit]\ndirectory = "{tmp_path}/log"\n' + text)
        trials = Policies(config, tmp_path / "policies", POOL).all(model, wanted, flip_labels)
        return {trial.name: trial for trial in trials}

    make.fits = fits
    return make


def served(trial, rows=20, callers=ONE):
    with trial.guard(model, callers) as oracle:
        return oracle.lines[0].send(POOL[:rows], 1.0)


def test_the_yardsticks_the_installed_the_wanted_and_the_own_are_all_there(made):
    trials = made(wanted=("top_k:1+round:1", "round:2"))
    assert list(trials) == ["none", "label_only", "round:2", "top_k:1+round:1", "your config"]
    assert np.array_equal(served(trials["none"]).answer.scores, model(POOL[:20]))
    assert np.array_equal(served(trials["label_only"]).answer.scores, np.eye(3)[model(POOL[:20]).argmax(axis=1)])
    rounded = served(trials["round:2"]).answer.scores
    assert np.array_equal(rounded, np.round(rounded, 2)) and trials["round:2"].answers == ("round:2",)


def test_limits_are_lifted_for_defences_and_kept_for_the_config(made):
    trials = made("[limits]\nrows_per_minute = 5\nburst_rows = 5\nmax_rows = 4\n")
    assert served(trials["round:2"], 100).status == 200
    assert served(trials["your config"], 100).status in (413, 429)
    with trials["your config"].guard(model, ONE) as oracle:
        assert oracle.rows_per_call == 4


def test_the_config_is_enforced_with_its_answers(made):
    answer = served(made('[exposure]\nanswers = ["round:1"]\n')["your config"]).answer
    assert np.array_equal(answer.scores, np.round(answer.scores, 1))


def test_top_k_answers_are_read_as_probabilities(made):
    trial = made('[exposure]\nexposure = "top_k"\ntop_k = 2\n')["your config"]
    answer = served(trial).answer
    assert answer.kind is Exposure.PROBABILITIES and ((answer.scores > 0).sum(axis=1) == 2).all()
    assert ((trial.undo(model(POOL)) > 0).sum(axis=1) == 2).all()


def test_what_is_known_of_a_defence_is_what_the_gate_does(made):
    trials = made('[exposure]\ndecimals = 1\nanswers = ["top_k:2"]\n')
    for name in ("round:2", "your config"):
        assert np.allclose(trials[name].undo(model(POOL[:20])), served(trials[name]).answer.scores), name
    assert trials["none"].undo is None


def test_each_account_asks_for_itself(made):
    with made()["none"].guard(model, callers_of("split")) as oracle:
        assert [line.account for line in oracle.lines] == [c.principal for c in callers_of("split")]


def test_defences_that_flip_labels_wait_to_be_asked(made):
    assert "mad" not in made(installed=("label_only", "mad"))
    assert "mad" in made(installed=("label_only", "mad"), flip_labels=True)
    with pytest.raises(ConfigError, match="--flip-labels"):
        made(wanted=("mad",))
    with pytest.raises(ConfigError, match="defence"):
        made(wanted=("rond:2",))


def test_what_is_not_ready_says_why(made, monkeypatch):
    monkeypatch.setattr(Policies, "_given", lambda self: {})
    trial = made(installed=("label_only", "noise"))["noise"]
    assert trial.problem and "noise" in trial.problem
    with pytest.raises(ConfigError):
        trial.guard(model, ONE)


def marks_in(trial, rows=100):
    """How many of the answers are not the model's own, and how many have another best class."""
    answer, true = served(trial, rows).answer, model(POOL[:rows])
    return (answer.scores != true).any(axis=1).sum(), (answer.top1 != true.argmax(axis=1)).sum()


def test_marks_are_tried_with_a_key_of_their_own(made):
    text = "[ownership]\nshare = 0.5\n"
    moved, flipped = marks_in(made(text, installed=("label_only", "mark"))["mark"])
    assert 15 < moved < 60 and flipped == 0
    moved, flipped = marks_in(made(text, installed=("label_only", "mark"), flip_labels=True)["mark"])
    assert 30 < moved == flipped < 70
    both = made(text, wanted=("mark+round:1",), flip_labels=True)["mark+round:1"]
    answer = served(both, 100).answer
    assert np.array_equal(answer.scores, np.round(answer.scores, 1))
    assert (answer.top1 != model(POOL[:100]).argmax(axis=1)).sum() > 30
    with pytest.raises(ConfigError, match="by itself"):
        made(text, wanted=("keep_argmax(mark)",), flip_labels=True)


def test_no_mark_is_tried_on_two_classes(made, monkeypatch):
    monkeypatch.setattr(Policies, "_classes", lambda self: 2)
    assert "3 classes" in made(installed=("label_only", "mark"))["mark"].problem


def test_the_valve_is_lifted_for_defences_and_kept_for_the_config(made):
    trials = made("[valve]\nmax_drawn = 0.01\n")
    rng, seen = np.random.default_rng(3), {}
    inputs = rng.normal(size=(600, 4)).astype(np.float32)
    for name in ("none", "round:2", "your config"):
        with trials[name].guard(model, ONE) as oracle:
            line = oracle.lines[0]
            seen[name] = [line.send(inputs[at : at + 50], 1.0).status for at in range(0, 600, 50)]
    assert set(seen["none"]) == set(seen["round:2"]) == {200} and seen["your config"][-1] == 429


def test_defences_are_tried_without_the_marks_of_the_config(made, tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "ownership.json").write_text("spoilt")
    trials = made()
    assert served(trials["round:2"]).status == 200
    with pytest.raises(ConfigError, match="keys of marks"):
        served(trials["your config"])


def test_keyed_defences_and_delays_follow_from_the_seed(tmp_path):
    text = '[stances.delay]\ndelay_s = [1.0, 9.0]\n[exposure]\nanswers = ["noise"]\n'

    def told(seed, number):
        config = parse(f'[audit]\ndirectory = "{tmp_path}/log"\n' + text)
        policies = Policies(config, tmp_path / f"policies-{number}", POOL, seed)
        policies._profile = fitted()
        policies._fit(model)
        with policies.own().guard(model, ONE) as oracle:
            scores = oracle.lines[0].send(POOL[:20], 1.0).answer.scores
            return scores, oracle.gate._gate._draw("a")

    (first, wait), (again, same), (other, late) = told(1, 1), told(1, 2), told(2, 3)
    assert np.array_equal(first, again) and wait == same
    assert not np.allclose(first, other) and wait != late


LIMITS = (
    ("max_rows = 4", 4),
    ("rows_per_day = 3", 3),
    ("burst_rows = 7", 7),
    ("rows_per_minute = 9\nburst_rows = 0", 9),
    ("max_unread_rows = 5", 5),
    ("global_rows_per_minute = 6", 6),
    ("rows_per_minute = 0\nburst_rows = 2", 256),
    ("max_rows = 0", 256),
)


@pytest.mark.parametrize(("limit", "rows"), LIMITS)
def test_no_request_is_larger_than_any_limit_of_rows(limit, rows):
    assert rows_per_call(parse(f"[limits]\n{limit}\n").limits) == rows


def test_a_daily_quota_lets_the_patient_have_all(made):
    trial = made("[limits]\nrows_per_day = 40\nmax_rows = 32\n[valve]\nmax_drawn = 1.0\n")["your config"]
    thief = THIEVES[0]
    known = Known(pool=POOL, shape=(4,), low=POOL.min(axis=0), high=POOL.max(axis=0), classes=3)
    truth = as_answer(model(POOL))
    loot = steal(trial, lambda x: as_answer(model(x)), (thief,), known, Told(truth), (100, 30.0, 0))[thief.name]
    assert loot.rows == 100 and 2 * 86_400 <= loot.seconds < 3 * 86_400


class Told:
    """Clones that nobody has to train."""

    def __init__(self, truth):
        self.truth = truth

    def of(self, inputs, targets, seed):
        return (Stolen(len(inputs), 1.0, -1.0, "none"),)


def test_every_installed_defence_can_be_tried_or_says_why_not(made):
    trials = made(installed=names("defences"), flip_labels=True)
    assert {SENSIBLE.get(n, n).partition(":")[0] for n in ("round", "top_k")} <= {n.partition(":")[0] for n in trials}
    assert not {"cap_l1", "keep_argmax", "when"} & set(trials)
    true = as_answer(model(POOL[:20]))
    for name, trial in trials.items():
        if not trial.problem and name not in ("mad", "mark"):
            assert np.array_equal(served(trial).answer.top1, true.top1), name


def test_the_profile_is_fitted_once_and_the_config_keeps_its_own(made, tmp_path):
    trials = made()
    for trial in trials.values():
        served(trial)
    assert made.fits == [1] and not (tmp_path / "log").exists()
