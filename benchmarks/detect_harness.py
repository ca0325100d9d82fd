"""Streams through the very code that runs live: sketches, looks, promise; and what a thief holds at the alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from benchmarks.detect_world import ENDPOINTS, PERIOD_S, START_S, Stream, Table, Victim, fingerprints
from wellhead.core.batch import Batch, Visits
from wellhead.core.exposure import Exposure
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.calibrate import calibrate
from wellhead.detect.cohort import Registered, suspicion
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looking, Looks, joined
from wellhead.detect.promise import Promise
from wellhead.detect.segments import Segments
from wellhead.detect.signal import Context
from wellhead.meter.sketch import Sketches
from wellhead.meter.view import Views, join
from wellhead.redteam.learner import random_forest
from wellhead.redteam.network import Recipe, train

CHUNK = 500
_BUSY = 256


class Rounds(NamedTuple):
    """Rows of many streams, and after which of them each principal would be looked at live.

    owner, place: (n,) stream and position in it.  round: (n,) how many looks of its principal came before.
    """

    owner: Any
    place: Any
    round: Any


def rounds(streams: Sequence[Stream]) -> Rounds:
    """Looks are due when rows pass a power of two, and when those of a busy minute or hour do."""
    sizes = np.array([len(s) for s in streams])
    owner = np.repeat(np.arange(sizes.size), sizes)
    starts = np.cumsum(sizes) - sizes
    place = np.arange(owner.size) - starts[owner]
    time_s = np.concatenate([s.time_s for s in streams])
    due = _is_power(place + 1)
    for seconds in (60, 3600):
        bucket = (time_s // seconds).astype(np.int64)
        first = np.ones(owner.size, bool)
        first[1:] = (bucket[1:] != bucket[:-1]) | (owner[1:] != owner[:-1])
        run = np.arange(owner.size) - np.flatnonzero(first)[np.cumsum(first) - 1] + 1
        due |= _is_power(run) & (run >= _BUSY)
    before = np.cumsum(due) - due
    return Rounds(owner, place, before - before[starts][owner])


def _is_power(counts: Any) -> Any:
    return (counts & (counts - 1)) == 0


def batch_of(table: Table, streams: Sequence[Stream], owner: Any, place: Any) -> Batch:
    """These rows of these streams, as the gate would have them."""
    row, time_s, prints, label = _columns(table, streams, owner, place)
    given = np.where(label, Exposure.LABEL, Exposure.PROBABILITIES).astype(np.uint8)
    scores = np.where(label[:, None], 0, table.scores[row]).astype(np.int8) if label.any() else table.scores[row]
    confidence = table.truth[row].max(axis=1)
    return Batch(
        names=tuple(s.name for s in streams),
        attributes=tuple(s.attributes for s in streams),
        principal=owner.astype(np.int32),
        time_s=time_s,
        fingerprint=prints,
        codes=table.codes[row],
        traits=table.traits[row],
        asked=given,
        given=given,
        top1=table.truth[row].argmax(axis=1),
        confidence=np.where(label, np.nan, confidence).astype(np.float32),
        scores=scores,
        score_classes=table.order[row] if table.order.size else table.order,
        classes=table.truth.shape[1],
        values=np.full(row.size, np.nan),
    )


def _columns(table: Table, streams: Sequence[Stream], owner: Any, place: Any) -> tuple[Any, Any, Any, Any]:
    sizes = np.array([len(s) for s in streams])
    at = (np.cumsum(sizes) - sizes)[owner] + place
    row = np.concatenate([s.rows for s in streams])[at]
    time_s = np.concatenate([s.time_s for s in streams])[at]
    prints = np.concatenate([fingerprints(table, s) for s in streams])[at]
    return row, time_s, prints, np.array([s.label_only for s in streams])[owner]


def visits_of(streams: Sequence[Stream], owner: Any, time_s: Any, span: tuple[Any, Any]) -> Visits:
    """One request for all rows of one time, and whatever else was requested in span: (u,) from and until."""
    new = np.ones(owner.size, bool)
    new[1:] = (owner[1:] != owner[:-1]) | (time_s[1:] != time_s[:-1])
    who, when = [owner[new]], [time_s[new]]
    status, paths = [np.full(who[0].size, 200)], [np.zeros(who[0].size, np.int64)]
    for i, stream in enumerate(streams):
        more = stream.visits
        some = (more.time_s >= span[0][i]) & (more.time_s < span[1][i]) if more.time_s.size else None
        if some is not None and some.any():
            who.append(np.full(int(some.sum()), i))
            for column, values in ((when, more.time_s), (status, more.status), (paths, more.endpoint)):
                column.append(values[some])
    path = np.concatenate(paths)
    return Visits(
        names=tuple(s.name for s in streams),
        principal=np.concatenate(who).astype(np.int32),
        time_s=np.concatenate(when),
        status=np.concatenate(status),
        endpoint=tuple(ENDPOINTS[p] for p in path.tolist()) if path.any() else (ENDPOINTS[0],) * path.size,
    )


class World(NamedTuple):
    """What everybody is folded with."""

    victim: Victim
    table: Table
    detectors: Detectors

    def looks(self, streams: Sequence[Stream]) -> Looks:
        """All looks that live would have taken at these principals, within one period."""
        order = sorted(range(len(streams)), key=lambda i: -len(streams[i]))
        groups = [[streams[i] for i in order[at : at + CHUNK]] for at in range(0, len(order), CHUNK)]
        return joined(self._looks(group) for group in groups)

    def seen(self, streams: Sequence[Stream]) -> Views:
        """What was seen at every look, in which a name so occurs several times."""
        kept: list[Views] = []
        for at in range(0, len(streams), CHUNK):
            self._looks(streams[at : at + CHUNK], kept)
        return join(kept)

    def views(self, streams: Sequence[Stream], days: Sequence[float]) -> list[Views]:
        """What is known of everybody who has asked something, at the end of each of these days."""
        sketches, found, since = Sketches(self.victim.profile.space), [], -np.inf
        plan = rounds(streams)
        time_s = np.concatenate([s.time_s for s in streams])
        for day in days:
            until = START_S + day * 86400.0
            at = np.flatnonzero((time_s >= since) & (time_s < until))
            if at.size:
                at = at[np.argsort(time_s[at], kind="stable")]
                sketches.update(batch_of(self.table, streams, plan.owner[at], plan.place[at]))
            found.append(sketches.columns())
            since = until
        return found

    def _looks(self, streams: Sequence[Stream], kept: list[Views] | None = None) -> Looks:
        looking = Looking(self.detectors, Sketches(self.victim.profile.space), PERIOD_S / 86400.0, Segments(("use",)))
        looking.before = {s.name: s.before for s in streams if s.before > 0}
        plan = rounds(streams)
        order = np.argsort(plan.round, kind="stable")
        ends = np.cumsum(np.bincount(plan.round))
        since = np.full(len(streams), -np.inf)
        parts = []
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            at = order[start:end]
            owner, place = plan.owner[at], plan.place[at]
            batch = batch_of(self.table, streams, owner, place)
            until = since.copy()
            until[owner] = batch.time_s + 1e-6
            seen = visits_of(streams, owner, batch.time_s, (since, until))
            parts.append(looking.fold(batch, seen, START_S + 1.0))
            if kept is not None and looking.seen is not None:
                kept.append(looking.seen)
            since = until
        return joined(parts)


def world(victim: Victim, table: Table, everybody: Iterable[Stream]) -> World:
    """Detectors that know the profile's space and all registrations."""
    people = [
        Registered(
            name=s.name,
            created_s=s.registration.created_s,
            email=s.registration.email,
            network=s.registration.address.rsplit(".", 1)[0] + ".0/24",
        )
        for s in everybody
        if s.registration is not None
    ]
    return World(victim, table, Detectors(None, Context.of(victim.profile.space, suspicion(people))))


