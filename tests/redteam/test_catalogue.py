import numpy as np
import pytest

from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.redteam import catalogue
from wellhead.redteam.catalogue import Entry, room_of, suited, zoo
from wellhead.redteam.extract.active import Random
from wellhead.redteam.harness import BARE
from wellhead.redteam.known import Known


def test_exact_attacks_come_first_and_rooms_are_kept():
    entries, _ = zoo(rooms=("extract",))
    exact = [e.exact for e in entries]
    assert exact == sorted(exact, reverse=True) and {e.room for e in entries} == {"extract"}
    assert {"random", "uniform"} <= {e.name for e in entries}
    for e in entries:
        assert e.needs and e.kind.paper


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="random"):
        zoo(("randon",))


def test_a_missing_extra_takes_only_its_own_attack(monkeypatch):
    def lacking(group, name):
        raise MissingExtra("needs x", "pip install x")

    monkeypatch.setattr(catalogue, "find", lacking)
    entries, absent = zoo(("random",))
    assert entries == [] and absent == [("random", "needs x; pip install x")]


def test_rooms_of_ours_and_of_plugins():
    assert room_of(Random) == "extract"
    assert room_of(type("Foreign", (), {"room": "invert"})) == "invert"
    assert room_of(type("Foreign", (), {})) == "extract"


def test_what_does_not_fit_says_why():
    entry = Entry("random", Random, "extract")
    assert "pool" in suited(entry, Known(), BARE, ())
    attack = suited(entry, Known(pool=np.ones((9, 2), np.float32), rows=5), BARE, ())
    assert attack.name == "random"

    class Broken(Random):
        @classmethod
        def suit(cls, known):
            raise ZeroDivisionError

    assert "ZeroDivisionError" in suited(Entry("broken", Broken, "extract"), Known(), BARE, ())


def test_every_attack_tells_its_cost():
    assert [e.name for e in zoo()[0] if not e.cost] == []
