"""The smallest tree over known changes that agrees with everything that was told."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores, Values
from wellhead.core.event import Answer
from wellhead.redteam.clone import load_sklearn, matrix
from wellhead.redteam.extract.boxes import Boxes, Domain, Trusted
from wellhead.redteam.extract.splits import Splits
from wellhead.redteam.extract.survey import Survey
from wellhead.redteam.learner import probabilities


class Columns(NamedTuple):
    """Inputs as the changes see them: the number of thresholds below a number, and a category's indicators.

    names: (feature, category) of each column, category -1 for numbers.  cuts, ends: of each feature's brackets.
    """

    domain: Domain
    names: tuple[tuple[int, int], ...]
    cuts: tuple[Array, ...]
    ends: tuple[Array, ...]

    @classmethod
    def of(cls, splits: Splits) -> Columns:
        """Columns for every change that is known."""
        features = range(splits.domain.low.size)
        names = [
            (f, value)
            for f in features
            for value in (sorted(splits.categories[f]) if splits.domain.arities[f] else [-1] * bool(splits.brackets[f]))
        ]
        cuts, ends = (tuple(values(f) for f in features) for values in (splits.cuts, splits.ends))
        return cls(splits.domain, tuple(names), cuts, ends)

    def encode(self, points: Array) -> Array:
        """(n, columns) float32, one constant column where no change is known."""
        found = np.zeros((len(points), max(len(self.names), 1)), np.float32)
        for column, (f, value) in enumerate(self.names):
            values = points[:, f]
            found[:, column] = np.searchsorted(self.cuts[f], values) if value < 0 else values == value
        return found


class Regions(NamedTuple):
    """A fitted tree over columns whose classes are ids of answers."""

    columns: Columns
    tree: Any
    leaf_ids: Array

    @property
    def nodes(self) -> int:
        """Size of the tree."""
        return int(self.tree.tree_.node_count)

    def leaf(self, points: Array) -> Array:
        """(n,) number of the leaf of each point."""
        return np.asarray(self.tree.apply(self.columns.encode(points)))

    def boxes(self) -> tuple[Array, Boxes]:
        """The leaves' numbers and boxes; what lies between the ends of a bracket belongs to none."""
        whole = self.columns.domain.whole
        todo, found = [(0, whole)], []
        while todo:
            node, box = todo.pop()
            if self.tree.tree_.children_left[node] < 0:
                found.append((node, box))
            else:
                todo += self._children(node, box)
        nodes, boxes = zip(*found, strict=True)
        return np.array(nodes), Boxes(*(np.concatenate(parts) for parts in zip(*boxes, strict=True)))

    def _children(self, node: int, box: Boxes) -> list[tuple[int, Boxes]]:
        tree = self.tree.tree_
        f, value = self.columns.names[tree.feature[node]]
        if value < 0:
            at = 2 * int(tree.threshold[node])
            parts = box.below(f, self.columns.ends[f][at]), box.above(f, self.columns.ends[f][at + 1])
        else:
            parts = box.without(f, value), box.only(f, value)
        children = (int(tree.children_left[node]), int(tree.children_right[node]))
        return [(child, part) for child, part in zip(children, parts, strict=True) if part.possible]


def grow(survey: Survey, splits: Splits) -> Regions:
    """The smaller of two trees, by entropy and by Gini's index: both agree with all that was told."""
    columns, tree = Columns.of(splits), load_sklearn("tree").DecisionTreeClassifier
    points, ids = survey.evidence
    inputs = columns.encode(points)
    with warnings.catch_warnings():
        # That nearly every answer is another is no reason to warn here.
        warnings.simplefilter("ignore")
        trees = [tree(criterion=c, random_state=0).fit(inputs, ids) for c in ("entropy", "gini")]
    best = min(trees, key=lambda t: t.tree_.node_count)
    return Regions(columns, best, best.classes_[best.tree_.value[:, 0].argmax(axis=1)])


class Steps(NamedTuple):
    """The clone: the region of an input, and what was answered there.

    trusted: boxes that go before regions.  table: (answers, k) or (answers,).  task: of the model.
    """

    regions: Regions
    trusted: Trusted | None
    table: Array

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, k) scores as they were told; where only labels were, all of it on one class."""
        told = self.table[self._ids(inputs)]
        return np.asarray(told if told.ndim == 2 else np.eye(int(self.table.max()) + 1)[told])

    def predict(self, inputs: Inputs) -> Labels | Values:
        """(n,) class indices, or values."""
        told = self.table[self._ids(inputs)]
        return np.asarray(told if told.ndim == 1 else told.argmax(axis=1))

    def _ids(self, inputs: Inputs) -> Array:
        return predicted(self.regions, self.trusted, matrix(inputs))


def predicted(regions: Regions, trusted: Trusted | None, points: Array) -> Array:
    """(n,) id that is expected of each point."""
    ids = np.asarray(regions.leaf_ids[regions.leaf(points)])
    if trusted is not None and len(trusted.ids):
        box = trusted.find(points)
        ids = np.where(box >= 0, trusted.ids[box], ids)
    return ids


def clone(regions: Regions, survey: Survey) -> Steps:
    """The clone of these regions; each id stands for the first answer that had it."""
    answer, ids = survey.answers()
    first = np.zeros(int(ids.max(initial=0)) + 1, np.int64)
    first[ids[::-1]] = np.arange(ids.size)[::-1]
    return Steps(regions, survey.trusted, _column(answer)[first])


def _column(answer: Answer) -> Array:
    if answer.values is not None:
        return answer.values
    labels = answer.top1
    return probabilities(answer) if answer.kind.has_scores else np.asarray(labels)