def promised(looks: Looks, segments: dict[str, str], alarms: str, detectors: Detectors, seed: int) -> Promise:
    """The promise that honest looks allow; its split in development and calibration depends on the seed."""
    return calibrate(looks, segments, AlarmBudget.parse(alarms), detectors, key=seed.to_bytes(8, "big"))


class Alarm(NamedTuple):
    """rows: at the first alarm, -1 where there was none.  score: the largest of the period."""

    rows: int
    score: float
    threshold: float


def alarms(promise: Promise, looks: Looks, segments: dict[str, str], alpha: float) -> dict[str, Alarm]:
    """Of each principal in the looks."""
    scores = promise.score(looks.values, looks.rows)
    threshold = {s: promise.threshold(s, alpha) for s in set(segments.values())}
    limit = np.array([threshold[segments[n]] for n in looks.names])
    over = scores > limit[looks.principal]
    most = np.full(len(looks.names), -np.inf)
    np.fmax.at(most, looks.principal, scores)
    at = np.full(len(looks.names), -1)
    hit = np.flatnonzero(over)[::-1]
    at[looks.principal[hit]] = looks.rows[hit]
    return {n: Alarm(int(a), float(m), float(t)) for n, a, m, t in zip(looks.names, at, most, limit, strict=True)}


class Clones:
    """How well real learners copy the victim from the first rows of a stream; the best of them counts."""

    def __init__(self, victim: Victim, table: Table, seed: int) -> None:
        self._victim, self._table, self._seed = victim, table, seed
        self._held: dict[bytes, float] = {}

    def fidelity(self, rows: Any) -> float:
        """Agreement with the victim on its test rows, of a clone trained on these rows' answers; 0 rows guess."""
        test, truth = self._victim.test, self._table.top1
        distinct = np.unique(rows)
        key = distinct.tobytes()
        if key not in self._held:
            common = np.bincount(truth[test]).max() / test.size
            told = [self._agreed(fit, distinct, truth) for fit in self._learners()] if distinct.size >= 2 else []
            self._held[key] = float(max([common, *told]))
        return self._held[key]

    def _agreed(self, fit: Callable[[Any, Any], Any], rows: Any, truth: Any) -> float:
        clone = fit(self._table.sight[rows], self._table.truth[rows].astype(np.float64))
        return float((clone.predict(self._table.sight[self._victim.test]) == truth[self._victim.test]).mean())

    def _learners(self) -> tuple[Callable[[Any, Any], Any], ...]:
        def network(x: Any, p: Any) -> Any:
            epochs = int(np.clip(60_000 / len(x), 30, 200))
            recipe = Recipe(hidden=(128,), epochs=epochs, batch=64, centred=True)
            return train(x, p, recipe, np.random.default_rng(self._seed))

        if self._table.truth.shape[1] > 2:
            return (network,)
        return (network, lambda x, p: random_forest(x, p.argmax(axis=1), self._seed))


def as_one(streams: Sequence[Stream], name: str) -> Stream:
    """The rows of many accounts in the order of their times, as if one had asked them."""
    time_s, rows = (np.concatenate([getattr(s, f) for s in streams]) for f in ("time_s", "rows"))
    order = np.argsort(time_s, kind="stable")
    return replace(streams[0], name=name, time_s=time_s[order], rows=rows[order], fresh=None)
