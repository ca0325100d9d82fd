"""The world that detectors are judged in: models, honest tenants, attackers and look-alikes, as index arrays.

A victim's inputs are coded and answered once, into a table; whoever asks is a stream of rows of it. Inputs that an
attack makes up on its way are appended to the table when the attack has been run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.codec import strongest
from wellhead.meter.profile import Profile

CACHE = Path(__file__).parent.parent / "build" / "bench-detect"
BUDGET = 2000
PERIOD_S = 30 * 86400.0
START_S = 682 * PERIOD_S
"""The first second of a period of 30 days: 7 January 2026."""
TEST_SEEDS = (1, 2, 3)
DEVELOPMENT_SEED = 100
"""Whatever was chosen was chosen on this seed and above; the figures are of the seeds 1 to 3."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Table:
    """What is known of each input: codes (N, d) int8, fingerprint (N,) uint64, traits (N, 3) uint8, truth (N, k).

    scores, order: the strongest of truth as Batch keeps them.  sight: (N, f) float32, what a thief's learner sees.
    shared: (N,) bool, inputs that everybody knows; all others are another input for each honest principal.
    """

    codes: Any
    fingerprint: Any
    traits: Any
    truth: Any
    scores: Any
    order: Any
    sight: Any
    shared: Any

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def top1(self) -> Any:
        """(N,) int64."""
        return self.truth.argmax(axis=1)

    def plus(self, other: Table) -> Table:
        """Both tables, one under the other."""
        columns = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Table(**{name: np.concatenate(pair) if pair[0].size else pair[0] for name, pair in columns.items()})


class Victim(NamedTuple):
    """A model behind an API, and everybody's inputs.

    kind: tabular, image, text or file.  inputs: (N, ...) of the first N rows of the table, as attacks ask them.
    cluster: (N,) which kind of input each row is.  honest, thief, test: rows that tenants ask, that thieves have of
    their own, and that clones are judged on; no row is in two of them.
    answer: (n, k) probabilities of inputs.  extend: the table of new inputs.
    low, high, arities: bounds of the inputs that an attack may ask.
    """

    name: str
    kind: str
    profile: Profile
    table: Table
    inputs: Any
    cluster: Any
    honest: Any
    thief: Any
    test: Any
    answer: Callable[[Any], Any]
    extend: Callable[[Any], Table]
    low: Any
    high: Any
    arities: Any


class Visits(NamedTuple):
    """Requests that were no questions: time_s (m,), status (m,), endpoint (m,) index into ENDPOINTS."""

    time_s: Any
    status: Any
    endpoint: Any


ENDPOINTS = ("/v2/models/model/infer", "/docs", "/openapi.json", "/v2/models/model", "/health", "/v1/models", "/v2")
NO_VISITS = Visits(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))


class Registration(NamedTuple):
    """What an account said when it was made. created_s: seconds since 1970."""

    created_s: float
    email: str
    address: str
    plan: str = "standard"
    use: str = ""


@dataclass(frozen=True)
class Stream:
    """One principal's period: rows (n,) of the table at time_s (n,), rising.

    segment: the declared use, empty for none.  before: rows in the period before, -1 for a new account.
    salt: makes inputs that are not shared its own; 0 for who asks the table's inputs as they are.
    fresh: (n,) bool or None: rows asked as inputs never asked before, though the table's row is the same.
    label_only: asks for labels alone.
    """

    name: str
    scenario: str
    segment: str
    time_s: Any
    rows: Any
    attributes: frozenset[tuple[str, str]]
    visits: Visits = NO_VISITS
    registration: Registration | None = None
    before: int = -1
    salt: int = 0
    fresh: Any = None
    label_only: bool = False

    def __len__(self) -> int:
        return int(self.rows.size)


class Cast(NamedTuple):
    """Who there is. honest: for calibration and, disjoint, for test.  attacks: single accounts.

    campaigns: by scenario, the accounts of one thief, partitioned work lists in `order`: the rows in the order in which
    all accounts together asked.  lookalikes: honest, and outside the promise unless they declared their use.
    """

    calibration: list[Stream]
    test: list[Stream]
    attacks: list[Stream]
    campaigns: dict[str, list[Stream]]
    lookalikes: list[Stream]


def fingerprints(table: Table, stream: Stream) -> Any:
    """(n,) uint64: an input that is not shared is another one with every honest principal."""
    own = table.fingerprint[stream.rows]
    if stream.salt:
        salted = (own ^ np.uint64(stream.salt)) * _MIX
        own = np.where(table.shared[stream.rows], own, salted ^ (salted >> np.uint64(29)))
    if stream.fresh is not None:
        own = np.where(stream.fresh, own + np.arange(len(stream), dtype=np.uint64) * _MIX, own)
    return own


def hashed(numbers: Any) -> Any:
    """(n,) uint64 well-mixed (splitmix64)."""
    z = (np.asarray(numbers, np.uint64) + np.uint64(1)) * _MIX
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def table_of(codes: Any, traits: Any, truth: Any, sight: Any, shared: Any, first: int) -> Table:
    """The table of coded and answered inputs; first: number of its first row, for the fingerprints."""
    scores, order = strongest(np.asarray(truth, np.float64))
    return Table(
        codes=codes,
        fingerprint=hashed(np.arange(first, first + len(codes))),
        traits=traits,
        truth=np.asarray(truth, np.float32),
        scores=scores,
        order=np.zeros((0, 0), np.uint16) if order is None else order,
        sight=np.asarray(sight, np.float32),
        shared=shared,
    )


def sorted_stream(stream: Stream) -> Stream:
    """Its rows in the order of their times."""
    at = np.argsort(stream.time_s, kind="stable")
    fresh = None if stream.fresh is None else stream.fresh[at]
    return replace(stream, time_s=stream.time_s[at], rows=stream.rows[at], fresh=fresh)


def total_rows(streams: Sequence[Stream]) -> int:
    """Rows of all streams together."""
    return sum(len(s) for s in streams)
