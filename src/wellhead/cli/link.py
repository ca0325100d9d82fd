"""`wellhead link`: which principals of the log act as one, why, and what they have drawn together."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wellhead.cli.ask import add_config
from wellhead.core.errors import ConfigError
from wellhead.core.words import chance, count, share

if TYPE_CHECKING:
    from rich.console import Console

    from wellhead.cli.past import Survey
    from wellhead.config import Config
    from wellhead.detect.link.campaign import Campaign
    from wellhead.detect.link.population import Population
    from wellhead.detect.looks import Looking
    from wellhead.meter.profile import Profile
    from wellhead.meter.reading import Reading
    from wellhead.meter.view import Views

DAYS = 30.0
_MOST_DAYS = 36_500.0
_DAY_S = 86_400.0
_SEED = 20_240_024
_NAMED, _EDGES = 12, 8


class Case(msgspec.Struct, frozen=True):
    """A campaign, and what its members have drawn together; None without a profile."""

    campaign: Campaign
    reading: Reading | None


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("link", help="find principals that act as one, and why")
    add_config(p)
    p.add_argument("--days", type=float, default=DAYS, help="look at so many days before the last record (%(default)g)")
    p.add_argument("--json", action="store_true", help="as JSON, with every edge")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Find campaigns in the log and print them."""
    from wellhead.cli.past import survey_of
    from wellhead.config import load
    from wellhead.detect.link.link import link
    from wellhead.serve import profiles, promises

    if not 0 < arguments.days <= _MOST_DAYS:
        raise ConfigError(
            f"expected --days above 0, and at most {_MOST_DAYS:,.0f}, got {arguments.days:g}",
            f"without it the last {DAYS:g} days are looked at",
        )
    config = load(arguments.config)
    profile = profiles.load(config)
    if profile is None:
        raise ConfigError("expected a profile, got none", "accounts are compared by codes: `wellhead profile fit`")
    survey = survey_of(Path(config.audit.directory))
    since_s = survey.last_s - arguments.days * _DAY_S
    looking, looks = seen(config, profile, survey, arguments.days)
    views = looking.sketches.columns()
    population, note = honest(promises.load_population(config), looks, survey, looking.segment_of)
    alpha, segments = promises.budget_of(config).alpha, looking.segment_of
    found = link(views, population, lambda n: segments.get(n, ""), alpha) if population is not None else []
    cases = [Case(c, drawn(config, profile, survey, c.members, since_s)) for c in found]
    if arguments.json:
        print(msgspec.json.encode({"principals": len(views), "note": note, "campaigns": cases}).decode())
    else:
        show(cases, len(views), note)
    return 0


class _Silent:
    """No detectors: the linker reads the views themselves."""

    names: tuple[str, ...] = ()

    def read(self, views: Views) -> Any:
        """(u, 0)."""
        import numpy as np

        return np.zeros((len(views), 0))


def seen(config: Config, profile: Profile, survey: Survey, days: float) -> tuple[Looking, Views | None]:
    """Sketches and segments of the last days, and the looks at principals on the way, None where there were none."""
    from wellhead.cli.past import folded
    from wellhead.detect.looks import Looking
    from wellhead.detect.segments import Segments
    from wellhead.meter.sketch import Sketches
    from wellhead.meter.view import join
    from wellhead.serve import promises

    # Periods are laid so that the last one ends with the log: its sketches are then exactly the window asked for.
    before = (survey.last_s - survey.first_s) // (days * _DAY_S) + 1
    origin_s = survey.last_s + 1e-3 - before * days * _DAY_S
    segments = Segments(config.detect.segments, promises.registry_of(config).declared)
    looking = Looking(_Silent(), Sketches(profile.space), days, segments, origin_s)
    parts: list[tuple[int, Views]] = []
    for _ in folded(Path(config.audit.directory), looking, profile, survey):
        if looking.seen is not None:
            parts.append((looking.period, looking.seen))
    last = [views for period, views in parts if period == looking.period]
    return looking, join(last) if last else None


