"""A policy tried in process: the gate, meter and worker that would serve, around a model, in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from wellhead.config import Config
from wellhead.core.arrays import Inputs
from wellhead.core.errors import ProfileError
from wellhead.core.event import Caller, Exchange
from wellhead.core.finding import Alert
from wellhead.meter.profile import Profile
from wellhead.redteam.attack import take_inputs
from wellhead.redteam.gated import Gated
from wellhead.redteam.oracle import Model, Oracle, Simulated, as_answer
from wellhead.serve import ownership, profiles, promises
from wellhead.serve.assemble import assemble

_START_S = 1_767_225_600.0
"""A midnight, so that quotas of a day begin whole."""
_FITTED_ON = 1000


class Rehearsal:
    """The config's gate in mode `enforce`, as often as it is asked for; every time its memory is empty.

    folder: of its logs, one for each gate: `gate-1` and so on.  accounts: of one thief.
    alike: they share an address and a client, as at one desk; else each comes from a network of its own.
    pool: inputs that a profile is fitted on where the config has none.
    key: 32 bytes, the secret of fingerprints, keyed defences and delays; None for a random one in each gate.
    A stance that is answered by another model is answered by this one, which can only help the thief.
    Raises ProfileError for a profile of another model, and where there is neither profile nor pool.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        accounts: int,
        pool: Inputs,
        alike: bool = True,
        key: bytes | None = None,
    ) -> None:
        self._config, self._folder, self._gates, self._key = config, folder, 0, key
        self._profile = profiles.load(config)
        if self._profile is None and not len(pool):
            remedy = "fit one with `wellhead profile fit`, or give a pool"
            raise ProfileError(f"expected a profile at {profiles.path_of(config)}, got no such file", remedy)
        self._pool = take_inputs(pool, np.arange(min(len(pool), _FITTED_ON)))
        self._callers = [_account(n, 1 if alike else n) for n in range(1, accounts + 1)]

    @contextmanager
    def guard(self, model: Model) -> Iterator[Oracle]:
        """A fresh gate around the model. Waiting costs nothing; answers are metered before more are admitted."""
        self._gates += 1
        folder = self._folder / f"gate-{self._gates}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._key is not None:
            place = folder / "fingerprint.key"
            place.touch(mode=0o600)
            place.write_bytes(self._key)
        # A rehearsal must not write into the log that it rehearses for.
        audit = msgspec.structs.replace(
            self._config.audit, directory=str(folder), key=str(folder / "log.key"), anchor=""
        )
        held = msgspec.structs.replace(self._config.model, profile=str(folder / "profile.wellhead"))
        promise = promises.path_of(self._config)
        detect = msgspec.structs.replace(self._config.detect, promise=str(promise) if promise.exists() else "")
        own = msgspec.structs.replace(self._config.ownership, key=str(ownership.path_of(self._config)))
        config = msgspec.structs.replace(
            self._config, mode="enforce", audit=audit, model=held, detect=detect, ownership=own
        )
        profiles.save(config, self._fitted(model))
        clock = Simulated(_START_S)
        worker = assemble(config, clock.now_s, background=False)
        worker.announce = _silent

        def observe(exchange: Exchange) -> None:
            worker.put(exchange)
            worker.turn()

        try:
            yield Gated(worker.gate, self._callers, model, observe, clock)
        finally:
            worker.stop()

    def _fitted(self, model: Model) -> Profile:
        if self._profile is None:
            answers = as_answer(model(self._pool))
            self._profile = profiles.fit_profile(self._pool, answers, profiles.spec_of(self._config))
        return self._profile


def _account(number: int, place: int) -> Caller:
    """One account of the thief. place: number of the desk that it asks from."""
    name = f"thief-{number}"
    return Caller(principal=name, key=name, address=f"10.{place >> 8 & 255}.{place & 255}.1", agent=f"thief/{place}")


def _silent(_: Alert) -> None:
    """Nobody waits for the alarms of a rehearsal; they are in its log."""
