"""What `wellhead validate` found, as data: policies against thieves, and what honest customers notice of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from wellhead.redteam.measure import Interval, wilson
from wellhead.redteam.outcome import Leak, Prices

UNDEFENDED, LABEL_ONLY, OWN = "none", "label_only", "your config"
"""Policies that every validation has, and the name of the operator's own."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """How good a clone was from so many inputs. rows: answered questions, repeats and decoys included.

    inputs: distinct ones that taught something.  fidelity: mean over seeds, in low..high (95 %).
    spread: standard deviation over seeds.
    """

    inputs: int
    rows: int
    fidelity: float
    low: float
    high: float
    spread: float = 0.0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What one thief took through one policy. state: `ok`, `cut short`, `blocked`, `not run` or `failed`.

    rows: answered in all, mean over seeds.  seconds: simulated, the longest.  accounts: that it used.
    accuracy: on labelled judges, -1 where they have no labels; accuracy_spread: over seeds.
    shares: fidelity with each seed.  curve: the last point is that of everything answered; empty where nothing was.
    """

    thief: str
    state: str = "ok"
    reason: str = ""
    rows: int = 0
    seconds: float = 0.0
    accounts: int = 1
    learner: str = ""
    accuracy: float = -1.0
    accuracy_spread: float = 0.0
    shares: tuple[float, ...] = ()
    curve: tuple[Point, ...] = ()

    @property
    def end(self) -> Point | None:
        """The clone of everything that was answered."""
        return self.curve[-1] if self.curve else None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What an honest customer notices. kept: best classes unchanged, of `answered` inputs; refused: others.

    l1_mean, l1_max: how far a row of probabilities moved (a label counts as certainty), -1 where the model gives none.
    added_us: median microseconds that shaping the answer to one row takes, -1 where not measured.
    """

    answered: int = 0
    kept: int = 0
    refused: int = 0
    l1_mean: float = -1.0
    l1_max: float = -1.0
    added_us: float = -1.0


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One policy. answers: its defences in order.  state: `ok` or `not ready`, with the reason.

    l1_promised: most that a row may move by declaration, -1 unknown.  by_scores, by_labels: membership, None where
    not measured, and then why_scores, why_labels say why; empty where no candidates were given.
    """

    policy: str
    answers: tuple[str, ...] = ()
    state: str = "ok"
    reason: str = ""
    l1_promised: float = -1.0
    takings: tuple[Taken, ...] = ()
    notice: Notice = Notice()
    by_scores: Leak | None = None
    by_labels: Leak | None = None
    why_scores: str = ""
    why_labels: str = ""

    @property
    def best(self) -> Taken | None:
        """The thief with the best clone, the first of equals; None where nobody got one."""
        return max((t for t in self.takings if t.curve), key=lambda t: t.curve[-1].fidelity, default=None)


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """One validation, whole. time_us: since 1970 UTC.  budget: inputs that each thief may learn from.

    seeds: of thieves.  judges: held-out inputs that fidelity was measured on, labelled ones where `accuracy` >= 0,
    which is the target's own.  chance: share of the commonest class.  goal: fidelity that costs are counted to.
    spent_rows: that the target itself was asked.
    """

    target: str
    owner: str = ""
    time_us: int = 0
    seed: int = 0
    seeds: int = 1
    budget: int = 0
    judges: int = 0
    classes: int = 0
    chance: float = 0.0
    accuracy: float = -1.0
    goal: float = 0.9
    prices: Prices = Prices()
    tried: tuple[Tried, ...] = ()
    spent_rows: int = 0
    warnings: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    v: int = 1

    def find(self, policy: str) -> Tried | None:
        """The policy of that name, None where it was not tried."""
        return next((t for t in self.tried if t.policy == policy), None)


def over_seeds(shares: Sequence[float], judges: int) -> tuple[Interval, float]:
    """95 % interval of a mean share, and the standard deviation over seeds.

    The squares of two half-widths add: Wilson's of the mean on so many judges, and Student's of the mean over seeds
    (the judges are the same for all of them).
    """
    mean, many = float(np.mean(shares)), len(shares)
    spread = float(np.std(shares, ddof=1)) if many > 1 else 0.0
    low, high = wilson(round(mean * judges), judges)
    half = _student(many - 1) * spread / math.sqrt(many) if many > 1 else 0.0
    below, above = math.hypot(max(mean - low, 0.0), half), math.hypot(max(high - mean, 0.0), half)
    return Interval(max(mean - below, 0.0), min(mean + above, 1.0)), spread


def _student(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, degrees))
