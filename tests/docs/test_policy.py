"""The configs on the pages are configs."""

import re
from pathlib import Path

import pytest

from wellhead.config import Config, parse

DOCS = Path(__file__).parents[2] / "docs"
FENCED = re.compile(r"```toml\n(.*?)```", re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.MULTILINE)


def configs(page):
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    shown = [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in INDENTED.findall(plain)]
    return [*FENCED.findall(text), *(block for block in shown if block.lstrip().startswith("["))]


@pytest.mark.parametrize("page", ["ownership", "policy", "records"])
def test_what_is_shown_can_be_loaded(page):
    shown = configs(page)
    assert shown
    for text in shown:
        assert parse(text) != Config()
