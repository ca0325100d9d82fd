"""Segments of Wellhead's own log: records as JSON lines, decoded a piece at a time and gathered into blocks."""

from __future__ import annotations

import binascii
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.capture.importers.asking import MOST_ROWS
from wellhead.capture.importers.blocks import Progress, pieces
from wellhead.capture.importers.callers import Met, Text, plainly
from wellhead.capture.importers.columns import Columns, Imported, Rows
from wellhead.capture.importers.form import form_of
from wellhead.capture.importers.own_blobs import BLOBS, LISTS, NUMBERS, blob, joined, listed
from wellhead.capture.importers.own_shape import Misshapen, Shaped, columns
from wellhead.capture.importers.source import ROWS, SAMPLED, Told
from wellhead.core.arrays import Array
from wellhead.core.batch import TRAITS, confidence_of
from wellhead.core.event import Coded
from wellhead.meter.profile import Profile

OTHERS = ("coded", "gap", "mark", "finding", "review", "decision")
_CODED = b'"kind":"coded"'
_WORDS = ("organisation", "plan", "use", "created_day", "agent", "network")
_SAID = ("principal", "endpoint", *_WORDS)
_TEXTS = ("kind", "request", "profile", *_SAID)
_ODD = 4
"""After so many pieces running that are not of one shape, a file is not looked at for that any more."""
_MIX = np.uint64(0x9E3779B97F4A7C15)

_Small = Annotated[int, Meta(ge=-1, le=MOST_ROWS)]
_Time = Annotated[int, Meta(ge=0, le=1 << 62)]


class _Line(msgspec.Struct, gc=False):
    """What a scan needs of an event."""

    kind: Literal["event"]
    principal: str
    time_us: _Time
    rows: Annotated[int, Meta(ge=0, le=MOST_ROWS)]
    request: str = ""
    part: _Small = 0
    status: _Small = 0
    endpoint: str = ""
    organisation: str = ""
    plan: str = ""
    use: str = ""
    created_day: str = ""
    agent: str = ""
    network: str = ""
    profile: str = ""
    fingerprints: bytes = b""
    codes: bytes = b""
    traits: bytes = b""
    scores: bytes = b""
    score_classes: bytes = b""
    asked: _Small = 0
    given: _Small = 0
    classes: _Small = 0
    top1: tuple[_Small, ...] = ()
    confidence_pm: tuple[_Small, ...] = ()
    values: tuple[str, ...] = ()


_decoder = msgspec.json.Decoder(_Line)
_coded = msgspec.json.Decoder(Coded)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_GET = {field: attrgetter(field) for field in _Line.__struct_fields__}


class OwnLines:
    """Reads segments, one after the other. late: files in which codes may come after their events.

    profile: only rows coded by it have codes.
    """

    def __init__(self, profile: Profile | None, columns: Columns, told: Told, late: Sequence[Path] = ()) -> None:
        self._ours = profile.id if profile is not None else ""
        self._columns, self._told = columns, told
        self._met = Met()
        self._odd = 0
        self._later = tuple(late)

    @cached_property
    def _late(self) -> dict[tuple[str, int], bytes]:
        """Looked for where an event has other codes, or none: a log whose events have theirs need not be read twice."""
        return {of: codes for path in self._later for of, codes in _late(path, self._ours).items()}

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[Imported]:
        """The blocks of one file, in order; raises StoreError where it cannot be read."""
        held, requests = list[dict[str, Any]](), 0
        self._odd = 0
        for piece in pieces(path, progress):
            table = self._table(piece)
            if table is not None:
                held.append(table)
                requests += table["rows"].size
            if requests >= ROWS:
                yield self._made(held)
                held, requests = [], 0
        if held:
            yield self._made(held)

    def _table(self, piece: bytes) -> dict[str, Any] | None:
        """The columns of the events of a piece, None where it has none."""
        if self._odd < _ODD:
            try:
                return self._even(piece)
            except Misshapen:
                self._odd += 1
        lines = self._lines(piece)
        return self._taken(lines) if lines else None

    def _even(self, piece: bytes) -> dict[str, Any]:
        """The same of lines of one shape; raises Misshapen for others."""
        shaped = Shaped(piece)
        table: dict[str, Any] = columns(shaped, self._ours, _TEXTS)
        said = {name: shaped.texts(name) for name in _SAID}
        if not said["principal"] or (self._ours and not table["codes"].shape[1] and self._late):
            raise Misshapen
        self._odd = 0
        self._told.lines += shaped.n
        # bytes and text have the same hash
        self._place(table, shaped.texts("request") or [b""] * shaped.n, said)
        return table

    def _lines(self, piece: bytes) -> list[_Line]:
        """The events among the lines; what is none of ours is counted."""
        try:
            lines = _decoder.decode_lines(piece)
        except _UNREADABLE:
            return self._one_by_one(piece)
        self._told.lines += len(lines)
        return lines

    def _one_by_one(self, piece: bytes) -> list[_Line]:
        found = []
        for text in piece.split(b"\n"):
            if text.strip():
                self._told.lines += 1
                line = _line(text)
                if line is False:
                    self._told.bad += 1
                    if len(self._told.sample) < SAMPLED:
                        self._told.sample.append(form_of(text, _GET.keys()))
                elif line is not True:
                    found.append(line)
        return found

    def _taken(self, lines: list[_Line]) -> dict[str, Any]:
        """The columns of these events."""
        table: dict[str, Any] = {f: np.fromiter(map(_GET[f], lines), np.int64, len(lines)) for f in NUMBERS}
        rows = table["rows"]
        said = {name: list(map(_GET[name], lines)) for name in _SAID}
        self._place(table, map(_GET["request"], lines), said)
        for name, dtype in BLOBS.items():
            parts = self._codes(lines) if name == "codes" else list(map(_GET[name], lines))
            table[name] = blob(parts, rows, dtype)
        for name, missing in LISTS.items():
            table[name] = listed(list(map(_GET[name], lines)), rows, missing)
        return table

    def _place(self, table: dict[str, Any], requests: Iterable[Text], said: Mapping[str, Sequence[Text]]) -> None:
        """Add who asked what: request, principal and path."""
        n = table["rows"].size
        hashes = np.fromiter(map(hash, requests), np.int64, n).view(np.uint64)
        table["request"] = hashes + table["part"].astype(np.uint64) * _MIX
        table["principal"] = self._met.take(said["principal"], {word: said[word] for word in _WORDS})
        table["path"] = _paths(said["endpoint"] or [""] * n)

    def _codes(self, lines: list[_Line]) -> list[bytes]:
        """Codes of the profile that is asked for, also those that were stored later."""
        ours = self._ours
        if not ours:
            return [b""] * len(lines)
        if all(e.profile == ours for e in lines):
            return list(map(_GET["codes"], lines))
        late = self._late
        return [e.codes if e.profile == ours else late.get((e.request, e.part), b"") for e in lines]

    def _made(self, held: list[dict[str, Any]]) -> Imported:
        """One block of the pieces held."""
        table = {name: joined([part[name] for part in held]) for name in held[0]}
        rows = table["rows"]
        request: dict[str, Array] = {
            "time_s": table["time_us"] / 1e6,
            "request": table["request"],
            "status": table["status"],
            "answered": (table["status"] == 200) & (table["given"] > 0) & (rows > 0),
            "whole": table["part"] == 0,
        }
        names, attributes = self._met.done()
        who = (names, table["principal"], attributes)
        return self._columns.made(request, who, table["path"], lambda some: _detail(table, some))


