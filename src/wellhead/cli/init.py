"""`wellhead init`: ask the model server what it speaks, and write a commented file to start from."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from wellhead.core.errors import ConfigError

if TYPE_CHECKING:
    from wellhead.config import Config

_FIRST = ("open_inference", "tensorflow_serving", "mlflow", "torchserve", "sagemaker")
"""The order in which families are tried: the most telling probes first."""
_NAMED = ("open_inference", "tensorflow_serving", "torchserve")
"""Families whose paths name the model: any other name than the config's is refused."""
_MOST_BYTES = 1_048_576
_DEFAULTS = "defaults written, set model.protocol"
_HEAD = """\
# Wellhead's configuration. Every value is the default unless a comment says where it comes from.
# {found}
"""


class Found(NamedTuple):
    """What an upstream said. protocol: empty where nothing was recognised; line: one sentence for people."""

    protocol: str
    facts: dict[str, Any]
    line: str


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("init", help="write a commented starting file after asking the model server")
    parser.add_argument(
        "--upstream", default="http://127.0.0.1:8000", help="URL of the model server (default: %(default)s)"
    )
    parser.add_argument("--output", default="wellhead.toml", help="file to write (default: %(default)s)")
    parser.add_argument("--model", default="", help="name of the model, where the server does not list it")
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds for each question (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, write, say what was found."""
    from wellhead.config import load

    file = Path(arguments.output)
    if file.exists() and not arguments.force:
        raise ConfigError(
            f"expected no file at {file}, got one", "choose another --output, or write over it with --force"
        )
    found = ask(arguments.upstream, arguments.model, arguments.timeout)
    try:
        file.write_text(text_of(config_of(arguments.upstream, found), found), encoding="utf-8")
    except OSError as e:
        raise ConfigError(f"expected to write {file}, got: {e.strerror}", "choose another --output") from e
    load(file)
    print(found.line)
    print(f"wrote {file} (mode observe: nothing is refused or changed yet); next: wellhead serve -c {file}")
    return 0


def ask(upstream: str, model: str, timeout_s: float) -> Found:
    """The first family that knows the upstream's replies; raises ConfigError for what is no HTTP URL."""
    from http.client import HTTPException

    from wellhead.plugins import find, names

    if not _is_url(upstream):
        raise ConfigError(f"expected an http or https URL, got {upstream[:80]!r}", "such as http://127.0.0.1:8000")
    known = names("protocols")
    given = {"name": model} if model else {}
    asked: dict[str, tuple[int, bytes]] = {}
    try:
        for name in (*(n for n in _FIRST if n in known), *(n for n in known if n not in _FIRST)):
            facts = _probe(find("protocols", name), upstream, model, timeout_s, asked)
            if facts is not None:
                return Found(name, facts, f"{upstream} speaks {name}{_described(facts)}{_unnamed(name, facts)}")
        pinged = (asked.get("/ping") or get(upstream, "/ping", timeout_s))[0] == 200
    except (OSError, HTTPException) as e:
        return Found("", given, f"the upstream {upstream} does not answer ({e or type(e).__name__}): {_DEFAULTS}")
    if pinged:
        return Found("", given, f"{upstream} answers /ping and no more, as sagemaker and torchserve may: {_DEFAULTS}")
    return Found("", given, f"the upstream {upstream} speaks no known protocol: {_DEFAULTS}")


def _unnamed(protocol: str, facts: dict[str, Any]) -> str:
    """What is to be done about the model's name where paths need it."""
    listed = facts.get("models", ())
    if protocol not in _NAMED or (facts.get("name") and len(listed) < 2) or len(listed) == 1:
        return ""
    if listed:
        return f": {facts.get('name') or listed[0]} is guarded, --model chooses another"
    return ": it lists no model, so say which is guarded with --model NAME, or set model.name"


def _is_url(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        return False


def _probe(
    kind: Any, upstream: str, model: str, timeout_s: float, asked: dict[str, tuple[int, bytes]]
) -> dict[str, Any] | None:
    """What the replies to a family's probes tell, None where it knows none of them; a path is asked once."""
    facts: dict[str, Any] = {"name": model} if model else {}
    recognised = False
    # Without arguments the mapped family cannot be made, and it has no probes.
    family = kind() if kind.probes else None
    for probe in kind.probes:
        path = probe.replace("{model}", str(facts.get("name") or next(iter(facts.get("models", ())), "model")))
        if path not in asked:
            asked[path] = get(upstream, path, timeout_s)
        said = family.recognise(path, *asked[path]) if family else None
        recognised |= said is not None
        facts |= {k: v for k, v in (said or {}).items() if v and not (path == "/v2" and k == "name")}
    return facts if recognised else None


def _described(facts: dict[str, Any]) -> str:
    parts = [f"{k} {facts[k]}" for k in ("name", "models", "task", "shape", "datatype") if k in facts]
    return f" ({', '.join(parts)})" if parts else ""


def get(upstream: str, path: str, timeout_s: float) -> tuple[int, bytes]:
    """Status and body of a GET below the upstream's URL; redirects are not followed. Raises OSError, HTTPException."""
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.parse import urlsplit

    url = urlsplit(upstream)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=timeout_s)
    try:
        connection.request("GET", url.path.rstrip("/") + path, headers={"accept": "application/json"})
        response = connection.getresponse()
        return response.status, response.read(_MOST_BYTES)
    finally:
        connection.close()


def config_of(upstream: str, found: Found) -> Config:
    """The defaults, with what the upstream said in its place."""
    from wellhead.config import Config, Model, Upstream

    model = {k: found.facts[k] for k in ("name", "task") if isinstance(found.facts.get(k), str)}
    listed = found.facts.get("models")
    if "name" not in model and listed:
        model["name"] = str(listed[0])
    if isinstance(found.facts.get("classes"), list):
        model["classes"] = tuple(map(str, found.facts["classes"]))
    if found.protocol:
        model["protocol"] = found.protocol
    return Config(mode="observe", upstream=Upstream(url=upstream), model=Model(**model))


def text_of(config: Config, found: Found) -> str:
    """The file: each section with its struct's own words beside the keys."""
    head = _HEAD.format(found=_one_line(found.line))
    return head + "\n".join(_section(config, "")) + "\n"


def choices(section: type) -> dict[str, str]:
    """The words that a key may be, as a sentence, for the keys that are a choice."""
    literals = {f: get_args(h) for f, h in get_type_hints(section).items() if get_origin(h) is Literal}
    return {field: f" One of: {', '.join(map(str, words))}." for field, words in literals.items()}


def _section(struct: Any, path: str) -> Iterator[str]:
    from wellhead.config import meanings

    may_be, inner = choices(type(struct)), []
    said = {field: words + may_be.get(field, "") for field, words in meanings(type(struct)).items()}
    if path:
        yield from ("", f"# {_one_line(type(struct).__doc__ or path)}", f"[{path}]")
    for field in struct.__struct_fields__:
        value = getattr(struct, field)
        below = f"{path}.{field}" if path else field
        if isinstance(value, msgspec.Struct):
            inner.append((value, below))
        elif value == () and _is_table_list(type(struct), field):
            yield f"# {said.get(field) or field} Written as [[{below}]], one section each."
        elif isinstance(value, dict):
            yield f"# {said.get(field) or field}: written as [{below}.NAME], one section each."
        elif value is not None:
            yield from (
                (f"# {said[field]}", f"{field} = {toml(value)}") if said.get(field) else (f"{field} = {toml(value)}",)
            )
    for value, below in inner:
        yield from _section(value, below)


def _is_table_list(section: type, field: str) -> bool:
    items = [i for i in get_args(get_type_hints(section)[field]) if isinstance(i, type)]
    return any(issubclass(i, msgspec.Struct) for i in items)


def toml(value: Any) -> str:
    """A TOML literal of a string, number, boolean or tuple of them."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    return repr(value) if isinstance(value, float) else msgspec.json.encode(value).decode()


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)
