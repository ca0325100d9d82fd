import shutil
import subprocess
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.cli.toml_edit import changed, dotted, literal, merged, patch

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
    after = changed(TEXT, ("limits",), {"rows_per_day": "7", "max_rows": "3"})
    assert tomllib.loads(after)["limits"] == {"rows_per_minute": 600, "rows_per_day": 7, "max_rows": 3}
    assert "# limits of all" in after and "[limits]  # rows" in after and "rows_per_minute = 600 # fine" in after
    assert tomllib.loads(after)["plans"] == {"free": {"limits": {"rows_per_day": 10}}}


def test_a_section_that_is_not_there_is_added_at_the_end():
    after = changed(TEXT, ("plans", "paid", "limits"), {"rows_per_day": "9"})
    assert after.startswith(TEXT) and tomllib.loads(after)["plans"]["paid"] == {"limits": {"rows_per_day": 9}}
    assert tomllib.loads(changed("", ("valve",), {"max_drawn": "0.5"})) == {"valve": {"max_drawn": 0.5}}


def test_the_last_section_is_changed_too():
    assert tomllib.loads(changed(TEXT, ("plans", "free", "limits"), {"rows_per_day": "9"}))["plans"]["free"][
        "limits"
    ] == {"rows_per_day": 9}


def test_the_comment_of_a_line_stays():
    assert 'x = 2   # why "#"' in changed('[t]\nx = "#"   # why "#"\n', ("t",), {"x": "2"})
    assert changed("[t]\nx = 1\n", ("t",), {"x": "2"}) == "[t]\nx = 2\n"


def test_a_list_over_several_lines_is_replaced_whole():
    text = '[e]\nanswers = [\n  "top_k:3", # x\n  "round:2",\n] # last\ndecimals = 2\n'
    assert (
        changed(text, ("e",), {"answers": '["label_only"]'}) == '[e]\nanswers = ["label_only"] # last\ndecimals = 2\n'
    )


def test_the_top_of_a_file_is_a_table_too():
    assert changed("[t]\nx = 1\n", (), {"mode": '"a"'}) == 'mode = "a"\n\n[t]\nx = 1\n'
    assert changed('# m\nmode = "b" # m\n[t]\n', (), {"mode": '"a"'}) == '# m\nmode = "a" # m\n[t]\n'


@pytest.mark.parametrize(
    ("text", "section", "after"),
    [
        ("limits.rows = 7\n", ("limits",), "limits.rows = 5\n"),
        ("limits.other = 7\n", ("limits",), "limits.rows = 5\nlimits.other = 7\n"),
        ("[plans.a]\nlimits.rows = 7\n", ("plans", "a", "limits"), "[plans.a]\nlimits.rows = 5\n"),
        ('[ plans . "big co".limits ]\nrows = 7\n', ("plans", "big co", "limits"),
         '[ plans . "big co".limits ]\nrows = 5\n'),
        ("x = 1\n", ("plans", "big co"), 'x = 1\n\n[plans."big co"]\nrows = 5\n'),
        ('[limits]\n"rows" = 7', ("limits",), '[limits]\n"rows" = 5'),
        ("x = 1", ("limits",), "x = 1\n\n[limits]\nrows = 5\n"),
        ("[limits]\r\nrows = 7 # \u2028 #\r\n", ("limits",), "[limits]\r\nrows = 5 # \u2028 #\r\n"),
    ],
)  # fmt: skip
def test_other_ways_of_writing_it(text, section, after):
    assert changed(text, section, {"rows": "5"}) == after


@pytest.mark.parametrize(
    "text",
    ["limits = { rows = 7 }\n", "limits = {}\n", 'x = """\n[limits]\nrows = 7\n"""\n', "[plans]\na.b.rows = 7\n"],
)
def test_what_is_not_understood_is_not_changed(text):
    section = ("plans", "a", "b", "c") if "plans" in text else ("limits",)
    new = changed(text, section, {"rows": "5"})
    assert new is None or tomllib.loads(new) == merged(tomllib.loads(text), section, {"rows": "5"})
    assert not text.startswith(("limits", "x")) or new is None


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the program patch")
@pytest.mark.parametrize("name", ["wellhead.toml", "my conf.toml"])
@pytest.mark.parametrize("text", [TEXT, TEXT.rstrip("\n"), TEXT.replace("\n", "\r\n"), "", "x = 1"])
def test_the_program_patch_takes_the_diff(tmp_path, name, text):
    new = changed(changed(text, (), {"mode": '"b"'}), ("plans", "free", "limits"), {"rows_per_day": "5"})
    (tmp_path / name).write_bytes(text.encode())
    subprocess.run(["patch", "-p0"], input=patch(text, new, name).encode(), cwd=tmp_path, check=True)
    assert (tmp_path / name).read_bytes().decode() == new


def test_equal_texts_have_no_diff():
    assert patch(TEXT, TEXT, "a") == ""


def test_names_are_quoted_where_they_must_be():
    assert dotted(("plans", "big co", "a-b_1")) == 'plans."big co".a-b_1'


TREES = st.recursive(
    st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text() | st.integers() | st.floats(0, 1) | st.lists(st.text()).map(tuple) | TREES)
def test_literals_come_back(value):
    assert tomllib.loads(f"x = {literal(value)}")["x"] == (list(value) if isinstance(value, tuple) else value)
