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


GROUPS = "link_"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing that makes a principal or campaign stand out, with what is honest beside it.

    name: of the detector.  kind: its family; evidence of two kinds is independent.  said: one plain sentence.
    value, low, high: decimal text; low..high is where 90 % of honest principals lie at as many rows, empty unknown;
    of a campaign (names that begin with GROUPS), 90 % of random honest groups.
    """

    name: str
    kind: str
    said: str
    value: str = ""
    low: str = ""
    high: str = ""

    @property
    def beside(self) -> str:
        """The honest range in words; empty where it is unknown, or in the sentence already."""
        if not (self.low and self.high) or (self.low in self.said and self.high in self.said):
            return ""
        whose = "random honest groups" if self.name.startswith(GROUPS) else "honest principals"
        return f" (90 % of {whose}: {self.low} to {self.high})"


class Finding(msgspec.Struct, frozen=True, kw_only=True, tag="finding", tag_field="kind"):
    """A case as stored in the log: who, what, and how much had been drawn.

    signal: what made it: `replication` (damage), `guilt`, `campaign`, `promise` (its own, broken) or `drift`.
    replication_ppm, attainable_ppm: parts per million of the reference set, -1 unread; bits_milli: millibits.
    evidence: the strongest first, five at most a finding; plain sentences in old logs.
    at_least: 1 where more may have been drawn than the replication says.
    sure: how sure, and under which promise, in words.
    segment: the honest principals it was judged among.  p_ppm: conformal p-value, -1 where there is none.
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
    evidence: tuple[Evidence | str, ...] = ()
    sure: str = ""
    segment: str = ""
    p_ppm: int = -1
    atlas: tuple[str, ...] = ("AML.T0024.002",)
    simulated: int = 0
    at_least: int = 0
    v: int = 1


class Review(msgspec.Struct, frozen=True, kw_only=True, tag="review", tag_field="kind"):
    """What people found a finding to be, as stored in the log: `theft`, or `honest` (a false alarm)."""

    finding: str
    time_us: int
    verdict: str
    reason: str = ""
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
