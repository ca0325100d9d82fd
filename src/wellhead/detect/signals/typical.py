"""Has this principal an identity of its own?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import TIMES, where
from wellhead.meter.view import Views


class Typical(msgspec.Struct, frozen=True):
    """Squared distance of its mean feature from the population's, over what a random draw of as many rows would have.

    Honest customers have a business, and their inputs a slant; whoever draws from a public pool, or wants all of the
    model, has none. Ground: the maximum mean discrepancy (Gretton et al. 2012) in random Fourier features, less bias.
    centre: (F,) the population's mean feature.
    """

    name: ClassVar[str] = "typical"
    kind: ClassVar[str] = "ground"
    unit: ClassVar[str] = TIMES
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "its inputs are unlike the population's: {value} times the distance of a random draw"
    low: ClassVar[str] = "it has no identity of its own: only {value} times the distance of a random draw"
    honest: ClassVar[str] = "An aggregator or reseller is as typical as a thief; a narrow job is untypical."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    centre: Array | None = None

    def read(self, views: Views) -> Array:
        """(u,) ln of the ratio; 0 is a random draw."""
        if self.centre is None or views.features.shape[1:] != self.centre.shape:
            return np.full(len(views), np.nan)
        centre = np.asarray(self.centre, np.float64)
        apart = np.square(views.features - centre).sum(axis=1)
        # a cosine with a random phase has mean square 1/2
        spread = max(centre.size / 2.0 - float(centre @ centre), 1e-3)
        return np.asarray(np.log(np.maximum(apart, 1e-9) / spread * where(views.placed >= 1, views.placed)))
