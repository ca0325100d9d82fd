"""Clone a decision tree by finding the paths to its leaves."""

from __future__ import annotations

import contextlib
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Extraction
from wellhead.redteam.extract.boxes import Domain, Trusted
from wellhead.redteam.extract.regions import Regions, clone, grow, predicted
from wellhead.redteam.extract.splits import Pairs, Splits, bisect, one_feature, refine
from wellhead.redteam.extract.survey import Asking, SilentError, Survey
from wellhead.redteam.extract.topdown import Nodes, top_down
from wellhead.redteam.known import Known

_TINY = 1e-6
_FINEST = 1e-7
_ROWS_A_LEAF = 4
_FRESH = 100
_BELIEVED = 20


class Paths(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Decision-tree path finding (USENIX Security 2016, section 4.2), made to check itself.

    The paper takes equal answers for one leaf and follows each axis from it; pure leaves answer alike, so on fully
    grown trees it stops at the first of each class. Here every answer is evidence: the smallest tree over the changes
    found so far that agrees with all of it is asked at opposite corners of each of its leaves; where it errs, the way
    between the two points is halved down to one feature and its threshold, and the tree is grown again. A leaf whose
    answer is its own is proved by two opposite corners; one that shares it is asked `passes` times. What questions are
    left sharpen the thresholds. With missing values the tree is read from its root first, and then checked likewise.

    low, high, arities: (d,) as in `Known`.  rows: the most to ask.  step: share of a feature's range to which
    thresholds are first bisected.  passes: how often corners of a leaf must agree.  pool: inputs of which some are
    asked as well, since uniform questions rarely meet small leaves.  missing: the model answers NaN from the node it
    got to.
    Needs answers that change in steps; scores say more than labels, values most. Costs about 15 to 60 questions a leaf.
    """

    name: ClassVar[str] = "paths"
    paper: ClassVar[str] = "Tramer et al., Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    low: Array
    high: Array
    arities: Array
    shape: tuple[int, ...]
    rows: int = 2000
    step: float = 1e-3
    passes: int = 3
    pool: Array = np.zeros((0, 0))
    missing: bool = False

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Ask within the bounds; raises Unsuited for texts, unknown bounds, or fewer than 100 rows."""
        known.need_numbers()
        known.need(known.rows >= 100, "needs 100 queries or more")
        arities = known.arities if known.arities.size else np.zeros(known.features, np.int64)
        low, high = (np.asarray(bound, np.float64) for bound in (known.low, known.high))
        pool = np.asarray(known.pool, np.float64).reshape(len(known.pool), -1) if len(known.pool) else np.zeros((0, 0))
        return cls(
            low=low, high=high, arities=arities, shape=known.shape, rows=known.rows, pool=pool, missing=known.missing
        )

    def run(self, rng: np.random.Generator) -> Conversation:
        """Search until every leaf has passed, the budget is used up, or nothing is answered."""
        domain = Domain(self.low, self.high, self.arities)
        search = Search(self, domain, Survey(self.shape, self.rows), rng)
        with contextlib.suppress(SilentError):
            yield from search.run()
        return search.result()


class Search:
    """One run. given_up: why no tree is returned, empty where one is.  stopped: why early.

    fresh: agreeing and all of the last check."""

    def __init__(self, attack: Paths, domain: Domain, survey: Survey, rng: np.random.Generator) -> None:
        self.attack, self.domain, self.survey, self.rng = attack, domain, survey, rng
        self.splits = Splits(domain, attack.step * (domain.high - domain.low))
        self.pool = attack.pool[rng.permutation(len(attack.pool))]
        self.given_up = self.stopped = ""
        self.fresh = (0, 0)
        self.boxes, self.ids, self.passed = domain.whole, np.zeros(1, np.int64), np.zeros(1, np.int64)

    def run(self) -> Asking[None]:
        """Look at the answers, then search."""
        yield from self._look()
        if self.given_up:
            return
        if self.attack.missing:
            leaves = yield from top_down(self.survey, self.splits, self.rng)
            if (yield from self._trust(leaves)):
                yield from refine(self.survey, self.splits, _FINEST)
                return
        yield from self._search()
        yield from refine(self.survey, self.splits, _FINEST)

    def _look(self) -> Asking[None]:
        """Give up where answers change with every small move, or are too many for the budget."""
        n = int(np.clip(self.attack.rows // 50, 20, 200))
        points = self.domain.scatter(self.domain.whole.take(np.zeros(n, int)), self.rng)
        few, numbers = points[:10], self.domain.numbers
        moved = np.where(numbers, few + _TINY * np.where(few < self.middle, 1, -1) * self.range, few)
        ids = yield from self.survey.ask(np.concatenate([points, self._of_pool(n // 2)]))
        again = yield from self.survey.ask(moved)
        leaves = richness(ids[:n])
        if numbers.any() and (again != ids[:10]).mean() > 0.5:
            self.given_up = "the answers change with every small move: no tree"
        elif leaves * _ROWS_A_LEAF > self.attack.rows:
            self.given_up = f"{leaves:.0f} regions or more are too many for {self.attack.rows} queries: an ensemble?"

    @property
    def range(self) -> Array:
        return np.asarray(self.domain.high - self.domain.low)

    @property
    def middle(self) -> Array:
        return np.asarray((self.domain.high + self.domain.low) / 2)

    def _of_pool(self, rows: int) -> Array:
        """The next rows of the pool."""
        taken, self.pool = self.pool[:rows], self.pool[rows:]
        return taken.reshape(-1, self.domain.low.size)

    def _trust(self, leaves: Nodes) -> Asking[bool]:
        """Trust the leaves of a tree that was read from its root; whether a fresh check found nothing against it."""
        self.survey.trusted = Trusted(self.domain, leaves.boxes, leaves.ids)
        for _ in range(_BELIEVED):
            yield from self.survey.guess(self.domain.scatter(leaves.boxes, self.rng))
        regions = grow(self.survey, self.splits)
        batch = self._fresh()
        told = yield from self.survey.ask(batch)
        return self._check(regions, batch, told)

    def _check(self, regions: Regions, batch: Array, told: Array) -> bool:
        """Count the fresh points that agree, and trust no box that one of them contradicts."""
        trusted, heard = self.survey.trusted, told >= 0
        right = predicted(regions, trusted, batch) == told
        self.fresh = int((right & heard).sum()), int(heard.sum())
        if trusted is not None:
            box = trusted.find(batch)
            self.survey.trusted = trusted.drop(box[heard & ~right & (box >= 0)])
        return bool(right[heard].all())

    def _search(self) -> Asking[None]:
        regions = grow(self.survey, self.splits)
        nodes, was_fresh = self._adopt(regions), False
        while self.survey.left > self._reserve:
            todo = self._todo()
            if not todo.size and was_fresh:
                return
            if nodes.size * 2 * _ROWS_A_LEAF > self.attack.rows:
                self.stopped = "stopped, since there are more regions than the budget can check: an ensemble? "
                return
            was_fresh = not todo.size
            batch = self._corners(todo) if todo.size else self._fresh()
            told = yield from (self.survey.ask if was_fresh else self.survey.guess)(batch)
            if was_fresh:
                was_fresh = self._check(regions, batch, told)
            leaf = regions.leaf(batch)
            wrong = (told >= 0) & (told != regions.leaf_ids[leaf])
            self.passed[todo] += np.isin(nodes[todo], leaf[told >= 0])
            self.passed[np.isin(nodes, leaf[wrong])] = 0
            if wrong.any():
                yield from self._repair(regions, batch[wrong], leaf[wrong])
                regions = grow(self.survey, self.splits)
                nodes = self._adopt(regions)

    @property
    def _reserve(self) -> int:
        """Questions that are kept to sharpen the thresholds."""
        return min(8 * self.splits.count, self.attack.rows // 6)

    def _adopt(self, regions: Regions) -> Array:
        """Take over the leaves of a new tree; those within an old leaf of the same answer keep its passes."""
        nodes, boxes = regions.boxes()
        ids = regions.leaf_ids[nodes]
        kept = np.flatnonzero(self.passed)
        inside = boxes.within(self.boxes.take(kept)) & (ids[:, None] == self.ids[kept])
        self.passed = (inside * self.passed[kept]).max(axis=1, initial=0)
        self.boxes, self.ids = boxes, ids
        return nodes

    def _todo(self) -> Array:
        """The leaves with the fewest passes, empty where all have enough."""
        own = np.unique(self.ids).size == self.ids.size > 2 * self.survey.columns > 0
        least = self.passed.min()
        return np.flatnonzero(self.passed == least) if least < (1 if own else self.attack.passes) else np.zeros(0, int)

    def _corners(self, todo: Array) -> Array:
        """Corners of these leaves, one point within each from the second pass on, and some of the pool."""
        boxes = self.boxes.take(todo)
        points = self.domain.corners(boxes, self.rng)
        if self.passed[todo[0]]:
            points.append(self.domain.scatter(boxes, self.rng))
        asked = np.concatenate([*points, self._of_pool(len(todo))])
        return np.asarray(asked[~np.isnan(asked).any(axis=1)])

    def _fresh(self) -> Array:
        everywhere = self.domain.whole.take(np.zeros(_FRESH, int))
        return np.concatenate([self.domain.scatter(everywhere, self.rng), self._of_pool(2 * _FRESH)])

    def _repair(self, regions: Regions, wrong: Array, leaf: Array) -> Asking[None]:
        """Find a change between one wrong point of each leaf and the nearest right one."""
        points, ids = self.survey.evidence
        homes = regions.leaf(points)
        ones, others, told = [], [], []
        for node in np.unique(leaf):
            right = points[(homes == node) & (ids == regions.leaf_ids[node])]
            if len(right):
                other = self.rng.choice(wrong[leaf == node])
                distance = (right != other).sum(axis=1) + 0.5 * self.rng.random(len(right))
                ones.append(right[distance.argmin()])
                others.append(other)
                told.append(regions.leaf_ids[node])
        if ones:
            pairs = Pairs(np.array(ones), np.array(others), np.array(told), np.full(len(ones), -1))
            pairs = yield from one_feature(self.survey, pairs, self.rng)
            yield from bisect(self.survey, self.splits, pairs)

    def result(self) -> Extraction:
        """What was asked, with the clone of the last tree."""
        survey = self.survey
        inputs, answer = survey.asked()
        if not survey.rows or self.given_up:
            detail = self.given_up or "nothing was answered"
            return Extraction(inputs=inputs, answer=answer, detail=f"{detail}; {survey.rows} rows answered")
        regions = grow(survey, self.splits)
        trusted = 0 if survey.trusted is None else len(survey.trusted.ids)
        leaves, ids = trusted or regions.boxes()[0].size, np.unique(survey.answers()[1]).size
        agreed, checked = self.fresh
        detail = self.stopped + (
            f"{leaves} leaves, {ids} different answers and {self.splits.count} thresholds with {survey.rows} rows "
            f"in {survey.calls} rounds; {agreed} of {checked} fresh points agreed"
        )
        return Extraction(inputs=inputs, answer=answer, clone=clone(regions, survey), detail=detail)


def richness(ids: Array) -> float:
    """How many different answers there are at least, from a random sample of them (Chao 1984)."""
    counts = np.unique(ids[ids >= 0], return_counts=True)[1]
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return counts.size + once * (once - 1) / (2 * (twice + 1))
