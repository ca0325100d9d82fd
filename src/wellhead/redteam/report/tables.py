"""The report's tables as data: the page and the Markdown show the same ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from wellhead.redteam import cost
from wellhead.redteam.measure import above_chance, area
from wellhead.redteam.outcome import Leak, Mark, Outcome, Probed, Study
from wellhead.redteam.report.figures import (
    between,
    count,
    level,
    money,
    rate,
    rows_needed,
    share,
    small,
    span,
)
from wellhead.redteam.report.summary import Summary, about_nothing, at_chance, is_baseline
from wellhead.redteam.report.words import copy, goal_word, state

Row = tuple[str, ...]
_RATES = (1.0, 10.0, 100.0)
_ACCOUNTS = (1, 10, 100)


class Table(NamedTuple):
    """One table. numeric: columns set flush right.  note: a sentence below it, empty for none."""

    title: str
    head: Row
    rows: tuple[Row, ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""


def attacks(study: Study) -> Table:
    """Every attack with its state, cost and what came of it, the unsupported with their reason."""
    rows = tuple(
        (
            o.attack,
            state(o),
            count(o.rows),
            count(o.calls),
            money(o.money),
            _came(study, o),
            " ".join(_sentence(text) for text in (o.detail, o.reason) if text),
            o.paper,
        )
        for o in study.outcomes
    )
    head = ("attack", "state", "queries", "requests", "cost", "result", "what happened", "source")
    note = "Queries include those that another attack of this study had already paid for; such answers are asked once."
    return Table("Every attack", head, rows, frozenset({2, 3, 4}), note)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _came(study: Study, outcome: Outcome) -> str:
    """An outcome's result in a cell."""
    if outcome.exact:
        return f"exact to {small(outcome.exact.error)}"
    if outcome.marks:
        mark = last(outcome)
        return f"{level(study, mark.fidelity)} ({between(study, mark.low, mark.high)})"
    if outcome.leak:
        return f"AUC {outcome.leak.auc:.3f}"
    return f"{len(outcome.likenesses)} likenesses" if outcome.likenesses else "nothing"


def last(outcome: Outcome) -> Mark:
    """The mark at the most rows."""
    return max(outcome.marks, key=lambda m: m.rows)


def needs(study: Study) -> Table:
    """Queries that each extraction attack took to each goal."""
    marked = [o for o in study.outcomes if o.marks]
    words = [goal_word(study, goal) for goal in cost.GOALS]
    rows = tuple(
        (
            o.attack + (" (baseline)" if is_baseline(o.attack) else ""),
            *(rows_needed(cost.need(o.marks, goal)) for goal in cost.GOALS),
            *_quality(study, last(o)),
            f"{100 * area([(m.rows, m.fidelity) for m in o.marks]):.1f}",
        )
        for o in marked
    )
    head = (
        "attack",
        *(f"to {w}" for w in words),
        "fidelity at the end",
        "above chance",
        "seeds",
        "uniform inputs",
        "distance",
        "area",
    )
    note = (
        "The smallest measured budget from which the clone stays that good; in brackets where the ends of the 95 % "
        "interval do. Fidelity is agreement on held-out inputs; above chance: "
        "0 is guessing, 100 is full agreement. Seeds: its standard deviation in points. Uniform "
        "inputs: fidelity on inputs drawn evenly from the feature box. Distance: mean total variation of the "
        "probabilities. Area: mean fidelity over the logarithm of queries. A dash is not measured."
    )
    return Table("Queries to a copy", head, rows, frozenset(range(1, 10)), note)


def _quality(study: Study, mark: Mark) -> Row:
    return (
        f"{level(study, mark.fidelity)} ({between(study, mark.low, mark.high)})",
        f"{100 * above_chance(mark.fidelity, study.chance):.1f}",
        f"± {100 * mark.spread:.1f}" if mark.spread > 0 else "–",
        level(study, mark.elsewhere) if mark.elsewhere > -1 else "–",
        f"{mark.distance:.3f}" if mark.distance >= 0 else "–",
    )


def costs(study: Study, s: Summary) -> Table:
    """What a copy costs at the prices given, against the cost of building."""
    prices = study.prices
    if cost.bill(1, prices).total <= 0:
        return Table("Cost of a copy", (), ())
    rows = [_cost_row(goal_word(study, g.need.goal), g.need.rows, g.need.asked, study) for g in s.goals]
    if s.exact and s.recovered:
        rows.append(_cost_row("the model itself", s.exact[0].rows, 0, study))
    rows.append(_cost_row("1,000,000 queries", 1_000_000, 0, study))
    even = cost.break_even(prices)
    note = f"Prices: {money(prices.row)} a query, {money(prices.call)} a request, {money(prices.account)} an account."
    if even is not None:
        note += f" Copying costs as much as building at {count(even)} queries."
    head = ("a copy of", "queries", "for queries", "accounts", "training", "in all", "of building it")
    return Table("Cost of a copy", head, tuple(rows), frozenset(range(1, 7)), note)


def _cost_row(what: str, rows: int | None, asked: int, study: Study) -> Row:
    """One bill; of a goal that was not reached, what trying came to, as the least it can cost."""
    over = "over " if rows is None else ""
    bill = cost.bill(asked if rows is None else rows, study.prices)
    part = cost.of_build(bill.total, study.prices)
    cells = (bill.queries, bill.accounts, bill.compute, bill.total)
    shown = tuple(f"{over if i in (0, 3) else ''}{money(x)}" for i, x in enumerate(cells))
    return what, f"{over}{count(asked if rows is None else rows)}", *shown, f"{over}{share(part)}" if part else "–"


