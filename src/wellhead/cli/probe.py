"""`wellhead probe`: what a few queries tell of a model that only answers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from wellhead.cli.target import OWN_MODELS, add_inputs, add_target, known_of, open_target, patience_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wellhead.redteam.outcome import Probed


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "probe", help="what a few standard, blank, noisy and malformed queries tell", description=OWN_MODELS
    )
    add_target(parser)
    add_inputs(parser)
    parser.add_argument("--largest", type=int, default=256, metavar="N", help="rows of a request tried at most")
    parser.add_argument("--json", action="store_true", help="print JSON, nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print what was told."""
    import msgspec

    from wellhead.redteam.budget import Budget
    from wellhead.redteam.desk import Desk
    from wellhead.redteam.files import read_table
    from wellhead.redteam.ground import keep
    from wellhead.redteam.probe import probe
    from wellhead.redteam.transcript import Transcript

    oracle, opened = open_target(arguments)
    known = known_of(arguments, opened, read_table(arguments.pool) if arguments.pool else None)
    desk = Desk(oracle, Budget(), Transcript(), patience_of(arguments), arguments.seed)
    kept = keep(known, None, None, 1000, arguments.seed)
    probed = probe(desk, kept.held, known.low, known.high, arguments.largest)
    versions = () if opened is None else opened.versions
    probed = msgspec.structs.replace(probed, versions=(*versions, *probed.versions))
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(probed)).decode())
        return 0
    _print(probed, oracle.target)
    print(f"{desk.spent.rows} rows asked in {desk.spent.calls + desk.spent.retries} calls")
    return 0


def _print(probed: Probed, target: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("what", "told", title=f"Probe of {target}", show_header=False)
    for what, told in facts(probed):
        table.add_row(Text(what), Text(told))
    Console().print(table)


def facts(probed: Probed) -> Iterator[tuple[str, str]]:
    """Each fact in words."""
    yield "answers carry", probed.exposure
    if probed.exposure != "value":
        yield "classes seen", str(probed.classes)
    if probed.exposure not in ("label", "none"):
        width = "float32" if probed.single else "float64"
        yield "precision", f"{probed.decimals} decimals" if probed.decimals >= 0 else f"full {width}"
    if probed.exposure in ("probabilities", "logits"):
        yield "scores sum to one", "yes" if probed.sums_to_one else "no"
        yield "row alone against in a batch", f"differs by {probed.batch_alone_gap:.1e}"
    yield "same question, three times", "same answer" if probed.deterministic else "different answers"
    yield "missing features", "answered" if probed.missing else "refused"
    yield "largest request answered", f"{probed.most_rows} rows"
    yield "time for a small request", f"{probed.latency_ms:.1f} ms"
    for version in probed.versions:
        yield "tells of itself", version
    for what, label, score in probed.odd:
        yield f"{what} input", label if score < 0 else f"{label} with score {score:.4f}"
    for what, status, text in probed.errors:
        yield f"{what}", f"{status} {text}"
