"""Honest tenants: each has a use of its own for the model, a pace, habits and a registration.

What differs between tenants is drawn for each of them: how narrow its mixture of inputs is (a Dirichlet concentration
over four orders of magnitude, so that some are as broad as the population), a tilt of its own within each kind, drift,
repeats, volume, pace, precision of its timing, batches, documentation read, errors made. Paces are those of ServeGen's
clients (public repo alibaba/ServeGen), scaled down.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benchmarks.detect_habits import arrivals, cron, habits, visits
from benchmarks.detect_victims import CLUSTERS
from benchmarks.detect_world import PERIOD_S, START_S, Stream, Victim, sorted_stream

LEAST, MEDIAN, MOST = 60, 400, 4000
_ENTERPRISE = 0.04
AXES, _CHOICE = 12, 3
_LEAN = 0.5
"""Median strength of a tenant's tilt, in standard deviations: its camera, its region, its customers."""
_ONCE = 0.25
"""Share of the tenants that never ask the same thing twice on purpose."""
_CONCENTRATION, _SPREAD = 0.06, 1.2
"""Median and spread (of the logarithm) of the Dirichlet concentration, a cluster."""


class Pages(NamedTuple):
    """The tenants' rows, cluster by cluster: starts (CLUSTERS + 1,) into order; z (n, AXES) whitened codes of order."""

    order: Any
    starts: Any
    shares: Any
    z: Any

    @classmethod
    def of(cls, victim: Victim, rows: Any) -> Pages:
        """Of these rows of the table."""
        cluster = victim.cluster[rows]
        order = rows[np.argsort(cluster, kind="stable")]
        counts = np.bincount(cluster, minlength=CLUSTERS)
        axes = victim.table.codes[order, :AXES].astype(np.float32)
        z = (axes - axes.mean(axis=0)) / np.maximum(axes.std(axis=0), 1.0)
        return cls(order, np.concatenate([[0], np.cumsum(counts)]), counts / counts.sum(), z)

    def drawn(self, mixture: Any, count: int, rng: Any, lean: Any = None) -> Any:
        """(count or fewer,) distinct rows of a mixture over clusters, tilted by exp(lean . z) within each."""
        sizes = np.diff(self.starts)
        wanted = np.minimum(rng.multinomial(count, mixture), sizes)
        tried = wanted if lean is None else np.minimum(_CHOICE * wanted, sizes)
        # Multiples of a number that is coprime to the size, from anywhere: distinct, and scattered.
        stride = 1 + rng.integers(np.maximum(sizes, 1))
        while (odd := (np.gcd(stride, sizes) != 1) & (sizes > 1)).any():
            stride[odd] += 1
        of, place = _numbered(tried)
        start = rng.integers(np.maximum(sizes, 1))
        at = self.starts[of] + (start[of] + stride[of] * place) % np.maximum(sizes[of], 1)
        if lean is not None:
            # The largest of log weight + Gumbel noise are a weighted sample without replacement.
            order = np.lexsort((-(self.z[at] @ lean[: self.z.shape[1]] + rng.gumbel(size=at.size)), of))
            at = at[order[_numbered(tried)[1] < wanted[of]]]
        found = self.order[at]
        rng.shuffle(found)
        return found if found.size else self.order[:1]


def _numbered(counts: Any) -> tuple[Any, Any]:
    """Each index so often, and the number of each of its occurrences."""
    of = np.repeat(np.arange(counts.size), counts)
    return of, np.arange(of.size) - np.repeat(np.cumsum(counts) - counts, counts)


def volume(rng: Any) -> int:
    """Rows of a period: log-normal."""
    return int(np.clip(rng.lognormal(np.log(MEDIAN), 0.9), LEAST, MOST))


def mixture(pages: Pages, rng: Any, concentration: float = 0.0) -> Any:
    """(CLUSTERS,) what a tenant asks about; common kinds are common among tenants too."""
    a = concentration or float(np.exp(rng.normal(np.log(_CONCENTRATION), _SPREAD)))
    weights = rng.gamma(np.maximum(a * CLUSTERS * pages.shares, 1e-4)) + 1e-12
    return weights / weights.sum()


def leaning(rng: Any) -> Any:
    """(AXES,) tilt of a tenant's inputs, whatever they are about."""
    way = rng.standard_normal(AXES)
    return rng.lognormal(np.log(_LEAN), 0.5) * way / np.linalg.norm(way)


def questions(pages: Pages, count: int, rng: Any) -> Any:
    """(count,) rows: a mixture of its own that may drift, several for an enterprise, and repeats."""
    teams = int(rng.integers(3, 12)) if rng.random() < _ENTERPRISE else 1
    mix = np.mean([mixture(pages, rng) for _ in range(teams)], axis=0)
    repeats = 0.0 if rng.random() < _ONCE else float(rng.beta(1.2, 3.0))
    fresh = max(int(count * (1 - repeats)), 1)
    drift = rng.beta(1, 4)
    late = (1 - drift) * mix + drift * mixture(pages, rng)
    cut = int(fresh * rng.random())
    lean = leaning(rng)
    first = np.concatenate([pages.drawn(mix, cut, rng, lean), pages.drawn(late, fresh - cut, rng, lean)])
    return repeated(first, count, rng)


def repeated(first: Any, count: int, rng: Any) -> Any:
    """(count,) rows: the first ones in their order, and again some that were asked before, recent ones more."""
    if first.size >= count:
        return first[:count]
    new = np.zeros(count, bool)
    new[np.concatenate([[0], 1 + rng.permutation(count - 1)[: first.size - 1]])] = True
    held = np.cumsum(new)
    back = np.minimum(rng.zipf(1.4, count), held)
    old = np.where(rng.random(count) < 0.5, held - back, (rng.random(count) * held).astype(int))
    return first[np.where(new, held - 1, np.minimum(old, held - 1))]


def tenant(pages: Pages, name: str, rng: Any) -> Stream:
    """One honest principal's period."""
    who = habits(rng)
    count = volume(rng)
    start = who.registration.created_s - START_S if who.new else 0.0
    rows = questions(pages, count, rng)
    time_s = arrivals(count, rng, (start, PERIOD_S))
    if rng.random() < 0.3:
        # Several rows a request share its time.
        per = int(rng.integers(2, 33))
        time_s = time_s[(np.arange(count) // per) * per]
    elif rng.random() < 0.12:
        time_s = cron(count, rng, start)
    return sorted_stream(
        Stream(
            name=name,
            scenario="tenant",
            segment="",
            time_s=time_s,
            rows=rows,
            attributes=who.attributes,
            visits=visits(time_s, rng),
            registration=who.registration,
            before=-1 if who.new else volume(rng),
            salt=int(rng.integers(1, 2**63)),
        )
    )


def tenants(victim: Victim, count: int, seed: int, prefix: str) -> list[Stream]:
    """So many honest principals."""
    pages = Pages.of(victim, victim.honest)
    return [tenant(pages, f"{prefix}{i}", np.random.default_rng([seed, i])) for i in range(count)]
