import math

import msgspec
import pytest
from validations import VALIDATION, policy, taken

from wellhead.core.errors import ConfigError, StoreError
from wellhead.redteam.report.validated import as_html, as_markdown, curves, headline, read, write
from wellhead.redteam.validation import Notice, Taken


def test_three_files_and_the_study_comes_back(tmp_path):
    files = write(VALIDATION, tmp_path / "out")
    assert sorted(files) == ["html", "json", "md"]
    assert read(files["json"]) == VALIDATION


def test_the_page_stands_alone_and_says_every_number_as_text():
    page = as_html(VALIDATION)
    assert page.lstrip().startswith("<!doctype html>") and "http" not in page.replace("http-equiv", "").replace(
        "http://www.w3.org", ""
    ).replace("http://purl.org", "").replace("https://matplotlib", "").replace("http://creativecommons", "")
    assert "<script" not in page and "mad<b>" not in page and "victim &amp; co" in page
    assert page.count("<svg") == 1 and "95.0\u00a0% ± 0.4" in page and "no codebook" in page
    assert as_html(VALIDATION) == page


def test_markdown_has_the_matrix_the_claims_and_their_limits():
    text = as_markdown(VALIDATION)
    assert text.startswith("# Your config leaves the best thief 90.0 % ± 0.4 of your model (undefended 95.0 % ± 0.4")
    assert "| policy | soft | label-only | split soft |" in text and "lower bounds" in text
    assert "mad&lt;b&gt;" in text and "- With policy none" in text


def test_the_headline_promises_nothing_that_was_not_measured():
    shut = msgspec.structs.replace(VALIDATION.find("shut"), policy="your config")
    assert "no thief" in headline(msgspec.structs.replace(VALIDATION, tried=(shut,)))
    assert headline(msgspec.structs.replace(VALIDATION, tried=())) == "Policies tried"
    mute = msgspec.structs.replace(shut, notice=Notice(refused=300))
    assert headline(msgspec.structs.replace(VALIDATION, tried=(mute,))).endswith("and no honest customer an answer")
    broken = msgspec.structs.replace(shut, takings=(Taken(thief="soft", state="failed", reason="boom"),))
    said = headline(msgspec.structs.replace(VALIDATION, tried=(broken,)))
    assert said == "Your config could not be tried: boom"


def test_the_chart_is_there_in_numbers_and_its_legend_has_whole_names():
    name = "keep_argmax(reverse_sigmoid:0.8:0.2)"
    v = msgspec.structs.replace(VALIDATION, tried=(policy(name, taken("soft", 0.5, 0.6)),))
    assert name in curves(v).partition("</metadata>")[2]
    assert "<summary>The points of this chart</summary>" in as_html(v) and "48.0 to 52.0\u00a0%" in as_html(v)


def test_figures_that_are_no_numbers_do_not_spoil_the_file(tmp_path):
    tried = VALIDATION.tried[0]
    odd = msgspec.structs.replace(tried, notice=msgspec.structs.replace(tried.notice, l1_mean=math.nan))
    file = write(msgspec.structs.replace(VALIDATION, tried=(odd,)), tmp_path)["json"]
    assert read(file).tried[0].notice.l1_mean == -1.0


def test_files_that_cannot_be_read_or_written_are_named(tmp_path):
    (tmp_path / "file").write_text("{")
    with pytest.raises(ConfigError, match="wellhead validate"):
        read(tmp_path / "file")
    with pytest.raises(ConfigError, match="no such file|No such file"):
        read(tmp_path / "none")
    with pytest.raises(StoreError):
        write(VALIDATION, tmp_path / "file" / "in")
