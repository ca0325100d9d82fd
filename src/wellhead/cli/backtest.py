"""`wellhead backtest RULE`: what a rule, an expression or the promise would have done on history."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wellhead.cli.ask import add_config
from wellhead.cli.plain import plain, whole
from wellhead.core.errors import ConfigError
from wellhead.core.words import count, share

if TYPE_CHECKING:
    from wellhead.config import Config
    from wellhead.detect.backtest import Backtest, Test
    from wellhead.detect.held import Held
    from wellhead.detect.looks import Looking, Looks
    from wellhead.detect.reader import Reader
    from wellhead.serve.scan_words import Counted, Question

_BARS = " ▁▂▃▄▅▆▇█"
_WIDEST = 60
_ROWS = 256
"""Imported rows folded at once."""
_READ = ("lines", "bad", "twice", "clocks", "skipped", "damaged")
"""Of what was met in logs, told beside what the test did."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("backtest", help="what a rule or threshold would have done on history")
    p.add_argument("rule", metavar="RULE", help="rule file or name, `unique>=0.9 and rows>=100`, or `promise`")
    add_config(p)
    p.add_argument("--logs", nargs="+", default=[], metavar="LOG", help="instead of the config's own log")
    p.add_argument("--format", default="", metavar="NAME", help="of the logs: as in `wellhead scan`")
    p.add_argument("--top", type=whole, default=20, metavar="N", help="principals shown (default: %(default)s)")
    p.add_argument("--json", action="store_true", help="all of it as JSON")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look at the past as the gate would have, and say who would have been hit; 0, or 2 where logs are damaged."""
    from wellhead.cli.scan import failed
    from wellhead.serve.scan_words import Counted

    counted = Counted()
    found = backtested(_config(arguments), arguments.rule, _question(arguments), counted)
    if arguments.json:
        read = {f: getattr(counted, f) for f in _READ} if arguments.logs else {}
        print(msgspec.json.encode({**msgspec.structs.asdict(found), **read}).decode())
    else:
        show(found, arguments.top, counted)
    return 2 if failed(counted) else 0


def _question(arguments: argparse.Namespace) -> Question | None:
    """Which logs; None for the config's own."""
    from wellhead.capture.importers.registry import named
    from wellhead.serve.scan_words import Question

    if not arguments.logs:
        return None
    return Question(logs=tuple(arguments.logs), format=named(arguments.format) if arguments.format else None)


def _config(arguments: argparse.Namespace) -> Config:
    """The config; the defaults where logs are named and there is none."""
    from wellhead.config import Config, load

    if arguments.logs and not Path(arguments.config).exists():
        return Config()
    return load(arguments.config)


def backtested(config: Config, rule: str, question: Question | None, counted: Counted) -> Backtest:
    """What the test called `rule` would have done on the config's log, or on the question's logs.

    counted: told what was met in those.  Raises ConfigError where there is no such rule or no history.
    """
    from wellhead.cli.past import folded, survey_of
    from wellhead.detect.backtest import Tally
    from wellhead.detect.held import Held
    from wellhead.detect.reader import Reader
    from wellhead.serve import profiles, promises

    folder, profile = Path(config.audit.directory), profiles.load(config)
    held = None if question is None else Held(bool(promises.registry_of(config).cohort))
    reader = Reader(promises.detectors_of(config, profile), held=held)
    tally = Tally(test_of(rule, config, reader))

    def looking(first_s: float) -> Looking:
        made = promises.looking_of(config, profile, first_s)
        made.detectors = reader
        return made

    if question is not None and held is not None:
        parts = _imported(msgspec.structs.replace(question, profile=profile), counted, looking, held)
    else:
        survey = survey_of(folder)
        parts = folded(folder, looking(survey.first_s), profile, survey)
    for looks in parts:
        tally.fold(looks)
    if counted.requests:
        tally.saw(counted.first_s, counted.last_s)
    reviews = reviewed(folder) if (folder / "entries").is_dir() else {}
    found = tally.done(promises.budget_of(config).period_days, reviews)
    # a promise is made of what its log has
    names = () if question is None and rule == "promise" else tally.test.names
    return msgspec.structs.replace(found, silent=reader.silent(names))


