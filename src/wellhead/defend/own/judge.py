"""From matches to a verdict: exact p-values, corrected for every key, suspect and principal, beside independent models.

What it can show is dependence on our answers; never how they were come by, or that it was unlawful.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Labels
from wellhead.defend.mark import SECOND, Marking, label_for
from wellhead.defend.own.chance import tail
from wellhead.defend.own.commitment import Declaration

DEPENDENT, NOT_SHOWN, REFUSED = "dependent", "not shown", "refused"


class Evidence(msgspec.Struct, frozen=True):
    """Matches of some marks. log10_p: of the exact one-sided test.  log10_corrected: after Bonferroni, 0 at most."""

    of: str
    marks: int
    matches: int
    log10_p: float
    log10_corrected: float

    @property
    def p(self) -> float:
        """The p-value as a float, 0 where it is smaller than one can be."""
        return float(10.0**self.log10_p)


class Ruling(msgspec.Struct, frozen=True):
    """The outcome of a test. verdict: `dependent`, `not shown` or `refused`.  reasons: why, a sentence each.

    whole: all marks.  by: each principal's, most telling first.  panel: the independent models'.
    rank: of the suspect among suspect and panel by matches, 1 is the most.  tests: what Bonferroni multiplies by.
    """

    verdict: str
    reasons: tuple[str, ...]
    whole: Evidence
    by: tuple[Evidence, ...]
    panel: tuple[Evidence, ...]
    rank: int
    tests: int


def evidence(of: str, matched: Array, among: int, tests: int) -> Evidence:
    """The test of (n,) bool matches. among: classes that a mark was drawn from.  tests: made in all, 1 or more."""
    n, m = len(matched), int(np.count_nonzero(matched))
    p = tail(n, m, among)
    return Evidence(of, n, m, p, min(p + math.log10(tests), 0.0))


def attribute(principals: Sequence[str], matched: Array, among: int, tests: int) -> tuple[Evidence, ...]:
    """Each principal's own marks, least p-value first; tests are multiplied by the number of principals."""
    names = sorted(set(principals))
    who = np.array(principals)
    rows = [evidence(name, matched[who == name], among, tests * len(names)) for name in names]
    return tuple(sorted(rows, key=lambda e: (e.log10_p, e.of)))


def rule(
    test: Declaration,
    principals: Sequence[str],
    matched: Array,
    panel: Sequence[tuple[str, Array]],
    chances: tuple[int, int],
) -> Ruling:
    """The verdict. principals, matched: (n,), whose mark it was and whether the suspect matched it.

    panel: name and (n,) matches of each independent model.  chances: the classes that a mark was drawn from, at least,
    and what Bonferroni multiplies by (`commitment.comparisons`).
    """
    among, tests = chances
    whole = evidence(test.suspects[0] if len(test.suspects) == 1 else "the suspect", matched, among, tests)
    others = tuple(evidence(name, found, among, 1) for name, found in panel)
    rank = 1 + sum(e.matches >= whole.matches for e in others)
    reasons, verdict = _refusals(test, whole, others), REFUSED
    if not reasons:
        # a stranger that matches as many has refused the test before, since near is above alpha
        shown = whole.log10_corrected <= math.log10(test.alpha)
        verdict = DEPENDENT if shown else NOT_SHOWN
        reasons = [] if shown else [f"the corrected p-value is above the declared {test.alpha:g}"]
    by = attribute(principals, matched, among, tests)
    return Ruling(verdict, tuple(reasons), whole, by, others, rank, tests)


def _refusals(test: Declaration, whole: Evidence, panel: Sequence[Evidence]) -> list[str]:
    """Why there can be no verdict either way."""
    found = []
    if whole.marks < test.marks:
        found.append(f"{test.marks} marks were declared, {whole.marks} were answered")
    if len(panel) < test.panel:
        found.append(f"{test.panel} independent models were declared, {len(panel)} answered")
    near = [e for e in panel if e.log10_p <= math.log10(test.near)]
    if near:
        found.append(
            f"independent models match too many marks ({len(near)}, such as {near[0].of} with {near[0].matches} of "
            f"{near[0].marks}): these marks tell a copy from a stranger badly"
        )
    return found


class Asking(msgspec.Struct, frozen=True):
    """The marks that are asked, as columns. fingerprints: (n,) uint64.  served, rival: (n,) classes.

    classes: of the model.
    """

    principals: tuple[str, ...]
    fingerprints: Array
    served: Labels
    rival: Labels
    classes: int

    def matches(self, variant: str, labels: Labels, scores: Array | None) -> Array:
        """(n,) bool: does the answer carry the mark? `second` needs (n, k) scores; without them nothing matches."""
        if variant != SECOND:
            return np.asarray(labels == self.served)
        if scores is None:
            return np.zeros(len(self.served), bool)
        rows = np.arange(len(self.served))
        return np.asarray(scores[rows, self.served] > scores[rows, self.rival])


def expected(marking: Marking, asking: Asking) -> tuple[Array, Labels]:
    """(n,) bool, which inputs this key draws, and (n,) the class that it would have put first (`second`: before)."""
    drawn, served = np.zeros(len(asking.served), bool), np.full(len(asking.served), -1, np.int64)
    who = np.array(asking.principals)
    for name in sorted(set(asking.principals)):
        rows = np.flatnonzero(who == name)
        hit, choice = marking.draws(name, asking.fingerprints[rows])
        drawn[rows] = hit
        if marking.variant == SECOND:
            pair = np.sort(np.stack([asking.served[rows], asking.rival[rows]], axis=1), axis=1)
            served[rows] = pair[np.arange(rows.size), (choice % np.uint64(2)).astype(np.int64)]
        else:
            served[rows] = label_for(asking.rival[rows], choice, asking.classes)
    return drawn, served


class Grinding(msgspec.Struct, frozen=True):
    """A search over other keys for a false claim. expected: the least p-value that so many tries should give."""

    keys: int
    log10_best: float
    log10_expected: float


def grind(asking: Asking, marking: Marking, keys: Sequence[bytes], said: Array, among: int) -> Grinding:
    """How well the best of other keys would have fitted. said: (n,) the suspect's labels (`second`: of each pair)."""
    best = 0.0
    for key in keys:
        _, served = expected(msgspec.structs.replace(marking, key=key), asking)
        best = min(best, tail(len(said), int(np.count_nonzero(served == said)), among))
    return Grinding(len(keys), best, -math.log10(len(keys) + 1))
