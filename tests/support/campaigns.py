"""A small world of honest tenants and split thefts, as the sketches would show it."""

import numpy as np

from wellhead.meter.view import Views

D, CLUSTERS, F, REGIONS, SAMPLE = 16, 40, 64, 64, 256
START_S = 1.7e9 // 86400 * 86400
DAY_S = 86400.0
DAYS, AGGREGATORS = 30, 0.01


class World:
    """Centres, a victim and the features of a profile's space, all from one seed."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng(seed)
        self.centres = rng.normal(0, 1.6, (CLUSTERS, D))
        self.w1, self.w2 = rng.normal(0, 0.35, (D, 64)), rng.normal(0, 0.5, (64, 5))
        x = self.pool(4000)
        pairs = x[rng.permutation(4000)] - x
        self.omega = rng.normal(0, 1 / np.median(np.linalg.norm(pairs, axis=1)), (D, F))
        self.phase = rng.uniform(0, 2 * np.pi, F)
        self.regions = x[rng.choice(4000, REGIONS, replace=False)]

    def pool(self, n, weights=None):
        which = self.rng.choice(CLUSTERS, n, p=weights)
        return self.centres[which] + self.rng.normal(0, 0.6, (n, D))

    def answers(self, x):
        z = np.maximum(x @ self.w1, 0) @ self.w2
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def tenant(self, n, alpha, repeats=0.25, shift=0.25, weights=None):
        """(inputs, ids) of one honest tenant: some rows repeat earlier ones."""
        weights = self.rng.dirichlet(np.full(CLUSTERS, alpha)) if weights is None else weights
        x = self.pool(n, weights) + self.rng.normal(0, shift, D)
        again = np.flatnonzero(self.rng.random(n) < repeats)
        ids = np.arange(n)
        for i in again[again > 0]:
            ids[i] = ids[self.rng.integers(i)]
        return x[ids], ids

    def active(self, n, keep=0.3):
        """n inputs of the pool that the model is least sure of."""
        x = self.pool(int(n / keep) + 1)
        top = np.sort(self.answers(x), axis=1)
        return x[np.argsort(top[:, -1] - top[:, -2])[:n][self.rng.permutation(n)]]


class Account:
    """One principal's rows in order, so that it can be looked at after any number of them."""

    def __init__(self, world, name, x, ids, start_s, seconds):
        self.world, self.name, self.n = world, name, len(x)
        self.phi = np.round(127 * np.cos(x @ world.omega + world.phase)) / 127
        squares = (x**2).sum(1)[:, None] - 2 * x @ world.regions.T + (world.regions**2).sum(1)
        self.region, self.far = squares.argmin(1), np.log(np.sqrt(np.maximum(squares.min(1), 0)) + 1e-9)
        p = np.sort(world.answers(x), axis=1)
        self.label = world.answers(x).argmax(1)
        self.confidence, self.margin = p[:, -1], p[:, -1] - p[:, -2]
        self.hashes = world.rng.integers(1, 2**32, self.n, dtype=np.uint32)[ids]
        self.times = start_s + np.sort(world.rng.random(self.n)) * seconds

    def row(self, n):
        """The columns of Views after the first n rows."""
        n = min(n, self.n)
        distinct = np.unique(self.hashes[:n])
        share = np.bincount(self.label[:n]) / n
        share = share[share > 0]
        hours = np.zeros(768, bool)
        hours[(self.times[:n] // 3600).astype(int) % 768] = True
        sample = np.zeros(SAMPLE, np.uint32)
        sample[: min(SAMPLE, distinct.size)] = distinct[::-1][:SAMPLE]
        gaps = np.log(np.maximum(np.diff(self.times[:n]), 1e-3))
        return {
            "rows": n,
            "distinct": distinct.size,
            "unique_ratio": distinct.size / n,
            "full_confidence_ratio": (self.confidence[:n] >= 0.99).mean(),
            "boundary_ratio": (self.margin[:n] < 0.1).mean(),
            "label_evenness": -(share * np.log(share)).sum() / np.log(share.size) if share.size > 1 else 0.0,
            "timing_cv": np.sqrt(np.expm1(min(gaps.var(), 50))) if n > 16 else np.nan,
            "first_s": self.times[0],
            "last_s": self.times[n - 1],
            "hours": np.packbits(hours),
            "sample": sample,
            "placed": n,
            "features": self.phi[:n].mean(0).astype(np.float32),
            "regions": np.minimum(np.bincount(self.region[:n], minlength=REGIONS), 255).astype(np.uint8),
            "far": self.far[:n].mean(),
            "confidence": self.confidence[:n].mean(),
            "top_share": share.max(),
        }


_ZERO = [
    "volume_60s",
    "volume_3600s",
    "scores_asked_ratio",
    "requests",
    "error_ratio",
    "docs_ratio",
    "endpoints",
    "far_ratio",
    "texture",
    "residue",
    "grain",
    "trend",
]


def views_of(looks, attributes=None):
    """Views of (account, rows) pairs."""
    rows = [account.row(n) for account, n in looks]
    columns = {key: np.array([r[key] for r in rows]) for key in rows[0]}
    columns |= {key: np.zeros(len(rows)) for key in _ZERO} | {"near_ratio": np.ones(len(rows))}
    names = tuple(account.name for account, _ in looks)
    given = attributes or {}
    return Views(names=names, attributes=tuple(given.get(name, frozenset()) for name in names), **columns)


def honest(world, count, alpha=1.0, name="h", most=1024):
    """Honest tenants: volumes log-normal around 400, born any day; a few as broad as the population."""
    rng, found = world.rng, []
    for i in range(count):
        n = int(np.clip(rng.lognormal(np.log(400), 1), 60, 4000))
        a = 50.0 if rng.random() < AGGREGATORS else (rng.choice(alpha) if np.ndim(alpha) else alpha)
        x, ids = world.tenant(min(n, most), a)
        start = rng.uniform(0, DAYS - 1)
        found.append(
            Account(world, f"{name}{i}", x, ids, START_S + start * DAY_S, rng.uniform(0.1, 1) * (DAYS - start) * DAY_S)
        )
    return found


def niched(world, count, name="h", kinds=10, most=256):
    """Honest tenants of shared niches: each asks of one to four kinds of things, and of these what others ask too."""
    rng, found = world.rng, []
    for i in range(count):
        weights = np.isin(np.arange(CLUSTERS) % kinds, rng.choice(kinds, rng.integers(1, 5), replace=False))
        n = int(np.clip(rng.lognormal(4.2, 0.8), 16, most))
        x, ids = world.tenant(n, 0, repeats=rng.uniform(0.1, 0.5), shift=0.0, weights=weights / weights.sum())
        found.append(Account(world, f"{name}{i}", x, ids, START_S + rng.uniform(0, 5) * DAY_S, 20 * DAY_S))
    return found


def theft(world, count, queries, how="pool", staggered=False):
    """One attacker's work list dealt to accounts; each query is asked once."""
    x = world.pool(count * queries) if how == "pool" else world.active(count * queries)
    found = []
    for i in range(count):
        if staggered:
            start, seconds = i * DAYS / count * DAY_S, DAYS / count * DAY_S
        else:
            first = world.rng.uniform(0, DAYS - 1)
            start, seconds = first * DAY_S, world.rng.uniform(0.1, 1) * (DAYS - first) * DAY_S
        found.append(Account(world, f"x{i}", x[i::count], np.arange(queries), START_S + start, seconds))
    return found


def checkpoints(accounts, least=16):
    """(account, rows) for each power of two that each account passed, and its last state."""
    looks = []
    for account in accounts:
        n = least
        while n < account.n:
            looks.append((account, n))
            n *= 2
        looks.append((account, account.n))
    return looks