def test_of(rule: str, config: Config, reader: Reader) -> Test:
    """What is to be tried: the promise, an expression, a rule file, or a rule in force by its name."""
    from wellhead.cli.rules import read_file
    from wellhead.detect import backtest
    from wellhead.detect.rules import Rules, parse
    from wellhead.serve import promises

    if rule == "promise":
        promise = promises.load(config)
        if promise is None:
            raise ConfigError("expected a promise, got none", "make one with `wellhead calibrate`")
        return backtest.Promised(promise, reader)
    if rule.endswith(".toml"):
        return backtest.of_rule(parse(read_file(rule), rule), reader)
    known = {r.name: r for r in Rules({name: read_file(name) for name in config.rules.files}).rules}
    if rule in known:
        return backtest.of_rule(known[rule], reader)
    if not set(rule) & set("<>"):
        raise ConfigError(
            f"expected a rule, an expression or `promise`, got `{rule}`", f"known rules: {', '.join(known)}"
        )
    return backtest.of_expression(rule, reader)


def reviewed(folder: Path) -> dict[str, str]:
    """Of each principal in a finding that people reviewed, the last verdict."""
    from wellhead.audit.entries import records
    from wellhead.core.finding import Finding, Review

    members, verdicts = dict[str, tuple[str, ...]](), dict[str, str]()
    for _, record in records(folder):
        if isinstance(record, Finding):
            members[record.uid] = record.members
        elif isinstance(record, Review):
            verdicts.update(dict.fromkeys(members.get(record.finding, ()), record.verdict))
    return verdicts


def _imported(question: Question, counted: Counted, start: Callable[[float], Looking], held: Held) -> Iterator[Looks]:
    """The looks of logs in any known format; start: makes the Looking whose periods begin at the first request."""
    import time

    from wellhead.serve.scan_sources import blocks, sources, unread
    from wellhead.serve.scan_watch import by_period, parts

    looking: Looking | None = None
    for block in blocks(question, sources(question, counted), counted, time.time()):
        held.notice(block.batch, block.visits)
        if looking is None and counted.requests:
            looking = start(counted.first_s)
        if looking is not None:
            for batch, visits in by_period(block.batch, block.visits, looking):
                # as the gate has them, so that looks come at nearly the same rows
                for part in parts(batch, visits, _ROWS):
                    yield looking.fold(*part)
    if not counted.requests:
        raise ConfigError(unread(counted) or "expected requests in the logs, got none; name logs that hold some")


def show(found: Backtest, top: int, counted: Counted) -> None:
    """The sums, hits by day, and the first principals as a table."""
    from rich.console import Console

    from wellhead.cli.scan_shown import met, silence

    console = Console(highlight=False)
    lines = [*words(found), *silence(found.silent)]
    if counted.files:
        lines = [f"{count(counted.lines, 'line')} of the logs, {counted.bad:,} malformed", *met(counted), *lines]
    for line in lines:
        console.print(plain(line), markup=False, soft_wrap=True)
    if found.hits:
        console.print(_table(found, top))
        if len(found.hits) > top:
            console.print(f"and {len(found.hits) - top} more; --top or --json shows them", markup=False)


def words(found: Backtest) -> Iterator[str]:
    """What the test would have done, in a few lines."""
    yield (
        f"{found.test}: {_day(found.first_s)} to {_day(found.last_s)}, {count(found.principals, 'principal')}, "
        f"{found.judged:,} with enough rows to be judged"
    )
    yield (
        f"Would have hit {count(len(found.hits), 'principal')}, {share(found.share)} of all; "
        f"{1000 * found.rate:.1f} of 1,000 principals in a period of {_days(found.period_days)}"
    )
    if found.last_s - found.first_s < found.period_days * 86_400:
        yield "This is less than one whole period: more would be hit in one."
    for word, (hit, of) in (("theft", found.theft), ("honest", found.honest)):
        if of:
            yield f"Reviewed as {word}: {hit} of {of} hit"
    yield from found.notes
    if found.hits:
        yield f"First hits by day: {sparkline(found.days)}  (at most {max(found.days)})"
    if found.test.startswith("promise"):
        yield "Where the promise was made from this history, its rate here is no test of it."


def _days(n: float) -> str:
    return "1 day" if n == 1 else f"{n:g} days"


def sparkline(counts: tuple[int, ...]) -> str:
    """One bar a day, or for several days together where there are more than fit; a day without any is blank."""
    together = -(-len(counts) // _WIDEST)
    sums = [sum(counts[i : i + together]) for i in range(0, len(counts), together)]
    most = max(*sums, 1)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in sums)


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M")


def _table(found: Backtest, top: int) -> Any:
    from rich.table import Table
    from rich.text import Text

    rows = Table("principal", "first hit (UTC)", box=None, header_style="bold")
    rows.add_column("at rows", justify="right")
    rows.add_column("periods", justify="right")
    for head in ("review", "why"):
        rows.add_column(head)
    for hit in found.hits[:top]:
        cells = (hit.principal, _day(hit.time_s), f"{hit.rows:,}", str(hit.periods), hit.review or "-", hit.said)
        rows.add_row(*(Text(plain(c)) for c in cells))
    return rows
