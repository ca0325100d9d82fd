"""Campaigns among the principals of a scan."""

from __future__ import annotations

from typing import Any

from wellhead.detect.link.campaign import Campaign
from wellhead.detect.link.link import link
from wellhead.detect.link.population import Population
from wellhead.detect.looks import Looking

MOST = 20_000
"""Principals that are linked, those with most rows."""


def campaigns(looking: Looking, population: Population, least_rows: int = 16) -> list[Campaign]:
    """What the linker finds in the last period, judged against a population of honest principals."""
    rows = sorted(looking.rows.items(), key=lambda item: (-item[1], item[0]))
    names = [name for name, n in rows if n >= least_rows][:MOST]
    views: Any = looking.sketches.columns(names, None)
    return link(views, population)
