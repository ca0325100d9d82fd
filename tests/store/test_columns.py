import builtins

import pytest

from wellhead.core.errors import MissingExtra
from wellhead.core.event import Coded, Event
from wellhead.store.columns import columns_of, connect, listed, select_list


def test_every_field_has_a_column_type():
    assert columns_of(Event)["top1"] == "BIGINT[]"
    assert list(columns_of(Event)) == select_list(Event).split(", ")
    assert columns_of(Coded) == {
        "request": "VARCHAR",
        "part": "BIGINT",
        "profile": "VARCHAR",
        "codes": "VARCHAR",
        "v": "BIGINT",
    }


def test_paths_are_quoted(tmp_path):
    assert listed([tmp_path / "it's"]).endswith("it''s']")


def test_without_duckdb_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "duckdb":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="pip install"):
        connect()
