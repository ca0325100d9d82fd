"""The matrix as cells: every number as text, and a shade that says the same in grey and on paper."""

from __future__ import annotations

from typing import NamedTuple

from wellhead.redteam.outcome import Leak
from wellhead.redteam.report.claims import cost_words, figure, points
from wellhead.redteam.report.figures import count, rate, share, shares, span
from wellhead.redteam.report.tables import Table
from wellhead.redteam.validation import Notice, Taken, Tried, Validation
from wellhead.redteam.worth import envelope

_LIGHT, _DARK = (255, 255, 255), (122, 31, 20)
_DARK_ENOUGH, _STEEPNESS = 0.65, 3
"""Good copies differ by few points, so the shade rises steeply towards a perfect one."""
NOT_MEASURED = "not measured"
_LONG_S = 8_640.0


class Shade(NamedTuple):
    """One cell. background, ink: CSS colours, empty for none.  title: more, for those who point at it."""

    text: str
    background: str = ""
    ink: str = ""
    title: str = ""
    strong: bool = False


class Line(NamedTuple):
    """One policy: its name and a cell for each thief."""

    policy: str
    cells: tuple[Shade, ...]


def thieves(v: Validation) -> tuple[str, ...]:
    """The columns: every thief that was tried, in order."""
    return tuple(dict.fromkeys(t.thief for tried in v.tried for t in tried.takings))


def heat(v: Validation) -> list[Line]:
    """Fidelity of each thief through each policy, shaded from guessing to a perfect copy."""
    return [Line(tried.policy, tuple(_cell(v, tried, thief) for thief in thieves(v))) for tried in v.tried]


def _cell(v: Validation, tried: Tried, thief: str) -> Shade:
    taken = next((t for t in tried.takings if t.thief == thief), None)
    if taken is None or taken.end is None:
        why = tried.reason if taken is None else taken.reason
        return Shade("–", title=why)
    height = min(max((taken.end.fidelity - v.chance) / max(1.0 - v.chance, 1e-9), 0.0), 1.0) ** _STEEPNESS
    background = "#" + "".join(f"{round(a + height * (b - a)):02x}" for a, b in zip(_LIGHT, _DARK, strict=True))
    ink = "#ffffff" if height > _DARK_ENOUGH else "#1c2733"
    words = f"{shares(taken.end.low, taken.end.high)} (95 %), {count(taken.rows)} answers, {taken.learner}"
    return Shade(figure(taken), background, ink, words, strong=taken == tried.best)


def tables(v: Validation) -> tuple[Table, ...]:
    """The best thief of each policy, what honest customers notice, and members."""
    return _bests(v), _noticed(v), _members(v)


def _bests(v: Validation) -> Table:
    rows = tuple((tried.policy, *_best(v, tried)) for tried in v.tried)
    head = ("policy", "best thief", "fidelity", "95 %", "accuracy", "answers", f"queries to {share(v.goal)}")
    note = (
        f"Fidelity: agreement with the model on {count(v.judges)} held-out inputs, mean of {v.seeds} "
        f"seed{'s' if v.seeds > 1 else ''} ± standard deviation; guessing gives {share(v.chance)}. Answers: that the "
        "best thief got, repeats and decoys included. Queries: answered ones of the thief to whom they cost least, "
        "with their price and that of accounts where given."
    )
    return Table("The best thief", head, rows, frozenset(range(2, 7)), note)


def _best(v: Validation, tried: Tried) -> tuple[str, ...]:
    best = tried.best
    if best is None or best.end is None:
        return (tried.reason or "no clone", *(["–"] * 5))
    accuracy = figure(best, "accuracy") if v.accuracy >= 0 else NOT_MEASURED
    interval = shares(best.end.low, best.end.high)
    return best.thief, figure(best), interval, accuracy, _answers(best), cost_words(v, tried)


def _noticed(v: Validation) -> Table:
    rows = tuple((t.policy, *_notice(t.notice, t.l1_promised)) for t in v.tried if t.state == "ok")
    head = ("policy", "top-1 unchanged", "not answered", "L1 mean", "L1 max", "declared", "added µs")
    note = (
        "Honest answers against the model's own. L1: how far a row of probabilities moves; a label is certainty; "
        "declared: the most it may. Added: median time to shape the answer to one row."
    )
    return Table("What honest customers notice", head, rows, frozenset(range(1, 7)), note)


def _notice(notice: Notice, promised: float) -> tuple[str, ...]:
    if not notice.answered:
        return ("–", count(notice.refused), *(["–"] * 4))
    l1 = ("–", "–") if notice.l1_mean < 0 else (f"{notice.l1_mean:.3f}", f"{notice.l1_max:.3f}")
    us = f"{notice.added_us:.0f}" if notice.added_us >= 0 else "–"
    declared = f"{promised:g}" if promised >= 0 else "–"
    return f"{count(notice.kept)} of {count(notice.answered)}", count(notice.refused), *l1, declared, us


def _members(v: Validation) -> Table:
    rows = tuple(
        (t.policy, _leak(t.by_scores, t.why_scores), _leak(t.by_labels, t.why_labels))
        for t in v.tried
        if t.state == "ok"
    )
    note = "Training rows recognised while 1 % of others are accused, and the area under the curve (0.5 is guessing)."
    return Table("Who was in the training set", ("policy", "by scores", "by labels alone"), rows, note=note)


def _answers(taken: Taken) -> str:
    return count(taken.rows) + (f" in {span(taken.seconds)}" if taken.seconds >= _LONG_S else "")


def _leak(leak: Leak | None, why: str) -> str:
    if leak is None:
        return f"{NOT_MEASURED}: {why}" if why else NOT_MEASURED
    return f"{rate(leak, 0.01)}, AUC {leak.auc:.2f}"


def matrix(v: Validation) -> Table:
    """The heat map without its shades."""
    rows = tuple((line.policy, *(cell.text for cell in line.cells)) for line in heat(v))
    head = ("policy", *thieves(v))
    note = "Fidelity of each thief's clone; a dash: it could not be tried, or got nothing."
    return Table("Policies against thieves", head, rows, frozenset(range(1, len(head))), note)


def curve(v: Validation) -> Table:
    """The chart as numbers: the best clone from so many inputs or fewer, over all thieves."""
    rows = tuple(
        (t.policy, count(p.inputs), points(p.fidelity, p.spread, v.seeds), shares(p.low, p.high))
        for t in v.tried
        for p in envelope(t)
    )
    return Table("The same in numbers", ("policy", "inputs", "fidelity", "95 %"), rows, frozenset(range(1, 4)))
