"""`wellhead profile fit|show`: the feature map of a model, and how well its readings can be trusted."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.ask import add_config
from wellhead.core.errors import ConfigError, ProfileError
from wellhead.core.words import share

if TYPE_CHECKING:
    from wellhead.config import Config
    from wellhead.core.arrays import Inputs
    from wellhead.core.event import Answer
    from wellhead.meter.profile import Profile
    from wellhead.redteam.oracle import Line

_ROWS_A_CALL = 50


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    verbs = commands.add_parser("profile", help="a model's feature map and reference set").add_subparsers(required=True)
    fit = verbs.add_parser("fit", help="fit a profile on a sample of inputs, asking the upstream for its answers")
    fit.add_argument(
        "inputs", help=".npy of shape (n, ...), .csv of numbers without header, or .txt with one text a line"
    )
    fit.add_argument("--key", default="", help="bearer token for the upstream, if it wants one")
    fit.add_argument(
        "--authorised-by", default="", metavar="OWNER", help="who allows asking an upstream on another host"
    )
    add_config(fit)
    fit.set_defaults(run=run_fit)
    show = verbs.add_parser("show", help="what the profile is, and its error against real learners")
    add_config(show)
    show.set_defaults(run=run_show)


def read_inputs(file: Path) -> Inputs:
    """The inputs in a file; raises ConfigError naming it where they cannot be read."""
    import numpy as np

    if file.suffix not in (".npy", ".csv", ".txt"):
        raise ConfigError(f"expected a .npy, .csv or .txt file, got {file}")
    try:
        if file.suffix == ".npy":
            with file.open("rb") as f:
                table = np.lib.format.read_array(f, allow_pickle=False)
        else:
            lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line]
            if lines and file.suffix == ".txt":
                return lines
            table = np.loadtxt(lines, delimiter=",", ndmin=2) if lines else np.zeros((0, 0))
        with np.errstate(over="ignore"):
            inputs = np.asarray(table, np.float32)
    except (OSError, ValueError) as e:
        raise ConfigError(f"expected inputs in {file}, got: {e}", "give a .npy, .csv or .txt file") from e
    if inputs.ndim < 2 or not inputs.size or not np.isfinite(inputs).all():
        raise ConfigError(f"expected finite numbers of shape (n, ...) in {file}, got shape {inputs.shape}")
    return inputs


def line_of(config: Config, key: str, owner: str) -> Line:
    """The way to the upstream; raises ConfigError where it is on another host and nobody allowed asking it."""
    from urllib.parse import urlsplit

    from wellhead.redteam.http import Account, Http, is_loopback
    from wellhead.serve.profiles import spec_of
    from wellhead.serve.protocol import protocol_of

    host = urlsplit(config.upstream.url).hostname or ""
    if host and not is_loopback(host) and not owner:
        raise ConfigError(f"expected an upstream on this host, got {host}", "name who allows it with --authorised-by")
    account = Account("operator", key)
    protocol, spec = protocol_of(config), spec_of(config)
    return Http(config.upstream.url, protocol, spec, (account,), authorised=bool(owner), owner=owner).lines[0]


def ask_upstream(config: Config, inputs: Inputs, key: str, owner: str) -> Iterator[Answer]:
    """The upstream's answers, a part at a time; raises ProfileError where it does not answer."""
    line = line_of(config, key, owner)
    try:
        for start in range(0, len(inputs), _ROWS_A_CALL):
            reply = line.send(inputs[start : start + _ROWS_A_CALL], config.upstream.read_timeout_s)
            if reply.answer is None:
                got = f"{reply.status} {reply.detail}".strip()
                remedy = "start the model server, or set upstream.url and model.protocol"
                raise ProfileError(f"expected an answer from {config.upstream.url}, got {got}", remedy)
            yield reply.answer
    finally:
        line.close()


def run_fit(arguments: argparse.Namespace) -> int:
    """Ask, fit, check, save."""
    from rich.progress import track

    from wellhead.config import load
    from wellhead.redteam.attack import join
    from wellhead.serve.profiles import fit_profile, save, spec_of

    config = load(arguments.config)
    inputs = read_inputs(Path(arguments.inputs))
    asked = ask_upstream(config, inputs, arguments.key, arguments.authorised_by)
    calls = -(-len(inputs) // _ROWS_A_CALL)
    answers = join(list(track(asked, "Asking the upstream", total=calls)))
    print("Fitting, and checking the reading against real learners")
    profile = fit_profile(inputs, answers, spec_of(config))
    print(f"Wrote {save(config, profile)}")
    print("\n".join(describe(profile)))
    return 0


def describe(profile: Profile) -> list[str]:
    """The profile in words, one fact a line."""
    return [
        f"profile {profile.id} of {profile.spec.task} {profile.spec.name}: {profile.kind} inputs, "
        f"D = {profile.dimension}",
        f"reference set: {len(profile.reference)} rows; guessing agrees with {share(profile.floor)} of them, "
        f"the best clone with {share(profile.attainable)}",
        f"self-check: {profile.check}",
        _codebook(profile),
    ]


def _codebook(profile: Profile) -> str:
    book = profile.codebook
    if book is None:
        return "codebook: none, since the sample's answers held no probabilities"
    return f"codebook: {len(book.entries) + book.classes} answers, near enough for {share(book.covered)} of the sample"


def run_show(arguments: argparse.Namespace) -> int:
    """Print the profile."""
    from wellhead.config import load
    from wellhead.serve.profiles import load as load_profile
    from wellhead.serve.profiles import path_of

    config = load(arguments.config)
    profile = load_profile(config)
    if profile is None:
        remedy = "fit one with `wellhead profile fit`, or let the first 1,000 distinct queries do it"
        raise ProfileError(f"expected a profile at {path_of(config)}, got no such file", remedy)
    print("\n".join(describe(profile)))
    return 0
