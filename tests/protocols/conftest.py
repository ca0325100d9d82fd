import re
from collections.abc import Callable
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs" / "protocols"
Blocks = dict[str, bytes]


@pytest.fixture
def page() -> Callable[[str], Blocks]:
    """The fenced blocks of a protocol's page by their title."""

    def read(name: str) -> Blocks:
        found = re.findall(r"^```\w+ (\w+)\n(.*?)^```", (PAGES / f"{name}.md").read_text(), re.DOTALL | re.MULTILINE)
        return {title: text.strip().encode() for title, text in found}

    return read
