"""Rebuild a ReLU network of one hidden layer from its scores, exactly."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores, Values
from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation
from wellhead.redteam.clone import softmax
from wellhead.redteam.extract.exact import Notes, Silence
from wellhead.redteam.extract.neurons import Layer, Search
from wellhead.redteam.known import Known

_PLACES = 16
_SHORT = 1e-3
_STRAIGHT = 1e-9
_FRESH = 200
_CHECKS = 2
_PATIENCE = 12
_PROGRESS = 0.9
_NEARLY = 1e-4
_REMEDY = "no line shows what is missing: try narrower bounds, or a pool of inputs that the model serves"
_AGREED = 1e-6
_REACH = 5.0
_NOISY = 1e-8


class ReluNetwork(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """output + slope x + weights relu(hidden x + offsets), x the flattened input.

    hidden: (h, d).  offsets: (h,).  weights: (m, h).  slope: (m, d).  output: (m,).
    form: `probabilities`: log-odds against class 0, m = k - 1; `logits`: m = k; `value`: m = 1.
    """

    hidden: Array
    offsets: Array
    weights: Array
    slope: Array
    output: Array
    form: str

    def scores(self, inputs: Inputs) -> Array:
        """(n, m)."""
        x = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
        waking = np.maximum(x @ self.hidden.T + self.offsets, 0.0)
        return np.asarray(waking @ self.weights.T + x @ self.slope.T + self.output)

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, k) probabilities."""
        scores = self.scores(inputs)
        return softmax(np.insert(scores, 0, 0.0, axis=1) if self.form == "probabilities" else scores)

    def predict(self, inputs: Inputs) -> Labels | Values:
        """(n,) class indices, or values."""
        if self.form == "value":
            return np.asarray(self.scores(inputs)[:, 0])
        return np.asarray(self.predict_proba(inputs).argmax(axis=1))


