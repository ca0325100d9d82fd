"""The TOML file as frozen structs; unknown keys are errors that say what was meant."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Listen(_Section):
    """Where the proxy listens."""

    host: str = "127.0.0.1"
    port: int = 8787


class Upstream(_Section):
    """The model server behind the proxy; times in seconds."""

    url: str = "http://127.0.0.1:8000"
    connect_timeout_s: float = 2.0
    read_timeout_s: float = 30.0
    max_answer_bytes: int = 16_777_216
    max_idle_connections: int = 256


class Pointers(_Section):
    """The generic protocol: JSON pointers (RFC 6901) into the request and the answer; empty means absent."""

    path: str = ""
    inputs: str = ""
    scores: str = ""
    labels: str = ""
    values: str = ""


class Model(_Section):
    """The guarded model. task: classifier or regressor. protocol: a name from docs/protocols."""

    name: str = "model"
    task: str = "classifier"
    protocol: str = "open_inference"
    classes: tuple[str, ...] = ()
    profile: str = ""
    reference: str = ""
    pointers: Pointers = Pointers()


class Identity(_Section):
    """How a caller is recognised, besides Wellhead's own keys.

    header: identity asserted by a declared edge.  certificate_header: client certificate subject, likewise.
    bearer: use the hash of a bearer token as principal.  trusted_proxies: networks whose X-Forwarded-For,
    identity and certificate headers are believed.  jwks: file with the keys that sign JWTs.
    """

    header: str = ""
    certificate_header: str = ""
    bearer: bool = False
    trusted_proxies: tuple[str, ...] = ()
    jwks: str = ""
    jwt_audience: str = ""
    jwt_issuer: str = ""


class Access(_Section):
    """Wellhead's own keys. unauthenticated: refuse, or pool (all of it is one principal)."""

    keys: str = "wellhead-keys.json"
    unauthenticated: str = "refuse"


class Limits(_Section):
    """All in rows: a batch of 256 is 256. 0 means no limit."""

    rows_per_minute: int = 600
    burst_rows: int = 600
    rows_per_day: int = 20_000
    global_rows_per_minute: int = 0
    max_rows: int = 256
    max_unread_rows: int = 1024
    max_body_bytes: int = 10_485_760


class Exposed(_Section):
    """The most that an answer may give away. decimals: -1 keeps the model's own. top_k: used by exposure top_k."""

    exposure: str = "probabilities"
    decimals: int = -1
    top_k: int = 3


class Plan(_Section):
    """What one plan changes; unset values are those of the whole."""

    limits: Limits | None = None
    exposure: Exposed | None = None
    max_drawn: float | None = None


class Valve(_Section):
    """When new inputs are throttled.

    max_drawn: share (0..1) of the way from guessing to the attainable clone that one principal may draw.
    max_drawn_group: the same for principals that share an attribute and each have a rule hit of their own.
    window_days: ledgers of these days are summed.  closed_for_s: seconds until the throttle expires.
    """

    max_drawn: float = 0.8
    max_drawn_group: float = 0.8
    window_days: int = 30
    closed_for_s: float = 86_400.0
    share: tuple[str, ...] = ("organisation", "network", "agent", "created_day")
    allow: tuple[str, ...] = ()


class Rules(_Section):
    """Data-only rules. files: more of them, TOML, beside the shipped ones."""

    files: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()


class Paths(_Section):
    """Paths that are no inference call. allow: exact paths that pass through unread (health, metadata)."""

    allow: tuple[str, ...] = ()
    unreadable: str = "closed"


class Audit(_Section):
    """The log. origin: the log's name in checkpoints.  anchor: a file outside this host's control, if any."""

    directory: str = "wellhead-log"
    origin: str = "wellhead.invalid/log"
    key: str = "wellhead-log.key"
    anchor: str = ""
    checkpoint_every_s: float = 1.0
    keep_inputs: bool = False


class Config(_Section):
    """The whole file. mode: observe (logs what it would have done) or enforce."""

    mode: str = "observe"
    listen: Listen = Listen()
    upstream: Upstream = Upstream()
    model: Model = Model()
    identity: Identity = Identity()
    access: Access = Access()
    limits: Limits = Limits()
    exposure: Exposed = Exposed()
    plans: dict[str, Plan] = {}
    valve: Valve = Valve()
    rules: Rules = Rules()
    paths: Paths = Paths()
    audit: Audit = Audit()


_WORDS: dict[str, tuple[str, ...]] = {
    "mode": ("observe", "enforce"),
    "model.task": ("classifier", "regressor"),
    "access.unauthenticated": ("refuse", "pool"),
    "paths.unreadable": ("closed", "open"),
    "exposure.exposure": ("label", "top_k", "probabilities", "logits"),
}


def _did_you_mean(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"


def _fields_at(path: str) -> list[str]:
    """Field names of the section that a msgspec error path such as `$.limits` points at."""
    section: Any = Config()
    for part in re.findall(r"\.(\w+)", path):
        section = getattr(section, part, Plan())
        section = Limits() if section is None else section
    return list(getattr(section, "__struct_fields__", ()))


def _explain(error: msgspec.ValidationError) -> ConfigError:
    text = str(error)
    unknown = re.search(r"unknown field `(\w+)`(?: - at `([^`]+)`)?", text)
    if unknown is None:
        return ConfigError(text)
    return ConfigError(text, _did_you_mean(unknown[1], _fields_at(unknown[2] or "$")))


def _check_words(config: Config) -> None:
    for path, words in _WORDS.items():
        value: Any = config
        for part in path.split("."):
            value = getattr(value, part)
        if value not in words:
            raise ConfigError(
                f"expected one of {', '.join(words)} at `$.{path}`, got `{value}`",
                _did_you_mean(str(value), list(words)),
            )


def _overlay(tree: dict[str, Any], environ: dict[str, str]) -> dict[str, Any]:
    """Put WELLHEAD__SECTION__KEY values of the environment over the file's: for secrets and deployment."""
    for name, value in environ.items():
        if not name.startswith("WELLHEAD__"):
            continue
        *sections, key = name.removeprefix("WELLHEAD__").lower().split("__")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    return tree


def parse(text: str, environ: dict[str, str] | None = None) -> Config:
    """A Config from TOML text; raises ConfigError with the path of what is wrong."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"expected TOML, got a syntax error: {e}") from e
    try:
        config = msgspec.convert(_overlay(tree, environ or {}), Config, strict=not environ)
    except msgspec.ValidationError as e:
        raise _explain(e) from e
    _check_words(config)
    return config


def load(path: str | os.PathLike[str]) -> Config:
    """A Config from a file; raises ConfigError naming the file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as e:
        raise ConfigError(
            f"expected a config file at {file}, got: {e.strerror}", "write one with `wellhead init`"
        ) from e
    try:
        return parse(text, {k: v for k, v in os.environ.items() if k.startswith("WELLHEAD__")})
    except ConfigError as e:
        raise ConfigError(f"{file}: {e}") from e


def exposure_of(section: Exposed) -> Exposure:
    """The Exposure member that a section names."""
    return Exposure.parse(section.exposure)
