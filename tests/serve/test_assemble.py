import stat

import numpy as np
import pytest
from bygone import BEGAN, DAY, event, traffic, write_log
from serving import NOW, WIDTH, Clock, exchange

from wellhead.audit.entries import records
from wellhead.cli.past import folded, survey_of
from wellhead.config import parse
from wellhead.core.errors import ConfigError, ProfileError
from wellhead.core.event import Gap
from wellhead.detect.looks import joined
from wellhead.gate.suspects import Suspects
from wellhead.meter.reading import read
from wellhead.serve import promises
from wellhead.serve.assemble import assemble, rules_of, secret

RNG = np.random.default_rng(6)


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
    import msgspec

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
