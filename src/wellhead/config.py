"""The TOML file as frozen structs; unknown keys are errors that say what was meant."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.core.tables import convert, meanings, overlay
from wellhead.stances import Disclosure, Exposed, Grade, Seconds, Section, Share, StanceWord, Treatment, check

__all__ = ["Config", "Exposed", "Grade", "Treatment", "exposure_of", "load", "meanings", "parse"]

_PREFIX = "WELLHEAD__"

Count = Annotated[int, Meta(ge=0, le=2**53)]
Bytes = Annotated[int, Meta(ge=1, le=2**40)]
Bits = Annotated[float, Meta(ge=0.0, le=1e9)]
Attribute = Literal["organisation", "network", "agent", "created_day", "plan", "use"]
SegmentWord = Literal["use", "plan", "band"]
_SHARED: tuple[Attribute, ...] = ("organisation", "network", "agent", "created_day")


class Listen(Section, frozen=True, kw_only=True):
    """Where the proxy listens."""

    host: Annotated[str, "Address to listen on; 0.0.0.0 is every network."] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535), "TCP port; 0 takes a free one."] = 8787


class Upstream(Section, frozen=True, kw_only=True):
    """The model server behind the proxy."""

    url: Annotated[str, "Scheme, host and port of the model server."] = "http://127.0.0.1:8000"
    connect_timeout_s: Annotated[Seconds, "Seconds to wait for a connection."] = 2.0
    read_timeout_s: Annotated[Seconds, "Seconds to wait for an answer."] = 30.0
    max_answer_bytes: Annotated[Bytes, "Longest answer that is read; a longer one is a 502."] = 16_777_216
    max_idle_connections: Annotated[Count, "Connections kept open between requests."] = 256


class Pointers(Section, frozen=True, kw_only=True):
    """For `protocol = "generic"`: JSON pointers (RFC 6901) into the request and the answer; empty means absent."""

    path: Annotated[str, "Path of the inference call, such as /predict."] = ""
    inputs: Annotated[str, "Where the request holds its rows."] = ""
    scores: Annotated[str, "Where the answer holds one score for each class."] = ""
    labels: Annotated[str, "Where the answer holds class names or indices."] = ""
    values: Annotated[str, "Where the answer holds a regressor's numbers."] = ""


class Model(Section, frozen=True, kw_only=True):
    """The guarded model."""

    name: Annotated[str, "Its name: in the log, on the profile, and in the paths that are served."] = "model"
    version: Annotated[str, "The version that paths must name, or `labels/NAME`; empty: they may name none."] = ""
    task: Annotated[Literal["classifier", "regressor"], "What it answers with."] = "classifier"
    protocol: Annotated[str, "The API family it speaks: a page of docs/protocols."] = "open_inference"
    classes: Annotated[tuple[str, ...], "Class names in score order; empty for indices."] = ()
    profile: Annotated[str, "Profile file; empty is profile.wellhead beside the log."] = ""
    pointers: Pointers = Pointers()


class Identity(Section, frozen=True, kw_only=True):
    """How a caller is recognised, besides Wellhead's own keys."""

    header: Annotated[str, "Header in which a trusted proxy names the caller."] = ""
    certificate_header: Annotated[str, "Header in which a trusted proxy gives the client certificate's subject."] = ""
    bearer: Annotated[bool, "By bearer token hash; the model server must refuse tokens that it does not know."] = False
    trusted_proxies: Annotated[tuple[str, ...], "Networks whose forwarded and identity headers are believed."] = ()
    jwks: Annotated[str, "File with the keys (JWKS) that sign JWTs."] = ""
    jwt_audience: Annotated[str, "Audience that a JWT must name."] = ""
    jwt_issuer: Annotated[str, "Issuer that a JWT must name."] = ""


class Access(Section, frozen=True, kw_only=True):
    """Wellhead's own keys, and those who bring none."""

    keys: Annotated[str, "File with the hashed keys; `wellhead keys add` makes one."] = "wellhead-keys.json"
    unauthenticated: Annotated[Literal["refuse", "pool"], "Without a key: a 401, or all of it is one principal."] = (
        "refuse"
    )


