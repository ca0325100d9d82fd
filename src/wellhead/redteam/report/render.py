"""A page from a template of this package: one file, nothing outside it, everything escaped but our own drawings."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib import resources
from typing import Any

from wellhead.core.errors import MissingExtra


def render(template: str, **values: Any) -> str:
    """The page; raises MissingExtra without jinja2 or matplotlib."""
    jinja2 = _needed("jinja2")
    _needed("matplotlib")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["tidy"] = lambda words: words.replace(" %", "\u00a0%")
    return str(environment.get_template(template).render(**values))


def _source(name: str) -> str:
    return resources.files("wellhead.redteam.report").joinpath(name).read_text(encoding="utf-8")


def _needed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as e:
        raise MissingExtra(f"the HTML report needs {e.name!r}", "try: pip install 'wellhead[report]'") from e


def markup(draw: Callable[[Any], str], of: Any) -> Any:
    """A drawing of ours, which a template does not escape; raises MissingExtra without matplotlib."""
    _needed("matplotlib")
    return _needed("markupsafe").Markup(draw(of))
