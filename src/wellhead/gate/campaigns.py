"""Campaigns: principals that the linker found to act as one, and what is done about them."""

from __future__ import annotations

from collections.abc import Sequence

from wellhead.core.finding import Action, Finding
from wellhead.core.verdict import Stance
from wellhead.detect.link.campaign import Campaign
from wellhead.gate.cases import Cases, Ground
from wellhead.meter.reading import Reading

GROWN = 0.1
"""A campaign is said again when it has grown by this share."""


class Campaigns:
    """The campaigns found so far. standing: the last look's, with what each has drawn; the strongest first."""

    def __init__(self, cases: Cases) -> None:
        self.standing: list[tuple[Campaign, Reading | None]] = []
        self._cases = cases
        self._known: list[frozenset[str]] = []

    def judge(self, found: Sequence[tuple[Campaign, Reading | None]], alpha: float, now_s: float) -> list[Action]:
        """A finding for each campaign that is new or has grown, and whose guilt is established at alpha.

        found: each with what its members have drawn together, None without a profile.
        """
        self.standing = list(found)
        new = [(c, r) for c, r in found if c.p_value <= alpha and self._is_new(c)]
        actions: list[Action] = []
        for campaign, reading in new:
            self._known.append(frozenset(campaign.members))
            ground = _ground(campaign, reading, alpha, self._cases.policy.response)
            actions += self._cases.open(ground, campaign.members, reading, campaign.rows, now_s)
        return actions

    def restore(self, finding: Finding) -> None:
        """An earlier run has found this campaign."""
        if finding.signal == "campaign":
            self._known.append(frozenset(finding.members))

    def of(self, name: str) -> Campaign | None:
        """The campaign that a principal belongs to, as far as the last look could see."""
        return next((c for c, _ in self.standing if name in c.members), None)

    def _is_new(self, campaign: Campaign) -> bool:
        members = frozenset(campaign.members)
        return all(len(members - known) > GROWN * len(members) for known in self._known)


def _ground(campaign: Campaign, reading: Reading | None, alpha: float, response: Stance) -> Ground:
    return Ground(
        signal="campaign",
        title="Accounts that act as one",
        detail=_detail(campaign, reading),
        evidence=campaign.evidence,
        sure=f"p = 1/{1 / max(campaign.p_value, 1e-12):,.0f} that honest principals are so alike by chance, at most "
        f"1/{1 / alpha:,.0f} accepted; {campaign.comparison}",
        p=campaign.p_value,
        stance=response,
    )


def _detail(campaign: Campaign, reading: Reading | None) -> str:
    said = f"{len(campaign.members)} principals act as one: {'; '.join(campaign.reasons[:2]) or 'see the evidence'}"
    if reading is None:
        return said
    return (
        f"{said}; with the {reading.rows} answers that they got together, a clone reproduces an estimated "
        f"{reading.replication:.0%} of the model (of {reading.attainable:.0%} attainable)"
    )
