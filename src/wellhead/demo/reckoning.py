"""The reckoning: real clones measured, the log verified and read, the summary and the report written."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from wellhead.config import load
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.demo import plots, tale
from wellhead.demo.cast import Acts, Cast
from wellhead.demo.stage import Stage
from wellhead.demo.theft import ACCOUNTS, measured
from wellhead.meter.profile import Profile
from wellhead.redteam.attack import length
from wellhead.redteam.measure import Point


class Summary(msgspec.Struct, frozen=True):
    """demo-out/summary.json. Shares are 0..1."""

    thief_fidelity_open: float
    thief_fidelity_guarded: float
    thief_queries: int
    thief_answers_open: int
    thief_answers_guarded: int
    replication_at_alarm: float
    queries_at_alarm: int
    thief_accounts_found: int
    honest_accused: int
    honest_answers_changed: float
    honest_queries: int
    added_latency_ms: float
    log_verified: bool
    log_verdicts: tuple[str, ...]
    timeline: tuple[tuple[float, str], ...]
    profile_check: str
    seconds: float


class Customer(NamedTuple):
    """One row of the report's table of honest customers."""

    name: str
    asked: int
    changed: int
    replication: float
    hits: str


def reckon(stage: Stage, cast: Cast, acts: Acts, begun: float, seed: int) -> Summary:
    """Measure, verify, write summary.json and report.html."""
    story = tale.tell(stage.folder / "log")
    profile = Profile.from_bytes((stage.folder / "log" / "profile.wellhead").read_bytes())
    truth = Answer(Exposure.PROBABILITIES, cast.truth(cast.parts.judge))
    curves = measured([acts.unguarded, acts.guarded], cast.parts.judge, truth)
    verdicts, verified = _verify(stage)
    accused = {m for f in story.findings for m in f.members}
    alarm = story.findings[0] if story.findings else None
    at_alarm = tale.rows(tale.answered(story, cast.thief, alarm.time_us)) if alarm else 0
    summary = Summary(
        thief_fidelity_open=curves[0][-1].best.fidelity.value if curves[0] else 0.0,
        thief_fidelity_guarded=curves[1][-1].best.fidelity.value if curves[1] else 0.0,
        thief_queries=len(cast.pool),
        thief_answers_open=length(acts.unguarded.answer),
        thief_answers_guarded=tale.rows(tale.answered(story, cast.thief)),
        replication_at_alarm=alarm.replication_ppm / 1e6 if alarm else 0.0,
        queries_at_alarm=at_alarm,
        thief_accounts_found=len(accused & set(cast.thief)),
        honest_accused=len(accused - set(cast.thief)),
        honest_answers_changed=sum(o.changed for o in acts.crowd) / sum(o.asked for o in acts.crowd),
        honest_queries=sum(o.asked for o in acts.crowd),
        added_latency_ms=1e3 * (acts.latencies_s[1] - acts.latencies_s[0]),
        log_verified=verified,
        log_verdicts=tuple(verdicts),
        timeline=tuple(tale.timeline(story, cast.thief)),
        profile_check=str(profile.check),
        seconds=time.monotonic() - begun,
    )
    _write(stage, cast, acts, Pictures(story, profile, curves[0], curves[1], seed), summary)
    return summary


class Pictures(NamedTuple):
    """What the report draws."""

    story: tale.Tale
    profile: Profile
    open: list[Point]
    guarded: list[Point]
    seed: int


def _verify(stage: Stage) -> tuple[list[str], bool]:
    """`wellhead audit verify`, as anybody would run it."""
    from wellhead.core.errors import WellheadError

    try:
        said = stage.wellhead("audit", "verify", "-c", str(stage.config))
    except WellheadError as e:
        return [str(e)], False
    return said.strip().splitlines(), True


