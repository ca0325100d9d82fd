"""Campaigns: principals that the linker found to act as one, and what is done about them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from wellhead.core.finding import Action, Finding
from wellhead.core.verdict import Stance
from wellhead.core.words import chance, drawn
from wellhead.detect.link.campaign import Campaign
from wellhead.gate.cases import HONEST, Cases, Ground
from wellhead.gate.grading import Grading
from wellhead.meter.reading import Reading

GROWN = 0.1
"""A campaign is said again when its members have grown by this share, or its rows have once a closing is over."""


class Known(msgspec.Struct, frozen=True):
    """A campaign that was said. over_s: when its decisions end, seconds since 1970; +inf where it made none."""

    members: frozenset[str]
    rows: int
    over_s: float
    uid: str


class Campaigns:
    """The campaigns found so far. standing: the last look's, with what each has drawn; the strongest first."""

    def __init__(self, cases: Cases, grading: Grading | None = None) -> None:
        self.standing: list[tuple[Campaign, Reading | None]] = []
        self._cases = cases
        self._grading = grading or Grading(cases)
        self._known: list[Known] = []

    def judge(self, found: Sequence[tuple[Campaign, Reading | None]], alpha: float, now_s: float) -> list[Action]:
        """A finding for each campaign that is sure at alpha, and is new, has grown, or goes on after its closing.

        found: each with what its members have drawn together, None without a profile. They are graded by it first.
        """
        self.standing = list(found)
        new = [(c, r) for c, r in found if c.p_value <= alpha and self._is_new(c, r, now_s)]
        actions = [a for c, r in found if c.p_value <= alpha and r for a in self._grade(c, r, now_s)]
        for campaign, reading in new:
            ground = _ground(campaign, reading, alpha, self._cases.policy.response)
            actions += self._cases.open(ground, campaign.members, reading, campaign.rows, now_s)
            self._note(self._cases.findings[-1])
        return actions

    def _grade(self, campaign: Campaign, reading: Reading, now_s: float) -> list[Action]:
        """Grade the members by what they have drawn together, unless people found them honest."""
        if any(self._is_honest(k.uid) for k in self._same(campaign)):
            return []
        return self._grading.read(campaign.members, reading, "; ".join(campaign.reasons[:1]), now_s)

    def _note(self, finding: Finding) -> None:
        policy = self._cases.policy
        closes = policy.response > Stance.WATCH
        over_s = finding.time_us / 1e6 + policy.closed_for_s if closes else math.inf
        self._known.append(Known(frozenset(finding.members), finding.rows, over_s, finding.uid))

    def restore(self, finding: Finding) -> None:
        """An earlier run has found this campaign."""
        if finding.signal == "campaign":
            self._note(finding)

    def of(self, name: str) -> Campaign | None:
        """The campaign that a principal belongs to, as far as the last look could see."""
        return next((c for c, _ in self.standing if name in c.members), None)

    def _is_new(self, campaign: Campaign, reading: Reading | None, now_s: float) -> bool:
        rows, same = reading.rows if reading else campaign.rows, self._same(campaign)
        return all(k.over_s <= now_s and rows > (1.0 + GROWN) * k.rows and not self._is_honest(k.uid) for k in same)

    def _same(self, campaign: Campaign) -> list[Known]:
        """What was said of this campaign before, when it was about as large."""
        members = frozenset(campaign.members)
        return [k for k in self._known if len(members - k.members) <= GROWN * len(members)]

    def _is_honest(self, uid: str) -> bool:
        review = self._cases.reviews.get(uid)
        return review is not None and review.verdict == HONEST


def _ground(campaign: Campaign, reading: Reading | None, alpha: float, response: Stance) -> Ground:
    return Ground(
        signal="campaign",
        title="Accounts that act as one",
        detail=_detail(campaign, reading),
        evidence=campaign.evidence,
        sure=f"by the model of honest principals they crowd so by chance with {chance(campaign.p_value)} at most in a "
        f"look (a bound under that model and no promised rate; {chance(alpha)} is accepted); {campaign.comparison}",
        p=campaign.p_value,
        stance=response,
    )


def _detail(campaign: Campaign, reading: Reading | None) -> str:
    said = f"{len(campaign.members)} principals act as one: {'; '.join(campaign.reasons[:2]) or 'see the evidence'}"
    if reading is None:
        return said
    return (
        f"{said}; with the {reading.rows} answers that they got together, a clone reproduces "
        f"{drawn(reading.replication, reading.attainable, reading.at_least)}"
    )
