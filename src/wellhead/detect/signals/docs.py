"""Does it study the API more than it uses it?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.view import Views


class Docs(msgspec.Struct, frozen=True):
    """Share of requests for documentation, metadata or health: what comes before an attack."""

    name: ClassVar[str] = "docs"
    kind: ClassVar[str] = "access"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of its requests were for documentation, metadata or health pages"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A first day of integration; a load balancer that asks for health."
    needs: ClassVar[tuple[str, ...]] = ("requests",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0040", "AML.T0024.002")

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return where(views.requests >= 1, odds(views.docs_ratio, views.requests))
