"""Read a tree from its root, where it answers inputs with missing features from the node that it gets to."""

from __future__ import annotations

from itertools import pairwise, zip_longest
from typing import NamedTuple, TypeAlias

import numpy as np

from wellhead.core.arrays import Array
from wellhead.redteam.extract.boxes import Boxes, Domain
from wellhead.redteam.extract.splits import Pairs, Splits, bisect, one_feature
from wellhead.redteam.extract.survey import Asking, SilentError, Survey

_ON_A_LINE = 3


Child: TypeAlias = tuple[Array, Boxes, int]


class Cut(NamedTuple):
    """A change on a line. below, above: the points beside it, with their ids."""

    below: Array
    above: Array
    id_below: int
    id_above: int


class Nodes(NamedTuple):
    """n nodes. points: (n, d), NaN where not given.  boxes: in which every input comes by.  ids: of their answers."""

    points: Array
    boxes: Boxes
    ids: Array

    def take(self, rows: Array) -> Nodes:
        """The nodes of these rows."""
        return Nodes(self.points[rows], self.boxes.take(rows), self.ids[rows])


def top_down(survey: Survey, splits: Splits, rng: np.random.Generator) -> Asking[Nodes]:
    """The leaves, and in `splits` every change on the way to them.

    Features are given together and halved down to the one that the node asks for: about log2 d questions a node where
    trying each takes d. A node whose children all answer like itself is taken for a leaf, so the result must be
    checked. Source: USENIX Security 2016, section 4.2, "top-down approach".
    """
    domain = splits.domain
    empty = np.full((1, domain.low.size), np.nan)
    leaves: list[Nodes] = []
    try:
        level = Nodes(empty, domain.whole, (yield from survey.ask(empty)))
        while len(level.ids):
            pairs, inner = yield from _changes(survey, domain, level, rng)
            leaves.append(level.take(np.setdiff1d(np.arange(len(level.ids)), inner)))
            level = yield from _children(survey, splits, level.take(inner), pairs)
    except SilentError:
        if not leaves:
            raise
    return _stacked(leaves)


def _stacked(parts: list[Nodes]) -> Nodes:
    points, boxes, ids = zip(*parts, strict=True)
    return Nodes(
        np.concatenate(points),
        Boxes(*(np.concatenate(columns) for columns in zip(*boxes, strict=True))),
        np.concatenate(ids),
    )


def _changes(survey: Survey, domain: Domain, level: Nodes, rng: np.random.Generator) -> Asking[tuple[Pairs, Array]]:
    """For each node with a child one feature that leads to it, as a pair of points; and the numbers of these nodes.

    A feature on the path may be asked for again further up than where the node was entered: those come first.
    """
    given = ~np.isnan(level.points)
    found = np.full(level.points.shape, np.nan)
    split = np.zeros(len(level.ids), bool)
    for mask, rounds in ((given, None), (~given, 2)):
        for corner in domain.corners(level.boxes.only_where(mask), rng)[:rounds]:
            points = np.where(mask, corner, level.points)
            asked = np.flatnonzero(~split & mask.any(axis=1) & ~np.isnan(corner).any(axis=1))
            told = yield from survey.ask(points[asked])
            other = asked[(told >= 0) & (told != level.ids[asked])]
            found[other], split[other] = points[other], True
    node = np.flatnonzero(split)
    pairs = Pairs(level.points[node], found[node], level.ids[node], np.full(node.size, -1))
    return (yield from one_feature(survey, pairs, rng)), node


def _children(survey: Survey, splits: Splits, nodes: Nodes, pairs: Pairs) -> Asking[Nodes]:
    """The nodes below, a box for each run of values (each set of categories) that is answered alike."""
    found: list[Child] = []
    for is_number in (True, False):
        rows = np.flatnonzero(splits.domain.numbers[pairs.feature] == is_number)
        if rows.size:
            base = np.where(np.isnan(nodes.points), np.nan, pairs.ones)[rows]
            parents = Nodes(base, nodes.boxes.take(rows), nodes.ids[rows])
            found += yield from (_runs if is_number else _sets)(survey, splits, parents, pairs.feature[rows])
    none = [nodes.take(np.zeros(0, int))]
    return _stacked(none + [Nodes(point[None], box, np.array([id_])) for point, box, id_ in found])


