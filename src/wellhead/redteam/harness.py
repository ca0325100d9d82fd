"""What an attacker puts around every attack when the target defends itself."""

from __future__ import annotations

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Attack, take_inputs
from wellhead.redteam.known import Known
from wellhead.redteam.wrap.averaged import Averaged
from wellhead.redteam.wrap.covered import Covered
from wellhead.redteam.wrap.jittered import Jittered
from wellhead.redteam.wrap.label_only import LabelOnly
from wellhead.redteam.wrap.recovered import Recovered, resolve


class Harness(msgspec.Struct, frozen=True, kw_only=True):
    """average: times each input is asked.  cover: share of the rows that are the attack's own, the rest are decoys.

    noise: on every number, in shares of its range.  labels_only: scores are not looked at.
    recover: the defence to undo, as a config file has it; empty for none.
    """

    average: int = 1
    cover: float = 1.0
    noise: float = 0.0
    labels_only: bool = False
    recover: str = ""

    def __post_init__(self) -> None:
        if self.average < 1 or not 0 < self.cover <= 1 or not 0 <= self.noise < 1:
            raise ConfigError("expected average of 1 or more, cover in (0, 1] and noise in [0, 1)")
        if self.labels_only and self.recover:
            raise ConfigError("expected labels only or a recovery of scores, got both", "leave one out")
        if self.recover:
            resolve(self.recover)

    def less(self, known: Known) -> Known:
        """What the attack inside may count on: fewer rows, half the pool where decoys need the rest, labels alone."""
        rows = int(known.rows * self.cover) // self.average
        if self.labels_only and known.exposure is not Exposure.VALUE:
            known = msgspec.structs.replace(known, exposure=Exposure.LABEL, decimals=-1, single=False)
        if self.cover < 1:
            own = self._own(known)
            labels = None if known.labels is None else known.labels[:own]
            known = msgspec.structs.replace(known, pool=take_inputs(known.pool, np.arange(own)), labels=labels)
        return msgspec.structs.replace(known, rows=rows)

    def _own(self, known: Known) -> int:
        known.need(len(known.pool) > 1, "needs a pool to take decoys from")
        return min(max(int(self.cover * len(known.pool)), 1), len(known.pool) - 1)

    def around(self, attack: Attack, known: Known) -> Attack:
        """The attack in its harness; raises Unsuited where it cannot be worn."""
        if self.labels_only:
            known.need(known.task == "classifier", "needs labels")
            known.need(attack.needs <= Exposure.LABEL, f"{attack.name} needs more than labels")
            attack = LabelOnly(attack=attack)
        if self.recover:
            attack = Recovered(attack=attack, defence=self.recover)
        if self.noise:
            known.need_numbers()
            jittered = Jittered(attack=attack, low=known.low, high=known.high, arities=known.arities, scale=self.noise)
            attack = jittered
        if self.cover < 1:
            decoys: Inputs = take_inputs(known.pool, np.arange(self._own(known), len(known.pool)))
            attack = Covered(attack=attack, decoys=decoys, share=self.cover)
        return Averaged(attack=attack, times=self.average) if self.average > 1 else attack


BARE = Harness()
