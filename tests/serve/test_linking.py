import msgspec
import numpy as np
import pytest
from promising import exchange_of, narrow, population, profile
from serving import NOW, WIDTH

from wellhead.core.finding import Review
from wellhead.serve import linking, profiles, promises
from wellhead.serve.assemble import assemble
from wellhead.serve.desk import Desk
from wellhead.serve.linking import Linking, stacked
from wellhead.serve.status import Ask

OPEN = "[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n[detect]\nrefit = false\nlink_every_s = 60\n"
THIEVES = tuple(f"t{i}" for i in range(8))


def config_of(place, extra=""):
    config = place.config(OPEN + extra)
    profiles.save(config, profile())
    path = promises.population_of(config)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(population().to_bytes())
    return config


def play(worker, clock):
    """Forty honest customers, and eight accounts that share one thief's work list; no address is shared."""
    rng, thief = np.random.default_rng(11), np.random.default_rng(5)
    aides, worker.aides = worker.aides, []
    customers = {f"c{i}": narrow(rng) for i in range(40)}
    for step in range(4):
        for i, (name, ask) in enumerate(customers.items()):
            worker.put(exchange_of(name, ask(16), NOW + 600 * step + i * 7))
        for i, name in enumerate(THIEVES):
            inputs = thief.normal(size=(16, WIDTH)).astype(np.float32)
            worker.put(exchange_of(name, inputs, NOW + 600 * step + i * 11 + 3))
        worker.turn()
    clock.now_s += 3600
    worker.aides = aides


def link_once(worker):
    (aide,) = [a for a in worker.aides if isinstance(a, Linking)]
    looks = aide.looks
    for _ in range(10):
        worker.turn()
        aide.wait()
        if aide.looks > looks:
            return aide
    raise AssertionError("the linker did not look")


def test_a_campaign_is_found_beside_the_metering_and_its_members_closed(place, clock):
    worker = assemble(config_of(place), clock)
    play(worker, clock)
    link_once(worker)
    (finding,) = [f for f in worker.observer.findings if f.signal == "campaign"]
    named = finding.members
    # one of eight may be left out: at most a fifth of the named are allowed to be honest
    assert set(named) <= set(THIEVES) and len(named) >= len(THIEVES) - 1
    assert finding.replication_ppm > 800_000 and finding.rows == 64 * len(named)
    assert f"{len(named)} principals act as one" in finding.detail and "clone reproduces" in finding.detail
    assert len({e.kind for e in finding.evidence}) >= 2
    assert "random groups" in finding.sure
    assert set(worker.gate.decisions) == set(named)
    told = Desk(worker, "m", 0).answer(Ask(ask="explain", principal="t3")).explanation
    assert "t4" in told.campaign and told.campaign_reasons
    status = Desk(worker, "m", 0).answer(Ask(ask="status")).status
    assert status.promise.campaigns == 1
    (acting,) = status.campaigns
    assert told.acting == acting and acting.members == named and acting.rows == finding.rows
    assert acting.replication > 0.8 and acting.bits > 0 and acting.p < 0.01
    worker.stop()


def test_the_same_campaign_is_said_once_also_after_a_restart(place, clock):
    config = config_of(place, 'response = "alert"\n')
    worker = assemble(config, clock)
    play(worker, clock)
    for _ in range(2):
        link_once(worker)
        clock.now_s += 61
    assert len(worker.observer.findings) == 1
    assert worker.gate.decisions == {}
    worker.stop()
    again = assemble(config, clock)
    link_once(again)
    assert [f.signal for f in again.observer.findings] == ["campaign"]
    again.stop()


def test_an_honest_campaign_is_lifted_as_a_whole(place, clock):
    worker = assemble(config_of(place), clock)
    play(worker, clock)
    link_once(worker)
    (found,) = worker.observer.findings
    assert worker.review(Review(finding=found.uid, time_us=0, verdict="honest")) == len(found.members) >= 7
    assert worker.gate.decisions == {}
    worker.stop()


def test_without_a_population_nothing_is_looked_for(place, clock):
    config = config_of(place)
    promises.population_of(config).unlink()
    worker = assemble(config, clock)
    play(worker, clock)
    link_once(worker)
    assert worker.observer.campaigns.standing == []
    worker.stop()


def test_a_failing_look_is_said_and_the_next_one_tried(place, clock, monkeypatch, capsys):
    worker = assemble(config_of(place), clock)
    play(worker, clock)
    with monkeypatch.context() as m:
        m.setattr(linking, "link", lambda *_: 1 / 0)
        link_once(worker)
    assert "ZeroDivisionError" in capsys.readouterr().err
    clock.now_s += 61
    link_once(worker)
    assert len(worker.observer.findings) == 1
    worker.stop()


@pytest.mark.parametrize("at_once", [3, 100])
def test_views_copied_in_parts_are_the_views_of_all(place, clock, at_once):
    worker = assemble(config_of(place), clock)
    play(worker, clock)
    sketches = worker.observer.sketches
    names = sketches.names
    parts = [sketches.columns(names[i : i + at_once]) for i in range(0, len(names), at_once)]
    whole, joined = sketches.columns(names), stacked(parts)
    for field, value in msgspec.structs.asdict(whole).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(getattr(joined, field), value, equal_nan=value.dtype.kind == "f")
        else:
            assert getattr(joined, field) == value
    worker.stop()


def test_a_damaged_population_is_said_once_and_the_one_before_it_stays(place, clock, capsys):
    config = config_of(place)
    worker = assemble(config, clock)
    play(worker, clock)
    aide = link_once(worker)
    held = aide._held
    path = promises.population_of(config)
    path.write_bytes(b"\0" + path.read_bytes())
    capsys.readouterr()
    for _ in range(2):
        clock.now_s += 61
        link_once(worker)
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line and "wellhead calibrate" in line and "judged as before" in line
    assert held is not None and aide._held is held
    worker.stop()


def test_the_looks_of_a_period_share_the_rate_of_false_campaigns(place, clock):
    worker = assemble(config_of(place), clock)
    (aide,) = [a for a in worker.aides if isinstance(a, Linking)]
    looks = 30 * 86_400 / 60
    assert aide._alpha == pytest.approx(1 / 1000 / looks)
    worker.stop()
