"""What the commands that attack a model have in common: how the target and its inputs are named."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellhead.cli.http_target import add_http, open_http
from wellhead.core.errors import ConfigError

if TYPE_CHECKING:
    from wellhead.redteam.files import Table
    from wellhead.redteam.known import Known
    from wellhead.redteam.oracle import Oracle
    from wellhead.redteam.patience import Patience
    from wellhead.redteam.results import Truth

OWN_MODELS = (
    "For your own models, and those whose owner has agreed. Other hosts are refused without --i-am-authorised and "
    "--owner, who is named in the report."
)


def add_target(parser: argparse.ArgumentParser) -> None:
    """The options that name the target, and how it is reached."""
    parser.add_argument(
        "--target",
        metavar="URL_OR_FILE",
        help="an http(s) URL, module:object or file.py:object, a model (.onnx .skops .json .ubj .txt .pt .pt2), or "
        "recorded answers (.npz, transcript.jsonl)",
    )
    add_http(parser)
    parser.add_argument(
        "--most-rows-per-call", type=int, default=256, metavar="N", help="rows of one request (default: %(default)s)"
    )
    parser.add_argument("--pace", type=float, default=0.0, metavar="ROWS_PER_S", help="of each account: low and slow")
    parser.add_argument("--jitter", type=float, default=0.0, metavar="SHARE", help="vary the pace by so much, 0..1")
    parser.add_argument(
        "--patience", type=float, default=60.0, metavar="S", help="give an account up after so long without an answer"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed asks the same (default: %(default)s)")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The options that say what inputs look like."""
    inputs = parser.add_argument_group("inputs")
    inputs.add_argument("--pool", type=Path, metavar="FILE", help="inputs like those served: .npy .npz .csv .txt")
    inputs.add_argument(
        "--shape", default="", metavar="D[,D...]", help="of one input, where neither pool nor target tells"
    )
    inputs.add_argument(
        "--low", default="", metavar="X[,X...]", help="least value of the features (default: the pool's)"
    )
    inputs.add_argument("--high", default="", metavar="X[,X...]", help="largest value (default: the pool's)")
    inputs.add_argument(
        "--categories", default="", metavar="I:N[,...]", help="feature I is categorical with values 0..N-1"
    )


def add_members(parser: argparse._ActionsContainer) -> None:
    """The options that name training rows and rows that are none."""
    kinds = ".npz with inputs and labels, or .csv whose last column is the label"
    parser.add_argument("--members", type=Path, metavar="FILE", help=f"training rows: {kinds}")
    parser.add_argument("--nonmembers", type=Path, metavar="FILE", help="rows like them that were not trained on")
    parser.add_argument(
        "--recipe", default="mlp", metavar="LEARNER", help="that shadow models are trained with (default: %(default)s)"
    )
    parser.add_argument(
        "--train-rows", type=int, default=0, metavar="N", help="of the training set (default: as many as members)"
    )


def with_candidates(arguments: argparse.Namespace, known: Known) -> tuple[Known, Truth]:
    """What is known, with the candidates, and which of them are members; raises ConfigError without both kinds."""
    import msgspec
    import numpy as np

    from wellhead.redteam.attack import join_inputs
    from wellhead.redteam.files import read_table
    from wellhead.redteam.results import Truth

    if not (arguments.members and arguments.nonmembers):
        raise ConfigError("expected --members FILE and --nonmembers FILE, got one of them or none")
    inside, outside = read_table(arguments.members, labelled=True), read_table(arguments.nonmembers, labelled=True)
    if isinstance(inside.inputs, list) != isinstance(outside.inputs, list) or (
        not isinstance(inside.inputs, list) and inside.inputs.shape[1:] != outside.inputs.shape[1:]  # type: ignore[union-attr]
    ):
        raise ConfigError("expected members and non-members of the same shape, got others")
    labels = [t.labels for t in (inside, outside) if t.labels is not None]
    more = msgspec.structs.replace(
        known,
        candidates=join_inputs([inside.inputs, outside.inputs]),
        candidate_labels=np.concatenate(labels),
        train_rows=arguments.train_rows or len(inside.inputs),
        recipe=arguments.recipe,
    )
    return more, Truth(members=np.repeat([True, False], [len(inside.inputs), len(outside.inputs)]))


