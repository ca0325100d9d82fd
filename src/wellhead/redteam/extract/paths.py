from __future__ import annotations
from typing import ClassVar, Self, Any
import msgspec
import numpy as np
from wellhead.core.arrays import Array
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Extraction, join
from wellhead.redteam.clone import load_sklearn
from wellhead.redteam.extract.boxes import Boxes, Domain
from wellhead.redteam.extract.splits import Splits, between
from wellhead.redteam.extract.survey import Survey, Silent


class Columns:
    """Binned numbers and one-hot categories."""
    def __init__(self, domain, splits):
        self.domain = domain
        self.cuts = [splits.cuts(f) for f in range(domain.low.size)]
        self.safe = [splits.ends(f) for f in range(domain.low.size)]
        self.columns = []
        for f in range(domain.low.size):
            if domain.arities[f]:
                self.columns += [(f, v) for v in sorted(splits.categories[f])]
            elif self.cuts[f].size:
                self.columns.append((f, -1))

    def encode(self, x):
        out = np.zeros((len(x), max(len(self.columns), 1)), np.float32)
        for j, (f, v) in enumerate(self.columns):
            out[:, j] = np.searchsorted(self.cuts[f], x[:, f], side="left") if v < 0 else x[:, f] == v
        return out


class Regions:
    """A tree over known splits, consistent with what was asked."""
    def __init__(self, columns, tree, ids):
        self.columns, self.tree = columns, tree
        t = tree.tree_
        self.leaf_id = tree.classes_[t.value[:, 0, :].argmax(axis=1)]

    def leaf(self, x):
        return self.tree.apply(self.columns.encode(x))

    def ids(self, x):
        return self.leaf_id[self.leaf(x)]

    def boxes(self):
        t, domain = self.tree.tree_, self.columns.domain
        whole = domain.whole
        found = []
        stack = [(0, whole.low[0], whole.high[0], whole.allowed[0])]
        while stack:
            node, lo, hi, al = stack.pop()
            if t.children_left[node] < 0:
                found.append((node, lo, hi, al))
                continue
            f, v = self.columns.columns[t.feature[node]]
            if v < 0:
                k = int(np.floor(t.threshold[node]))
                a, b = self.columns.safe[f][2 * k : 2 * k + 2]
                hl = hi.copy(); hl[f] = a
                lr = lo.copy(); lr[f] = b
                stack.append((t.children_left[node], lo, hl, al))
                stack.append((t.children_right[node], lr, hi, al))
            else:
                l, r = al.copy(), al.copy()
                l[f, v] = False
                r[f] = False; r[f, v] = True
                for child, m in ((t.children_left[node], l), (t.children_right[node], r)):
                    vals = np.flatnonzero(m[f])
                    lo2, hi2 = lo.copy(), hi.copy()
                    if vals.size == 0:
                        continue
                    lo2[f], hi2[f] = vals[0], vals[-1]
                    stack.append((child, lo2, hi2, m))
        nodes = np.array([n for n, *_ in found])
        return nodes, Boxes(*(np.stack(c) for c in list(zip(*found))[1:]))


import time
class Paths(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    name: ClassVar[str] = "paths"
    low: Array
    high: Array
    arities: Array
    shape: tuple[int, ...]
    rows: int = 10000
    eps: float = 1e-3
    passes: int = 3
    start: int = 0
    weight: float = 0.1
    criterion: str = "entropy"
    extra: int = 0
    variants: int = 4

    def run(self, rng):
        domain = Domain(self.low, self.high, self.arities)
        survey = Survey(self.shape, self.rows)
        splits = Splits(domain, self.eps * (self.high - self.low))
        state = {}
        try:
            yield from self._search(domain, survey, splits, rng, state)
        except Silent:
            pass
        regions = self._grow(domain, survey, splits)
        return survey, splits, regions, state

    def _grow(self, domain, survey, splits, fresh=None):
        columns = Columns(domain, splits)
        pts, ids = survey.points, survey.ids
        enc = columns.encode(pts)
        best = None
        for k in range(self.variants):
            tree = load_sklearn("tree").DecisionTreeClassifier(criterion="gini" if k % 2 else "entropy", random_state=k, max_features=None if k < 4 else 0.5)
            tree.fit(enc, ids, sample_weight=None if k % 4 < 2 else survey.weights)
            if best is None or tree.tree_.node_count < best.tree_.node_count:
                best = tree
        tree = best
        return Regions(columns, tree, ids)

    def _search(self, domain, survey, splits, rng, state):
        whole = domain.whole
        n0 = max(2, self.start)
        yield from survey.ask(np.concatenate([domain.scatter(whole, rng) for _ in range(n0)]))
        old = None
        state["log"] = []
        rebuild = True
        while survey.left > 0:
            if rebuild:
                regions = self._grow(domain, survey, splits)
                nodes, boxes = regions.boxes()
                ids = regions.leaf_id[nodes]
                passes = np.zeros(len(nodes), int)
            if old is not None and rebuild:
                oboxes, oids, opasses = old
                good = opasses > 0
                ob = oboxes.take(np.flatnonzero(good))
                inside = boxes.within(ob) & (ids[:, None] == oids[good])
                passes = (inside * opasses[good]).max(axis=1, initial=0)
            unique = np.unique(ids).size == ids.size and ids.size > 2 * survey.columns
            need = 1 if unique else self.passes
            todo = np.flatnonzero(passes < need)
            if todo.size == 0:
                break
            # lowest first
            todo = todo[passes[todo] == passes[todo].min()]
            sub = boxes.take(todo)
            rounds = domain.corners(sub, rng)
            rounds += [domain.scatter(sub, rng) for _ in range(self.extra)]
            if passes[todo[0]] > 0:
                rounds.append(domain.scatter(sub, rng))
            owner = np.concatenate([np.arange(len(todo))] * len(rounds))
            pts = np.concatenate(rounds)
            keep = ~np.isnan(pts).any(axis=1)
            owner, pts = owner[keep], pts[keep]
            told = yield from survey.ask(pts)
            wrong = (told >= 0) & (told != ids[todo][owner])
            bad = np.zeros(len(todo), bool)
            bad[owner[wrong]] = True
            passes[todo[~bad]] += 1
            passes[todo[bad]] = 0
            state["log"].append((len(nodes), len(todo), int(bad.sum()), survey.left, splits.thresholds))
            rebuild = bad.any()
            # pairs: per bad leaf, one mismatch and nearest point in that leaf with its id
            if bad.any():
                allp, alli = survey.points, survey.ids
                leaf = regions.leaf(allp)
                ones, others = [], []
                for j in np.flatnonzero(bad):
                    mine = allp[(leaf == nodes[todo[j]])]
                    mid = alli[(leaf == nodes[todo[j]])]
                    z = pts[wrong & (owner == j)]
                    good_pts = mine[mid == ids[todo[j]]]
                    if not len(good_pts):
                        continue
                    z = z[rng.integers(len(z))]
                    d = (good_pts != z).sum(axis=1) + rng.random(len(good_pts)) * .5
                    ones.append(good_pts[d.argmin()]); others.append(z)
                if ones:
                    survey.weight = self.weight
                    yield from between(survey, splits, np.array(ones), np.array(others), rng)
            survey.weight = 1.0
            old = (boxes, ids, passes)