class Limits(Section, frozen=True, kw_only=True):
    """All in rows: a batch of 256 is 256. 0 rows means no limit."""

    rows_per_minute: Annotated[Count, "Sustained rate of one principal."] = 600
    burst_rows: Annotated[Count, "Rows at once; 0 is one minute's worth."] = 600
    rows_per_day: Annotated[Count, "Rows of one principal in a day (UTC)."] = 20_000
    global_rows_per_minute: Annotated[Count, "Sustained rate of all principals together."] = 0
    max_rows: Annotated[Count, "Rows in one request."] = 256
    max_unread_rows: Annotated[Count, "Rows of one principal admitted and not yet metered."] = 1024
    max_body_bytes: Annotated[Bytes, "Bytes of a request's body."] = 10_485_760


class Plan(Section, frozen=True, kw_only=True):
    """What one plan changes. NAME is the plan of a key; keys that are not set are those of the whole."""

    limits: Limits | None = None
    exposure: Exposed | None = None
    max_drawn: Annotated[Share | None, "Replaces `valve.max_drawn`."] = None
    max_bits: Annotated[Bits | None, "Replaces `valve.max_bits`."] = None


class Valve(Section, frozen=True, kw_only=True):
    """When new inputs are throttled: drawn is the share of the way from guessing to the attainable clone."""

    max_drawn: Annotated[Share, "The most that one principal may draw, 0 to 1."] = 0.8
    max_drawn_group: Annotated[Share, "The same for principals that share an attribute and each hit a rule."] = 0.7
    max_bits: Annotated[Bits, "The most bits of information in the window's answers; 0 no limit."] = 0.0
    window_days: Annotated[int, Meta(ge=1, le=3660), "Ledgers of these days are summed."] = 30
    closed_for_s: Annotated[Seconds, "Seconds until the throttle expires."] = 86_400.0
    share: Annotated[tuple[Attribute, ...], "What ties principals together."] = _SHARED
    allow: Annotated[tuple[str, ...], "Principals that are metered, and that no decision touches."] = ()


class Rules(Section, frozen=True, kw_only=True):
    """Data-only detection rules."""

    files: Annotated[tuple[str, ...], "More rule files (TOML), beside the shipped ones."] = ()
    disabled: Annotated[tuple[str, ...], "Names of rules that are switched off."] = ()


class Detect(Section, frozen=True, kw_only=True):
    """Guilt: evidence that a principal is not like honest ones, at a promised rate of false alarms."""

    alarm_budget: Annotated[str, "False alarms that you accept: `1 per N principals per D days`."] = (
        "1 per 1000 principals per 30 days"
    )
    promise: Annotated[str, "File that `wellhead calibrate` writes; empty is promise.wellhead beside the log."] = ""
    segments: Annotated[tuple[SegmentWord, ...], "Honest principals are judged among those alike in these."] = (
        "use",
        "band",
    )
    response: Annotated[Literal["alert", "reduce", "throttle"], "What a guilty principal or campaign meets."] = (
        "throttle"
    )
    link_every_s: Annotated[Seconds, "Seconds between two looks for campaigns."] = 300.0
    refit: Annotated[bool, "Also read watched principals with real learners, in the background."] = True
    principals: Annotated[str, "File of `wellhead principals import`; empty: principals.json beside the log."] = ""


class Paths(Section, frozen=True, kw_only=True):
    """Paths that are no inference call."""

    allow: Annotated[tuple[str, ...], "Exact paths that pass unread: health, metadata."] = ()
    unreadable: Annotated[Literal["closed", "open"], "Unread calls: refused, or passed where nothing is to be cut."] = (
        "closed"
    )


