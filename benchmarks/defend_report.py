"""The section of docs/defences.md, written from the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.defend_plots import NAMES
from benchmarks.defend_tables import Row, best
from benchmarks.results import Figure

PAGE = Path(__file__).parent.parent / "docs" / "defences.md"
BEGIN, END = "<!-- defend: written by `make bench NAME=defend` -->", "<!-- /defend -->"
_RECIPE = """\
## What each was measured to do

`make bench NAME=defend` plays thieves against every defence on two small tasks: a model of handwritten digits that is
sure (96 % right) and one of a made table with 20 classes that is not (67 %). Victim and clone are perceptrons with
one hidden layer of 64; three seeds; what follows are means. A thief that trusts the answers trains on them as they
come. The others keep only labels, average ten repeats, average ten nearly equal inputs (ten times the answers), or
recover the model's own answer from what the known mechanism makes of the answers of two shadow models; each of these
also works on labels alone. Rows: `benchmarks/results/defend_tables.json`.

![Clones by defence](pictures/defend-thieves.svg)

![What answers move by, and what the best thief loses, on the table](pictures/defend-moved.svg)

**Read the best thief, not the naive one.** The labels of every defence that keeps the best class are the same, and so
are the clones made of them, bit for bit (`label_only_thief_identical`); so none of them can leave a thief with less
than label-only does. Several leave it with more. ModelGuard-W and reverse sigmoid ruin a thief that trusts the
answers, and nobody else.
"""


def _thieves(rows: Sequence[Row]) -> list[str]:
    """Accuracies of clones by defence."""
    budgets = {task: max(r.rows for r in rows if r.task == task) for task in dict.fromkeys(r.task for r in rows)}
    heads = [f"{task}, {n:,} answers: naive | best thief | moved" for task, n in budgets.items()]
    lines = [f"| defence | {' | '.join(heads)} |", "|---|" + "--:|--:|--:|" * len(budgets)]
    for name, words in {"none": "none", **NAMES}.items():
        cells = []
        for task, n in budgets.items():
            naive = next(r for r in rows if (r.task, r.rows, r.defence, r.thief) == (task, n, name, "soft"))
            most = best(rows, task, n, name)
            cells += [f"{naive.accuracy:.3f}", f"{most.accuracy:.3f} ({most.thief})", f"{naive.moved:.2f}"]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return [*lines, "", "*moved*: how far the answers moved, mean L1 of 0 to 2. Accuracies against true labels."]


def _promises(found: dict[str, Figure]) -> list[str]:
    """What held on hard rows."""
    ours, slow = found["guarantee_failures"], found["slowest_defence_us_k100"]
    gap, small, large = (found[f"modelguard_w_{n}"] for n in ("gap", "speedup_vs_lp", "speedup_k100"))
    lines = [
        "",
        f"What defences promise was broken on **{ours.value:,.0f}** hard rows ({ours.peer}):",
        "certain, tied, nearly tied and sparse ones, with entries of 1e-300, asked again, in another order, and alone.",
        "On the same rows the postprocessors of the Adversarial Robustness Toolbox, which declare nothing, break what",
        "Wellhead would hold them to:",
        "",
        "| ART 1.20.1 | rows that break anything | of these |",
        "|---|--:|---|",
    ]
    start = "art_guarantee_failures_"
    lines += [
        f"| {name.removeprefix(start)} | {f.value:,.0f} | {f.peer} |"
        for name, f in found.items()
        if name.startswith(start)
    ]
    return [
        *lines,
        "",
        f"A row of 100 classes costs at most {slow.value:.0f} µs ({slow.peer} defences), by ModelGuard-W",
        f"{found['modelguard_w_us_k100'].value:.0f} µs. It finds the optimum that HiGHS finds of the linear programme",
        f"(largest gap {gap.value:.1e}, {gap.peer}),",
        f"{small.value:.0f} times faster at 10 classes and {large.value:.0f} times at 100.",
    ]


def _marks(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Every suspect by its worst seed."""
    lines = [
        "",
        "Ownership marks (variant `first`, 2 % of 1,000 digits, 1 % of 3,000 table rows), by the worst of three seeds;",
        "of strangers, the one that looks guiltiest. *p*: the chance that a model which saw no answer matches as many.",
        "",
        "| suspect | task | marks matched | p | accuracy |",
        "|---|---|--:|--:|--:|",
    ]
    by: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        if (row["task"], row["share"]) in (("digits", 0.02), ("tab20", 0.01)):
            key = (row["suspect"], row["task"])
            stranger = row["suspect"].startswith("stranger")
            worse = min if stranger else max
            by[key] = worse(by.get(key, row), row, key=lambda r: float(r["log10_p"]))
    for (suspect, task), row in by.items():
        matched = f"{row['matches']} of {row['marks']}" if row["marks"] else ""
        accuracy = f"{row['accuracy']:.3f}" if row["marks"] else ""
        lines.append(f"| {suspect} | {task} | {matched} | {10 ** row['log10_p']:.1g} | {accuracy} |")
    return [
        *lines,
        "",
        "So marks show that somebody learnt our answers by heart. A clone of digits that is trained less, or that is",
        "fine-tuned on 200 clean rows, no longer shows them.",
    ]


def _adaptive(rows: Sequence[dict[str, Any]], found: dict[str, Figure]) -> list[str]:
    """What the adaptive policy leaves."""
    lines = [
        "",
        "The adaptive policy (labels alone from 65 % drawn on, with the limits and customers of the demonstration,",
        "its two heavy customers allowed by contract) leaves",
        f"{found['adaptive_honest_unchanged'].value:.1%} of honest answers as they were. One account gets",
        "little more than labels give; many accounts get probabilities all along, since each draws no more than a",
        "customer does. The linker, which looks for campaigns every five minutes, has no part in this play of about",
        "one minute.",
        "",
        "| thief | answers got | with probabilities | clone | of as many labels | without a gate |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in dict.fromkeys(r["thief"] for r in rows):
        own = [r for r in rows if r["thief"] == name]
        mean = {f: sum(r[f] for r in own) / len(own) for f in ("answers", "scored", "fidelity", "labels", "undefended")}
        shares = " | ".join(f"{mean[f]:.3f}" for f in ("fidelity", "labels", "undefended"))
        lines.append(f"| {name} | {mean['answers']:,.0f} | {mean['scored']:,.0f} | {shares} |")
    return lines


def section(figures: Sequence[Figure], kept: dict[str, Any]) -> str:
    """The section in Markdown; parts that were never run are left out."""
    found = {f.figure: f for f in figures}
    lines = [_RECIPE]
    if "thieves" in kept:
        lines += _thieves(msgspec.convert(kept["thieves"], list[Row]))
    if {"guarantee_failures", "modelguard_w_gap"} <= found.keys():
        lines += _promises(found)
    if "marks" in kept:
        lines += _marks(kept["marks"])
    if "adaptive" in kept:
        lines += _adaptive(kept["adaptive"], found)
    return "\n".join(lines)


def write(figures: Sequence[Figure], kept: dict[str, Any]) -> None:
    """Put it into the page, in place of the last."""
    text = PAGE.read_text(encoding="utf-8")
    made = f"{BEGIN}\n{section(figures, kept)}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END + "\n")[2]
    PAGE.write_text(before.rstrip("\n") + "\n\n" + made + after, encoding="utf-8")
