import stat

import msgspec
import numpy as np
import pytest
from bygone import BEGAN, DAY, event, traffic, write_log
from promising import exchange_of, narrow, profile, promise
from serving import NOW, WIDTH, Clock, exchange

from wellhead.audit.entries import records
from wellhead.cli.past import folded, survey_of
from wellhead.config import parse
from wellhead.core.errors import ConfigError, ProfileError
from wellhead.core.event import Gap
from wellhead.core.finding import Alert, Finding
from wellhead.core.verdict import Decision, Stance
from wellhead.detect.looks import joined
from wellhead.gate.suspects import Suspects
from wellhead.meter.reading import read
from wellhead.serve import profiles, promises
from wellhead.serve.assemble import assemble, rules_of, secret

RNG = np.random.default_rng(6)
ALERT = (
    "[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n"
    '[detect]\nalarm_budget = "1 per 100 principals per 30 days"\nresponse = "alert"\nrefit = false\n'
)
"""Nothing is decided, so that a restart knows findings only."""


def steal(worker, turns=20):
    for i in range(turns):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"r{i}", address="192.0.2.7"))
        worker.turn()


def test_a_restart_remembers_who_drew_what_and_who_is_closed(place, clock):
    place.fit()
    worker = assemble(place.config(), clock)
    steal(worker)
    before = worker.observer
    ledger = before.meter.ledger(("thief",), clock())
    view = before.sketches.view("thief")
    worker.stop()
    clock.now_s += 5
    again = assemble(place.config(), clock)
    after = again.observer
    assert after.rows == before.rows
    assert after.findings == before.findings
    assert after.hits.keys() == before.hits.keys()
    assert after.sketches.view("thief") == view
    restored = after.meter.ledger(("thief",), clock())
    assert restored.rows == ledger.rows
    assert np.allclose(restored.total.A, ledger.total.A)
    assert read(restored, after.meter.profile).replication == read(ledger, after.meter.profile).replication
    assert again.gate.decision("thief", clock()) is not None
    new = exchange("thief", RNG.normal(size=(1, WIDTH)), "x")
    assert again.gate.admit(new.caller, new.query, clock()).status == 429
    again.stop()


def test_a_restart_does_not_renew_the_daily_quota(place, clock):
    config = place.config("[limits]\nrows_per_day = 100")
    worker = assemble(config, clock)
    steal(worker, 3)
    worker.stop()
    again = assemble(config, clock)
    x = exchange("thief", np.ones((5, WIDTH)), "x")
    assert again.gate.admit(x.caller, x.query, clock()).reason == "limit reached: rows a day"
    clock.now_s += 86_400
    assert again.gate.admit(x.caller, x.query, clock()).passes
    again.stop()


def test_a_decision_that_has_expired_is_not_taken_up(place, clock):
    place.fit()
    worker = assemble(place.config("[valve]\nclosed_for_s = 60"), clock)
    steal(worker)
    worker.stop()
    clock.now_s += 61
    again = assemble(place.config("[valve]\nclosed_for_s = 60\nmax_drawn = 1.0"), clock)
    assert again.gate.decision("thief", clock()) is None
    again.stop()


def test_a_crash_leaves_a_gap_that_counts_what_was_lost(place, clock):
    worker = assemble(place.config(), clock)
    worker.put(exchange("ann", np.ones(WIDTH), "a"))
    worker.turn()
    worker.put(exchange("ann", np.ones(WIDTH), "b"))
    worker.put(exchange("ann", np.ones(WIDTH), "c"))
    worker.books.log.abandon()
    again = assemble(place.config(), clock)
    again.stop()
    gaps = [r for _, r in records(place.folder / "log") if isinstance(r, Gap)]
    assert [g.events for g in gaps] == [2]


def test_a_profile_of_another_model_is_refused(place, clock):
    place.fit()
    config = place.config()
    other = msgspec.structs.replace(config, model=msgspec.structs.replace(config.model, name="other"))
    with pytest.raises(ProfileError, match="`other`, got one of `m`"):
        assemble(other, clock)


