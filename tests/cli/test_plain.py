import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.cli.plain import cell, plain, whole


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys_and_no_cell_begins_as_a_formula(text):
    assert plain(text).isprintable() and cell(text).isprintable()
    assert cell(text).lstrip(" ")[:1] not in ("=", "+", "-", "@")
    if text.isprintable():
        assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("x\u202ey\n", "x\\u202ey\\n"),
        ("J\u00f6rg \u65e5\u672c", "J\u00f6rg \u65e5\u672c"),
    ],
)
def test_names_stay_apart_and_those_of_all_languages_as_they_are(text, shown):
    assert plain(text) == shown


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1"])
def test_formulas_are_text(text):
    assert cell(text) == "'" + plain(text)


def test_what_counts_something_is_a_whole_number():
    assert [whole(t) for t in ("0", "20")] == [0, 20]
    for text in ("-1", "1.5", "", "x", "\u0661", "+1"):
        with pytest.raises(argparse.ArgumentTypeError, match="at least 0"):
            whole(text)
