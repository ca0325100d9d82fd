"""Who asks, when, and with which habits: the one distribution that honest and thieves alike are drawn from."""

from __future__ import annotations

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.detect_world import ENDPOINTS, NO_VISITS, PERIOD_S, START_S, Registration, Visits

_BINS = 30 * 24
_NEW = 0.3
"""Share of the tenants that signed up in this period."""
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


def cron(count: int, rng: Any, start_s: float = 0.0) -> Any:
    """(count,) seconds: a job on a timer, each time as many rows as it takes to be done within the period."""
    every = float(rng.choice([300.0, 900.0, 3600.0, 21600.0, 86400.0]))
    runs = max(int((PERIOD_S - start_s) // every), 1)
    at = np.sort(rng.integers(runs, size=count)) if count < runs else np.arange(count) * runs // count
    return START_S + np.minimum(start_s + at * every + rng.exponential(2.0), PERIOD_S - 1)
