"""Write a study down: a page for people, Markdown for a ticket, JSON and JUnit XML for machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from wellhead.core.errors import StoreError
from wellhead.redteam import cost
from wellhead.redteam.outcome import Study
from wellhead.redteam.report import plots, tables
from wellhead.redteam.report.figures import count, level, money, rate, share, shares, span
from wellhead.redteam.report.gallery import cell
from wellhead.redteam.report.junit import junit
from wellhead.redteam.report.markdown import markdown
from wellhead.redteam.report.policy import policy
from wellhead.redteam.report.render import markup, render
from wellhead.redteam.report.summary import Summary, about_nothing, almost_surely, finite, may_be_drift, summarise
from wellhead.redteam.report.words import headline, verdict


class Tile(NamedTuple):
    """One headline figure. tone: `bad`, `good` or empty."""

    figure: str
    words: str
    tone: str = ""


def write(study: Study, directory: Path) -> dict[str, Path]:
    """Write `report.html`, `.md`, `.json` and `.xml` into the directory; returns {format: path}.

    The same study gives the same bytes. Raises StoreError where they cannot be written, MissingExtra without
    matplotlib or jinja2, after the other formats were written.
    """
    study = finite(study)
    makers: dict[str, Callable[[Study], str | bytes]] = {
        "json": as_json,
        "xml": junit,
        "md": as_markdown,
        "html": as_html,
    }
    paths = {name: directory / f"report.{name}" for name in makers}
    for name, make in makers.items():
        content = make(study)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            paths[name].write_bytes(content if isinstance(content, bytes) else content.encode())
        except OSError as e:
            raise StoreError(f"expected a directory to write the report to, got {directory}: {e.strerror}") from e
    return paths


def as_json(study: Study) -> bytes:
    """The study as indented JSON, which `msgspec.json.decode(.., type=Study)` reads back."""
    text = msgspec.json.encode(study, order="deterministic", enc_hook=_scalar)
    return msgspec.json.format(text) + b"\n"


def _scalar(value: Any) -> Any:
    """A numpy number as Python's own."""
    return value.item()


def as_markdown(study: Study) -> str:
    """The report as Markdown."""
    return markdown(study, headline(study), verdict(study), _tables(study, summarise(study)))


def _tables(study: Study, s: Summary) -> list[tables.Table]:
    return [
        tables.needs(study),
        policy(study),
        tables.costs(study, s),
        tables.times(study, s),
        tables.exact(study),
        tables.leaks(study),
        tables.attacks(study),
        *tables.probed(study.probed),
        tables.provenance(study),
    ]


def as_html(study: Study) -> str:
    """The report as one page without any outside resource; whatever the target said is escaped."""
    s = summarise(study)
    drawn = [o for o in study.outcomes if o.room == "extract" and (o.marks or o.exact)]
    curved = [o for o in study.outcomes if o.leak and o.leak.curve]
    # jinja2 escapes by default; these two are our own drawings.
    curves = markup(plots.fidelity, study) if drawn else ""
    roc = markup(plots.roc, study) if curved else ""
    return render(
        "report.html",
        study=study,
        headline=headline(study),
        verdict=verdict(study),
        tiles=tiles(study, s),
        curves=curves,
        roc=roc,
        needs=tables.needs(study),
        policy=policy(study),
        costs=tables.costs(study, s),
        times=tables.times(study, s),
        exact=tables.exact(study),
        leaks=tables.leaks(study),
        galleries=[(o, [cell(v) for v in o.likenesses]) for o in s.likenesses],
        attacks=tables.attacks(study),
        probed=tables.probed(study.probed),
        provenance=tables.provenance(study),
    )


def tiles(study: Study, s: Summary) -> list[Tile]:
    """The headline figures: only what was measured."""
    found: list[Tile] = []
    if s.recovered and s.exact:
        rows = s.exact[0].rows
        found.append(Tile(count(rows), "queries until the model itself was recovered", "bad"))
        found += _dear(study, rows, "to recover it")
    elif s.best:
        mark = s.best.mark
        tone = "bad" if mark.low > study.chance else "good"
        found.append(Tile(level(study, mark.fidelity), f"best copy, after {count(mark.rows)} queries", tone))
        found += _reached(study, s) if mark.low > study.chance else []
    if study.prices.row or study.prices.call:
        found.append(Tile(money(cost.million(study.prices)), "price of one million queries"))
    return found + _leak_tiles(study, s)


def _reached(study: Study, s: Summary) -> list[Tile]:
    goal = next((g for g in s.goals if g.need.goal == 0.95), None)
    if goal is None:
        return []
    word = "R² 0.95" if study.task == "regressor" else "95 %"
    if goal.need.rows is None:
        return [Tile("not reached", f"a {word} copy, in {count(goal.need.asked)} queries", "good")]
    found = [Tile(count(goal.need.rows), f"queries to a {word} copy ({goal.attack})", "bad")]
    return found + _dear(study, goal.need.rows, f"a {word} copy")


def _dear(study: Study, rows: int, what: str) -> list[Tile]:
    """Money and time, where prices and limits are known."""
    total = cost.bill(rows, study.prices).total
    took = cost.seconds(rows, study.prices.rows_per_s, study.prices.accounts)
    found = [Tile(money(total), f"cost: {what}", "bad")] if total > 0 else []
    return found + ([Tile(span(took), f"time: {what}, at the given rate limit", "bad")] if took > 0 else [])


def _leak_tiles(study: Study, s: Summary) -> list[Tile]:
    if not s.leak:
        return []
    outcome, leak = s.leak
    if about_nothing(leak):
        return [Tile("about nothing", "told of who was in the training set", "good")]
    if may_be_drift(study):
        return [Tile(f"AUC {leak.auc:.2f}", "telling members from others, which may be drift, not leakage")]
    if leak.tpr1 is None or not almost_surely(leak):
        return [
            Tile(f"AUC {leak.auc:.2f}", f"telling members from others ({outcome.attack}); {rate(leak, 0.01)}", "bad")
        ]
    words = f"of training rows recognised at 1 % false alarms ({shares(*leak.tpr1_interval)}, {outcome.attack})"
    return [Tile(share(leak.tpr1), words, "bad")]
