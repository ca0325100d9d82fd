from typing import Annotated, Literal

import msgspec
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.tables import convert, meanings, overlay


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: Annotated[int, msgspec.Meta(ge=0, le=10), "Where."] = 1
    names: tuple[str, ...] = ()
    word: Literal["left", "right"] = "left"


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    inner: Inner = Inner()
    more: dict[str, Inner] = {}
    sides: dict[Literal["left", "right"], Inner] = {}
    listed: tuple[Inner, ...] = ()


def test_a_tree_becomes_the_struct():
    assert convert({"inner": {"port": 3}, "more": {"a": {"word": "right"}}}, Outer) == Outer(
        Inner(3), {"a": Inner(word="right")}
    )


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"inner": {"prot": 3}}, "unknown key `prot` at `$.inner`, did you mean `port`?"),
        ({"sides": {"rihgt": {}}}, "unknown key `rihgt` at `$.sides`, did you mean `right`?"),
        ({"listed": [{}, {"prot": 3}]}, "unknown key `prot` at `$.listed[1]`, did you mean `port`?"),
        ({"inner": {"port": 11}}, "<= 10 at `$.inner.port`, got `11`"),
        ({"more": {"a": {"word": "rihgt"}}}, "got `rihgt`; did you mean `right`?"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_file(tree, said):
    with pytest.raises(ConfigError) as e:
        convert(tree, Outer)
    assert said in str(e.value)


def test_variables_stand_over_the_tree():
    tree = {"inner": {"port": 3}}
    overlay(tree, Outer, {"X__INNER__PORT": "4", "X__INNER__NAMES": "a, b", "PATH": "/"}, "X__")
    assert convert(tree, Outer) == Outer(Inner(4, ("a", "b")))


@pytest.mark.parametrize("name", ["X__INNER__PROT", "X__INER__PORT"])
def test_a_variable_that_stands_for_nothing_is_named(name):
    with pytest.raises(ConfigError, match=name):
        overlay({}, Outer, {name: "4"}, "X__")


def test_keys_say_what_they_mean():
    assert meanings(Inner)["port"] == "Where."
    assert meanings(Outer)["inner"] == ""
