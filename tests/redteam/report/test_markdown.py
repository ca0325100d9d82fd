from hypothesis import given
from hypothesis import strategies as st
from studies import HOSTILE, stolen

from wellhead.redteam.report.markdown import escape, markdown, table
from wellhead.redteam.report.tables import Table, attacks


@given(st.text())
def test_escaped_text_is_one_line_without_live_marks(text):
    line = escape(text)
    bare = line.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "")
    assert "<" not in bare and line == " ".join(line.split())
    for i, c in enumerate(bare):
        if c in "|`*_[]$#~@":
            assert i and bare[i - 1] == "\\"


def test_addresses_do_not_become_links():
    assert escape("HTTP://a.example, www.a.example, @team") == "HTTP\\://a.example, www\\.a.example, \\@team"
    assert escape("at 3:00 (95 % of it)") == "at 3:00 (95 % of it)"


def test_every_row_of_a_table_has_its_columns():
    text = table(attacks(stolen()))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert table(Table("t", ("a",), ())) == ""


def test_warnings_come_before_the_verdict():
    text = markdown(stolen().__class__(target=HOSTILE, time_us=0, seed=0, warnings=("w\n# x",)), "h", "v.", [])
    assert text.startswith("# h\n") and text.index("Warning") < text.index("v.")
    assert "\n# title" not in text and "<script" not in text and "\n# x" not in text
