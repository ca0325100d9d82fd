"""Solve for a linear model from its scores: logistic and softmax regression, one-versus-rest, linear regressors."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores, Values
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, take_inputs
from wellhead.redteam.clone import softmax
from wellhead.redteam.extract.exact import Notes, Silence, Told
from wellhead.redteam.extract.likeliest import gauss_newton, likeliest, one_versus_rest
from wellhead.redteam.known import Known
from wellhead.redteam.precision import Precision

_FIRST = 5
_FRESH = 4
_EXACT = 1e-6
_SURE = 0.05
_STRAIGHT = 1e-6
_SINGLE = 1e-3
_REDRAWS = 8
_OF_POOL = 8
_NARROWEST = 1e-9
_ALL_SATURATED = "too few answers between 0 and 1: most are certain of one class to all digits"
_ON_TRUST = 0.25
_TELLING = 3
# Queries for each unknown of one class, by decimals: fewer digits need more (SML16, figure 7).
_MORE = {0: 200, 1: 100, 2: 100, 3: 40, 4: 10}
_SOME_MORE = 4


class LinearModel(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """x weights + bias, x the flattened input: class 0 has zeros where only differences between classes count.

    weights: (d, k).  bias: (k,).  form: `softmax`, `one_versus_rest`, `logits` or `value` (k = 1).
    """

    weights: Array
    bias: Array
    form: str

    def scores(self, inputs: Inputs) -> Array:
        """(n, k)."""
        return np.asarray(np.asarray(inputs, np.float64).reshape(len(inputs), -1) @ self.weights + self.bias)

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, k) probabilities."""
        return one_versus_rest(self.scores(inputs)) if self.form == "one_versus_rest" else softmax(self.scores(inputs))

    def predict(self, inputs: Inputs) -> Labels | Values:
        """(n,) class indices, or values."""
        scores = self.scores(inputs)
        return np.asarray(scores[:, 0] if self.form == "value" else scores.argmax(axis=1))


