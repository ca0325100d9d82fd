import importlib
import pkgutil
import string
from typing import ClassVar

import msgspec
import numpy as np
import pytest

from wellhead import plugins
from wellhead.core.errors import ConfigError
from wellhead.detect import signals
from wellhead.detect.detectors import Detectors
from wellhead.detect.rules import Rules
from wellhead.detect.signal import KINDS, Context
from wellhead.detect.signals.cohort import Cohort
from wellhead.detect.signals.typical import Typical
from wellhead.detect.signals.unique import Unique
from wellhead.detect.signals.volume import Volume
from wellhead.meter.view import Views
from wellhead.testing.signals import FEATURES, REGIONS, any_views, check_detector, take, views

CONTEXT = Context(centre=np.zeros(FEATURES), shares=np.full(REGIONS, 1 / REGIONS), cohort={"p0": 1.0, "p3": 4.0})


def shipped():
    """The class of every file in detect/signals."""
    for file in pkgutil.iter_modules(signals.__path__):
        module = importlib.import_module(f"wellhead.detect.signals.{file.name}")
        yield next(c for c in vars(module).values() if isinstance(c, type) and getattr(c, "name", "") == file.name)


ALL = tuple(shipped())


@pytest.fixture(scope="module")
def detectors():
    return Detectors(ALL, CONTEXT)


def test_each_file_keeps_the_contract(detectors):
    for i in range(len(detectors)):
        check_detector(detectors[i])


def test_every_kind_has_a_detector(detectors):
    assert set(detectors.kinds) == set(KINDS)
    assert len(detectors) == len(set(detectors.names)) >= 30


def test_every_file_is_an_entry_point():
    assert {d.name for d in ALL} <= set(plugins.names("signals"))
    assert set(Detectors().names) >= {d.name for d in ALL if "readings" not in d.needs}
    assert Detectors(["unique"]).names == ("unique",)


def test_what_only_the_watched_have_is_read_of_nobody_unless_it_is_named():
    assert {d.name for d in ALL} - set(Detectors().names) == {"drawn"}
    assert Detectors(["drawn"]).names == ("drawn",)


def test_one_column_a_detector_whatever_the_company(detectors):
    crowd = any_views(3)
    table = detectors.read(crowd)
    assert table.shape == (len(crowd), len(detectors))
    assert not np.isinf(table).any()
    alone = np.vstack([detectors.read(take(crowd, np.array([i]))) for i in range(len(crowd))])
    np.testing.assert_array_equal(table, alone)
    assert detectors.read(take(crowd, np.arange(0))).shape == (0, len(detectors))


def test_nothing_known_is_said_of_a_stranger(detectors):
    column = Detectors([Unique, Typical], CONTEXT).read(views(unique_ratio=np.nan))
    assert np.isnan(column).all()


def test_context_reaches_only_those_who_want_it():
    told = Detectors([Unique, Typical, Cohort], CONTEXT)
    assert told[1].centre is CONTEXT.centre
    assert told[2].cohort == {"p0": 1.0, "p3": 4.0}
    assert np.isnan(Detectors([Typical]).read(views(placed=100))).all()


def test_said_in_plain_words():
    pair = Detectors([Unique, Volume])
    assert pair.said(0, 1, 4.0) == "98.2 % of its inputs were new"
    assert pair.said(0, -1, -4.0) == "only 1.8 % of its inputs were new"
    assert pair.said(1, 1, 3.0) == "asked 999 rows an hour on average"
    assert pair.shown(0, np.nan) == ""
    assert "an unknown amount" in pair.said(0, 1, np.nan)


def test_shares_of_rows_are_shown_as_they_were_counted():
    pair = Detectors([Unique, Volume])
    for share, said in ((1.0, "100 %"), (0.0, "0 %"), (0.5, "50 %"), (1 / 128, "0.78 %")):
        (value,) = pair.read(views(unique_ratio=share, rows=128))[:1, 0]
        assert pair.shown(0, value, 128) == said
    assert pair.said(0, 1, np.log(128.5 / 0.5), 128) == "100 % of its inputs were new"
    assert pair.shown(0, np.nan, 128) == "" and pair.shown(1, 3.0, 128) == pair.shown(1, 3.0)


def test_every_side_has_words_and_no_placeholder_but_the_value(detectors):
    for i, sides in enumerate(detectors.sides):
        for side in sides:
            text = detectors[i].high if side > 0 else detectors[i].low
            assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= {"value"}
            assert detectors.said(i, side, 0.5)


def test_each_detector_has_a_least_difference(detectors):
    assert len(detectors.least) == len(detectors)
    assert min(detectors.least) > 0.0


def test_missing_says_what_is_lacking():
    lacks = Detectors([Unique, Volume, Typical]).missing(["inputs"])
    assert lacks == {"typical": "needs a fitted profile"}


class Broken(msgspec.Struct, frozen=True):
    """Divides by nothing."""

    name: ClassVar[str] = "broken"
    kind: ClassVar[str] = "volume"
    unit: ClassVar[str] = "number"
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value}"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "nobody"
    needs: ClassVar[tuple[str, ...]] = ()
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024",)

    def read(self, views: Views):
        return views.rows / 0.0


def test_an_infinity_is_unknown():
    assert np.isnan(Detectors([Broken]).read(views())).all()


def test_rules_are_no_detector_and_names_are_unique():
    with pytest.raises(ConfigError, match="expected a detector"):
        Detectors([Rules])
    with pytest.raises(ConfigError, match="different names"):
        Detectors([Unique, Unique])
    with pytest.raises(ConfigError, match="expected the name of a signal"):
        Detectors(["nothing_of_the_kind"])