def times(study: Study, s: Summary) -> Table:
    """How long the main goal takes under rate limits, and how many accounts outrun them."""
    goal = s.main
    if goal is None or goal.need.rows is None:
        return Table("Time to a copy", (), ())
    prices, n = study.prices, goal.need.rows
    rates = sorted({prices.rows_per_s, *_RATES} - {0.0})
    numbers = sorted({prices.accounts, *_ACCOUNTS})
    rows = tuple(
        (
            f"{rate:g} a second" + (" (yours)" if rate == prices.rows_per_s else ""),
            *(span(cost.seconds(n, rate, number)) for number in numbers),
            *_within(n, rate, cost.DAY_S, study),
            *_within(n, rate, cost.WEEK_S, study),
        )
        for rate in rates
    )
    accounts = (f"{count(a)} account{'s' if a > 1 else ''}" for a in numbers)
    head = ("limit on an account", *accounts, "in a day", "accounts cost", "in a week", "accounts cost")
    note = (
        f"For {count(n)} queries, {copy(study, goal.need.goal)}. In a day, in a week: accounts needed, and their price."
    )
    return Table("Time to a copy", head, rows, frozenset(range(1, len(head))), note)


def _within(rows: int, rate: float, limit_s: float, study: Study) -> Row:
    number = cost.accounts_within(rows, rate, limit_s)
    return count(number), money(number * study.prices.account) if study.prices.account else "–"


def exact(study: Study) -> Table:
    """Attacks that recovered the model itself."""
    rows = tuple(
        (o.attack, count(o.rows), count(o.calls), small(o.exact.error), count(o.exact.points), share(o.exact.bound))
        for o in study.outcomes
        if o.exact
    )
    head = ("attack", "queries", "requests", "largest difference", "held-out inputs", "at most differ by more")
    note = (
        "Largest difference of any probability between copy and model on held-out inputs. The last column is the rule "
        "of three: none of N differed by more, so with 95 % confidence at most 3/N of all such inputs do."
    )
    return Table("The model itself", head, rows, frozenset(range(1, 6)), note)


def leaks(study: Study) -> Table:
    """What each membership attack found."""
    rows = tuple((o.attack, *_leak_row(o.leak)) for o in study.outcomes if o.leak)
    head = (
        "attack",
        "members / others",
        "AUC",
        "found at 1 %",
        "found at 0.1 %",
        "advantage",
        "ε at least",
        "in words",
    )
    note = (
        "AUC: how often a member scores above a non-member; 0.5 is guessing. Found at 1 %: members recognised while "
        "1 % of non-members are accused (95 %, the threshold estimated too). ε at least: no training with a smaller "
        "differential privacy loss allows this."
    )
    return Table("Who was in the training set", head, rows, frozenset({2, 3, 4, 5, 6}), note)


def _leak_row(leak: Leak) -> Row:
    low, high = leak.auc_interval
    return (
        f"{count(leak.members)} / {count(leak.nonmembers)}",
        f"{leak.auc:.3f} ({low:.3f} to {high:.3f})",
        rate(leak, 0.01),
        rate(leak, 0.001),
        f"{leak.advantage:.3f}",
        f"{leak.epsilon:.2f}",
        _said(leak),
    )


def _said(leak: Leak) -> str:
    if at_chance(leak):
        return "about nothing: chance explains it"
    return "about nothing: hardly above guessing" if about_nothing(leak) else "above guessing"


def probed(told: Probed | None) -> tuple[Table, ...]:
    """What a few probing queries told of the API."""
    if told is None:
        return ()
    decimals = "full float64" if told.decimals < 0 else f"{told.decimals} decimals"
    rows = (
        ("answers carry", told.exposure.replace("_", " ")),
        ("classes seen", count(told.classes)),
        ("precision", f"{decimals}, computed in float32" if told.single else decimals),
        ("scores sum to one", _yes(told.sums_to_one)),
        ("same input, same answer", _yes(told.deterministic)),
        ("alone and in a batch differ by", small(told.batch_alone_gap)),
        ("missing features are answered", _yes(told.missing)),
        ("largest request answered", f"{count(told.most_rows)} rows"),
        ("latency", f"{told.latency_ms:.1f} ms"),
        ("versions named", ", ".join(told.versions) or "none"),
    )
    errors = tuple((what, str(status) if status else "no reply", text) for what, status, text in told.errors)
    odd = tuple((what, label, f"{score:.3f}" if score >= 0 else "–") for what, label, score in told.odd)
    return (
        Table("What the API gives away", ("asked", "told"), rows),
        Table("Malformed input", ("sent", "status", "text of the reply"), errors, frozenset({1})),
        Table("Blank and far-out input", ("sent", "label", "top score"), odd, frozenset({2})),
    )


def _yes(x: bool) -> str:
    return "yes" if x else "no"


def provenance(study: Study) -> Table:
    """Who attacked what, when, by whose leave, with which seed and software."""
    when = datetime.fromtimestamp(study.time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
    limit = f"of {count(study.budget_rows)} allowed" if study.budget_rows else "without a limit"
    rows = [
        ("target", study.target),
        ("by leave of", study.owner or "nobody named (a model on this host)"),
        ("time", when),
        ("seed", str(study.seed)),
        ("spent", f"{count(study.spent_rows)} queries {limit}, {count(study.spent_calls)} requests"),
        ("repeated requests", count(study.spent_retries)),
        ("took", span(study.spent_seconds)),
        ("judged on", f"{count(study.judges)} held-out inputs"),
        ("the model's own accuracy", share(study.accuracy) if study.accuracy >= 0 else "unknown"),
        ("transcript", study.digest or "none"),
        ("software", ", ".join(f"{name} {version}" for name, version in sorted(study.versions.items())) or "unknown"),
    ]
    return Table("Provenance", ("", ""), tuple(rows))
