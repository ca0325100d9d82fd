"""All principals of one look, scored against a source that some of them may share."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link import habit
from wellhead.detect.link.population import Points, Population
from wellhead.detect.link.tail import Tail, at_least, exchangeable, tail_of

LEAST_MEMBERS = 3
EXPAND = 0.01
"""A principal belongs only where fewer honest looks than this are as close to the source."""
_WRONG = 0.2
"""Share of the named that are honest, at most on average (Benjamini & Hochberg 1995)."""
_ROUNDS = 10
_KEPT = 0.75
"""An expansion that loses more of a group has moved to another."""
_LEVELS = EXPAND / 2 * 10.0 ** -np.arange(0.0, 6.0, 0.5)


class Centre(msgspec.Struct, frozen=True):
    """Where a source lies: the sum over its queries of inputs' and answers' coordinates, how many rows these are, the
    share of distinct inputs among them, and the most rows that one member counts for."""

    inputs: Array
    answers: Array
    rows: float
    unique: float
    most: float


class Group(msgspec.Struct, frozen=True):
    """Principals close to one source. members: (k,) index.  scores: (u,) of every principal there, see Crowd.scores.

    log_p: bound on the log-probability that honest principals crowd so at any of the sources that were tried.
    """

    members: Array
    scores: Array
    log_p: float


class Crowd:
    """The points of one look and the honest looks that they are compared with."""

    def __init__(self, points: Points, population: Population) -> None:
        self.points, self.population = points, population
        self.usual = population.usual(points)
        self.usual_looks = population.usual(population.looks)

    def take(self, which: Array) -> Crowd:
        """Some of the principals alone."""
        return Crowd(self.points.take(which), self.population)

    def everybody(self) -> Centre:
        """The source that draws as all honest principals together do, never twice: it has no identity of its own."""
        return Centre(np.zeros(self.points.inputs.shape[1]), np.zeros(self.points.answers.shape[1]), 1e9, 1.0, 0.0)

    def scores(self, members: Array, centre: Centre) -> Array:
        """(u,) log of how much likelier each shares the source than not; members are left out of it for their own."""
        found = likeness(self.population, self.points, self.usual, centre)
        if members.size:
            own = self.points.take(members)
            found[members] = likeness(self.population, own, self.usual[members], centre, without=True)
        return found

    def judge(self, members: Array, centre: Centre, tried: int) -> tuple[Group, Array]:
        """The group at this centre, and everybody's p-value: the share of honest looks that are as close."""
        scores = self.scores(members, centre)
        p = self._honest(centre)[1].p_values(scores, self.points.band, self.points.part)
        near = np.count_nonzero(p[:, None] <= _LEVELS, axis=0)
        log_p = at_least(near, p.size, _LEVELS)
        best = int(log_p.argmin())
        sure = min(float(log_p[best]) + math.log(_LEVELS.size * tried), 0.0)
        return Group(np.flatnonzero(p <= _LEVELS[best]), scores, sure), p

    def _honest(self, centre: Centre) -> tuple[Array, Tail]:
        """(m,) scores of the honest looks at this centre, and their tail."""
        looks = self.population.looks
        scores = likeness(self.population, looks, self.usual_looks, centre)
        return scores, tail_of(scores, looks.band)

    def exchanged(self, members: Array) -> float:
        """Probability that so many of all who are so close to the source of these members are here, and so few among
        the honest of the calibration, if any two of them might change places.

        Fisher's exact test (1935), one-sided, among principals with as many rows as members have. It needs no model of
        how a niche spreads, so a niche of few is never sure to be none.
        """
        points, looks = self.points, self.population.looks
        centre = centre_of(points.take(members))
        scores, tail = self._honest(centre)
        p = tail.p_values(self.scores(members, centre), points.band, points.part)
        honest = tail.p_values(scores, looks.band, looks.part)
        bands = np.unique(points.band[members])
        here, there = np.isin(points.band, bands), np.isin(looks.band, bands)
        # who was looked at several times counts by the share of its looks: a principal of this window is seen once
        _, owner, looked = np.unique(self.population.owner, return_inverse=True, return_counts=True)
        weight = there / looked[owner]
        of, others, found = int(np.count_nonzero(here)), max(int(weight.sum()), 1), 1.0
        for level in _LEVELS:
            near = int(np.count_nonzero(here & (p <= level)))
            known = min(int(np.ceil(weight[honest <= level].sum() - 1e-9)), others)
            found = min(found, exchangeable(near, known, of, others))
        return found

    def grow(self, members: Array, centre: Centre | None, tried: int) -> Group:
        """The most improbable group on the way from first members, or a first centre, to where it settles.

        tried: how many such beginnings there are. Who belongs is decided where the crowding is most improbable: higher
        criticism thresholding (Donoho & Jin 2008).
        """
        best, _ = self.judge(members, centre or centre_of(self.points.take(members)), tried)
        group = best
        for _ in range(_ROUNDS):
            members = group.members
            if members.size < LEAST_MEMBERS:
                break
            group, _ = self.judge(members, centre_of(self.points.take(members)), tried)
            if group.log_p < best.log_p or best.members.size < LEAST_MEMBERS:
                best = group
            if np.array_equal(group.members, members):
                break
        return best

    def expand(self, group: Group, tried: int) -> Group:
        """The group with all whom its source explains better than honesty does, given how many it explains."""
        for _ in range(_ROUNDS):
            members = group.members
            found, p = self.judge(members, centre_of(self.points.take(members)), tried)
            joined = np.flatnonzero((p <= _belongs(p)) & (found.scores > 0))
            if np.isin(members, joined).mean() < _KEPT:
                break
            group = Group(joined, found.scores, min(found.log_p, group.log_p))
            if np.array_equal(joined, members):
                break
        return group


def _belongs(p: Array) -> float:
    """The largest p-value of a member: at most _WRONG of the named are honest, and EXPAND of the honest are named."""
    ordered = np.sort(p)
    most = ordered[ordered * p.size <= _WRONG * np.arange(1, p.size + 1)]
    return min(float(most[-1]), EXPAND) if most.size else 0.0


def centre_of(points: Points) -> Centre:
    """The source of these points; none weighs more than the middle one, so that the busiest does not decide alone."""
    rows = np.minimum(points.rows, np.median(points.rows))
    weight = rows[:, None]
    total = (points.inputs * weight).sum(axis=0), (points.answers * weight).sum(axis=0)
    return Centre(*total, float(rows.sum()), float(np.median(points.unique)), float(rows.max(initial=0.0)))


def likeness(population: Population, points: Points, usual: Array, centre: Centre, *, without: bool = False) -> Array:
    """(u,) log-likelihood ratio of sharing the source over being honest; without: leave each point out of it first."""
    found = habit.gain(points.unique, points.rows, usual, centre.unique)
    for part in parts_of(population, points, centre, without=without):
        found += part
    return found


def parts_of(population: Population, points: Points, centre: Centre, *, without: bool) -> tuple[Array, Array]:
    """The same by what is asked and by what is answered alone."""
    found = []
    own_rows = np.minimum(points.rows, centre.most)
    for i, field in enumerate(("inputs", "answers")):
        source, own, rest = getattr(population, field), getattr(points, field), getattr(centre, field)
        rows = np.asarray(centre.rows)
        if without:
            rows = np.maximum(centre.rows - own_rows, 0.0)[:, None]
            rest = rest - own * own_rows[:, None]
        found.append(source.given(own, points.rows, *source.centre(rest, rows)) - points.alone[:, i])
    return found[0], found[1]
