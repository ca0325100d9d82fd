"""The report as Markdown, for a ticket or a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellhead.redteam.outcome import Study
from wellhead.redteam.report.tables import Table

_MARKS = re.compile(r"([\\`*_{}\[\]#|~<>&$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def escape(text: str) -> str:
    """Text that Markdown and the HTML within it show as it is, in one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _MARKS.sub(lambda m: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(m[1], f"\\{m[1]}"), line)


def table(t: Table) -> str:
    """One table with its title and note, empty where it has no rows."""
    if not t.rows:
        return ""
    rule = ["--:" if i in t.numeric else "---" for i in range(len(t.head))]
    lines = [_line(t.head), _line(rule), *(_line(row) for row in t.rows)]
    note = f"\n\n{escape(t.note)}" if t.note else ""
    return f"## {escape(t.title)}\n\n" + "\n".join(lines) + note


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell if set(cell) <= set('-:') else escape(cell) for cell in cells)} |"


def markdown(study: Study, headline: str, verdict: str, tables: Sequence[Table]) -> str:
    """The whole report."""
    warnings = [f"> **Warning:** {escape(w)}\n" for w in study.warnings]
    parts = [f"# {escape(headline)}", f"Target: {escape(study.target)}", "\n".join(warnings), escape(verdict)]
    parts += [table(t) for t in tables]
    return "\n\n".join(p for p in parts if p) + "\n"