def test_a_restart_looks_where_calibration_looks_also_over_the_end_of_a_period(tmp_path, monkeypatch):
    near = [event(9000 + i, f"q{i % 7}", BEGAN + DAY - 30 + i, rows=9) for i in range(60)]
    records_of = sorted([*traffic(30, 2.0, requests=9), *near], key=lambda e: e.time_us)
    words = 'alarm_budget = "1 per 100 principals per 1 days"\nrefit = false\n'
    config = parse(write_log(tmp_path, records_of, 2.0) + f'origin = "o"\n[detect]\n{words}')
    folder, seen = tmp_path / "log", []
    survey = survey_of(folder)
    looking = promises.looking_of(config, None, survey.first_s)
    calibrated = list(folded(folder, looking, None, survey))
    monkeypatch.setattr(Suspects, "judge", lambda _self, looks, _now_s: seen.append(looks) or [])
    worker = assemble(config, Clock(BEGAN + 2 * DAY))
    worker.stop()

    def table(parts):
        at = joined([p for p in parts if len(p)])
        names = [at.names[i] for i in at.principal.tolist()]
        return sorted(zip(names, at.period.tolist(), at.rows.tolist(), at.segments, strict=True)), at.values

    (live, values), (past, expected) = table(seen), table(calibrated)
    assert live == past and {p for _, p, _, _ in live} == {0, 1}
    assert np.array_equal(values, expected, equal_nan=True)


@pytest.fixture
def promised(place):
    """A config whose gate has a profile and a promise."""
    config = place.config(ALERT)
    profiles.save(config, profile())
    keep(config, promise())
    return config


def keep(config, made):
    """Write a promise where the gate takes it up."""
    path = promises.path_of(config)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(made.to_bytes())


def ask_once(worker, name, inputs, now_s=NOW):
    worker.put(exchange_of(name, np.asarray(inputs, np.float32), now_s))
    worker.turn()


def drawn_of(worker, *names):
    """(rows, replication, drawn, bits) of those who have a reading."""
    held = {n: worker.observer.damage.readings.get((n,)) for n in names}
    return {n: (r.rows, r.replication, r.drawn, r.bits) for n, r in held.items() if r is not None}


def test_a_restart_reads_again_what_a_guilty_principal_of_few_rows_has_drawn(promised, clock):
    worker = assemble(promised, clock)
    ask_once(worker, "thief", np.random.default_rng(3).uniform(-3, 3, size=(16, WIDTH)))
    ask_once(worker, "ann", narrow(np.random.default_rng(1))(16), NOW + 5)
    (finding,) = worker.observer.findings
    assert (finding.signal, finding.members, finding.rows) == ("guilt", ("thief",), 16)
    before = drawn_of(worker, "thief", "ann")
    assert set(before) == {"thief"} and before["thief"][0] == 16 and before["thief"][1] > 0.5
    worker.stop()
    again = assemble(promised, clock)
    assert again.observer.findings == [finding] and again.gate.decisions == {}
    assert drawn_of(again, "thief", "ann") == before
    again.stop()


def test_a_restart_reads_again_what_the_members_of_a_campaign_have_drawn(promised, clock):
    worker, rng = assemble(promised, clock), np.random.default_rng(1)
    for i in range(4):
        ask_once(worker, f"c{i}", narrow(rng)(16), NOW + i)
    members = ("c0", "c1", "c2")
    campaign = Finding(
        uid="F-1", time_us=int(1e6 * NOW) + 9, title="Accounts that act as one", signal="campaign", members=members,
        rows=48, replication_ppm=-1, attainable_ppm=-1, bits_milli=-1, detail="3 principals act as one",
    )  # fmt: skip
    worker.perform([Alert(campaign)])
    worker.stop()
    again = assemble(promised, clock)
    assert again.observer.findings == [campaign]
    assert {n: rows for n, (rows, *_) in drawn_of(again, "c0", "c1", "c2", "c3").items()} == dict.fromkeys(members, 16)
    again.stop()