def _detail(table: dict[str, Array], some: Array) -> Rows:
    """The rows of some requests."""
    rows = table["rows"]
    chosen = np.zeros(rows.size, bool)
    chosen[some] = True
    mask = np.repeat(chosen, rows)
    every = bool(mask.all())

    def of(name: str) -> Array:
        return table[name] if every else table[name][mask]

    fingerprint, traits = of("fingerprints"), of("traits")
    few = rows[some]
    return Rows(
        few,
        {
            "fingerprint": fingerprint[:, 0] if fingerprint.shape[1] else np.zeros(len(fingerprint), np.uint64),
            "codes": of("codes"),
            "traits": traits if traits.shape[1] in (0, TRAITS) else traits[:, :0],
            "asked": np.repeat(table["asked"][some], few).astype(np.uint8),
            "given": np.repeat(table["given"][some], few).astype(np.uint8),
            "top1": of("top1").astype(np.int64),
            "confidence": confidence_of(of("confidence_pm")),
            "scores": of("scores"),
            "score_classes": _classes(of("score_classes")),
            "classes": int(table["classes"][some].max(initial=0)),
            "values": of("values"),
        },
    )


def _classes(column: Array) -> Array:
    return column if column.shape[1] else np.zeros((0, 0), np.uint16)


def _paths(endpoints: Sequence[Text]) -> Array:
    """(n,) of object: paths without their queries, equal ones the same object."""
    plain = {e: plainly(e).split("?", 1)[0] for e in dict.fromkeys(endpoints)}
    found = np.empty(len(endpoints), object)
    found[:] = next(iter(plain.values())) if len(plain) == 1 else [plain[e] for e in endpoints]
    return found


def _line(text: bytes) -> _Line | bool:
    """An event, of a damaged one what is whole; True for another record of ours, False for any other line."""
    with suppress(*_UNREADABLE):
        return _decoder.decode(text)
    try:
        found = msgspec.json.decode(text)
        if not isinstance(found, dict) or found.get("kind") != "event":
            return isinstance(found, dict) and found.get("kind") in OTHERS
        return msgspec.convert({k: v for k, v in found.items() if k not in BLOBS or _whole(v)}, _Line)
    except _UNREADABLE:
        return False


def _whole(text: object) -> bool:
    try:
        binascii.a2b_base64(str(text), strict_mode=True)
    except ValueError:
        return False
    return isinstance(text, str)


def _late(path: Path, ours: str) -> dict[tuple[str, int], bytes]:
    """The codes of this profile that a segment has in lines of their own."""
    found: dict[tuple[str, int], bytes] = {}
    if path.suffix == ".parquet" or not path.stat().st_size:
        return found
    with path.open("rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as held:
        at = held.find(_CODED)
        while at >= 0:
            end = held.find(b"\n", at)
            end = len(held) if end < 0 else end
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, ValueError):
                line = _coded.decode(held[held.rfind(b"\n", 0, at) + 1 : end])
                if line.profile == ours:
                    found[line.request, line.part] = binascii.a2b_base64(line.codes)
            at = held.find(_CODED, end)
    return found