def name_classes(truth: Truth, opened: Any) -> Truth:
    """The truth, with the names of classes where the target tells them."""
    import msgspec

    return truth if opened is None else msgspec.structs.replace(truth, classes=opened.classes)


def open_target(arguments: argparse.Namespace) -> tuple[Oracle, Any]:
    """What is asked, and what is known of it beforehand (`estimators.Opened`, or None over HTTP)."""
    from wellhead.redteam.targets import is_url

    if not arguments.target:
        raise ConfigError("expected --target URL_OR_FILE, got none", "see wellhead attack --help")
    if arguments.most_rows_per_call < 1 or not arguments.timeout > 0:
        raise ConfigError("expected --most-rows-per-call of 1 or more and --timeout above 0")
    if is_url(arguments.target):
        return open_http(arguments), None
    if Path(arguments.target).suffix in (".npz", ".jsonl"):
        from wellhead.redteam.recorded import open_recorded

        return open_recorded(Path(arguments.target))
    from wellhead.redteam.oracle import InProcess
    from wellhead.redteam.targets import open_local

    opened, name = open_local(arguments.target)
    return InProcess(opened.model, name, rows_per_call=arguments.most_rows_per_call, owner=arguments.owner), opened


def patience_of(arguments: argparse.Namespace) -> Patience:
    """Pace and patience."""
    from wellhead.redteam.patience import Pace, Patience

    return Patience(give_up_after_s=arguments.patience, pace=Pace(rows_per_s=arguments.pace, jitter=arguments.jitter))


def known_of(arguments: argparse.Namespace, opened: Any, table: Table | None) -> Known:
    """What the attacker knows before it asks."""
    import math

    import numpy as np

    from wellhead.redteam.known import Known

    pool = table.inputs if table else (opened.pool if opened is not None and opened.pool is not None else None)
    shape = _shape(arguments, opened, pool)
    d = math.prod(shape) if shape else 0
    numbers = None if pool is None or isinstance(pool, list) else np.asarray(pool).reshape(len(pool), -1)
    if numbers is not None and shape and numbers.shape[1] != d:
        raise ConfigError(f"expected inputs of {d} features as the target takes, got {numbers.shape[1]} in the pool")
    return Known(
        shape=shape,
        low=_bounds(arguments.low, d, None if numbers is None else np.nanmin(numbers, axis=0)),
        high=_bounds(arguments.high, d, None if numbers is None else np.nanmax(numbers, axis=0)),
        arities=_arities(arguments.categories, d),
        pool=np.zeros((0, *shape), np.float32) if pool is None else pool,
        labels=table.labels if table else None,
    )


def _shape(arguments: argparse.Namespace, opened: Any, pool: Any) -> tuple[int, ...]:
    if arguments.shape:
        try:
            return tuple(int(n) for n in arguments.shape.split(","))
        except ValueError as e:
            raise ConfigError(f"expected --shape such as 64 or 28,28, got {arguments.shape!r}") from e
    if pool is not None:
        return () if isinstance(pool, list) else tuple(pool.shape[1:])
    return () if opened is None else tuple(opened.shape)


def _bounds(text: str, d: int, pools: Any) -> Any:
    import numpy as np

    if not text:
        return np.zeros(0) if pools is None else np.asarray(pools, np.float64)
    try:
        told = np.array([float(x) for x in text.split(",")])
    except ValueError as e:
        raise ConfigError(f"expected numbers for --low and --high, got {text!r}") from e
    if told.size not in (1, d):
        raise ConfigError(f"expected one bound, or one for each of {d} features, got {told.size}")
    return np.broadcast_to(told, (d,)).copy()


def _arities(text: str, d: int) -> Any:
    import numpy as np

    arities = np.zeros(d, np.int64)
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"(\d+):(\d+)", part.strip())
        if found is None or int(found[1]) >= d:
            raise ConfigError(f"expected --categories such as 0:3,5:2 below feature {d}, got {part!r}")
        arities[int(found[1])] = int(found[2])
    return arities
