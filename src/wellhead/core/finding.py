"""From one detector's word to a durable case."""

from __future__ import annotations

import msgspec

from wellhead.core.verdict import Decision


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One detector's word on one principal or group.

    n: rows seen so far.  strength: 0..1.  value, threshold: in the unit that the detector documents.
    members: the principals of a group, empty for one principal.
    """

    name: str
    principal: str
    n: int
    value: float
    threshold: float
    strength: float
    detail: str
    members: tuple[str, ...] = ()
    atlas: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True, tag="finding", tag_field="kind"):
    """A case as stored in the log: who, what, and how much had been drawn.

    replication_ppm, attainable_ppm: parts per million of the reference set; bits_milli: millibits.
    """

    uid: str
    time_us: int
    title: str
    signal: str
    members: tuple[str, ...]
    rows: int
    replication_ppm: int
    attainable_ppm: int
    bits_milli: int
    detail: str
    evidence: tuple[str, ...] = ()
    atlas: tuple[str, ...] = ("AML.T0024.002",)
    simulated: int = 0
    v: int = 1


class Alert(msgspec.Struct, frozen=True):
    """Action: tell people about a finding."""

    finding: Finding


class Decide(msgspec.Struct, frozen=True):
    """Action: put a decision in force."""

    decision: Decision


class Watch(msgspec.Struct, frozen=True):
    """Action: build this principal's ledger from history and update it live from now on."""

    principal: str
    reason: str


Action = Alert | Decide | Watch
