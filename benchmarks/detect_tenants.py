"""Honest tenants: each has a use of its own for the model, a pace, habits and a registration.

What differs between tenants is drawn for each of them: how narrow its mixture of inputs is (a Dirichlet concentration
over four orders of magnitude, so that some are as broad as the population), a tilt of its own within each kind, drift,
repeats, volume, pace, precision of its timing, batches, documentation read, errors made. Paces are those of ServeGen's
clients (public repo alibaba/ServeGen), scaled down.
"""

from __future__ import annotations

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.detect_victims import CLUSTERS
from benchmarks.detect_world import (
    ENDPOINTS,
    NO_VISITS,
    PERIOD_S,
    START_S,
    Registration,
    Stream,
    Victim,
    Visits,
    sorted_stream,
)

LEAST, MEDIAN, MOST = 60, 400, 4000
_BINS = 30 * 24
_NEW = 0.3
"""Share of the tenants that signed up in this period."""
_ENTERPRISE = 0.04
AXES, _CHOICE = 12, 3
_LEAN = 0.5
"""Median strength of a tenant's tilt, in standard deviations: its camera, its region, its customers."""
_ONCE = 0.25
"""Share of the tenants that never ask the same thing twice on purpose."""
_CONCENTRATION, _SPREAD = 0.06, 1.2
"""Median and spread (of the logarithm) of the Dirichlet concentration, a cluster."""

_SYLLABLES = (
    "an",
    "be",
    "ca",
    "da",
    "el",
    "fe",
    "gra",
    "hu",
    "in",
    "jo",
    "ki",
    "li",
    "ma",
    "no",
    "ol",
    "pe",
    "qui",
    "ra",
)
_FREEMAIL = ("gmail.com", "outlook.com", "proton.me", "yahoo.com", "icloud.com")
_AGENTS = ("python-requests/2.32", "okhttp/4.12", "axios/1.7", "Go-http-client/2.0", "curl/8.5", "tritonclient/2.50")


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


