"""`wellhead calibrate`: from the log's own history to a promise, and what it is worth to each segment."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from wellhead.cli.ask import add_config
from wellhead.core.errors import ConfigError, WellheadError

if TYPE_CHECKING:
    import numpy as np

    from wellhead.cli.past import Survey
    from wellhead.config import Config
    from wellhead.detect.link.population import Population
    from wellhead.detect.looks import Looks
    from wellhead.detect.promise import Promise
    from wellhead.meter.profile import Profile
    from wellhead.meter.view import Views

_SEED = 20_240_024


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("calibrate", help="(re)build the promise of false alarms from the log's history")
    add_config(p)
    p.add_argument("--exclude", nargs="+", default=[], metavar="PRINCIPAL", help="known not to be honest")
    p.add_argument("--dry-run", action="store_true", help="show the table and write nothing")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Calibrate, print what can be promised to whom, and write the promise where the gate takes it up."""
    import time

    from wellhead.cli.past import survey_of
    from wellhead.cli.promised import show
    from wellhead.config import load
    from wellhead.detect.promise import announced
    from wellhead.serve import profiles, promises

    config = load(arguments.config)
    survey = survey_of(Path(config.audit.directory))
    found = calibrated(config, profiles.load(config), survey, arguments.exclude)
    made, population = msgspec.structs.replace(found.promise, made_s=time.time()), found.population
    show(made, survey, arguments.exclude, found.names)
    if arguments.dry_run:
        return 0
    before = _before(config)
    path = promises.path_of(config)
    write(path, made.to_bytes())
    print(f"Wrote {path}; a running gate takes it up within seconds")
    if population is not None:
        write(promises.population_of(config), population.to_bytes())
        print(f"Wrote {promises.population_of(config)}: honest principals, for `wellhead scan --population`")
    else:
        print("Wrote no population for `wellhead scan --population`: too few principals have rows that a profile coded")
    print(announced(made, before))
    return 0


class Calibrated(NamedTuple):
    """The promise, the population that campaigns are compared with (None where too few had codes), and whom looks were
    taken at."""

    promise: Promise
    population: Population | None
    names: tuple[str, ...]


def calibrated(config: Config, profile: Profile | None, survey: Survey, exclude: Iterable[str] = ()) -> Calibrated:
    """What the log allows.

    Raises ConfigError where the log holds no whole period, or too few principals.
    """
    from wellhead.cli.past import folded
    from wellhead.detect.calibrate import calibrate
    from wellhead.detect.looks import joined
    from wellhead.serve import promises

    budget = promises.budget_of(config)
    whole = int((survey.last_s - survey.first_s) // (budget.period_days * 86_400))
    if not whole:
        days = (survey.last_s - survey.first_s) / 86_400
        raise ConfigError(
            f"expected a log of at least one period of {budget.period_days} days, got {days:.1f} days",
            "wait (the rules hold until then), or set fewer days in detect.alarm_budget",
        )
    looking = promises.looking_of(config, profile, survey.first_s)
    people = _People(survey.principals)
    parts: list[Looks] = []
    for looks in folded(Path(config.audit.directory), looking, profile, survey):
        if looking.period >= whole:
            break
        parts.append(looks)
        people.take(looking.seen, looks)
    if not parts:
        raise ConfigError(
            f"expected traffic within the first {whole * budget.period_days} days of the log, got none",
            "wait for one more period; the rules hold until then",
        )
    excluded = {*survey.thieves, *exclude}
    detectors: Any = looking.detectors
    looks = joined(parts)
    made = calibrate(looks, None, budget, detectors, excluded=excluded)
    made = msgspec.structs.replace(made, origin_s=survey.first_s, words=config.detect.segments)
    return Calibrated(made, people.population(excluded), looks.names)


class _People:
    """Views of some principals at their looks: what the linker's population is fitted on."""

    def __init__(self, principals: int) -> None:
        from wellhead.detect.calibrate import DEVELOPMENT

        self._share = min(1.0, 2 * DEVELOPMENT / principals)
        self._parts: list[Views] = []
        self._segments: dict[str, str] = {}

    def take(self, views: Views | None, looks: Looks) -> None:
        from wellhead.detect.calibrate import drawn
        from wellhead.detect.link.population import rows_of, visible

        if views is None:
            return
        kept = _both(visible(views), drawn(views.names) < self._share)
        if kept.size:
            self._parts.append(rows_of(views, kept))
            self._segments.update(zip(looks.names, looks.segments, strict=True))

    def population(self, excluded: set[str]) -> Population | None:
        """None where too few had codes."""
        import numpy as np

        from wellhead.detect.link.fit import fit_population
        from wellhead.detect.link.population import ENOUGH, rows_of

        if not self._parts:
            return None
        views = _stacked(self._parts)
        views = rows_of(views, np.array([n not in excluded for n in views.names], dtype=bool))
        if len(set(views.names)) < ENOUGH:
            return None
        return fit_population(views, self._segments, np.random.default_rng(_SEED))


def _both(index: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = index[mask[index]]
    return found


def _stacked(parts: Sequence[Views]) -> Views:
    import numpy as np

    columns: dict[str, Any] = {}
    for field in parts[0].__struct_fields__:
        values = [getattr(p, field) for p in parts]
        if any(v is None for v in values):
            columns[field] = None
        else:
            columns[field] = (
                tuple(x for v in values for x in v) if isinstance(values[0], tuple) else np.concatenate(values)
            )
    return type(parts[0])(**columns)


def _before(config: Config) -> Promise | None:
    """The promise that was in force, None where there is none that can be read."""
    from wellhead.serve import promises

    try:
        return promises.load(config)
    except WellheadError:
        return None


def write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, readable by its owner only: it names principals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(data)
    new.replace(path)
