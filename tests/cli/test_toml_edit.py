import tomllib

from hypothesis import given
from hypothesis import strategies as st

from wellhead.cli.toml_edit import changed, literal

TEXT = """\
# limits of all
mode = "enforce"

[limits]  # rows
rows_per_minute = 600 # fine
rows_per_day = 20000

[[grades]]
stance = "watch"

[plans.free.limits]
rows_per_day = 10
"""


def test_keys_are_replaced_where_they_stand_and_added_where_they_do_not():
    after = changed(TEXT, "limits", {"rows_per_day": "7", "max_rows": "3"})
    assert tomllib.loads(after)["limits"] == {"rows_per_minute": 600, "rows_per_day": 7, "max_rows": 3}
    assert "# limits of all" in after and "[limits]  # rows" in after and "rows_per_minute = 600 # fine" in after
    assert tomllib.loads(after)["plans"] == {"free": {"limits": {"rows_per_day": 10}}}


def test_a_section_that_is_not_there_is_added_at_the_end():
    after = changed(TEXT, "plans.paid.limits", {"rows_per_day": "9"})
    assert after.startswith(TEXT) and tomllib.loads(after)["plans"]["paid"] == {"limits": {"rows_per_day": 9}}
    assert tomllib.loads(changed("", "valve", {"max_drawn": "0.5"})) == {"valve": {"max_drawn": 0.5}}


def test_the_last_section_is_changed_too():
    assert tomllib.loads(changed(TEXT, "plans.free.limits", {"rows_per_day": "9"}))["plans"]["free"]["limits"] == {
        "rows_per_day": 9
    }


@given(st.text() | st.integers() | st.floats(0, 1) | st.lists(st.text()).map(tuple))
def test_literals_come_back(value):
    try:
        told = tomllib.loads(f"x = {literal(value)}")["x"]
    except tomllib.TOMLDecodeError:
        # Control characters are not written by anybody.
        assert any(not c.isprintable() for text in (value if isinstance(value, tuple) else (value,)) for c in text)
        return
    assert told == (list(value) if isinstance(value, tuple) else value)
