from importlib import resources

import pytest

from wellhead.capture.importers.mapping import FIELDS, parse, shipped
from wellhead.core.errors import ConfigError

GOOD = 'name = "mine"\ntime = "ts"\nprincipal = ["/user/id", "client"]\n'


def test_one_pointer_needs_no_list():
    mapping = parse(GOOD, "mine.toml")
    assert (mapping.time, mapping.principal) == (("ts",), ("/user/id", "client"))


def test_all_shipped_mappings_say_what_they_lack_and_find_time_and_caller():
    for mapping in shipped().values():
        assert mapping.lacks
        assert mapping.time
        assert mapping.principal
    assert "principal" in FIELDS


def test_all_shipped_mappings_are_such_as_anybody_may_write():
    folder = resources.files("wellhead.capture.importers") / "mappings"
    read = {f.name: parse(f.read_text(), f.name) for f in folder.iterdir() if f.name.endswith(".toml")}
    assert sorted(m.name for m in read.values()) == sorted(shipped())
    assert all(shipped()[m.name] == m for m in read.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + 'principle = "x"', "did you mean `principal`"),
        ('name = "mine"\nprincipal = "u"', "where to find `time`"),
        (GOOD + 'kind = "text"', "expected a `pattern`"),
        (GOOD + "time = [", "syntax error"),
        (GOOD + "status = 3", "a list of them, at `status`, got `3`; see docs/scan.md"),
        (GOOD + 'path = ["a", 5]', "at `path`, got `['a', 5]`"),
        (GOOD + 'time_format = "%Q"', "strptime pattern, got `%Q`: Unrecognized format"),
        (GOOD + 'time_format = "weeks"', "expected auto, s, ms, us, ns or a strptime pattern, got `weeks`; such as"),
        (GOOD + 'time_format = "ms|mss"', "got `mss`"),
        (GOOD + 'paths = "(["', "`paths`: expected a regular expression"),
        (GOOD + 'kind = "text"\npattern = "(?P<ts>[a-z+"', "`pattern`: expected a regular expression"),
        (GOOD + 'kind = "text"\npattern = "(?P<ts>a)(?=b)"', "`pattern`: expected a regular expression"),
        (GOOD + 'kind = "text"\npattern = "(a)(?P<ts>b)"', "a name for every group"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(text, said):
    with pytest.raises(ConfigError, match="mine.toml") as raised:
        parse(text, "mine.toml")
    assert said in str(raised.value)