def tied(score):
    """A promise whose threshold is exactly this score."""
    (segment, held), *_ = promise().scores.items()
    at = np.searchsorted(held, promise().threshold(segment))
    held = np.concatenate([np.minimum(held[:at], score), [score], np.maximum(held[at + 1 :], score + 1)])
    made = msgspec.structs.replace(promise(), scores={segment: held})
    assert made.threshold(segment) == score
    return made


def test_the_same_promise_taken_up_again_accuses_nobody_not_even_who_sits_on_the_threshold(promised, clock):
    worker, rng = assemble(promised, clock), np.random.default_rng(1)
    names = [f"c{i}" for i in range(12)]
    for i, name in enumerate(names):
        ask_once(worker, name, narrow(rng)(16), NOW + i)
    scores = {n: worker.observer.suspects.standing(n).score for n in names}
    assert worker.observer.findings == [] and len(set(scores.values())) == len(names)
    # from the highest score down: whoever lies above has been accused, or sat on the threshold, before
    accused = []
    for name in sorted(names, key=scores.__getitem__, reverse=True):
        for _ in range(2):
            clock.now_s += 2
            keep(promised, tied(scores[name]))
            worker.turn()
            assert worker.observer.suspects.standing(name).score == worker.observer.suspects.standing(name).threshold
            assert [f.members[0] for f in worker.observer.findings if f.signal == "guilt"] == accused
        accused.append(name)
    worker.stop()


def test_secrets_are_private_and_stay(tmp_path):
    path = tmp_path / "fingerprint.key"
    assert secret(path) == secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="got 5"):
        secret(path)


def test_a_missing_rule_file_is_named(place):
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        rules_of(place.config('[rules]\nfiles = ["nowhere.toml"]'))


def test_time_is_an_argument(place, clock):
    worker = assemble(place.config(), clock)
    worker.stop()
    assert next(iter(records(place.folder / "log")))[1].time_us == int(NOW * 1e6)


def test_a_restart_restores_grades_and_does_not_grade_twice(place, clock):
    place.fit()
    config = place.config(
        '[stances.watch]\nanswers = ["label_only"]\n[valve]\nmax_drawn = 1.0\n'
        '[[grades]]\nstance = "watch"\ndrawn = 0.3\nfor_s = 1000\n'
    )
    worker = assemble(config, clock)
    steal(worker, 2)
    worker.stop()
    clock.now_s += 5
    again = assemble(config, clock)
    x = exchange("thief", np.ones((5, WIDTH)), "x")
    verdict = again.gate.admit(x.caller, x.query, clock())
    assert (verdict.stance, verdict.answers) == (Stance.WATCH, ("label_only",)) and "can be drawn" in verdict.reason
    steal(again, 2)
    made = [r for _, r in records(place.folder / "log") if isinstance(r, Decision)]
    assert [(d.principal, d.origin) for d in made] == [("thief", "grade")]
    clock.now_s += 600
    again.put(exchange("ann", np.ones((1, WIDTH)), "y"))
    again.turn()
    made = [r for _, r in records(place.folder / "log") if isinstance(r, Decision)]
    assert [d.principal for d in made] == ["thief", "thief"] and made[1].expires_us > made[0].expires_us
    again.stop()


def test_the_gate_has_the_profiles_codebook_as_soon_as_there_is_one(place, clock):
    config = place.config('[exposure]\nanswers = ["modelguard_s"]\n')
    for fitted in (False, True):
        if fitted:
            place.fit()
        worker = assemble(config, clock)
        x = exchange("ann", RNG.normal(size=(3, WIDTH)), f"{fitted}")
        _, name = worker.gate.shape(x.query, x.answer, worker.gate.admit(x.caller, x.query, clock()))
        assert name == ("modelguard_s" if fitted else "label_only")
        assert worker.gate.shaping.faults.count == (0 if fitted else 1)
        worker.stop()
