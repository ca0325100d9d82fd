"""Which importer reads which file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from wellhead.capture.importers.blocks import Progress, head
from wellhead.capture.importers.columns import Imported
from wellhead.capture.importers.kserve import FORMAT as KSERVE
from wellhead.capture.importers.kserve import KEYS as KSERVE_KEYS
from wellhead.capture.importers.kserve import KServe
from wellhead.capture.importers.mapped import Mapped
from wellhead.capture.importers.mapping import Mapping, parse, shipped
from wellhead.capture.importers.own import KEYS as OWN_KEYS
from wellhead.capture.importers.own import Own
from wellhead.capture.importers.source import Told
from wellhead.core.errors import ConfigError, StoreError
from wellhead.meter.profile import Profile

OWN = Mapping(name="own", about="Wellhead's own log, or the Parquet files of its history")
"""Not read by a mapping: its rows carry codes and scores of their own."""

_LOOKED_AT = 200
_LONG = 1 << 16


class Importer(Protocol):
    """Reads files of one format."""

    told: Told

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[Imported]:
        """The blocks of one file, in order; raises StoreError where it cannot be read."""
        ...


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What an importer is told. files: all files of its format."""

    profile: Profile | None = None
    now_s: float = 0.0
    files: tuple[Path, ...] = ()


def formats() -> dict[str, Mapping]:
    """All formats by name."""
    return {OWN.name: OWN, KSERVE.name: KSERVE, **shipped()}


def importer(mapping: Mapping, setting: Setting) -> Importer:
    """What reads files of a format."""
    if mapping.name == OWN.name:
        return Own(setting.profile, setting.now_s, setting.files)
    if mapping.name == KSERVE.name:
        return KServe(setting.profile, setting.now_s)
    return Mapped(mapping, setting.profile, setting.now_s)


def named(name: str) -> Mapping:
    """The format under a name, or that of a mapping file; raises ConfigError."""
    known = formats()
    if name in known:
        return known[name]
    if not name.endswith(".toml"):
        raise ConfigError(f"expected a format or a mapping file, got `{name}`", f"known: {', '.join(known)}")
    try:
        return parse(Path(name).read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"expected a mapping file at {name}, got: {e}", "see docs/scan.md") from e


def guess(path: Path) -> Mapping | None:
    """The format that a file shows by its keys or its lines; None for an empty one. Raises ConfigError for no known."""
    if path.suffix == ".parquet":
        return _said(_by_keys([_columns(path)]), path)
    lines = [line for line in head(path).split(b"\n") if line.strip()][:_LOOKED_AT]
    if not lines:
        return None
    found = _by_keys([keys for line in lines if (keys := _keys(line))])
    return _said(found or _by_pattern([_text(line[:_LONG]) for line in lines]), path)


def _by_pattern(lines: Sequence[str]) -> Mapping | None:
    for mapping in shipped().values():
        if mapping.kind == "text" and any(re.match(mapping.pattern, line) for line in lines):
            return mapping
    return None


def _by_keys(objects: Sequence[set[str]]) -> Mapping | None:
    if any(wanted <= keys for keys in objects for wanted in OWN_KEYS):
        return OWN
    if any(wanted <= {k.lower() for k in keys} for keys in objects for wanted in KSERVE_KEYS):
        return KSERVE
    for mapping in shipped().values():
        if any(set(wanted) <= keys for keys in objects for wanted in mapping.sniff):
            return mapping
    return None


def _said(mapping: Mapping | None, path: Path) -> Mapping:
    if mapping is None:
        known = "name it with --format, or write a mapping file"
        raise ConfigError(f"expected a log of a known format, got {path}", known)
    return mapping


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _keys(line: bytes) -> set[str]:
    """The keys of the first object in a line; empty where there is none."""
    start = line.find(b"{")
    if start < 0:
        return set()
    try:
        first, _ = json.JSONDecoder().raw_decode(_text(line[start:]))
    except (ValueError, RecursionError):
        return set()
    return set(first)


def _columns(path: Path) -> set[str]:
    """The columns of a Parquet file."""
    import duckdb

    from wellhead.store.columns import connect

    try:
        with connect() as cursor:
            found = cursor.execute("SELECT name FROM parquet_schema(?)", [str(path)]).fetchall()
    except duckdb.Error as e:
        raise StoreError(f"cannot read {path}: {' '.join(str(e).split())[:200]}", "is it a Parquet file?") from e
    return {row[0] for row in found}
