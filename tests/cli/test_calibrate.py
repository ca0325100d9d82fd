import argparse
import stat

import numpy as np
import pytest
from bygone import BEGAN, DAY, event, traffic, write_log
from serving import WIDTH, Place

from wellhead.cli import calibrate
from wellhead.config import load
from wellhead.core.codec import pack
from wellhead.core.errors import ConfigError
from wellhead.core.finding import Finding, Review
from wellhead.detect.promise import Promise
from wellhead.serve import promises
from wellhead.store.registry import Registration, Registry

DETECT = '[detect]\nalarm_budget = "1 per 100 principals per 1 day"\nsegments = ["use"]\n'


def command(*argv):
    top = argparse.ArgumentParser()
    calibrate.register(top.add_subparsers())
    arguments = top.parse_args(["calibrate", *argv])
    return arguments.run(arguments)


@pytest.fixture
def place(tmp_path):
    """A log of 500 principals over two and a half days, of whom one is a thief that a review found."""

    def make(days=2.5, detect=DETECT, records=()):
        people = traffic(500, days, requests=4)
        config = write_log(tmp_path, sorted([*people, *records], key=lambda r: r.time_us), days)
        (tmp_path / "wellhead.toml").write_text(config + detect)
        return str(tmp_path / "wellhead.toml")

    return make


def thief(uid="F-1", name="p7"):
    return Finding(
        uid=uid, time_us=int((BEGAN + DAY) * 1e6), title="t", signal="guilt", members=(name,), rows=1,
        replication_ppm=-1, attainable_ppm=-1, bits_milli=-1, detail="d",
    )  # fmt: skip


def test_writes_a_promise_that_the_gate_can_take_up(place, capsys):
    review = Review(finding="F-1", time_us=int((BEGAN + DAY) * 1e6), verdict="theft")
    path = place(records=[thief(), review, event(9999, "drill", BEGAN + DAY, drill="d")])
    assert command("-c", path) == 0
    said = capsys.readouterr().out
    config = load(path)
    written = promises.path_of(config)
    made = promises.load(config)
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert made.origin_s == BEGAN
    assert made.word("use=none") == "promisable now"
    assert "Left out, reviewed as theft: p7" in said
    assert "Left out, drills: drill" in said
    assert "until now rules, the promise from now on" in said
    assert str(written) in said
    assert "Wrote no population for `wellhead scan --population`" in said


