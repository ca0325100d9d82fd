"""What may be said of a policy: sentences made from what was measured, and nothing that was not."""

from __future__ import annotations

from wellhead.redteam.cost import Need, bill
from wellhead.redteam.report.figures import count, money, rate, share
from wellhead.redteam.report.summary import about_nothing
from wellhead.redteam.validation import LABEL_ONLY, UNDEFENDED, Notice, Taken, Tried, Validation
from wellhead.redteam.worth import cheapest, needed, spent

CEILING = (
    "Label-only is the ceiling of every defence that keeps the best class right: a thief who reads only the best class "
    "gets the same labels whatever is done to the probabilities around them."
)
MEMBERS = "No reshaping of probabilities protects members of the training set: an attack on labels alone remains."
_CLEAR = 0.02


def points(shares: float, spread: float, many: int) -> str:
    """A share with its standard deviation over seeds."""
    return f"{share(shares)} ± {100 * spread:.1f}" if many > 1 else share(shares)


def figure(taken: Taken, of: str = "fidelity") -> str:
    """Fidelity or accuracy of the clone of everything answered, `no clone` where there is none."""
    end, many = taken.end, len(taken.shares)
    if end is None:
        return "no clone"
    if of == "accuracy":
        return points(taken.accuracy, taken.accuracy_spread, many) if taken.accuracy >= 0 else "not measured"
    return points(end.fidelity, end.spread, many)


def _best(v: Validation, policy: str) -> str:
    tried = v.find(policy)
    return "not measured" if tried is None or tried.best is None else figure(tried.best)


def claim(v: Validation, tried: Tried) -> str:
    """The sentence that may be printed of one policy."""
    best = tried.best
    if tried.state != "ok":
        return f"{tried.policy} was not tried: {tried.reason}."
    fault = failed(tried)
    if fault:
        return f"{tried.policy} could not be tried: {fault}."
    if best is None:
        return f"With policy {tried.policy}, none of the thieves we ran was answered enough for a clone."
    ran = ", ".join(t.thief for t in tried.takings if t.curve)
    accuracy = f", accuracy {figure(best, 'accuracy')}" if v.accuracy >= 0 else ""
    return (
        f"With policy {tried.policy}, at budget {count(v.budget)}, the best of {{{ran}}} thieves we ran ({best.thief}) "
        f"reaches {figure(best)} fidelity{accuracy} (undefended {_best(v, UNDEFENDED)}, label-only "
        f"{_best(v, LABEL_ONLY)}); {_kept(tried.notice)}."
    )


def failed(tried: Tried) -> str:
    """Why nothing is known of a policy: every thief that could be run failed. Empty where one did not."""
    ran = [t for t in tried.takings if t.state != "not run"]
    return ran[0].reason if ran and all(t.state == "failed" and not t.curve for t in ran) else ""


def _kept(notice: Notice) -> str:
    """What honest customers were given."""
    changed = notice.answered - notice.kept
    kept = f"unchanged on all {count(notice.answered)}" if not changed else f"changed on {count(changed)} of"
    kept = kept if not changed else f"{kept} {count(notice.answered)}"
    moved = f"; L1 <= {notice.l1_max:.2f}" if notice.l1_max >= 0 else ""
    refused = f"; {count(notice.refused)} honest questions were not answered" if notice.refused else ""
    return f"top-1 answers {kept} evaluation inputs{moved}{refused}"


def claims(v: Validation) -> list[str]:
    """One sentence for each policy."""
    return [claim(v, tried) for tried in v.tried]


def honest(v: Validation) -> list[str]:
    """What the whole comes to, and what it does not say."""
    return [text for text in (_ceiling(v), _fragile(v), _members(v), _lower_bound(v)) if text]


def _ceiling(v: Validation) -> str:
    open_, labels = v.find(UNDEFENDED), v.find(LABEL_ONLY)
    if open_ is None or labels is None or open_.best is None or labels.best is None:
        return ""
    keeping = [t for t in v.tried if t.state == "ok" and t.notice.answered and t.notice.kept == t.notice.answered]
    if len(keeping) < 2:
        return ""
    return (
        f"{CEILING} Here label-only itself leaves the best thief {figure(labels.best)} fidelity, of "
        f"{figure(open_.best)} undefended."
    )


def _fragile(v: Validation) -> str:
    """Policies that a naive thief suffers from and another does not."""
    found = []
    for tried in v.tried:
        soft = next((t.end for t in tried.takings if t.thief == "soft"), None)
        best = tried.best
        if soft and best and best.end and best.end.fidelity - soft.fidelity > max(_CLEAR, best.end.spread):
            found.append(f"{tried.policy} ({share(soft.fidelity)}, but {share(best.end.fidelity)} by {best.thief})")
    return f"What stops the thief who trusts the scores does not stop one who adapts: {'; '.join(found)}." * bool(found)


def _members(v: Validation) -> str:
    labels = [(t, t.by_labels) for t in v.tried if t.by_labels is not None]
    if not labels:
        return f"Membership was not measured. {MEMBERS}"
    worst, leak = max(labels, key=lambda pair: pair[1].auc)
    told = (
        "about nothing" if about_nothing(leak) else f"AUC {leak.auc:.3f}, {rate(leak, 0.01)} found at 1 % false alarms"
    )
    return f"{MEMBERS} Under {worst.policy} it tells {told}."


def _lower_bound(v: Validation) -> str:
    few = " One seed says nothing of chance." if v.seeds < 2 else ""
    return (
        "These are lower bounds: a thief not tried, a larger budget or better inputs can do more. Repeats, copies and "
        f"decoys are asked on top of the budget.{few}"
    )


def cost_words(v: Validation, tried: Tried) -> str:
    """Rows, accounts and money to the goal: `at most` where the smallest measured budget was enough, `at least` where
    none was.
    """
    worth = cheapest(tried, v.goal, v.prices)
    if worth is None:
        return "not measured" if tried.state != "ok" else "no clone"
    if worth.need.rows is None:
        return _not_reached(v, tried)
    smallest = next(t.curve[0].rows for t in tried.takings if t.thief == worth.thief)
    accounts = f", {worth.accounts} accounts" if worth.accounts > 1 else ""
    total = bill(worth.need.rows, v.prices, worth.accounts).total
    bound = "at most " if worth.need.rows == smallest else ""
    return f"{bound}{_rows(worth.need)}{accounts}{f': {bound}{money(total)}' if total > 0 else ''}"


def _rows(need: Need) -> str:
    """Rows to the goal, and to which the ends of the interval of fidelity come."""
    rows = need.rows or 0
    soonest = need.soonest or rows
    surely = count(need.surely) if need.surely else f"over {count(need.asked)}"
    return count(rows) if soonest == need.surely == rows else f"{count(rows)} ({count(soonest)} to {surely})"


def _not_reached(v: Validation, tried: Tried) -> str:
    """What all thieves asked in vain, and the least that the interval of any of them leaves as its price."""
    told = [(needed(t.curve, v.goal), t) for t in tried.takings if t.curve]
    soonest = min((n.soonest for n, _ in told if n.soonest), default=None)
    hope = f"; its interval allows it from {count(soonest)}" if soonest else ""
    least = min(spent(n.soonest or n.asked, t, v.prices) for n, t in told)
    price = f": at least {money(least)}" if least > 0 else ""
    return f"not reached in {count(max(n.asked for n, _ in told))}{hope}{price}"
