import sys

import pytest

from wellhead.core.errors import MissingExtra
from wellhead.redteam.report.render import markup, render
from wellhead.redteam.report.tables import Table


def test_pages_share_tables_and_style_and_escape_what_they_are_told():
    table = Table("<t>", ("a",), (("<script>",),))
    page = render(
        "validation.html",
        v={"target": "<x>", "warnings": ["<w>"]},
        headline="<h>",
        tables=[table],
        who=table,
        provenance=table,
    )
    assert "<script>" not in page and "&lt;script&gt;" in page and "&lt;w&gt;" in page and "--ink:" in page
    assert "{%" not in page and "{{" not in page


def test_our_own_drawings_are_not_escaped():
    assert str(markup(lambda _: "<svg>", None).__html__()) == "<svg>"


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_what_is_missing_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"wellhead\[report\]"):
        render("validation.html")