def test_only_whole_periods_count(place):
    path = place()
    command("-c", path)
    made = Promise.from_bytes(promises.path_of(load(path)).read_bytes())
    kept = made.development + sum(s.size for s in made.scores.values())
    events = traffic(500, 2.5, requests=4)
    assert kept == len(
        {(e.principal, int((e.time_us / 1e6 - BEGAN) // DAY)) for e in events if e.time_us < (BEGAN + 2 * DAY) * 1e6}
    )


def test_the_same_log_makes_the_same_promise(place, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 5.0)
    path = place()
    file = promises.path_of(load(path))
    command("-c", path)
    first = file.read_bytes()
    command("-c", path)
    assert file.read_bytes() == first


def test_the_linkers_population_is_written_beside_it(place, tmp_path, capsys):
    model = Place(tmp_path)
    profile = model.fit()
    codes = pack(profile.code(np.random.default_rng(1).normal(size=(16, WIDTH)).astype(np.float32)))
    people = traffic(200, 1.1, requests=2, prefix="coded", codes=codes, profile=profile.id)
    path = place(days=1.1, records=people)
    assert command("-c", path) == 0
    population = promises.load_population(load(path))
    assert len(population.looks) >= 50
    assert f"Wrote {promises.population_of(load(path))}: honest principals" in capsys.readouterr().out
    assert stat.S_IMODE(promises.population_of(load(path)).stat().st_mode) == 0o600


def test_a_dry_run_writes_nothing(place, capsys):
    path = place()
    assert command("-c", path, "--dry-run", "--exclude", "p1", "p2") == 0
    assert not promises.path_of(load(path)).exists()
    assert "Left out, excluded by you: p1, p2" in capsys.readouterr().out


def test_who_came_after_the_last_whole_period_was_neither_left_out_nor_counted(place, capsys):
    late = [event(9000 + i, "late", BEGAN + 2.2 * DAY + i) for i in range(40)]
    command("-c", place(records=[*late, thief("F-2", "late")]), "--dry-run", "--exclude", "late", "nobody")
    said = capsys.readouterr().out
    assert "Not in the periods calibrated, so that leaving them out changed nothing: late, nobody" in said
    assert "Left out" not in said and "Counted as honest" not in said


def test_a_log_shorter_than_a_period_makes_no_promise(place):
    with pytest.raises(ConfigError, match=r"expected a log of at least one period of 1 days, got 0.5 days"):
        command("-c", place(days=0.5))


def test_a_log_that_was_quiet_in_its_whole_periods_makes_no_promise(tmp_path):
    late = [event(i, f"p{i}", BEGAN + 1.2 * DAY + i) for i in range(90)]
    (tmp_path / "wellhead.toml").write_text(write_log(tmp_path, late, 1.5) + DETECT)
    with pytest.raises(ConfigError, match="expected traffic within the first 1 days of the log, got none"):
        command("-c", str(tmp_path / "wellhead.toml"))


def test_one_principal_with_one_query_makes_no_promise(tmp_path):
    (tmp_path / "wellhead.toml").write_text(write_log(tmp_path, [event(0, "one", BEGAN + 1, rows=1)], 2) + DETECT)
    with pytest.raises(ConfigError, match="expected at least 48 honest principals to calibrate on, got 1"):
        command("-c", str(tmp_path / "wellhead.toml"))


def test_an_empty_log_makes_no_promise(tmp_path):
    (tmp_path / "wellhead.toml").write_text(write_log(tmp_path, [], 2) + DETECT)
    with pytest.raises(ConfigError, match="expected events in the log"):
        command("-c", str(tmp_path / "wellhead.toml"))


def test_a_clock_that_ran_ahead_ends_the_calibration_there(tmp_path):
    (tmp_path / "wellhead.toml").write_text(
        write_log(tmp_path, [*traffic(500, 2.5, requests=4), event(9999, "p3", BEGAN + 400 * DAY)], 2.5) + DETECT
    )
    path = str(tmp_path / "wellhead.toml")
    command("-c", path)
    made = promises.load(load(path))
    assert made.development + sum(s.size for s in made.scores.values()) == len(
        {(e.principal, int((e.time_us / 1e6 - BEGAN) // DAY)) for e in traffic(500, 2.5, requests=4)
         if e.time_us < (BEGAN + 2 * DAY) * 1e6}
    )  # fmt: skip


def test_a_small_segment_is_watched(place, capsys):
    command("-c", place(detect=DETECT.replace('"use"', '"use", "band"')))
    said = capsys.readouterr().out
    assert "band=first" in said
    assert "band=<1k" in said
    assert "watching" in said


def test_a_use_that_was_imported_makes_a_segment(place, tmp_path):
    path = place()
    held = {f"p{i}": Registration(use="batch") for i in range(100)}
    Registry(held).save(tmp_path / "log" / "principals.json")
    command("-c", path)
    scores = promises.load(load(path)).scores
    assert set(scores) == {"use=batch", "use=none"}
    assert scores["use=batch"].size < 250 < scores["use=none"].size


def test_a_promise_for_other_segments_is_refused(place, tmp_path):
    path = place()
    command("-c", path)
    other = (tmp_path / "wellhead.toml").read_text().replace('["use"]', '["use", "band"]')
    (tmp_path / "wellhead.toml").write_text(other)
    with pytest.raises(ConfigError, match="expected a promise for segments of use and band, got one for use"):
        promises.load(load(path))
