import numpy as np
import pytest

from wellhead.audit.entries import records
from wellhead.config import parse
from wellhead.core.errors import ProfileError
from wellhead.core.event import Event, ModelSpec
from wellhead.core.verdict import Decision
from wellhead.redteam.budget import Budget
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.oracle import as_answer
from wellhead.redteam.run import finish, run
from wellhead.serve import profiles
from wellhead.serve.rehearse import Rehearsal

RNG = np.random.default_rng(3)
INPUTS = RNG.normal(size=(1500, 8)).astype(np.float32)
WEIGHTS = RNG.normal(size=(8, 4))


def model(inputs):
    powers = np.exp(2 * np.asarray(inputs, float) @ WEIGHTS)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    path = tmp_path_factory.mktemp("profile") / "profile.wellhead"
    fitted = profiles.fit_profile(INPUTS[:600], as_answer(model(INPUTS[:600])), ModelSpec())
    path.write_bytes(fitted.to_bytes())
    return path


def steal(config, folder, accounts):
    with Rehearsal(config, folder, accounts, INPUTS[:0]).guard(model) as oracle:
        attack = Pool(inputs=INPUTS[600:], rows=900, per_round=100)
        return finish(run(attack, oracle, Budget(rows=900)))


def test_a_policy_closes_the_valve_on_a_thief_and_its_log_tells_so(tmp_path, profile):
    config = parse(f'[model]\nprofile = "{profile}"\n[valve]\nmax_drawn = 0.5\n')
    last = steal(config, tmp_path, 1)
    assert last.spent.rows < 700
    logged = [r for _, r in records(tmp_path / "gate-1") if isinstance(r, Event)]
    assert sum(e.rows for e in logged if e.status == 200) == last.spent.rows
    assert any(e.status == 429 for e in logged)
    assert {e.principal for e in logged} == {"thief-1"}


def test_a_wide_policy_lets_everything_through_over_every_account(tmp_path, profile):
    config = parse(f'[model]\nprofile = "{profile}"\n[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n')
    last = steal(config, tmp_path, 3)
    assert last.spent.rows == 900
    assert sorted(last.accounts) == ["thief-1", "thief-2", "thief-3"]
    assert min(state.answered for state in last.accounts.values()) > 290


def test_the_log_of_the_real_gate_is_not_touched(tmp_path, profile, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Rehearsal(parse(f'[model]\nprofile = "{profile}"\n'), tmp_path / "rehearsal", 1, INPUTS[:0]).guard(model):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rehearsal"]


def test_without_a_profile_one_is_fitted_on_the_pool_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []

    def counted(inputs):
        asked.append(len(inputs))
        return model(inputs)

    rehearsal = Rehearsal(parse(""), tmp_path / "rehearsal", 1, INPUTS[:400])
    for _ in range(2):
        with rehearsal.guard(counted):
            pass
    assert asked == [400]


def test_a_key_is_that_of_every_gate_and_without_one_it_is_drawn(tmp_path, profile):
    config, key = parse(f'[model]\nprofile = "{profile}"\n'), bytes(range(32))
    for given, folder in ((key, tmp_path / "given"), (None, tmp_path / "drawn")):
        rehearsal = Rehearsal(config, folder, 1, INPUTS[:0], key=given)
        for _ in range(2):
            with rehearsal.guard(model):
                pass
        keys = [file.read_bytes() for file in sorted(folder.glob("gate-*/fingerprint.key"))]
        assert keys == [key, key] if given else len(set(keys)) == 2


def test_neither_profile_nor_pool_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError, match="profile"):
        Rehearsal(parse(""), tmp_path, 1, INPUTS[:0])


POLICY = (
    '[exposure]\nanswers = ["modelguard_s", "round:2"]\n[stances.watch]\nanswers = ["label_only"]\n'
    "[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n"
    '[[grades]]\nstance = "watch"\ndrawn = 0.5\n'
)


@pytest.mark.parametrize(("alike", "places"), [(True, 1), (False, 3)])
def test_a_rehearsal_meets_the_whole_policy_from_one_desk_or_from_many(tmp_path, profile, alike, places):
    config = parse(f'[model]\nprofile = "{profile}"\n' + POLICY)
    with Rehearsal(config, tmp_path, 3, INPUTS[:0], alike=alike).guard(model) as oracle:
        finish(run(Pool(inputs=INPUTS[600:], rows=300, per_round=100), oracle, Budget(rows=300)))
    written = [r for _, r in records(tmp_path / "gate-1")]
    served = [e for e in written if isinstance(e, Event) and e.status == 200]
    assert len({(e.network, e.agent) for e in served}) == places
    before, after = sorted({e.defence for e in served}, key=lambda names: "label_only" in names)
    assert (before, after) == ("modelguard_s+round", "modelguard_s+label_only+round")
    assert {d.principal for d in written if isinstance(d, Decision)} == {"thief-1", "thief-2", "thief-3"}
