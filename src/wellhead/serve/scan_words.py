"""What a scan is asked, and what it says."""

from __future__ import annotations

from typing import Any

import msgspec

from wellhead.capture.importers.mapping import Mapping
from wellhead.core.finding import Evidence, Finding
from wellhead.detect.link.population import Population
from wellhead.detect.promise import Promise
from wellhead.detect.rules import Rules
from wellhead.detect.segments import Segments
from wellhead.meter.profile import Profile

WHOLE = 36_500.0
"""Days: longer than any log, so that without a promise all of it is one period."""
LEDGERS = 512


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be scanned, and with what.

    format: of all files; None: each file shows its own.  changes: keys of the mapping that are replaced.
    period_days: of looks; a promise's own where there is one.  ledgers: principals whose ledgers are summed at most.
    max_drawn: share of the way to the attainable clone that makes a finding.
    watched: how many of the unlike are listed.  cohort: suspicion by registration.
    population: of honest principals, which campaigns are judged against; None: none are sought.
    """

    logs: tuple[str, ...]
    format: Mapping | None = None
    changes: dict[str, Any] = {}
    profile: Profile | None = None
    promise: Promise | None = None
    rules: Rules = msgspec.field(default_factory=Rules)
    segments: Segments = Segments()
    cohort: dict[str, float] = {}
    period_days: float = WHOLE
    ledgers: int = LEDGERS
    max_drawn: float = 0.8
    watched: int = 20
    population: Population | None = None


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A principal that differs from the others of the log; no finding. unlike: see scan_unlike.ranked."""

    principal: str
    rows: int
    unlike: float
    evidence: tuple[Evidence, ...]


class Counted(msgspec.Struct, kw_only=True):
    """What reading logs met.

    formats: each with what it lacks.  lines, bad, sample: read, malformed, and the form of a few of those.
    hints: settings because of which every line of a format may be malformed.  requests, answered, rows: of the rest.
    twice, clocks: requests that came before and were left out; times that were absurd and were mended.
    first_s, last_s: of the requests.
    skipped: files in folders that are of no known format.  damaged: files that could not be read to their end, and why.
    """

    formats: dict[str, str] = {}
    files: int = 0
    lines: int = 0
    bad: int = 0
    sample: list[str] = []
    hints: list[str] = []
    requests: int = 0
    answered: int = 0
    rows: int = 0
    twice: int = 0
    clocks: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    skipped: list[str] = []
    damaged: dict[str, str] = {}


class Scanned(Counted, kw_only=True):
    """What a scan found.

    principals: who asked, in any period.  periods: in how many of them; watched are those of the last one.
    silent: detectors and rules that could not be computed, and why.  unsought: why no campaigns were sought, or empty.
    stages: seconds of CPU.
    """

    principals: int = 0
    periods: int = 0
    coded: int = 0
    promise: str = ""
    findings: list[Finding] = []
    watching: list[Watched] = []
    silent: dict[str, str] = {}
    unsought: str = ""
    stages: dict[str, float] = {}
