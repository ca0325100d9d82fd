"""A policy tried in process: the gate, meter and worker that would serve, around a model, in simulated time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from wellhead.config import Config
from wellhead.core.event import Caller, Exchange
from wellhead.redteam.gated import Gated
from wellhead.redteam.oracle import Model, Simulated
from wellhead.serve import profiles
from wellhead.serve.assemble import assemble
from wellhead.serve.worker import Worker

_START_S = 1_767_225_600.0
"""A midnight, so that quotas of a day begin whole."""


@dataclass
class Rehearsal:
    """A gate under attack. oracle: asks through it.  worker: what it learnt meanwhile. Close it to seal its log."""

    oracle: Gated
    worker: Worker

    def close(self) -> None:
        """Meter what waits and close the log."""
        self.worker.stop()


def rehearse(config: Config, model: Model, folder: Path, accounts: int = 1, rows_per_call: int = 64) -> Rehearsal:
    """The config's gate around `model`, its mode `enforce`, with its log in `folder` and so many accounts of one thief.

    The accounts share an address and a client, as those of one thief at one desk do. Time is simulated: waiting costs
    nothing, and every exchange is metered before the next is admitted.
    Raises ConfigError for what the config names and is not there, ProfileError for a profile of another model.
    """
    # The rehearsal must not write into the log that it rehearses for.
    profile = str(profiles.path_of(config).absolute())
    audit = msgspec.structs.replace(config.audit, directory=str(folder), key=str(folder / "log.key"), anchor="")
    held = msgspec.structs.replace(config.model, profile=profile)
    clock = Simulated(_START_S)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    worker = assemble(msgspec.structs.replace(config, mode="enforce", audit=audit, model=held), clock.now_s)

    def observe(exchange: Exchange) -> None:
        worker.put(exchange)
        worker.turn()

    callers = [
        Caller(principal=f"thief-{n}", key=f"thief-{n}", address="192.0.2.1", agent="thief/1")
        for n in range(1, accounts + 1)
    ]
    oracle = Gated(worker.gate, callers, model, observe, clock, rows_per_call, target=config.model.name)
    return Rehearsal(oracle, worker)
