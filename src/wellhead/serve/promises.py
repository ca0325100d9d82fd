"""The promise on disk, and what lies beside it: taken up when the gate starts, and again when a file changes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wellhead.config import Config
from wellhead.core.errors import ConfigError, WellheadError
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.detectors import Detectors
from wellhead.detect.link.population import Population
from wellhead.detect.looks import Looking
from wellhead.detect.promise import Promise
from wellhead.detect.segments import Segments
from wellhead.detect.signal import Context
from wellhead.meter.profile import Profile
from wellhead.meter.sketch import Sketches
from wellhead.store.registry import Registry


def path_of(config: Config) -> Path:
    """Where the promise lies: `detect.promise`, or beside the log."""
    return Path(config.detect.promise or Path(config.audit.directory) / "promise.wellhead")


def population_of(config: Config) -> Path:
    """Where the honest principals lie that the linker compares with: beside the promise."""
    path = path_of(config)
    return path.with_name(path.stem + ".population")


def budget_of(config: Config) -> AlarmBudget:
    """The alarms that the config accepts; raises ConfigError."""
    return AlarmBudget.parse(config.detect.alarm_budget)


def load(config: Config) -> Promise | None:
    """The promise on disk at the budget that the config names now, None where there is none.

    Raises ConfigError where it was made for periods of another length, since its scores are the largest of a period, or
    for other segments, in which nobody is.
    """
    path = path_of(config)
    if not path.exists():
        if config.detect.promise:
            raise ConfigError(f"expected a promise at {path}, got no such file", "make one with `wellhead calibrate`")
        return None
    promise, budget = _read(path), budget_of(config)
    if promise.budget.period_days != budget.period_days:
        raise ConfigError(
            f"expected a promise for {budget.period_days} days, got one for {promise.budget.period_days} at {path}",
            "make it anew with `wellhead calibrate`",
        )
    if promise.words not in ((), config.detect.segments):
        made, wanted = (" and ".join(words) or "none" for words in (promise.words, config.detect.segments))
        raise ConfigError(
            f"expected a promise for segments of {wanted}, got one for {made} at {path}",
            "make it anew with `wellhead calibrate`",
        )
    return msgspec.structs.replace(promise, budget=budget)


def _read(path: Path) -> Promise:
    try:
        return Promise.from_bytes(path.read_bytes())
    except WellheadError as e:
        raise ConfigError(f"{e.message}: {path}", "make it anew with `wellhead calibrate`") from e


def load_population(config: Config) -> Population | None:
    """The honest principals that the linker compares with, None where none were kept."""
    path = population_of(config)
    try:
        return Population.from_bytes(path.read_bytes()) if path.exists() else None
    except WellheadError as e:
        raise ConfigError(f"{e.message}: {path}", "make it anew with `wellhead calibrate`") from e


def detectors_of(config: Config, profile: Profile | None) -> Detectors:
    """All installed detectors; those that need the population or registrations are told of them."""
    return Detectors(context=Context.of(profile.space if profile else None, registry_of(config).cohort))


def registry_of(config: Config) -> Registry:
    """What `wellhead principals import` took over; empty where nothing was."""
    return Registry.load(Path(config.detect.principals or Path(config.audit.directory) / "principals.json"))


def looking_of(config: Config, profile: Profile | None, origin_s: float) -> Looking:
    """How principals are looked at under a config. origin_s: when the first period began, seconds since 1970."""
    sketches = Sketches(profile.space if profile else None)
    segments = Segments(config.detect.segments, registry_of(config).declared)
    return Looking(detectors_of(config, profile), sketches, budget_of(config).period_days, segments, origin_s)


class Watched:
    """Whether a file is another than when it was looked at before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()

    def changed(self) -> bool:
        """True once after each change."""
        before, self._seen = self._seen, self._stamp()
        return self._seen != before

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)