def _sets(survey: Survey, splits: Splits, nodes: Nodes, feature: Array) -> Asking[list[Child]]:
    """Children by a category: every value is asked."""
    asked = [(n, value) for n, f in enumerate(feature) for value in np.flatnonzero(nodes.boxes.allowed[n, f])]
    points = np.array([_with(nodes.points[n], int(feature[n]), float(value)) for n, value in asked])
    told = yield from survey.ask(points)
    groups: dict[tuple[int, int], list[int]] = {}
    for row, ((n, _), id_) in enumerate(zip(asked, told, strict=True)):
        if id_ >= 0:
            groups.setdefault((n, int(id_)), []).append(row)
    children = []
    for (n, id_), rows in groups.items():
        box, f = nodes.boxes.take(np.array([n])), int(feature[n])
        values = [int(asked[row][1]) for row in rows]
        if len(values) < box.allowed[0, f].sum():
            splits.categories[f] |= set(values)
            children.append((points[rows[0]], box.among(f, np.array(values)), id_))
    return children


def _runs(survey: Survey, splits: Splits, nodes: Nodes, feature: Array) -> Asking[list[Child]]:
    """Children by a number: every change between the ends of the box is bisected."""
    lines = yield from _lines(survey, nodes, feature)
    open_ = [(n, a, b) for n, line in enumerate(lines) for a, b in pairwise(line)]
    cuts: list[list[Cut]] = [[] for _ in feature]
    while open_ := [(n, a, b) for n, a, b in open_ if a[1] != b[1] and min(a[1], b[1]) >= 0]:
        which = np.array([n for n, _, _ in open_])
        ones, others = (
            np.array([side[0] for side in sides]) for sides in zip(*((a, b) for _, a, b in open_), strict=True)
        )
        ids = np.array([a[1] for _, a, _ in open_])
        near = yield from bisect(survey, splits, Pairs(ones, others, ids, feature[which]))
        following = []
        for (n, a, b), one, other in zip(open_, near.ones, near.others, strict=True):
            after = survey.id_of(other)
            cuts[n].append(Cut(one, other, a[1], after))
            following.append((n, (other, after), b))
        open_ = following
    children = []
    for n, f in enumerate(feature):
        if cuts[n]:
            children += _between(nodes.take(np.array([n])), int(f), cuts[n])
        elif np.isnan(nodes.points[n, f]) and lines[n][0][1] >= 0:
            children.append((lines[n][0][0], nodes.boxes.take(np.array([n])), lines[n][0][1]))
    return children


def _lines(survey: Survey, nodes: Nodes, feature: Array) -> Asking[list[list[tuple[Array, int]]]]:
    """Points along one feature of each node and their ids, ascending: the ends, some between, and its own."""
    rows = np.arange(len(feature))
    low, high = nodes.boxes.low[rows, feature], nodes.boxes.high[rows, feature]
    own = nodes.points[rows, feature]
    spread = np.linspace(low, high, _ON_A_LINE, axis=1)
    values = [
        np.unique(np.append(line, np.where(np.isnan(o), line[0], o))) for line, o in zip(spread, own, strict=True)
    ]
    points = [_with(nodes.points[n], int(feature[n]), v) for n in rows for v in values[n]]
    told = iter((yield from survey.ask(np.array(points))))
    at = iter(points)
    return [[(next(at), int(next(told))) for _ in values[n]] for n in rows]


def _between(node: Nodes, feature: int, cuts: list[Cut]) -> list[Child]:
    """The children between ascending cuts."""
    cuts = sorted(cuts, key=lambda cut: float(cut.below[feature]))
    children = [(cuts[0].below, node.boxes.below(feature, cuts[0].below[feature]), cuts[0].id_below)]
    for cut, following in zip_longest(cuts, cuts[1:]):
        box = node.boxes.above(feature, cut.above[feature])
        if following is not None:
            box = box.below(feature, following.below[feature])
        children.append((cut.above, box, cut.id_above))
    return children


def _with(point: Array, feature: int, value: float) -> Array:
    changed = point.copy()
    changed[feature] = value
    return changed
