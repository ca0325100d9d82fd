"""The configs on the pages are configs."""

import re
from pathlib import Path

import pytest

from wellhead.config import Config, parse
from wellhead.core.verdict import Stance
from wellhead.gate.policy import compile_policy

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


def test_what_the_page_says_of_its_example_holds():
    policy = compile_policy(parse(configs("policy")[0]))
    lists = {s: policy.base.under(s)[0].answers for s in (Stance.WATCH, Stance.REDUCE, Stance.DELAY)}
    assert lists[Stance.WATCH] == ("modelguard_s", "top_k:5", "round:2")
    assert lists[Stance.REDUCE] == lists[Stance.DELAY] == ("label_only", "round:3")
    page = (DOCS / "policy.md").read_text(encoding="utf-8")
    assert "passes `modelguard_s`, `top_k:5`, `round:2`, and a reduced one `label_only`, `round:3`" in page
