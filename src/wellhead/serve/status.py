"""What the running gate tells the command line."""

from __future__ import annotations

import msgspec

from wellhead.core.finding import Finding

ALARMED = "alarmed"
"""In place of what is promised, where guilt is established."""


class Standing(msgspec.Struct, frozen=True):
    """Where one principal stands now.

    Damage. replication, attainable, floor, drawn: 0..1, -1 where no ledger has been read.  bits: information, likewise.
    by: what gave the replication, `refit` for real learners.  at_least: it may be more, since the inputs lie far out.
    Guilt. p: conformal p-value of the largest score of this period, -1 where there is nothing to judge it by.
    segment: the honest principals it is judged among.  word: what is promised to them, or ALARMED; empty without one.
    expires_us: end of the decision in force, 0 where there is none.
    """

    principal: str
    rows: int
    rows_per_minute: float
    replication: float = -1.0
    attainable: float = -1.0
    floor: float = -1.0
    drawn: float = -1.0
    bits: float = -1.0
    stance: str = "allow"
    reason: str = ""
    expires_us: int = 0
    by: str = ""
    at_least: bool = False
    p: float = -1.0
    segment: str = ""
    word: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """Why a principal stands where it stands. evidence: what speaks most against it, however little.

    campaign: the members that it acts as one with, as far as the linker's last look could see; and why.
    acting: that campaign whole.
    """

    standing: Standing
    unique_ratio: float
    signals: tuple[str, ...]
    shares_with: tuple[str, ...]
    findings: tuple[str, ...]
    limit: float
    evidence: tuple[str, ...] = ()
    campaign: tuple[str, ...] = ()
    campaign_reasons: tuple[str, ...] = ()
    acting: Acting | None = None


class SegmentRow(msgspec.Struct, frozen=True):
    """What is promised to one segment. principals: honest principal-periods it was calibrated on.

    low, high: where the realised rate of false alarms lies (5 % and 95 %), 0..1; 0 without a promise.
    """

    segment: str
    word: str
    principals: int
    low: float
    high: float


class Promised(msgspec.Struct, frozen=True):
    """The promise at a glance. said: one line.  kept: realised against promised alarms, empty before there are any.

    broken, drifted: the tool's own alarms.  campaigns: groups in the linker's last look.  looks: of the linker so far.
    refits: by real learners.
    """

    said: str
    budget: str
    segments: tuple[SegmentRow, ...] = ()
    kept: str = ""
    broken: bool = False
    drifted: bool = False
    campaigns: int = 0
    looks: int = 0
    refits: int = 0


class Acting(msgspec.Struct, frozen=True):
    """A campaign in the linker's last look.

    Damage, of all members together. replication, attainable: 0..1, and bits; -1 where no ledger has been read.
    Guilt. p: bound on the chance under the model of honest principals.  comparison: with random honest groups.
    reasons: one sentence a kind of evidence, the strongest first.
    """

    members: tuple[str, ...]
    rows: int
    replication: float
    attainable: float
    bits: float
    p: float
    comparison: str
    reasons: tuple[str, ...]


class FindingRow(msgspec.Struct, frozen=True):
    """One finding, and what people found it to be (`theft`, `honest`, empty: nobody has looked)."""

    finding: Finding
    verdict: str = ""
    reason: str = ""


class Status(msgspec.Struct, frozen=True):
    """The whole gate at a glance. standings, campaigns: the strongest first.

    failed_closed: answers of which only labels left because something failed.  last_failure: why, the last time.
    """

    mode: str
    model: str
    profile: str
    since_us: int
    requests: int
    rows: int
    refused: int
    principals: int
    watched: int
    findings: int
    log_size: int
    waiting: int
    failed_closed: int
    unmetered: int
    standings: tuple[Standing, ...] = ()
    promise: Promised | None = None
    campaigns: tuple[Acting, ...] = ()
    last_failure: str = ""


class DecisionRow(msgspec.Struct, frozen=True):
    """One decision in force."""

    uid: str
    principal: str
    stance: str
    origin: str
    reason: str
    expires_us: int
    simulated: bool


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question or an order from the command line: status, explain, decisions, decide, lift, findings, find, review,
    note.

    finding: uid.  verdict: `theft` or `honest`; of findings, `open` for those that nobody has closed.
    reason: of a note, the entry on ownership that the log shall hold.
    """

    ask: str
    principal: str = ""
    stance: str = ""
    reason: str = ""
    hours: float = 0.0
    top: int = 20
    finding: str = ""
    verdict: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an Ask: one field is set."""

    error: str = ""
    status: Status | None = None
    explanation: Explanation | None = None
    decisions: tuple[DecisionRow, ...] | None = None
    findings: tuple[FindingRow, ...] | None = None
    done: str = ""