def _crowd(cast: Cast, acts: Acts, pictures: Pictures) -> tuple[list[Customer], list[tale.Line]]:
    from wellhead.core.batch import from_events
    from wellhead.detect.rules import Rules
    from wellhead.meter.sketch import Sketches

    rules, sketches = Rules(), Sketches()
    sketches.update(from_events(tale.answered(pictures.story, [h.name for h in cast.crowd])))
    rows, lines = [], []
    for outcome in acts.crowd:
        line = tale.filled(pictures.story, outcome.name, [outcome.name], pictures.profile)
        hits = ", ".join(s.name for s in rules.read(sketches.view(outcome.name)))
        rows.append(Customer(outcome.name, outcome.asked, outcome.changed, line.replication[-1], hits or "none"))
        lines.append(line)
    return rows, lines


def _write(stage: Stage, cast: Cast, acts: Acts, pictures: Pictures, summary: Summary) -> None:
    from jinja2 import Environment

    (stage.folder / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
    crowd, honest = _crowd(cast, acts, pictures)
    story, profile = pictures.story, pictures.profile
    accounts = [tale.filled(story, name, [name], profile) for name in cast.thief]
    group = tale.filled(story, "all", cast.thief, profile)
    valve = load(stage.config).valve
    span = profile.attainable - profile.floor
    limits = (profile.floor + valve.max_drawn * span, profile.floor + valve.max_drawn_group * span)
    alarm = (story.findings[0].rows, summary.replication_at_alarm) if story.findings else (0, 0.0)
    environment = Environment(autoescape=True)
    environment.filters["pct"] = lambda share: f"{100 * share:.1f} %"
    from markupsafe import Markup

    page = environment.from_string(resources.files("wellhead.demo").joinpath("report.html").read_text()).render(
        s=summary,
        queries=len(cast.pool),
        accounts=ACCOUNTS,
        customers=len(cast.crowd),
        newcomers=sum(h.newcomer for h in cast.crowd),
        judge=len(cast.parts.judge),
        crowd=crowd,
        fullest=max(line.replication[-1] for line in accounts),
        times=(1 - summary.thief_fidelity_guarded) / max(1 - summary.thief_fidelity_open, 1e-3),
        timeline=summary.timeline,
        verdicts=summary.log_verdicts,
        check=summary.profile_check,
        seed=pictures.seed,
        replication_svg=Markup(plots.replication(group, accounts, honest, limits, alarm)),  # noqa: S704 - our own drawing
        fidelity_svg=Markup(plots.fidelity(pictures.open, pictures.guarded)),  # noqa: S704 - our own drawing
    )
    (stage.folder / "report.html").write_text(page, encoding="utf-8")


def show(console: Console, folder: Path, s: Summary) -> None:
    """The summary on the terminal: timeline, fidelity with and without, the honest, the evidence."""
    moments = Table("", "timeline", box=None, header_style="bold")
    for t, what in s.timeline:
        moments.add_row(f"{t:.1f} s", what)
    console.print(moments)
    table = Table("", "without Wellhead", "with Wellhead", box=None, header_style="bold")
    table.add_row("answers the thief got", f"{s.thief_answers_open}", f"{s.thief_answers_guarded}")
    table.add_row("measured fidelity of its clone", f"{s.thief_fidelity_open:.1%}", f"{s.thief_fidelity_guarded:.1%}")
    console.print(table)
    console.print(
        f"Alarm after {s.queries_at_alarm} of the thief's {s.thief_queries} queries, "
        f"at replication {s.replication_at_alarm:.1%}; "
        f"{s.thief_accounts_found} of {ACCOUNTS} accounts found.\n"
        f"Honest: {s.honest_accused} accused, {s.honest_answers_changed:.2%} of {s.honest_queries} answers changed, "
        f"{s.added_latency_ms:+.2f} ms added at the median.",
        highlight=False,
    )
    for line in s.log_verdicts:
        console.print(f"Log: {line}", highlight=False, markup=False)
    console.print(f"Wrote {folder}/summary.json and {folder}/report.html in {s.seconds:.0f} s", highlight=False)
