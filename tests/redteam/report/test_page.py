import re
from html.parser import HTMLParser

import msgspec
import pytest
from studies import HOSTILE, STUDIES, exact, failed, hostile, leaky, regressor, stolen

from wellhead.core.errors import MissingExtra, StoreError
from wellhead.redteam.outcome import Study
from wellhead.redteam.report.page import as_html, as_json, as_markdown, tiles, write
from wellhead.redteam.report.summary import finite, summarise
from wellhead.redteam.report.words import verdict

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; says which tags are not closed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.open, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module", params=STUDIES)
def study(request):
    return finite(STUDIES[request.param]())


@pytest.fixture(scope="module")
def html(study):
    return as_html(study)


def test_a_report_is_four_files_and_the_same_each_time(study, html, tmp_path):
    paths = write(study, tmp_path / "new")
    assert {name: path.name for name, path in paths.items()} == {
        n: f"report.{n}" for n in ("json", "xml", "md", "html")
    }
    assert paths["html"].read_text(encoding="utf-8") == html
    assert paths["json"].read_bytes() == as_json(study) and paths["md"].read_text(encoding="utf-8") == as_markdown(
        study
    )


def test_json_is_the_study(study):
    assert msgspec.json.decode(as_json(study), type=Study) == study


def test_the_page_stands_alone(html):
    page = Page(html)
    assert page.open == []
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert all(value.startswith(("data:image/png;base64,", "#")) for value in links)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"url\((?!#)", html)


def test_the_page_and_the_markdown_say_the_verdict(study, html):
    page = " ".join(Page(html).text.split())
    assert " ".join(verdict(study).split()) in page.replace("\u00a0", " ")
    assert "Provenance" in as_markdown(study)


def test_what_the_target_says_stays_text():
    html, words = as_html(finite(hostile())), as_markdown(finite(hostile()))
    page = Page(html)
    assert "script" not in page.tags and page.tags.count("h1") == 1
    assert HOSTILE.split("|")[0] in page.text and "{{ 7*7 }}" in page.text
    assert "<script" not in words and "\n# title" not in words


def test_warnings_stand_before_the_verdict():
    html = as_html(finite(hostile()))
    assert html.index('class="warnings"') < html.index('class="verdict"')
    assert 'class="warnings"' not in as_html(stolen())


def test_sections_without_content_are_left_out():
    text = Page(as_html(finite(failed()))).text
    assert "Every attack" in text and "How good a copy" not in text and "training set" not in text
    assert "How good a copy" not in Page(as_html(leaky())).text


def test_the_gallery_shows_ten_pairs():
    assert as_html(stolen()).count("data:image/png;base64,") == 20


def test_tiles_hold_only_what_was_measured():
    assert tiles(failed(), summarise(failed())) == []
    figures = [t.figure for t in tiles(stolen(), summarise(stolen()))]
    assert figures == ["99.3 %", "1,600", "23.20", "40 s", "2,000.00", "about nothing"]
    assert [t.figure for t in tiles(exact(), summarise(exact()))] == ["65", "0.0065", "100.00"]
    assert tiles(regressor(), summarise(regressor()))[1].figure == "not reached"


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="expected a directory"):
        write(failed(), tmp_path / "file" / "below")


def test_without_the_drawing_packages_the_other_formats_are_there(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"wellhead\[report\]"):
        write(failed(), tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"report.json", "report.md", "report.xml"}
