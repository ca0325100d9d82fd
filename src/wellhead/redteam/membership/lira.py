"""Membership by likelihood ratio: is the target as sure as models that saw the record, or as ones that did not?"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Membership, join_inputs
from wellhead.redteam.known import Known
from wellhead.redteam.membership.shadows import Records, Training, draw, draw_outside, shadow_margins
from wellhead.redteam.membership.told import ask, both, need_candidates, outsiders, told_margins, views
from wellhead.redteam.network import Recipe

VARIANCES = ("student", "fixed", "record")
_LEAST = 1e-9
_FEW = 20
_PRIOR, _MOST = 16.0, 1000.0


class Lira(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Likelihood ratio attack (Carlini et al., S&P 2022, arXiv 2112.03570, sections IV and V).

    Shadow models are trained like the target, on rows drawn from the candidates and the pool, as many as the target
    had. The score of a record compares the target's margin (logit of the true label) with those of the models that
    saw it and of those that did not; `online=False` uses the latter alone, one-sided: ln of the normal CDF.
    candidates, labels: (n, ...) and their true classes.  pool, pool_labels: more rows of the same kind, may be empty.
    train_rows: size of the target's training set, 0 for half of all rows.
    recipe, network, shadows: the learner, how it is trained if it is `mlp`, and how many.
    variance: `student` (Student-t, each record's variance beside a pooled one worth `prior` observations; 0: as many as
    the records' variances tell by how little they differ, Smyth 2004),
    `fixed` (one for all records, after each record's own mean is taken off) or `record`.
    borrow: a record's mean under the few models that saw it leans on what its mean under the others foretells.
    views: of each record, scores are averaged (pictures mirrored and moved; else a share `swap` of features swapped).
    decimals: to which answers are rounded, -1 for full precision.
    Needs probabilities. One query for each candidate and view, in one round.
    """

    name: ClassVar[str] = "lira"
    paper: ClassVar[str] = "Carlini et al., S&P 2022, arXiv 2112.03570"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.000",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    candidates: Inputs
    labels: Labels
    pool: Inputs = np.zeros((0, 0), np.float32)
    pool_labels: Labels = np.zeros(0, np.int64)
    train_rows: int = 0
    recipe: str = "mlp"
    network: Recipe = Recipe()
    shadows: int = 16
    online: bool = True
    variance: str = "student"
    prior: float = 0.0
    borrow: bool = True
    views: int = 1
    swap: float = 0.05
    decimals: int = -1

    def __post_init__(self) -> None:
        if self.variance not in VARIANCES:
            raise ConfigError(f"expected variance to be one of {', '.join(VARIANCES)}, got {self.variance!r}")
        if self.shadows < 2 or self.views < 1:
            raise ConfigError(f"expected 2 shadows and 1 view or more, got {self.shadows} and {self.views}")
        if len(self.labels) != len(self.candidates) or len(self.pool_labels) != len(self.pool):
            raise ConfigError("expected one true label for each candidate and for each row of the pool")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Online, with the labelled pool if there is one; raises Unsuited without labelled candidates."""
        labels = need_candidates(known)
        pool, pool_labels = outsiders(known)
        known.need(len(labels) + len(pool_labels) >= _FEW, f"needs {_FEW} labelled rows or more to train shadows on")
        return cls(
            candidates=known.candidates,
            labels=labels,
            pool=pool,
            pool_labels=pool_labels,
            train_rows=known.train_rows,
            recipe=known.recipe,
            decimals=known.decimals,
        )

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask once, then train and compare."""
        n = len(self.labels)
        seen = views(self.candidates, self.views, self.swap, rng)
        answer = yield from ask(join_inputs(seen))
        told = told_margins(answer, np.tile(self.labels, self.views), self.decimals).reshape(self.views, n)
        if np.isnan(told).all():
            return Membership(scores=np.full(n, np.nan), detail="no candidate was answered with scores")
        sets = (draw if self.online else draw_outside)(n, len(self.pool), self.train_rows, self.shadows, rng)
        training = Training(self.recipe, self.network, self.train_rows, self.decimals)
        records = Records(both(self.candidates, self.pool), np.concatenate([self.labels, self.pool_labels]))
        asked = [Records(view, self.labels) for view in seen]
        margins = shadow_margins(records, sets, training, asked, rng)
        scores = [self._score(t, m, sets[:, :n]) for t, m in zip(told, margins, strict=True)]
        return Membership(scores=np.mean(scores, axis=0), detail=self._detail(told, sets))

    def _score(self, told: Array, margins: Array, within: Array) -> Array:
        """(n,): of one view."""
        out = Side.of(margins, ~within)
        if not self.online:
            return out.log_cdf(told, self.variance, self.prior)
        inside = Side.of(margins, within)
        inside = inside.leaning(out) if self.borrow else inside
        return inside.log_density(told, self.variance, self.prior) - out.log_density(told, self.variance, self.prior)

    def _detail(self, told: Array, sets: Array) -> str:
        heard = int((~np.isnan(told).any(axis=0)).sum())
        rows = int(sets.sum(axis=1).mean())
        target = f" (the target's had {self.train_rows})" if self.train_rows and rows != self.train_rows else ""
        way = "online" if self.online else "offline"
        return (
            f"{heard} of {told.shape[1]} candidates answered; {way} against {self.shadows} shadow models "
            f"of recipe {self.recipe} trained on {rows} rows each{target}"
        )