class Audit(Section, frozen=True, kw_only=True):
    """The log."""

    directory: Annotated[str, "Where the log, history and state lie."] = "wellhead-log"
    origin: Annotated[str, "The log's name in its signed checkpoints."] = "wellhead.invalid/log"
    key: Annotated[str, "File with the key that signs checkpoints; made where absent."] = "wellhead-log.key"
    anchor: Annotated[str, "File outside this host's control that gets every checkpoint."] = ""
    checkpoint_every_s: Annotated[Seconds, "Seconds between checkpoints."] = 1.0


class Ownership(Section, frozen=True, kw_only=True):
    """Marked answers, by which a copy can be recognised: for whom, and how. `wellhead mark on` begins it."""

    plans: Annotated[tuple[str, ...], "Plans that agreed to it by contract."] = ()
    stance: Annotated[Literal["", StanceWord], "Also whoever is under this stance, or a stricter one."] = ""
    share: Annotated[float, Meta(gt=0.0, le=0.5), "Share of the inputs whose answer is marked."] = 0.005
    variant: Annotated[Literal["first", "second"], "Mark the best class, or only the order of the next two."] = "first"
    never_from: Annotated[tuple[str, ...], "Classes that are never replaced: their names, or indices."] = ()
    never_to: Annotated[tuple[str, ...], "Classes that never take another's place."] = ()
    key: Annotated[str, "File with the secret keys of the marks; empty is ownership.json beside the log."] = ""


class Config(Section, frozen=True, kw_only=True):
    """What holds for the whole gate."""

    mode: Annotated[Literal["observe", "enforce"], "Note in the log what would have been done, or do it."] = "observe"
    listen: Listen = Listen()
    upstream: Upstream = Upstream()
    model: Model = Model()
    identity: Identity = Identity()
    access: Access = Access()
    limits: Limits = Limits()
    exposure: Exposed = Exposed()
    plans: dict[str, Plan] = {}  # noqa: RUF012 - msgspec copies it
    stances: dict[StanceWord, Treatment] = {}  # noqa: RUF012 - msgspec copies it
    grades: Annotated[tuple[Grade, ...], "The adaptive policy."] = ()
    disclosure: Disclosure = Disclosure()
    valve: Valve = Valve()
    rules: Rules = Rules()
    detect: Detect = Detect()
    paths: Paths = Paths()
    audit: Audit = Audit()
    ownership: Ownership = Ownership()


def _inherit(tree: dict[str, Any]) -> None:
    """Keys that a plan's limits or exposure leave out are those of the whole."""
    plans = tree.get("plans")
    for plan in plans.values() if isinstance(plans, dict) else ():
        for word in ("limits", "exposure"):
            if isinstance(plan, dict) and isinstance(plan.get(word), dict) and isinstance(tree.get(word), dict):
                plan[word] = tree[word] | plan[word]


def _check_segments(words: tuple[str, ...]) -> None:
    if len(set(words)) < len(words):
        raise ConfigError(f"expected each word of `detect.segments` once, got {', '.join(words)}", "leave one out")


def parse(text: str, environ: Mapping[str, str] | None = None) -> Config:
    """A Config from TOML text; raises ConfigError with the path of what is wrong.

    environ: variables that begin with WELLHEAD__ stand over the text's values.
    """
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigError(f"expected TOML, got a syntax error: {e}") from e
    overlay(tree, Config, environ or {}, _PREFIX)
    _inherit(tree)
    config = convert(tree, Config)
    _check_segments(config.detect.segments)
    check(dict(config.stances.items()), config.grades)
    return config


def load(path: str | os.PathLike[str]) -> Config:
    """A Config from a file and the environment; raises ConfigError naming the file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as e:
        raise ConfigError(
            f"expected a config file at {file}, got: {e.strerror}", "write one with `wellhead init`"
        ) from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"{file}: expected UTF-8, got byte {e.object[e.start]:#x} at {e.start}") from e
    try:
        return parse(text, os.environ)
    except ConfigError as e:
        raise ConfigError(f"{file}: {e}") from e


def exposure_of(section: Exposed) -> Exposure:
    """The Exposure member that a section names."""
    return Exposure.parse(section.exposure)
