"""A target behind HTTP: who asks, which API family it speaks, and what its model answers with."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellhead.core.errors import ConfigError

if TYPE_CHECKING:
    from wellhead.config import Model
    from wellhead.core.arrays import Inputs
    from wellhead.redteam.http import Account, Http, Wording
    from wellhead.redteam.oracle import Oracle

_SAMPLE = 16


def add_http(parser: argparse.ArgumentParser) -> None:
    """The options that say how a server is asked."""
    http = parser.add_argument_group("over HTTP")
    http.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a wellhead.toml whose [model] says what other options leave out",
    )
    http.add_argument("--protocol", default="", help="API family; recognised by itself where the server tells it")
    http.add_argument("--model-name", default="", metavar="NAME", help="as the API's paths name the model")
    http.add_argument(
        "--task",
        choices=("classifier", "regressor"),
        help=f"what the model is (default: as the server tells, else one request of up to {_SAMPLE} rows shows it)",
    )
    http.add_argument("--path", default="", help="of the inference call, instead of the protocol's own")
    http.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent with each request; $VAR is taken from the environment, $KEY is the account's own key of --keys",
    )
    http.add_argument("--keys", type=Path, metavar="FILE", help="one bearer token a line, each an account")
    http.add_argument(
        "--accounts", type=int, default=0, metavar="N", help="use the first N keys (default: all); also of --policy"
    )
    http.add_argument("--timeout", type=float, default=20.0, metavar="S", help="of one request (default: %(default)s)")
    http.add_argument("--i-am-authorised", action="store_true", help="needed, with --owner, for any other host")
    http.add_argument("--owner", default="", metavar="NAME", help="who allows the attack; the report names them")


def accounts_of(arguments: argparse.Namespace) -> tuple[Account, ...]:
    """The accounts of --keys, each with the headers; raises ConfigError for what cannot be sent."""
    from wellhead.redteam.http import Account

    tokens = [""]
    if arguments.keys is not None:
        try:
            tokens = [line.strip() for line in arguments.keys.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(f"expected keys in {arguments.keys}, got: {type(e).__name__}", "one token a line") from e
    # Without keys there is one way to the target; a policy's accounts are made for the rehearsal.
    wanted = 0 if arguments.keys is None and getattr(arguments, "policy", None) else arguments.accounts
    if not tokens or not 0 <= wanted <= len(tokens):
        raise ConfigError(
            f"expected {max(arguments.accounts, 1)} keys in {arguments.keys or '--keys'}, got {len(tokens)}"
        )
    tokens = tokens[: wanted or len(tokens)]
    own = any("$KEY" in text for text in arguments.header)
    made = []
    for number, token in enumerate(tokens, 1):
        headers = dict(_header(text, token) for text in arguments.header)
        made.append(Account(f"key-{number}" if token else "anonymous", "" if own else token, headers))
    return tuple(made)


def _header(text: str, token: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name.strip()):
        raise ConfigError("expected --header 'NAME: VALUE', got another form", "such as --header 'X-API-Key: $API_KEY'")

    def known(found: re.Match[str]) -> str:
        if found[1] == "KEY" and token:
            return token
        if found[1] not in os.environ:
            raise ConfigError(f"expected the environment variable {found[1]} for header {name}, got none", "set it")
        return os.environ[found[1]]

    return name.strip(), re.sub(r"\$(\w+)", known, value.strip())


def open_http(arguments: argparse.Namespace) -> Oracle:
    """The server as an oracle; raises ConfigError where it must not or cannot be asked."""
    import dataclasses

    from wellhead.core.event import ModelSpec
    from wellhead.redteam.http import Http, check_url, is_loopback

    host = check_url(arguments.target).hostname or ""
    if not is_loopback(host) and not (arguments.i_am_authorised and arguments.owner):
        raise ConfigError(
            f"expected a target on this host, got {host}",
            "attack another host only with its owner's consent: --i-am-authorised --owner NAME",
        )
    accounts = accounts_of(arguments)
    told = _told(arguments)
    protocol, facts = _protocol(arguments, told)
    classes = facts.get("classes")
    oracle = Http(
        arguments.target,
        protocol,
        ModelSpec(
            name=arguments.model_name or str(facts.get("name") or next(iter(facts.get("models", ())), "model")),
            task=str(arguments.task or facts.get("task") or "classifier"),
            classes=tuple(map(str, classes)) if isinstance(classes, list | tuple) else (),
        ),
        accounts,
        path=arguments.path,
        rows_per_call=arguments.most_rows_per_call,
        timeout_s=arguments.timeout,
        authorised=arguments.i_am_authorised,
        owner=arguments.owner,
    )
    if arguments.task or facts.get("task") or classes:
        return oracle
    task = _shown(oracle, _sample(arguments, facts))
    return dataclasses.replace(oracle, spec=ModelSpec(name=oracle.spec.name, task=task))


def _told(arguments: argparse.Namespace) -> Model | None:
    """The [model] of --config."""
    from wellhead.config import load

    return None if arguments.config is None else load(arguments.config).model


def _protocol(arguments: argparse.Namespace, told: Model | None) -> tuple[Wording, dict[str, Any]]:
    """The API family as named, or as recognised, and what the config or the server told of the model."""
    from wellhead.plugins import find

    if told is not None:
        name = arguments.protocol or told.protocol
        facts = {"name": told.name, "task": told.task, "classes": told.classes}
    else:
        name, facts = _recognised(arguments)
    kind = find("protocols", name)
    if name != "generic":
        return kind(), facts
    if told is None:
        raise ConfigError("expected pointers for --protocol generic, got none", "give a wellhead.toml with --config")
    return kind(told.pointers), facts


def _recognised(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    from wellhead.cli.init import ask

    if arguments.protocol == "generic":
        return "generic", {}
    found = ask(arguments.target, arguments.model_name, min(arguments.timeout, 5.0))
    said = found.line.partition(": defaults written")[0]
    if "does not answer" in said and ("refused" in said or not arguments.protocol):
        raise ConfigError(f"expected a server, but {said}", "start it, or check host and port of --target")
    name = arguments.protocol or found.protocol
    if not name:
        raise ConfigError(f"expected to recognise the protocol of {arguments.target}", "name it with --protocol")
    facts = found.facts if found.protocol == name else {}
    models = [str(m) for m in facts.get("models", ())]
    if arguments.model_name and models and arguments.model_name not in models:
        raise ConfigError(f"expected --model-name among {', '.join(models[:8])}, got {arguments.model_name!r}")
    return name, facts


def _sample(arguments: argparse.Namespace, facts: dict[str, Any]) -> Inputs | None:
    """A few inputs that the server should answer, None where nothing says how they look."""
    import numpy as np

    from wellhead.redteam.files import read_table

    if getattr(arguments, "pool", None):
        return read_table(arguments.pool).inputs[: min(_SAMPLE, arguments.most_rows_per_call)]
    told = str(getattr(arguments, "shape", "")).split(",")
    shape = [int(n) for n in told] if all(n.isdecimal() for n in told) else list(facts.get("shape", ()))[1:]
    return np.zeros((1, *shape), np.float32) if shape and all(n > 0 for n in shape) else None


def _shown(oracle: Http, sample: Inputs | None) -> str:
    """The task that one answer shows: single numbers that are neither whole nor probabilities are a regressor's."""
    from wellhead.core.exposure import Exposure

    if sample is None:
        return "classifier"
    line = oracle.lines[0]
    reply = line.send(sample, oracle.timeout_s)
    line.close()
    scores = None if reply.answer is None else reply.answer.scores
    if reply.status == 404:
        raise ConfigError(
            f"expected a model {oracle.spec.name[:60]!r} at the target, got 404 {reply.detail}",
            "see --model-name, --path",
        )
    if reply.answer is None or scores is None or reply.answer.kind is not Exposure.LOGITS:
        return "classifier"
    # A lone number is read as the margin of the second of two classes, beside zeros for the first.
    if scores.shape[1] != 2 or scores[:, 0].any():
        return "classifier"
    print("wellhead: taken for a regressor: it answers with single numbers; else: --task classifier", file=sys.stderr)
    return "regressor"
