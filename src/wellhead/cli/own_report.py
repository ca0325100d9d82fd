"""The report of a test: JSON for machines, one self-contained page and Markdown for people."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wellhead.core.errors import StoreError

if TYPE_CHECKING:
    from wellhead.audit.verify import Outcome, Report
    from wellhead.defend.own.judge import Evidence
    from wellhead.serve.trial import Told

PROVES = (
    "A p-value below the declared one is evidence of dependence on our answers, not of illegality: it does not say who "
    "asked, whether a contract forbade it, or how the answers travelled.",
    "Marks that were drawn and not kept, or left out, could have been chosen: compare the counts above.",
    "It holds as far as the log was out of the accuser's hands: trust it where the log's checkpoints were stamped or "
    "anchored elsewhere before the marks were served.",
)
LIMITS = (
    "No verdict against the suspect is no acquittal: marks can be removed by training on fewer or relabelled answers, "
    "by majority votes between accounts, or by pruning and fine-tuning.",
    "An accuser who holds both the model and the log can try to make false claims (Liu et al., arXiv 2304.06607). "
    "Against that stand the commitment, the declaration, the beacon and the independent models, as far as others "
    "can check them.",
    "The independent models answer the same inputs; a panel that was trained on our answers is none.",
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse;margin:1rem 0;width:100%}td,th{border-bottom:1px solid #ccc;padding:.3rem .6rem;"
    "text-align:left;overflow-wrap:anywhere}.dependent{color:#a11}.refused{color:#850}"
)


class Part(NamedTuple):
    """A heading, a table (its first row the head), and sentences."""

    title: str
    rows: Sequence[Sequence[str]] = ()
    said: Sequence[str] = ()


def write(told: Told, directory: Path) -> list[Path]:
    """Write `own.json`, `own.md` and `own.html`; raises StoreError where they cannot be written."""
    import msgspec

    made = {
        "json": msgspec.json.format(msgspec.json.encode(told, order="deterministic")) + b"\n",
        "md": markdown(told).encode(),
        "html": page(told).encode(),
    }
    paths = [directory / f"own.{kind}" for kind in made]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, made.values(), strict=True):
            path.write_bytes(content)
    except OSError as e:
        raise StoreError(f"expected a directory to write the report to, got {directory}: {e.strerror}") from e
    return paths


def parts(told: Told) -> list[Part]:
    """The whole report but its headline."""
    test, ruling = told.declaration, told.ruling
    order = sorted(told.places.items(), key=lambda p: p[1])
    log = told.log
    found = [
        Part("The test", _facts(told)),
        Part("Matches", [_HEAD, _line(ruling.whole), *map(_line, ruling.by)], (
            f"p: the exact chance of at least so many matches, each 1 in {told.among}, for a model that does not "
            f"depend on the key. Corrected: times {ruling.tests} (keys, suspects, i (i + 1) for the i-th test of this "
            "log, all orders of the classes where another than ours was declared), and times the number of principals "
            "where one is named.",
        )),
        Part("Independent models", [_HEAD[:4], *(_line(e)[:4] for e in ruling.panel)], (
            f"The suspect ranks {ruling.rank} of {len(ruling.panel) + 1}. The test is void where one of them has a "
            f"p-value of {test.near:g} or less.",
        )),
        Part("Order in the log", [("entry", "what"), *((str(i), what) for what, i in order)]),
        Part("The log", [("check", "outcome", "why"), *(
            (name, v.outcome, v.line)
            for name, v in _checks(log)
        )]),
        Part("What this proves", said=PROVES),
        Part("What it does not prove", said=LIMITS),
    ]  # fmt: skip
    if told.grinding:
        g = told.grinding
        said = (f"The best of {g.keys} other keys has p = {power(g.log10_best)}; so many tries by chance give about "
                f"{power(g.log10_expected)}.")  # fmt: skip
        found.insert(3, Part("A search for false claims", said=(said,)))
    return found


def _checks(log: Report) -> tuple[tuple[str, Outcome], ...]:
    return ("integrity", log.integrity), ("completeness", log.completeness), ("anchoring", log.anchoring)


_HEAD = ("of", "marks", "matches", "p", "corrected p")


def _line(e: Evidence) -> tuple[str, ...]:
    return e.of, str(e.marks), str(e.matches), power(e.log10_p), power(e.log10_corrected)


def _facts(told: Told) -> list[tuple[str, str]]:
    test = told.declaration
    when = datetime.fromtimestamp(told.time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return [
        ("what", "which"),
        ("name", test.uid),
        ("suspect", told.suspect),
        ("authorised by", told.owner or "a model on this host"),
        ("asked", when),
        ("our model", ", ".join(told.model)),
        ("mark", "best class" if told.variant == "first" else "order of second and third class"),
        ("decides", f"corrected p of at most {test.alpha:g}, as declared"),
        ("order of the suspect's classes", f"declared: {', '.join(test.classes)}" if test.classes else "ours"),
        ("beacon, as declared", test.beacon),
        ("beacon, as drawn", told.beacon),
        *(("marked by the log", o.said) for o in told.observed.values()),
        ("kept marks that do not hold", ", ".join(f"{n} {why}" for why, n in told.rejected.items()) or "none"),
        ("drawn marks that are kept no more", f"{told.lost}, each a miss" if told.lost else "none"),
    ]


def power(log10: float) -> str:
    """A p-value as people read it, however small."""
    return f"{10**log10:.4f}" if log10 > -3 else f"{10 ** (log10 % 1):.1f}e{int(log10 // 1)}"


def headline(told: Told) -> str:
    """The verdict and its reasons."""
    why = "; ".join(told.ruling.reasons)
    return {
        "dependent": "Evidence that the suspect depends on our answers",
        "not shown": f"Dependence is not shown: {why}",
        "refused": f"No verdict: {why}",
    }[told.ruling.verdict]


def markdown(told: Told) -> str:
    """The report as Markdown."""
    from wellhead.redteam.report.markdown import escape

    lines = [f"# {escape(headline(told))}"]
    for part in parts(told):
        lines.append(f"## {part.title}")
        if part.rows:
            rows = [f"| {' | '.join(map(escape, row))} |" for row in part.rows]
            lines.append("\n".join([rows[0], "|" + " --- |" * len(part.rows[0]), *rows[1:]]))
        lines += [f"- {escape(said)}" for said in part.said]
    return "\n\n".join(lines) + "\n"


def page(told: Told) -> str:
    """The report as one page that loads nothing; whatever others wrote is escaped."""
    title, kind = html.escape(headline(told)), told.ruling.verdict.replace(" ", "-")
    body = [f'<h1 class="{kind}">{title}</h1>']
    for part in parts(told):
        body.append(f"<h2>{html.escape(part.title)}</h2>")
        cells = ["".join(f"<td>{html.escape(c)}</td>" for c in row) for row in part.rows]
        body += ["<table>" + "".join(f"<tr>{c}</tr>" for c in cells) + "</table>"] if cells else []
        body += [f"<p>{html.escape(said)}</p>" for said in part.said]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<body>{''.join(body)}</body></html>\n"
    )