class Side(NamedTuple):
    """Margins of n records under the models that saw them, or those that did not.

    models, mean, squares: (n,) how many, their mean, and the sum of squared deviations from it.  pooled: variance of
    all deviations, each from its own record's mean.  between: variance of the means.
    worth: observations that the pooled variance is worth beside a record's own, 1000 at most.
    """

    models: Array
    mean: Array
    squares: Array
    pooled: float
    between: float
    worth: float

    @classmethod
    def of(cls, margins: Array, chosen: Array) -> Side:
        """margins: (K, n).  chosen: (K, n) bool, those of this side. A record without any gets the mean of all."""
        count = chosen.sum(axis=0).astype(np.float64)
        total = np.where(chosen, margins, 0.0).sum(axis=0)
        overall = total.sum() / max(count.sum(), 1)
        mean = np.where(count > 0, total / np.maximum(count, 1), overall)
        squares = (np.where(chosen, margins - mean, 0.0) ** 2).sum(axis=0)
        free = np.maximum(count - 1, 0).sum()
        pooled = squares.sum() / free if free else 1.0
        between = float(np.var(mean[count > 0])) if count.any() else 0.0
        return cls(count, mean, squares, max(float(pooled), _LEAST), between, _worth(squares, count - 1))

    def leaning(self, other: Side) -> Side:
        """With means drawn towards a line through the other side's, as far as records keep to it (empirical Bayes)."""
        both = (self.models > 0) & (other.models > 0)
        if both.sum() < _FEW:
            return self
        line = np.polynomial.polynomial.polyfit(other.mean[both], self.mean[both], 1)
        foretold = line[0] + line[1] * other.mean
        apart = np.mean((self.mean - foretold)[both] ** 2) - np.mean(self.pooled / self.models[both])
        worth = self.pooled / max(float(apart), _LEAST)
        models = self.models + worth
        mean = (self.models * self.mean + worth * foretold) / models
        squares = self.squares * models / np.maximum(self.models, 1)
        return self._replace(models=models, mean=mean, squares=squares)

    def _shape(self, variance: str, prior: float) -> tuple[Array, Array]:
        """(n,) degrees of freedom, infinite for a normal, and (n,) scale."""
        infinite = np.full(self.models.shape, np.inf)
        if variance == "fixed":
            return infinite, np.sqrt(np.full(self.models.shape, self.pooled))
        if variance == "record":
            return infinite, np.sqrt(np.maximum(self.squares / np.maximum(self.models, 1), _LEAST))
        prior = prior or self.worth
        freedom = prior + self.models
        squared = (prior * self.pooled + self.squares) / freedom * (1 + 1 / np.maximum(self.models, 1))
        # A record that no model has on this side is as uncertain as records differ.
        return freedom, np.sqrt(np.where(self.models > 0, squared, self.pooled + self.between))

    def log_density(self, x: Array, variance: str, prior: float) -> Array:
        """(n,): ln of the density at x."""
        freedom, scale = self._shape(variance, prior)
        z = (x - self.mean) / scale
        if np.isinf(freedom).all():
            return np.asarray(-0.5 * z**2 - np.log(scale))
        from scipy import special

        constant = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2) - 0.5 * np.log(freedom / 2)
        # Constants are those of a density over sqrt(2 pi), which cancel between the sides.
        return np.asarray(constant - np.log(scale) - (freedom + 1) / 2 * np.log1p(z**2 / freedom))

    def log_cdf(self, x: Array, variance: str, prior: float) -> Array:
        """(n,): ln of the share below x. Not the density, which would call records that are too unsure members."""
        freedom, scale = self._shape(variance, prior)
        z = (x - self.mean) / scale
        from scipy import special

        if np.isinf(freedom).all():
            return np.asarray(special.log_ndtr(z))
        # Far up the CDF is 1 in floats: ln(1 - p) of the upper tail keeps the order there.
        tail = special.stdtr(freedom, -np.abs(z))
        return np.asarray(np.where(z > 0, np.log1p(-tail), np.log(np.maximum(tail, 1e-300))))


def _worth(squares: Array, freedom: Array) -> float:
    """Degrees of freedom of the variances' common prior, from the spread of their logarithms.

    squares: (n,) sums of squared deviations on (n,) degrees of freedom.
    Source: Smyth, Statistical Applications in Genetics and Molecular Biology 3(1), 2004, section 6.2.
    """
    from scipy import optimize, special

    some = (freedom > 0) & (squares > _LEAST)
    if some.sum() < _FEW:
        return _PRIOR
    half = freedom[some] / 2
    logs = np.log(squares[some]) - special.digamma(half)
    left = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    if left <= special.polygamma(1, _MOST / 2):
        return _MOST
    return float(2 * optimize.brentq(lambda x: special.polygamma(1, x) - left, 1e-6, _MOST))