def honest(
    kept: Population | None, looks: Views | None, survey: Survey, segments: Mapping[str, str]
) -> tuple[Population | None, str]:
    """Whom to compare with, and what must be said of it: those kept at calibration, or else the log's own principals.

    Without a calibration everybody in the log stands for the honest, a campaign among them too, which so hides itself
    the better the larger it is.
    """
    import numpy as np

    from wellhead.detect.link.fit import LEAST_PRINCIPALS, fit_population
    from wellhead.detect.link.population import ENOUGH, rows_of

    few = f"Too few honest principals (of {LEAST_PRINCIPALS} with 16 coded rows) to say how they crowd: none is named."
    if kept is not None:
        return kept, "" if len(kept.honest) else few
    if looks is not None:
        looks = rows_of(looks, np.array([n not in survey.thieves for n in looks.names], dtype=bool))
    if looks is None or len(set(looks.names)) < ENOUGH:
        return None, f"Nothing to compare with: fewer than {ENOUGH} principals with 16 coded rows, and no calibration."
    note = "Compared with everybody in the log, thieves included: `wellhead calibrate` keeps honest principals apart."
    found = fit_population(looks, segments, np.random.default_rng(_SEED))
    return found, note if len(found.honest) else few


def drawn(config: Config, profile: Profile, survey: Survey, members: Iterable[str], since_s: float) -> Reading | None:
    """What these principals have drawn together since then, summed from the log; None where nothing was coded."""
    from wellhead.audit.entries import records
    from wellhead.core.batch import from_events
    from wellhead.core.event import Event
    from wellhead.meter.ledger import Ledger
    from wellhead.meter.reading import read

    wanted, total, held = frozenset(members), Ledger.empty(profile), list[Event]()
    for _, e in records(Path(config.audit.directory)):
        if not isinstance(e, Event) or e.principal not in wanted or e.time_us < since_s * 1e6:
            continue
        coded, late = e, survey.coded.get((e.request, e.part))
        if not e.codes and late is not None:
            coded = msgspec.structs.replace(e, codes=late.codes, profile=late.profile)
        if coded.codes and coded.profile == profile.id and e.status == 200 and e.given > 0 and not e.drill:
            held.append(coded)
        if len(held) == 1024:
            total, held = total + Ledger.from_batch(profile, from_events(held)), []
    if held:
        total = total + Ledger.from_batch(profile, from_events(held))
    return read(total, profile) if total.rows else None


def show(cases: list[Case], principals: int, note: str) -> None:
    """Print the campaigns as tables, each with its reasons."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if note:
        _say(console, note)
    if not cases:
        _say(console, f"No campaign among {count(principals, 'principal')}.")
        return
    table = Table("campaign", box=None, header_style="bold")
    for head in ("members", "inputs", "replication", "attainable", "p", "kinds"):
        table.add_column(head, justify="left" if head == "kinds" else "right")
    for number, case in enumerate(cases, 1):
        c, r = case.campaign, case.reading
        read = (share(r.replication), share(r.attainable)) if r else ("-", "-")
        table.add_row(
            str(number), str(len(c.members)), str(c.rows), *read, chance(c.p_value)[2:].lstrip("= "), ", ".join(c.kinds)
        )
    console.print(table)
    for number, case in enumerate(cases, 1):
        _say(console, "")
        for line in sentences(number, case):
            _say(console, line)


def sentences(number: int, case: Case) -> list[str]:
    """One campaign in plain words, a fact a line."""
    c, r = case.campaign, case.reading
    lines = [f"Campaign {number}: {_some(c.members, _NAMED)}"]
    if r is not None:
        lines.append(
            f"  With what they have been told together they can reproduce an estimated {share(r.replication)} of the "
            f"model (of {share(r.attainable)} attainable): {share(r.drawn)} of the way."
        )
    lines += [f"  Because {reason}." for reason in c.reasons]
    lines.append(f"  Compared: {c.comparison}.")
    lines += [f"  {e.a} - {e.b}: {'; '.join(e.reasons)}." for e in c.edges[:_EDGES]]
    if len(c.edges) > _EDGES:
        lines.append(f"  and {count(len(c.edges) - _EDGES, 'more tie')} (--json shows all).")
    return lines


def _some(names: tuple[str, ...], most: int) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