class Relu(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Exact extraction of a network of one hidden ReLU layer: kinks along lines give the hidden neurons.

    Needs full float64 probabilities, logits or values; says within 48 queries where the target is something else.
    About (d + 1) (1.5 h + 3) + 1,500 queries for h neurons on d features, and ten calls for each line.
    low, high: (d,) bounds; a feature whose bounds are equal is left alone.  shape: of one input.
    box: keep to the bounds; otherwise lines reach five times as far, and fewer of them show all neurons.
    lines: the most that are tried; fewer where they stop to show anything.  rows: the most to ask.
    pool: inputs to check the network on, may be empty.
    After each line the network is checked on fresh inputs of many kinds, those of the pool among them, and what it does
    not explain guides the next line. What no such input wakes stays unknown.
    Source: Milli et al. (arXiv 1807.05185), Jagielski et al. (arXiv 1909.01838), Carlini et al. (CRYPTO 2020).
    """

    name: ClassVar[str] = "relu"
    paper: ClassVar[str] = "Jagielski et al., High Accuracy and High Fidelity Extraction, 2020, arXiv 1909.01838"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    low: Array
    high: Array
    shape: tuple[int, ...]
    box: bool = True
    lines: int = 64
    rows: int = 100_000
    pool: Array = np.zeros((0, 0))

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Stay in the box; raises Unsuited for texts, categories, answers that are cut or rounded, or few rows."""
        known.need_numbers()
        known.need(not known.arities.any(), "needs features that are numbers")
        known.need(known.exposure >= Exposure.PROBABILITIES, "needs all scores")
        known.need(known.decimals < 0 and not known.single, "unsupported precision: needs full float64 scores")
        least = 4 * known.features + 2 * _FRESH
        known.need(known.rows >= least, f"needs {least} queries or more")
        return cls(low=known.low, high=known.high, shape=known.shape, rows=known.rows, pool=np.asarray(known.pool))

    def run(self, rng: np.random.Generator) -> Conversation:
        """Probe, then line after line until fresh inputs agree."""
        notes = Notes(self.low, self.high, self.shape, self.rows)
        clone, detail = None, "answers ended before the network was known"
        try:
            yield from _probe(notes, rng)
            clone, detail = yield from self._lines(notes, rng)
        except Silence:
            pass
        return notes.extraction(clone, detail)

    def _lines(
        self, notes: Notes, rng: np.random.Generator
    ) -> Generator[Inputs, Answer, tuple[ReluNetwork | None, str]]:
        """Line after line; the network and a sentence."""
        search = Search(notes, 1.0 if self.box else _REACH, rng)
        tried = Tried()
        try:
            yield from search.look(np.zeros(notes.free.size))
            while tried.lines < self.lines and tried.idle < _PATIENCE:
                shown = yield from search.line()
                if search.hopeless:
                    return None, f"not one hidden layer: {search.bent} of {tried.shown + shown} hyperplanes bend"
                off = yield from self._agrees(notes, search, rng)
                tried = tried.after(shown, off)
                if off < _AGREED:
                    break
        except Silence:
            tried = tried._replace(off=max(tried.off, _NEARLY), why="the queries ended: allow more")
        # A network that is nearly right is worth more than none.
        if tried.off < _NEARLY:
            return _network(notes, search.layer), self._sentence(tried, search.layer)
        left = f"{tried.off:.1e} left after {tried.lines} lines" if tried.lines else "no line was finished"
        return None, f"not exact: {left}; {tried.why or _REMEDY}"

    def _agrees(self, notes: Notes, search: Search, rng: np.random.Generator) -> Generator[Inputs, Answer, float]:
        """Largest difference over all checks; the first that finds one ends them."""
        for check in range(self._checks):
            off = yield from self._check(notes, search, rng)
            if off >= _AGREED:
                break
            if not check:
                search.layer.prune()
        return off

    @property
    def _checks(self) -> int:
        """Inputs of the pool show neurons that made-up ones seldom wake; without them more are made up."""
        return _CHECKS if len(self.pool) else 2 * _CHECKS

    def _check(self, notes: Notes, search: Search, rng: np.random.Generator) -> Generator[Inputs, Answer, float]:
        """Largest difference on fresh inputs, as a share of 1 + the largest score; looks around where it is worst."""
        last = _fit(notes, search.layer)
        points = notes.drawn(_FRESH, self.pool, rng)
        values = yield from notes.ask(points)
        values = np.where(notes.noise[-1][:, None] < _NOISY, values, np.nan)
        off = np.abs(_design(search.layer, points) @ last - values).max(axis=1)
        worst = float(np.nanmax(off, initial=0.0) / (1 + np.nanmax(np.abs(values), initial=0.0)))
        if worst >= _AGREED:
            yield from search.look(points[np.nanargmax(off)])
        return worst

    def _sentence(self, tried: Tried, layer: Layer) -> str:
        how = "exact" if tried.off < _AGREED else "not quite exact"
        mine = min(len(self.pool), _FRESH // 4) * self._checks
        where = f"{_FRESH * self._checks - mine} fresh inputs of the box" + f" and {mine} of the pool" * bool(mine)
        count = len(layer.hidden)
        return f"{how}: {count} neurons from {tried.lines} lines, relative error {tried.off:.1e} on {where}"


class Tried(NamedTuple):
    """What the lines so far showed. off: what is left.  best: the least that was.  idle: lines without progress.

    why: why they ended, empty where they did not have to.
    """

    lines: int = 0
    shown: int = 0
    off: float = np.inf
    best: float = np.inf
    idle: int = 0
    why: str = ""

    def after(self, shown: int, off: float) -> Tried:
        """With another line that showed so many neurons."""
        idle = 0 if shown or off < _PROGRESS * self.best else self.idle + 1
        return Tried(self.lines + 1, self.shown + shown, off, min(off, self.best), idle)


def _probe(notes: Notes, rng: np.random.Generator) -> Generator[Inputs, Answer, None]:
    """Three close points on a straight at several places; raises Unsuited where no ReLU network answers like this."""
    middle = rng.uniform(-0.9, 0.9, (_PLACES, 1, notes.free.size))
    along = rng.normal(size=middle.shape)
    along *= _SHORT / np.abs(along).max(axis=2, keepdims=True)
    points = middle + along * np.array([-1.0, 0.0, 1.0])[:, None]
    values = yield from notes.ask(points.reshape(-1, notes.free.size))
    if not values.shape[1]:
        raise Unsuited("one class only")
    precision = notes.precision()
    if not precision.full:
        told = "float32" if precision.decimals < 0 else f"rounded to {precision.decimals} decimals"
        raise Unsuited(f"unsupported precision: answers are {told}, full float64 is needed")
    three = values.reshape(_PLACES, 3, -1)
    three = three[np.isfinite(three).all(axis=(1, 2))]
    if not len(three):
        raise Silence
    bend = np.abs(three[:, 0] - 2 * three[:, 1] + three[:, 2]).max(axis=1)
    if np.mean(bend <= _STRAIGHT * (1 + np.abs(three).max())) < 0.5:
        raise Unsuited("not piecewise linear in float64: smooth, noisy, or computed in float32")
    if np.mean(np.ptp(three, axis=1).max(axis=1) == 0) > 0.5:
        raise Unsuited("piecewise constant, as trees are")


def _design(layer: Layer, points: Array) -> Array:
    return np.hstack([layer.waking(points), points, np.ones((len(points), 1))])


def _fit(notes: Notes, layer: Layer) -> Array:
    """(h + f + 1, m): the last layer, by least squares on all answers."""
    points, values, _ = notes.heard()
    return np.asarray(np.linalg.lstsq(_design(layer, points), values, rcond=1e-13)[0])


def _network(notes: Notes, layer: Layer) -> ReluNetwork:
    last = _fit(notes, layer)
    count = len(layer.hidden)
    hidden, offsets = notes.outward(layer.hidden, layer.offsets)
    slope, output = notes.outward(last[count:-1].T, last[-1])
    return ReluNetwork(
        hidden=hidden, offsets=offsets, weights=last[:count].T, slope=slope, output=output, form=notes.form
    )
