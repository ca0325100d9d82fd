from types import SimpleNamespace

import pytest

from wellhead.core.errors import ConfigError
from wellhead.defend.own.commitment import MarkPolicy, Opening
from wellhead.serve.order import check_order, declared_order, names_of

BARE, NAMED = SimpleNamespace(), SimpleNamespace(spec=SimpleNamespace(classes=("a", "b")))


def test_marks_of_two_orders_of_classes_are_no_test():
    openings = [
        Opening.of(bytes(32), b"", "m", MarkPolicy(share=0.5, variant="first", classes=tuple(c))) for c in ("ab", "ba")
    ]
    with pytest.raises(ConfigError, match="one order of classes"):
        names_of(openings)
    assert names_of(openings[:1]) == ("a", "b")


def test_our_own_order_need_not_be_declared_and_other_classes_cannot():
    assert declared_order(("a", "b"), ("a", "b")) == ()
    assert declared_order(("b", "a"), ("a", "b")) == ("b", "a")
    for wanted, ours in ((("a", "c"), ("a", "b")), (("a", "b"), ())):
        with pytest.raises(ConfigError, match="expected our classes"):
            declared_order(wanted, ours)


def test_a_suspect_is_read_in_the_order_that_was_declared_and_in_no_other():
    check_order(BARE, (), ("a", "b"))
    check_order(BARE, ("a", "b"), ("a", "b"))
    check_order(BARE, ("0", "1"), ())
    with pytest.raises(ConfigError, match="expected the suspect's classes as a, b, got b, a"):
        check_order(BARE, ("b", "a"), ("a", "b"))
    with pytest.raises(ConfigError, match="since ours have none"):
        check_order(NAMED, ("a", "b"), ())
