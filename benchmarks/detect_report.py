"""Write docs/benchmark.md and its pictures from what `make bench NAME=detect` found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from benchmarks import detect_plots as plots
from benchmarks import results
from benchmarks.detect_metrics import Details, Number, ScenarioRow
from benchmarks.results import Figure

T = TypeVar("T")
PAGE = Path(__file__).parent.parent / "docs" / "benchmark.md"
HEADLINES = {
    "single_found_share": "A1-A8 found within the budget of 2,000 queries",
    "disagreement_ratio_at_alarm_single": "A1-A8: disagreement of the clone at the alarm over the full budget's",
    "single_found_share_without_cover": "A1-A7 (nobody under cover) found within the budget",
    "disagreement_ratio_without_cover": "A1-A7: disagreement at the alarm over the full budget's",
    "single_found_share_1in100": "A1-A8 found under a promise of 1 in 100",
    "single_found_share_without_cover_1in100": "A1-A7 found under a promise of 1 in 100",
    "disagreement_ratio_without_cover_1in100": "A1-A7: the same ratio under a promise of 1 in 100",
    "fidelity_at_alarm_single": "A1-A8: clone at the alarm, median agreement with the model",
    "fidelity_full_single": "A1-A8: clone after the full budget, median agreement",
    "fidelity_attainable": "clone with all answers one could want, median agreement",
    "budget_share_at_alarm_single": "A1-A8: share of the budget spent at the alarm, median",
    "realised_lower_over_promised_1in100_worst": "1 in 100: false alarms over promised, lower bound, worst segment",
    "realised_lower_over_promised_1in1000_worst": "1 in 1,000: false alarms over promised, lower bound, worst segment",
    "campaign_recall": "A9, A10: share of a campaign's accounts that were named",
    "campaign_honest_swept": "A9, A10: honest principals named with them",
    "disagreement_ratio_at_alarm_campaign": "A9, A10: disagreement at the alarm over the full budget's",
    "peers_beaten_share": "peers beaten at the same rate of false alarms",
    "detect_us_per_event": "cost of an event, all signals",
}
TOP = """\
# The detection benchmark

`make bench NAME=detect` plays honest tenants, thieves and honest look-alikes against real models through the same code
that serves, and writes this page. Figures are from the last run that was committed.

**What is played.** Every honest tenant has its own narrow mix of inputs, drift, repeats, volume and pace (arrivals of
real API clients); addresses, agents, sign-up times and e-mails of thieves are drawn from the honest tenants' own.
Tenants for development, calibration and test are disjoint, and thresholds are frozen before the test. Budget: 2,000
queries. A thief's clone is the best of several real learners trained on what it was answered until the alarm, judged on
inputs that nobody asked. *Agreement* is the share of those on which it says what the model says. Intervals in brackets
are of 90 %, over principals drawn again.

"""


def read(name: str, kind: type[T], empty: T) -> T:
    """What a run wrote to results/NAME.json; `empty` where there was none."""
    path = results.RESULTS / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else empty


def write(page: Path = PAGE) -> Path:
    """Write the page and its pictures beside it, from the results as they lie there."""
    figures = results.read("detect")
    rows = read("detect_scenarios", list[ScenarioRow], [])
    details = read("detect_details", Details, Details())
    drawn = {}
    if any(r.curve for r in rows):
        drawn["curves"] = plots.curves([r for r in rows if r.kind == "attack"])
    if details.segments:
        drawn["promises"] = plots.promises(details.segments)
    if details.tradeoff:
        drawn["tradeoff"] = plots.tradeoff(details)
    folder = page.parent / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in drawn.items():
        (folder / f"detect-{name}.svg").write_text(text.rstrip() + "\n", encoding="utf-8")
    page.write_text(render(figures, rows, details, set(drawn)), encoding="utf-8")
    return page


def render(figures: Sequence[Figure], rows: Sequence[ScenarioRow], details: Details, drawn: set[str]) -> str:
    """The page as Markdown. drawn: the pictures there are."""
    parts = [
        TOP + _headlines(figures),
        _section("Thieves with one account", _attacks([r for r in rows if r.kind == "attack"], "curves" in drawn)),
        _section("False alarms, promised and kept", _promises(details, "promises" in drawn)),
        _section("Beside published detectors", _peers(rows, details, "tradeoff" in drawn)),
        _section("Campaigns", _campaigns([r for r in rows if r.kind == "campaign"])),
        _section("Where Wellhead fails", _fails(rows)),
        _section("Honest look-alikes", _lookalikes([r for r in rows if r.kind == "lookalike"])),
        _section("Costs", _costs(details)),
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; heads that begin with `>` are aligned right."""
    line = "|".join("--:" if h.startswith(">") else "---" for h in heads)
    body = [[h.lstrip(">") for h in heads], *rows]
    shown = ["| " + " | ".join(cells) + " |" for cells in body]
    return "\n".join([shown[0], f"|{line}|", *shown[1:]]) + "\n"


