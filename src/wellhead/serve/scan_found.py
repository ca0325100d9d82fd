"""Findings of a scan, in the words of the live gate's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wellhead.core.finding import Evidence, Finding, Signal
from wellhead.core.words import drawn
from wellhead.detect.guilt import Alarm
from wellhead.detect.link.campaign import Campaign
from wellhead.meter.reading import Reading

EXTRACTION = ("AML.T0024.002",)
_RULES_ONLY = "a rule's hit is evidence, without a promised rate of false alarms"
_DAMAGE = "damage says how much was drawn, and nothing of who did it or why"


def guilty(alarm: Alarm, shown: tuple[Evidence, ...], reading: Reading | None, uid: str) -> Finding:
    """A principal that passed the threshold of its segment."""
    return _finding(
        uid,
        (alarm.principal,),
        "guilt",
        (alarm.rows, reading),
        title="Unlike honest principals",
        time_us=int(alarm.time_s * 1e6),
        detail=f"{alarm.principal} passed the threshold of its segment at {alarm.rows} rows",
        evidence=shown,
        sure=alarm.sure,
        segment=alarm.segment,
        p_ppm=round(alarm.p * 1e6),
    )


def ruled(name: str, signals: Sequence[Signal], reading: Reading | None, uid: str) -> Finding:
    """A principal that rules hit; its rows are those of the strongest hit."""
    strongest = sorted(signals, key=lambda s: -s.strength)
    return _finding(
        uid,
        (name,),
        "rule",
        (strongest[0].n, reading),
        title="Matches " + ", ".join(s.name for s in strongest),
        detail=strongest[0].detail,
        evidence=tuple(Evidence(name=s.name, kind="rule", said=s.detail) for s in strongest[:5]),
        sure=_RULES_ONLY,
        atlas=tuple(dict.fromkeys(a for s in strongest for a in s.atlas)),
    )


def drawn_too_much(name: str, reading: Reading, uid: str) -> Finding:
    """A principal that drew beyond the limit, and by nothing else stands out."""
    said = (
        f"with the {reading.rows} answers given to it, a clone reproduces "
        f"{drawn(reading.replication, reading.attainable, reading.at_least)}"
    )
    return _finding(
        uid,
        (name,),
        "replication",
        (reading.rows, reading),
        title="Model extraction suspected",
        detail=said,
        sure=_DAMAGE,
    )


def linked(campaign: Campaign, reading: Reading | None, uid: str) -> Finding:
    """Principals that act as one."""
    return _finding(
        uid,
        campaign.members,
        "campaign",
        (campaign.rows, reading),
        title=f"{len(campaign.members)} principals act as one",
        detail="; ".join(campaign.reasons) or campaign.comparison,
        evidence=campaign.evidence[:5],
        sure=campaign.comparison,
        p_ppm=round(min(campaign.p_value, 1.0) * 1e6),
    )


def _finding(
    uid: str, members: tuple[str, ...], signal: str, weight: tuple[int, Reading | None], **words: Any
) -> Finding:
    rows, reading = weight
    return Finding(
        uid=uid,
        signal=signal,
        members=members,
        rows=rows,
        replication_ppm=int(reading.replication * 1e6) if reading else -1,
        attainable_ppm=int(reading.attainable * 1e6) if reading else -1,
        bits_milli=int(reading.bits * 1e3) if reading else -1,
        simulated=1,
        **{"time_us": 0, "atlas": EXTRACTION, **words},
    )
