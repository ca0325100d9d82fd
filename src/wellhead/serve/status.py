"""What the running gate tells the command line."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """Where one principal stands now.

    replication, attainable, floor, drawn: 0..1, -1 where no ledger has been read.  bits: information, -1 likewise.
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


class Explanation(msgspec.Struct, frozen=True):
    """Why a principal stands where it stands."""

    standing: Standing
    unique_ratio: float
    signals: tuple[str, ...]
    shares_with: tuple[str, ...]
    findings: tuple[str, ...]
    limit: float


class Status(msgspec.Struct, frozen=True):
    """The whole gate at a glance. standings: the strongest first."""

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
    """A question or an order from the command line: status, explain, decisions, decide, lift."""

    ask: str
    principal: str = ""
    stance: str = ""
    reason: str = ""
    hours: float = 0.0
    top: int = 20


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an Ask: one field is set."""

    error: str = ""
    status: Status | None = None
    explanation: Explanation | None = None
    decisions: tuple[DecisionRow, ...] | None = None
    done: str = ""