@cache
def paces() -> Any:
    """(clients, hours) arrival rates of ServeGen's clients over 30 days, and (clients,) burstiness."""
    path = Path(os.environ.get("WELLHEAD_DATA", "")) / "traffic" / "servegen_client_windows.parquet"
    if not path.exists():
        print(f"paces are office hours: ServeGen's windows are not at {path} (public repo alibaba/ServeGen)")
        hours = np.arange(_BINS)
        return np.tile(np.exp(2 * np.cos((hours % 24 - 14) / 24 * 2 * np.pi)), (1, 1)), np.full(1, 2.0)
    import duckdb

    rows = duckdb.sql(
        f"select model || client as c, t0_s // 3600 as h, sum(rate_rps) as r, median(cv) as cv "
        f"from read_parquet('{path}') group by all order by c, h"
    ).fetchnumpy()
    rates, bursts = [], []
    for c in np.unique(rows["c"]):
        mine = rows["c"] == c
        hours, rate = rows["h"][mine].astype(int), rows["r"][mine].astype(float)
        span = -(-(int(hours.max()) + 1) // 24) * 24
        if mine.sum() >= 12:
            one = np.bincount(hours, rate, minlength=span)
            rates.append(np.resize(one, _BINS))
            bursts.append(float(np.nanmedian(rows["cv"][mine])))
    return np.stack(rates), np.clip(np.nan_to_num(bursts, nan=1.0), 0.3, 6.0)


def arrivals(count: int, rng: Any, span: tuple[float, float] = (0.0, PERIOD_S)) -> Any:
    """(count,) seconds, rising, of one client's pace within the period."""
    rates, bursts = paces()
    client = int(rng.integers(len(rates)))
    first, last = int(span[0] // 3600), max(int(span[1] // 3600), int(span[0] // 3600) + 1)
    rate = np.roll(rates[client], int(rng.integers(_BINS)))[first:last]
    total = np.concatenate([[0.0], np.cumsum(rate + 1e-9 * rate.max() + 1e-12)])
    shape = 1.0 / bursts[client] ** 2
    steps = np.cumsum(np.maximum(rng.gamma(shape, size=count + 1), 1e-9))
    at = np.interp(steps[:-1] / steps[-1] * total[-1], total, np.arange(first, last + 1) * 3600.0)
    return START_S + np.minimum(at, PERIOD_S - 1.0)


def steady(count: int, every_s: float, rng: Any, jitter: float = 0.0, start_s: float = 0.0) -> Any:
    """(count,) seconds apart by a timer, as far as they fit the period."""
    gaps = every_s * (1.0 + jitter * rng.standard_normal(count)).clip(0.05)
    at = start_s + np.cumsum(gaps)
    return START_S + at[at < PERIOD_S]


@cache
def agents() -> Any:
    """Clients' user agents, as often as they occur: of a public log, else a few."""
    path = Path(os.environ.get("WELLHEAD_DATA", "")) / "traffic" / "elastic_apache_10k.log.gz"
    if not path.exists():
        return np.array(_AGENTS)
    with gzip.open(path, "rt", errors="replace") as file:
        lines = file.read().splitlines()
    found = [line.rsplit('"', 2)[1] for line in lines if line.count('"') >= 6]
    return np.array([*found, *(_AGENTS * (len(found) // 8))])


class Habits(NamedTuple):
    """Who somebody is, as far as the gate sees it."""

    attributes: frozenset[tuple[str, str]]
    registration: Registration
    new: bool


def habits(rng: Any, use: str = "", new: bool | None = None) -> Habits:
    """Address, agent, sign-up and e-mail from the one distribution of the honest; attackers draw from it too."""
    new = bool(rng.random() < _NEW) if new is None else new
    created = START_S + (rng.uniform(0, 0.8 * PERIOD_S) if new else -rng.exponential(400 * 86400.0))
    # Some networks (clouds, offices) are shared by many, most by few.
    network = f"10.{rng.zipf(1.3) % 250}.{rng.integers(250)}.0/24" if rng.random() < 0.5 else _network(rng)
    agent = str(agents()[rng.integers(len(agents()))])
    person = f"{_word(rng)}.{_word(rng)}"
    number = str(rng.integers(1, 999)) if rng.random() < 0.4 else ""
    domain = _FREEMAIL[rng.integers(5)] if rng.random() < 0.4 else f"firm{rng.integers(100_000)}.com"
    day = str(np.datetime64(int(created), "s"))[:10]
    pairs = {("network", network), ("agent", agent), ("created_day", day), ("plan", "standard")}
    if use:
        pairs.add(("use", use))
    address = f"{network.rsplit('.', 1)[0]}.{rng.integers(1, 255)}"
    registration = Registration(created, f"{person}{number}@{domain}", address, use=use)
    return Habits(frozenset(pairs), registration, new)


def _word(rng: Any) -> str:
    """A name that nobody else need have."""
    return "".join(_SYLLABLES[i] for i in rng.integers(len(_SYLLABLES), size=int(rng.integers(2, 4))))


def _network(rng: Any) -> str:
    return f"{rng.integers(11, 220)}.{rng.integers(256)}.{rng.integers(256)}.0/24"


def visits(time_s: Any, rng: Any) -> Visits:
    """Documentation read and mistakes made, as a few tenants in ten do."""
    if rng.random() < 0.6 or not time_s.size:
        return NO_VISITS
    count = 1 + int(rng.geometric(0.15))
    docs = rng.random(count) < rng.beta(2, 2)
    endpoint = np.where(docs, rng.integers(1, len(ENDPOINTS), count), 0)
    status = np.where(docs, 200, rng.choice([400, 422, 429, 500], count))
    return Visits(np.sort(time_s[0] + rng.exponential(3600.0, count)), status, endpoint)


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


def cron(count: int, rng: Any, start_s: float = 0.0) -> Any:
    """(count,) seconds: a job on a timer, each time as many rows as it takes to be done within the period."""
    every = float(rng.choice([300.0, 900.0, 3600.0, 21600.0, 86400.0]))
    runs = max(int((PERIOD_S - start_s) // every), 1)
    at = np.sort(rng.integers(runs, size=count)) if count < runs else np.arange(count) * runs // count
    return START_S + np.minimum(start_s + at * every + rng.exponential(2.0), PERIOD_S - 1)


def tenants(victim: Victim, count: int, seed: int, prefix: str) -> list[Stream]:
    """So many honest principals."""
    pages = Pages.of(victim, victim.honest)
    return [tenant(pages, f"{prefix}{i}", np.random.default_rng([seed, i])) for i in range(count)]
