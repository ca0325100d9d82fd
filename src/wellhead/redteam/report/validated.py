"""Write a validation down: a page with a heat map for people, Markdown for a ticket, JSON for machines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from wellhead.core.errors import ConfigError, StoreError
from wellhead.redteam.adaptive import THIEVES
from wellhead.redteam.report.claims import claims, failed, figure, honest
from wellhead.redteam.report.drawing import INK, axes, svg
from wellhead.redteam.report.figures import count, share
from wellhead.redteam.report.heat import curve, heat, matrix, tables, thieves
from wellhead.redteam.report.markdown import escape
from wellhead.redteam.report.markdown import table as as_table
from wellhead.redteam.report.plots import COLOURS, log_rows, plain_name
from wellhead.redteam.report.render import markup, render
from wellhead.redteam.report.summary import made_finite
from wellhead.redteam.report.tables import Table
from wellhead.redteam.validation import LABEL_ONLY, OWN, UNDEFENDED, Tried, Validation
from wellhead.redteam.worth import envelope

STUDY = "study.json"
FILES = (STUDY, "report.md", "report.html")
"""What `write` writes."""
_LONGEST = 60


def write(v: Validation, directory: Path) -> dict[str, Path]:
    """Write `study.json`, `report.md` and `report.html` into the directory; returns {format: path}.

    Raises StoreError where they cannot be written, MissingExtra without matplotlib or jinja2, after the others were.
    """
    v = made_finite(v, [])
    makers: dict[str, Callable[[Validation], str]] = {STUDY: as_json, "report.md": as_markdown, "report.html": as_html}
    for name, make in makers.items():
        text = make(v)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text, encoding="utf-8")
        except OSError as e:
            raise StoreError(f"expected a directory to write the report to, got {directory}: {e.strerror}") from e
    return {name.rpartition(".")[2]: directory / name for name in makers}


def read(file: Path) -> Validation:
    """A validation from its JSON; raises ConfigError where there is none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Validation)
    except OSError as e:
        raise ConfigError(f"expected a validation at {file}, got: {e.strerror}", "run `wellhead validate`") from e
    except msgspec.MsgspecError as e:
        raise ConfigError(f"expected a validation at {file}, got: {e}", "run `wellhead validate` again") from e


def as_json(v: Validation) -> str:
    """Indented JSON, which `read` takes."""
    return msgspec.json.format(msgspec.json.encode(v, order="deterministic")).decode() + "\n"


def headline(v: Validation) -> str:
    """The one thing to know: what the operator's config leaves of the best thief, against nothing and label-only."""
    own, found = v.find(OWN), [v.find(UNDEFENDED), v.find(LABEL_ONLY)]
    bests = [t.best if t else None for t in (own, *found)]
    if bests[0] is None:
        return _nothing(own) if own and own.state == "ok" else "Policies tried"
    beside = [f"{word} {figure(b)}" for word, b in zip(("undefended", "label-only"), bests[1:], strict=True) if b]
    return f"Your config leaves the best thief {figure(bests[0])} of your model ({', '.join(beside)})"


def _nothing(own: Tried) -> str:
    """The headline where no thief has a clone: safety bought by answering nobody is no safety."""
    if failed(own):
        return f"Your config could not be tried: {failed(own)}"
    said = "Your config leaves no thief enough answers for a clone"
    if own.notice.refused and not own.notice.answered:
        return f"{said}, and no honest customer an answer"
    return said


def as_markdown(v: Validation) -> str:
    """The report as Markdown."""
    parts = [f"# {escape(headline(v))}", f"Target: {escape(v.target)}"]
    parts += [f"> **Warning:** {escape(w)}" for w in v.warnings]
    parts += [escape(text) for text in honest(v)]
    parts += [as_table(t) for t in (matrix(v), *tables(v))]
    parts += ["## What may be said", "\n".join(f"- {escape(text)}" for text in claims(v))]
    return "\n\n".join([*parts, as_table(who(v)), as_table(provenance(v))]) + "\n"


def as_html(v: Validation) -> str:
    """The report as one page without any outside resource; raises MissingExtra without matplotlib or jinja2."""
    return render(
        "validation.html",
        v=v,
        headline=headline(v),
        honest=honest(v),
        claims=claims(v),
        lines=heat(v),
        thieves=thieves(v),
        tables=tables(v),
        curves=markup(curves, v) if any(t.best for t in v.tried) else "",
        curve=curve(v),
        who=who(v),
        provenance=provenance(v),
    )


def curves(v: Validation) -> str:
    """Fidelity of the best thief over the inputs it learnt from, a line for each policy, as SVG."""
    drawn = axes(7.6, 4.3)
    drawn.axhline(v.chance, color=INK, linewidth=0.9, linestyle=(0, (1, 3)), label="guessing")
    styles = {UNDEFENDED: (INK, "-", 2.4), LABEL_ONLY: (INK, "--", 2.4)}
    told = [(tried.policy, envelope(tried)) for tried in v.tried if tried.best]
    for number, (policy, points) in enumerate(told):
        colour = COLOURS[number % len(COLOURS)]
        colour, dash, width = styles.get(policy, (colour, ("-", "-.", ":")[number % 3], 1.6))
        x, y = [p.inputs for p in points], [p.fidelity for p in points]
        marker = "osD^v"[number % 5]
        drawn.plot(x, y, color=colour, linestyle=dash, linewidth=width, marker=marker, markersize=4,
                   label=plain_name(policy, _LONGEST))  # fmt: skip
    log_rows(drawn, [p.inputs for _, points in told for p in points])
    drawn.set_ylim(max(v.chance - 0.03, 0.0), 1.02)
    drawn.set_xlabel("inputs learnt from")
    drawn.set_ylabel("fidelity of the best clone")
    drawn.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    return svg(drawn)


def who(v: Validation) -> Table:
    """What each thief does."""
    rows = tuple((t.name, t.words, t.paper) for t in THIEVES if t.name in thieves(v))
    note = "Every thief asks the same inputs. What it knows is in its favour: the defence itself, all but secret keys."
    return Table("The thieves", ("thief", "what it does", "after"), rows, note=note)


def provenance(v: Validation) -> Table:
    """Who validated what, when, with which seeds and software."""
    when = datetime.fromtimestamp(v.time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
    rows = (
        ("target", v.target),
        ("by leave of", v.owner or "nobody named (a model on this host)"),
        ("time", when),
        ("seeds", f"{v.seeds}, from {v.seed}"),
        ("asked of the target", f"{count(v.spent_rows)} queries, each input once"),
        ("the model's own accuracy", share(v.accuracy) if v.accuracy >= 0 else "not measured"),
        ("software", ", ".join(f"{name} {version}" for name, version in sorted(v.versions.items())) or "unknown"),
    )
    return Table("Provenance", ("", ""), rows)