def percent(value: Number, digits: int = 0) -> str:
    """As people read it; a dash where there is nothing."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}%}".replace("%", " %")


def number(value: Number, digits: int = 0) -> str:
    """With thousands apart; a dash where there is nothing."""
    return "–" if value is None or not np.isfinite(value) else f"{value:,.{digits}f}"


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _headlines(figures: Sequence[Figure]) -> str:
    if not figures:
        return "No run has been recorded yet.\n"
    known = {f.figure: f for f in figures}
    shown = [(known[name], words) for name, words in HEADLINES.items() if name in known]
    return table(["", ">measured", ">promised", ""], [_headline(f, words) for f, words in shown])


def _headline(figure: Figure, words: str) -> list[str]:
    of: Callable[[float], str] = {"share": lambda v: percent(v, 1), "us": lambda v: f"{v:.1f} µs"}.get(
        figure.unit, lambda v: f"{v:,.2f}"
    )
    target, verdict = results.TARGETS.get(figure.figure), results.verdict(figure)
    bound = "" if target is None else f"{'at least' if figure.better == 'higher' else 'at most'} {of(target)}"
    return [words, of(figure.value), bound, f"**{verdict}**" if verdict else ""]


def _attacks(rows: Sequence[ScenarioRow], picture: bool) -> str:
    if not rows:
        return ""
    said = (
        "Queries answered at the alarm (of a budget of 2,000), how well the clone of those agrees with the model, of\n"
        "how well that of the full budget does, and how much more often it disagrees.\n"
        "Promise: 1 in 1,000. An attack that learns next to nothing with its whole budget cannot disagree more at the\n"
        "alarm than at the end: its ratio is 1 however early it is found.\n\n"
    )
    text = "Each dot is the alarm.\n\n![Clones over queries](pictures/detect-curves.svg)\n\n" if picture else ""
    coarse = "\nThe same thieves under a promise of 1 in 100: share found, queries at the alarm, disagreement.\n\n"
    return text + said + _by_victim("attack", rows, _thief) + coarse + _by_victim("attack", rows, _coarse)


def _coarse(row: ScenarioRow) -> str:
    if row.coarse_rows is None:
        return "**never**"
    return f"{percent(row.coarse_found)} at {number(row.coarse_rows)}, {number(row.coarse_ratio, 1)} x"


def _by_victim(head: str, rows: Sequence[ScenarioRow], cell: Callable[[ScenarioRow], str]) -> str:
    """A line a scenario, a column a victim."""
    victims = list(dict.fromkeys(r.victim for r in rows))
    known = {(_name(r), r.victim): r for r in rows}
    names = sorted({_name(r) for r in rows}, key=_order)
    cells = [[cell(known[n, v]) if (n, v) in known else "" for v in victims] for n in names]
    return table([head, *(_victim(v, rows) for v in victims)], [[n, *c] for n, c in zip(names, cells, strict=True)])


def _victim(victim: str, rows: Sequence[ScenarioRow]) -> str:
    most = [r.attainable for r in rows if r.victim == victim and r.attainable is not None]
    return f"{victim} (attainable: {percent(max(most))})" if most else victim


def _name(row: ScenarioRow) -> str:
    return f"{row.scenario} {row.title}".strip()


def _order(name: str) -> tuple[str, int, str]:
    code = name.split(" ", 1)[0]
    return code[:1], int(code[1:]) if code[1:].isdigit() else 0, name


def _thief(row: ScenarioRow) -> str:
    if row.rows is None:
        return f"**never**: {percent(row.fidelity)}"
    found = "" if row.found == 1 else f" ({percent(row.found)} found)"
    return f"{_at(row)}: {percent(row.fidelity)} of {percent(row.full)}, {_ratio(row)}{found}"


def _at(row: ScenarioRow) -> str:
    if row.rows is None:
        return "never"
    interval = "" if row.rows_low is None else f" [{number(row.rows_low)}, {number(row.rows_high)}]"
    return number(row.rows) + interval


def _ratio(row: ScenarioRow) -> str:
    if row.ratio is None:
        return "–"
    interval = "" if row.ratio_low is None else f" [{number(row.ratio_low, 1)}, {number(row.ratio_high, 1)}]"
    return f"{row.ratio:.1f} x{interval}"


def _promises(details: Details, picture: bool) -> str:
    if not details.segments:
        return ""
    body = [
        [
            s.victim,
            s.segment or "all",
            f"1 in {1 / s.alpha:,.0f}",
            number(s.calibration),
            f"{s.alarms:,} of {s.test:,}",
            percent(s.rate, 2),
            f"{percent(s.low, 2)} to {percent(s.high, 2)}",
            s.word,
        ]
        for s in sorted(details.segments, key=lambda s: (-s.alpha, s.victim, s.segment))
    ]
    heads = ["model", "segment", "promise", ">calibrated on", ">alarmed", ">rate", ">95 % bounds", "what the tool said"]
    text = "![Realised over promised false alarms](pictures/detect-promises.svg)\n\n" if picture else ""
    return "Honest principals alarmed at any time in 30 days.\n\n" + text + table(heads, body)


def _peers(rows: Sequence[ScenarioRow], details: Details, picture: bool) -> str:
    if not details.peers:
        return ""
    own = [">author's: honest alarmed", ">thieves found"]
    heads = ["detector", *own, ">matched: honest alarmed", ">thieves found", ">clone then"]
    body = [
        [
            p.name,
            percent(p.published, 1),
            percent(p.published_found),
            percent(p.rate, 2),
            percent(p.found),
            percent(p.fidelity, 1),
            percent(p.wellhead, 1),
            "yes" if p.wellhead < p.fidelity else "**no**",
            number(p.cost_ms, 1),
        ]
        for p in details.peers
    ]
    heads += [">Wellhead's then", "beaten", ">ms a stream"]
    said = (
        "Each was written anew from its paper and reads what Wellhead reads. It stands at its author's own threshold,\n"
        "and *matched*: at the one that alarms as many honest principals as Wellhead did, scores levelled by segment.\n"
        "Two rows give a peer what its paper lacks: exact repeats, which honest clients make all the time, are not\n"
        "held against anybody.\n\n"
    )
    text = "![Clone at the alarm over honest alarms](pictures/detect-tradeoff.svg)\n\n" if picture else ""
    return said + text + table(heads, body) + "\n" + _matrix(rows)


def _matrix(rows: Sequence[ScenarioRow]) -> str:
    """Median clone at the alarm, scenario by detector, over victims; the best of a line in bold."""
    shown = {(r.scenario, r.victim): r.peers for r in rows if r.peers and r.kind in ("attack", "hard")}
    names = list(dict.fromkeys(name for peers in shown.values() for name in peers))
    if not names:
        return ""
    body = []
    for scenario in sorted({s for s, _ in shown}, key=_order):
        of = [peers for (s, _), peers in shown.items() if s == scenario]
        medians = [float(np.median([peers[n].fidelity for peers in of if n in peers])) for n in names]
        best = np.nanmin(medians)
        body.append([scenario, *(f"**{percent(m, 1)}**" if m == best else percent(m, 1) for m in medians)])
    said = "Clone at the alarm (median over models), all at the same rate of false alarms; the lowest in bold.\n\n"
    return said + table(["attack", *(f">{n}" for n in names)], body)


def _campaigns(rows: Sequence[ScenarioRow]) -> str:
    if not rows:
        return ""
    heads = ["campaign", "model", ">accounts", ">found", ">members named", ">of the named are members", ">honest named"]
    body = [
        [
            _name(r),
            r.victim,
            number(r.accounts),
            percent(r.found),
            percent(r.recall),
            percent(r.precision),
            percent(r.swept, 2),
            percent(r.fidelity, 1) if r.found else "**never alarmed**",
            percent(r.full, 1),
            _ratio(r) if r.found else "–",
        ]
        for r in rows
    ]
    said = (
        "One work list, split over accounts that share nothing: no address, agent, time or e-mail pattern.\n"
        "Runs in which a campaign was not found count with the clone of the full budget.\n\n"
    )
    return said + table([*heads, ">union's clone then", ">full", ">disagreement"], body)


def _fails(rows: Sequence[ScenarioRow]) -> str:
    """The hard scenarios, every attack that was missed, and campaigns of which too much was."""
    late = [r for r in rows if r.kind == "attack" and r.found < 1]
    hard = [r for r in rows if r.kind == "hard"]
    weak = [r for r in rows if r.kind == "campaign" and ((r.recall or 0.0) < 0.9 or (r.swept or 0.0) > 0.01)]
    shown = [*hard, *late, *weak]
    if not shown:
        return ""
    said = (
        "Thieves that know the detector, that look like customers, or that were missed: share found under a promise\n"
        "of 1 in 1,000, queries at the alarm, the clone then of the full budget's; beside **never**, that of the full\n"
        "budget. No efficient observer can find every thief (Karchmer, SaTML 2023): what is promised is the rate of\n"
        "false alarms, and the valve bounds what anybody draws, found or not.\n\n"
    )
    return said + _by_victim("scenario", shown, _failing) + "\n" + _notes(shown)


def _failing(row: ScenarioRow) -> str:
    if row.fidelity is None:
        return percent(row.found)
    if row.rows is None:
        return f"**never**: {percent(row.fidelity)}"
    named = "" if row.recall is None else f", {percent(row.recall)} of the members"
    return f"{percent(row.found)} at {_at(row)}{named}: {percent(row.fidelity)} of {percent(row.full)}"


def _notes(rows: Sequence[ScenarioRow]) -> str:
    """Why, a line a scenario."""
    notes = dict.fromkeys((r.scenario, r.note) for r in sorted(rows, key=lambda r: _order(r.scenario)) if r.note)
    return "".join(f"- {n}: {note}\n" for n, note in notes)


def _lookalikes(rows: Sequence[ScenarioRow]) -> str:
    if not rows:
        return ""
    said = (
        "Honest customers who do what thieves do: share of them alarmed under a promise of 1 in 1,000, and of 1 in\n"
        "100. The promise covers those who declared their use, each in its own segment (above); here nobody declared\n"
        "anything, so that they stand outside it.\n\n"
    )
    return said + _by_victim("look-alike", rows, _alike) + "\n" + _notes(rows)


def _alike(row: ScenarioRow) -> str:
    return percent(row.found) if row.coarse_found is None else f"{percent(row.found)}, {percent(row.coarse_found)}"


def _costs(details: Details) -> str:
    text = (
        table(["", ">"], [[name, number(value, 1)] for name, value in details.costs.items()]) if details.costs else ""
    )
    return "\n".join(part for part in (text, "".join(f"- {note}\n" for note in details.notes)) if part)


def main() -> None:
    """Write the page from the last results."""
    print(write())


if __name__ == "__main__":
    main()
