import pytest

from wellhead.capture.importers.fields import Fields, keys, quoted, select
from wellhead.capture.importers.mapping import Mapping
from wellhead.capture.importers.source import opened as connect


def asked(sql):
    with connect() as cursor:
        return cursor.execute(f"SELECT {sql}").fetchone()[0]


@pytest.mark.parametrize(
    ("text", "form", "seconds"),
    [
        ("1700000000", "auto", 1.7e9),
        ("1700000000.25", "auto", 1.7e9 + 0.25),
        ("1700000000250", "auto", 1.7e9 + 0.25),
        ("1700000000250000", "auto", 1.7e9 + 0.25),
        ("1700000000250000000", "auto", 1.7e9 + 0.25),
        ("2023-11-14T22:13:20Z", "auto", 1.7e9),
        ("2023-11-14 23:13:20+01:00", "auto", 1.7e9),
        ("250", "ms", 0.25),
        ("14/Nov/2023:23:13:20 +0100", "%d/%b/%Y:%H:%M:%S %z", 1.7e9),
        ("14/Nov/2023:22:13:20 +0000", "auto|%d/%b/%Y:%H:%M:%S %z", 1.7e9),
        ("never", "auto", None),
    ],
)
def test_times(text, form, seconds):
    with connect() as cursor:
        sql = Fields({"t": "VARCHAR"}).seconds(("t",), form)
        assert cursor.execute(f"SELECT {sql} FROM (SELECT {quoted(text)} AS t)").fetchone()[0] == (  # noqa: S608
            seconds and pytest.approx(seconds, abs=1e-5)
        )


def test_the_first_value_that_says_something_counts():
    fields = Fields({"a": "VARCHAR", "b": "JSON"})
    source = """(SELECT '-' AS a, '{"c/d": [0, "x"]}'::JSON AS b)"""
    assert asked(f"{fields.text(('a', '/b/c~1d/1', 'z'))} FROM {source}") == "x"
    assert fields.text(("z",)) == "NULL::VARCHAR"


@pytest.mark.parametrize(
    ("address", "network", "bare"),
    [
        ("10.1.2.3:443", "10.1.2.0/24", "10.1.2.3"),
        ("10.1.2.3, 192.0.2.1", "10.1.2.0/24", "10.1.2.3"),
        ("[2001:db8:1::7]:443", "2001:db8:1::/48", "2001:db8:1::7"),
        ("2001:db8::7", "2001:db8::/48", "2001:db8::7"),
        ("2001:db8:0:1::7", "2001:db8::/48", "2001:db8:0:1::7"),
        ("here", None, "here"),
    ],
)
def test_addresses(address, network, bare):
    mapping = Mapping(name="m", time=("t",), principal=("p",), address=("a",))
    fields = Fields(dict.fromkeys(("t", "a"), "VARCHAR"))
    with connect() as cursor:
        source = f"(SELECT '0' AS t, {quoted(address)} AS a)"
        found = cursor.execute(
            f"SELECT caller, network FROM (SELECT {select(mapping, fields)} FROM {source})"  # noqa: S608
        ).fetchone()
    assert found == (bare, network)


def test_keys_are_told_apart_without_case():
    assert keys([("/a/b", "/A", "c")]) == {"a": "JSON", "c": "VARCHAR"}