class Equation(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Exact extraction of linear models: log-odds, logits and values are linear, so d + 1 answers give all weights.

    Full precision: d + 6 queries in two calls, four of them to check; float32: four times as many. Rounded answers:
    maximum likelihood, up to 200 (d + 1) queries as the digits get fewer, half of them from the pool. One-versus-rest
    probabilities are not log-linear and solved on their own: 2 d + 6.
    Anything else is recognised by its first five answers if it has two classes, logits or values, else by the check.
    low, high: (d,) bounds; a feature whose bounds are equal is left alone.  shape: of one input.
    rows: the most to ask.  pool: inputs that rounded answers are also asked for, may be empty.
    Source: Tramer et al. (USENIX Security 2016), section 4.1.
    """

    name: ClassVar[str] = "equation"
    paper: ClassVar[str] = "Tramer et al., Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    low: Array
    high: Array
    shape: tuple[int, ...]
    rows: int = 10_000
    pool: Array = np.zeros((0, 0))

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Raises Unsuited for texts, categories, answers that are cut, or fewer rows than unknowns."""
        known.need_numbers()
        known.need(not known.arities.any(), "needs features that are numbers")
        known.need(known.exposure >= Exposure.PROBABILITIES, "needs all scores")
        least = known.features + 2 + _FRESH
        known.need(known.rows >= least, f"needs {least} queries or more")
        return cls(low=known.low, high=known.high, shape=known.shape, rows=known.rows, pool=np.asarray(known.pool))

    def run(self, rng: np.random.Generator) -> Conversation:
        """Five questions, then what their precision calls for."""
        notes = Notes(self.low, self.high, self.shape, self.rows)
        clone, detail = None, "answers ended before the model was known"
        try:
            straight = yield from _first(notes, rng)
            if notes.form == "probabilities" and notes.classes < 2:
                return notes.extraction(None, "one class only")
            if _saturated(notes).all():
                yield from _unsaturated(notes, self.pool, rng)
            precision = notes.precision()
            if _in_pieces(notes):
                detail = "not log-linear: different inputs have equal answers"
            elif precision.decimals >= 0:
                clone, detail = yield from self._rounded(notes, precision, rng)
            elif not straight and (notes.form != "probabilities" or notes.classes == 2):
                detail = "not log-linear"
            else:
                clone, detail = yield from _solved(notes, precision, straight, self.pool, rng)
        except Silence as silence:
            detail = str(silence) or detail
        return notes.extraction(clone, detail)

    def _rounded(
        self, notes: Notes, precision: Precision, rng: np.random.Generator
    ) -> Generator[Inputs, Answer, tuple[LinearModel | None, str]]:
        """A first fit tells whether more queries are worth it."""
        unknown = notes.free.size + 1
        told = f"answers are rounded to {precision.decimals} decimals"
        # The first fit has few answers for its unknowns, and may be far off without being wrong in kind.
        for share, most in ((_SOME_MORE, 0.15), (_MORE.get(precision.decimals, _SOME_MORE), _SURE)):
            # Nothing told yet that it fits: what the first fit takes, others shall not starve for.
            queries = min(share * unknown, int(self.rows * _ON_TRUST)) if most > _SURE else share * unknown
            if queries < unknown:
                return None, f"{told}: to see whether it is log-linear takes {unknown} queries or more"
            rows = min(queries, notes.left)
            if rows > 0:
                yield from notes.ask(self._drawn(notes, rows, rng))
            model, off = _fitted(notes, rng)
            if off > most:
                return None, f"not log-linear: mean error {off:.1e} on held-out answers, and {told}"
        return model, f"approximate: mean error {off:.1e} on held-out answers, since {told}"

    def _drawn(self, notes: Notes, rows: int, rng: np.random.Generator) -> Array:
        """Half uniform, half from the pool, where the model is used; uniform where there is none."""
        points = rng.uniform(-1, 1, (rows, notes.free.size))
        some = rng.permutation(len(self.pool))[: rows // 2]
        if some.size:
            points[: some.size] = notes.unit(take_inputs(self.pool, some))
        return points


def _first(notes: Notes, rng: np.random.Generator) -> Generator[Inputs, Answer, bool]:
    """Two points, the point between them, and others; False where the three are not on a straight."""
    points = rng.uniform(-1, 1, (_FIRST, notes.free.size))
    points[2] = (points[0] + points[1]) / 2
    values = yield from notes.ask(points)
    bend = np.abs(values[0] - 2 * values[2] + values[1]).max(initial=0.0)
    if notes.noise[0][:3].max() > _STRAIGHT:
        return True
    single = notes.precision().single
    return not bend > (_SINGLE if single else _STRAIGHT) * (1 + np.nanmax(np.abs(values), initial=0.0))


def _in_pieces(notes: Notes) -> bool:
    """True where different points have the same unsaturated answers to the last digit, as leaves of trees do."""
    values = notes.values[0][np.isfinite(notes.values[0]).all(axis=1)]
    fine = not 0 <= notes.precision().decimals < _TELLING
    return fine and notes.free.size > 0 and len(np.unique(values, axis=0)) < len(values)


def _solved(
    notes: Notes, precision: Precision, straight: bool, pool: Array, rng: np.random.Generator
) -> Generator[Inputs, Answer, tuple[LinearModel | None, str]]:
    """Least squares, and one-versus-rest where fresh answers contradict it.

    straight: the first answers were log-linear. Otherwise only one-versus-rest is left.
    """
    unknown = notes.free.size + 1
    exact = _SINGLE if precision.single else _EXACT
    if not straight and 2 * unknown + _FRESH > notes.left + _FIRST:
        return None, f"not log-linear; whether it is one-versus-rest would take {2 * unknown + _FRESH} queries"
    # One of the first answers lies between two others and adds nothing to them.
    yield from _ask_until(notes, (_SOME_MORE if precision.single else 1) * unknown + 1, pool, rng)
    model, form = _least_squares(notes), "float32" if precision.single else "float64"
    off = _error(notes, model)
    if off > exact and notes.form == "probabilities" and notes.classes > 2:
        yield from _ask_until(notes, 2 * unknown, pool, rng)
        model = _one_versus_rest(notes)
        off = _error(notes, model)
    if off > exact:
        return None, f"not log-linear: error {off:.1e} on {_FRESH} fresh inputs"
    return model, f"exact to {form}: {model.form}, largest error {off:.1e} on {_FRESH} fresh inputs"


def _ask_until(notes: Notes, rows: int, pool: Array, rng: np.random.Generator) -> Told:
    """Ask until so many rows, and the fresh ones after them, are known; saturated ones again nearer one that is not."""
    middle, reach = np.zeros(notes.free.size), 1.0
    for redraw in range(_REDRAWS):
        missing = rows + _FRESH - len(notes.heard()[0])
        if missing <= 0:
            break
        if redraw == 1:
            middle, reach = yield from _unsaturated(notes, pool, rng)
        box = rng.uniform(-1, 1, (min(missing, notes.left), notes.free.size))
        yield from notes.ask(middle + reach * (box - middle))
        reach /= 2 if redraw else 1
    if len(notes.heard()[0]) < notes.free.size + 2 + _FRESH:
        raise Silence(_ALL_SATURATED)
    return notes.values[-1]


def _saturated(notes: Notes) -> Array:
    """(n,) bool: of all answers, those that are certain of one of two classes to all digits."""
    shares = notes.shares()[1]
    return np.asarray((shares == 0).any(axis=1) if shares.shape[1] == 2 else np.zeros(len(shares), bool))


def _unsaturated(notes: Notes, pool: Array, rng: np.random.Generator) -> Generator[Inputs, Answer, tuple[Array, float]]:
    """The least certain point, and what share of the box around it to draw from.

    Log-odds of two classes rise or fall all along a segment, so halving one between the classes meets the boundary.
    """
    some = rng.permutation(len(pool))[: min(_OF_POOL, notes.left)]
    if some.size:
        yield from notes.ask(notes.unit(take_inputs(pool, some)))
    points, shares = notes.shares()
    first = shares.argmax(axis=1) == shares[0].argmax()
    width = 1.0
    if shares.shape[1] == 2 and not first.all() and not len(notes.heard()[0]):
        one, other = points[first][0], points[~first][0]
        while not len(notes.heard()[0]) and width > _NARROWEST:
            middle, width = (one + other) / 2, width / 2
            yield from notes.ask(middle[None])
            same = notes.labels[0] == shares[0].argmax()
            one, other = (middle, other) if same else (one, middle)
    points, values, _ = notes.heard()
    if not len(points):
        return np.zeros(notes.free.size), 0.5
    share = len(points) / sum(map(len, notes.points))
    return points[np.abs(values).max(axis=1).argmin()], min(width, max(share, width / 2), 0.5)


def _split(notes: Notes) -> tuple[Array, Array, Array, Array, Array]:
    """Design and values to fit, weights (n,) of the rows, and fresh design and values."""
    points, values, noise = notes.heard()
    design = np.hstack([points, np.ones((len(points), 1))])
    trust = 1e-15 / (1e-15 + noise)
    return design[:-_FRESH], values[:-_FRESH], trust[:-_FRESH], design[-_FRESH:], values[-_FRESH:]


def _least_squares(notes: Notes) -> LinearModel:
    design, values, trust, _, _ = _split(notes)
    found = np.linalg.lstsq(design * trust[:, None], values * trust[:, None], rcond=None)[0]
    if notes.form == "probabilities":
        return _outward(notes, np.insert(found, 0, 0.0, axis=1), "softmax")
    return _outward(notes, found, notes.form)


def _one_versus_rest(notes: Notes) -> LinearModel:
    design, values, _, _, _ = _split(notes)
    shares = softmax(np.insert(values, 0, 0.0, axis=1))
    return _outward(
        notes, gauss_newton(design, shares, likeliest(design, shares, "one_versus_rest")), "one_versus_rest"
    )


def _fitted(notes: Notes, rng: np.random.Generator) -> tuple[LinearModel, float]:
    """The likelier of both forms, by mean error on a tenth of the answers, and that error."""
    points, answers = notes.shares()
    design = np.hstack([points, np.ones((len(points), 1))])
    order = rng.permutation(len(points))
    held, kept = order[: max(len(order) // 10, 1)], order[max(len(order) // 10, 1) :]
    if notes.form != "probabilities":
        found = np.linalg.lstsq(design[kept], answers[kept], rcond=None)[0]
        off = float(np.abs(design[held] @ found - answers[held]).mean() / (1 + np.abs(answers).max()))
        return _outward(notes, found, notes.form), off
    tried: list[tuple[LinearModel, float]] = []
    for form in ("softmax", "one_versus_rest") if notes.classes > 2 else ("softmax",):
        found = likeliest(design[kept], answers[kept], form)
        shown = one_versus_rest(design[held] @ found) if form == "one_versus_rest" else softmax(design[held] @ found)
        off = float(np.abs(shown - answers[held]).mean())
        canonical = found - found[:, :1] if form == "softmax" else found
        tried.append((_outward(notes, canonical, form), off))
    return min(tried, key=lambda one: one[1])


def _outward(notes: Notes, found: Array, form: str) -> LinearModel:
    """From points of the box, (f + 1, k), to inputs."""
    slope, offset = notes.outward(found[:-1].T, found[-1])
    return LinearModel(weights=slope.T, bias=offset, form=form)


def _error(notes: Notes, model: LinearModel) -> float:
    """Largest error on the fresh rows: of probabilities, or relative for logits and values."""
    points, values, _ = notes.heard()
    inputs, truth = notes.inputs(points[-_FRESH:]), values[-_FRESH:]
    if notes.form == "probabilities":
        return float(np.abs(model.predict_proba(inputs) - softmax(np.insert(truth, 0, 0.0, axis=1))).max())
    return float(np.abs(model.scores(inputs) - truth).max() / (1 + np.abs(truth).max()))
