from typing import Annotated, Literal

import msgspec
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.tables import convert, meanings, overlay


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: Annotated[int, msgspec.Meta(ge=0, le=10), "Where."] = 1
    names: tuple[str, ...] = ()
    word: Literal["left", "right"] = "left"
    maybe: Annotated[Literal["left", "right"] | None, "Or not."] = None
    pair: tuple[Annotated[int, msgspec.Meta(le=5)], Annotated[int, msgspec.Meta(le=5)]] = (1, 2)


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
        ({"inner": {"prot": 3}}, "unknown key `prot` at `inner`, did you mean `port`?"),
        ({"sides": {"rihgt": {}}}, "unknown key `rihgt` at `sides`, did you mean `right`?"),
        ({"listed": [{}, {"prot": 3}]}, "unknown key `prot` at `listed[1]`, did you mean `port`?"),
        ({"inner": {"port": 11}}, "<= 10 at `inner.port`, got `11`"),
        ({"other": 1}, "unknown key `other` at the top of the file"),
        ({"more": {"fine": {}, "a": {"word": "rihgt"}}}, "at `more.a.word`, got `rihgt`; did you mean `right`?"),
        ({"more": {"a b.c": {"port": 11}}}, '<= 10 at `more."a b.c".port`, got `11`'),
        ({"more": {"a b": {"prot": 1}}}, 'unknown key `prot` at `more."a b"`'),
        ({"more": {"fine": {}, "a": 3}}, "expected `object`, got `int` at `more.a`"),
        ({"inner": {"maybe": "rihgt"}}, "one of left, right at `inner.maybe`, got `rihgt`; did you mean `right`?"),
        ({"inner": {"pair": [1, 9]}}, "<= 5 at `inner.pair[1]`, got `9`"),
        ({"listed": [{}, {"port": -1}]}, ">= 0 at `listed[1].port`, got `-1`"),
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
