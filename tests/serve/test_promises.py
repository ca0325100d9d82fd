import os

import msgspec
import pytest
from promising import profile, promise

from wellhead.core.errors import ConfigError
from wellhead.detect.budget import AlarmBudget
from wellhead.serve import promises

HUNDRED = '[detect]\nalarm_budget = "1 per 100 principals per 30 days"\n'


def kept(config, made):
    path = promises.path_of(config)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(made.to_bytes())


def test_a_promise_is_read_at_the_budget_that_the_config_names_now(place):
    kept(place.config(), promise())
    assert promises.load(place.config(HUNDRED)).budget == AlarmBudget(1, 100, 30)
    assert promises.load(place.config()).budget == AlarmBudget(1, 1000, 30)


def test_a_promise_for_other_periods_is_refused(place):
    kept(place.config(), msgspec.structs.replace(promise(), budget=AlarmBudget(1, 100, 7)))
    with pytest.raises(ConfigError, match="wellhead calibrate"):
        promises.load(place.config(HUNDRED))


def test_a_damaged_promise_is_named_with_the_remedy(place):
    path = promises.path_of(place.config())
    path.parent.mkdir()
    for damaged in (b"nonsense", promise().to_bytes()[:-9]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match="wellhead calibrate") as caught:
            promises.load(place.config())
        assert str(path) in str(caught.value)


def test_no_promise_is_none_unless_one_was_named(place):
    assert promises.load(place.config()) is None
    with pytest.raises(ConfigError, match="no such file"):
        promises.load(place.config(f'[detect]\npromise = "{place.folder}/mine"'))


def test_without_calibration_there_is_no_population(place):
    assert promises.load_population(place.config()) is None
    assert promises.population_of(place.config()).parent == promises.path_of(place.config()).parent


def test_the_looking_is_what_the_config_says(place):
    looking = promises.looking_of(place.config('[detect]\nsegments = ["plan"]'), profile(), 5.0)
    assert looking.sketches.space is profile().space
    assert looking.segments.words == ("plan",)
    assert "volume" in looking.detectors.names


def test_a_file_is_watched_for_changes(tmp_path):
    path = tmp_path / "f"
    watched = promises.Watched(path)
    assert not watched.changed()
    path.write_bytes(b"1")
    assert watched.changed()
    assert not watched.changed()
    os.utime(path, (1, 1))
    assert watched.changed()
    path.unlink()
    assert watched.changed()
