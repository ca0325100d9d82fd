"""Many answered queries as columns: what meter and detectors read, live and rebuilt alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Codes
from wellhead.core.codec import unpack
from wellhead.core.errors import AuditError
from wellhead.core.event import Event

ATTRIBUTES = ("organisation", "network", "agent", "created_day", "plan", "use")
"""What principals can share; the config says which of them tie principals whose ledgers are summed."""

TRAITS = 3
"""Texture, residue, grain: columns of `traits`."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """n rows (queries), in the order in which they were answered.

    names: the principals that occur; principal: (n,) int32 index into `names`.
    attributes: for each of `names`, the (attribute, value) pairs it was seen with (see ATTRIBUTES).
    time_s: (n,) seconds since 1970 UTC.  fingerprint: (n,) uint64 keyed hash of the input.
    codes: (n, d) int8; d = 0 where no profile was fitted, a row of zeros where it did not code that row.
    traits: (n, 3) uint8 texture, residue and grain (see wellhead.meter.traits), 0 unknown; (n, 0) where all are.
    asked, given: (n,) uint8 Exposure.
    top1: (n,) int64 class, -1 unknown.  confidence: (n,) float32 in 0..1, NaN where none was served.
    scores: (n, 32 or fewer) int8 from core.codec.quantise, zeros where none were served.
    score_classes: (n, 32) uint16, or (0, 0) where scores are in class order.
    classes: number of the model's classes, 0 unknown.  values: (n,) float64, NaN for classifiers.
    """

    names: tuple[str, ...]
    attributes: tuple[frozenset[tuple[str, str]], ...]
    principal: Array
    time_s: Array
    fingerprint: Array
    codes: Codes
    traits: Array
    asked: Array
    given: Array
    top1: Array
    confidence: Array
    scores: Array
    score_classes: Array
    classes: int
    values: Array

    def __len__(self) -> int:
        return int(self.principal.size)

    def counts(self) -> list[int]:
        """Rows of each of `names`."""
        return [int(n) for n in np.bincount(self.principal, minlength=len(self.names))]

    def take(self, rows: Array) -> Batch:
        """The batch of these rows (index or mask); names are kept."""
        columns = {f: getattr(self, f) for f in self.__struct_fields__ if f not in ("names", "attributes", "classes")}
        picked = {f: c[rows] if c.shape[0] else c for f, c in columns.items()}
        return Batch(names=self.names, attributes=self.attributes, classes=self.classes, **picked)

    def parts(self, rows: int) -> Iterator[Batch]:
        """The same rows, at least so many at a time but for the last, sorted by principal and otherwise in their order.

        All rows of a principal are in one part, and a part names no more than those between its first and last.
        """
        if len(self) <= rows:
            yield self
            return
        counts = np.bincount(self.principal, minlength=len(self.names))
        ends = np.cumsum(counts)
        ordered = self.take(_order(self.principal, len(self.names)))
        first = at = 0
        while at < len(self):
            last = min(int(np.searchsorted(ends, at + rows)), len(self.names) - 1)
            yield ordered._cut((first, last + 1), (at, int(ends[last])))
            first, at = last + 1, int(ends[last])

    def _cut(self, names: tuple[int, int], rows: tuple[int, int]) -> Batch:
        """Rows from one to another, of principals from one to another."""
        part = self.take(slice(*rows))  # type: ignore[arg-type]
        among = slice(*names)
        principal = part.principal - names[0]
        return msgspec.structs.replace(
            part, names=self.names[among], attributes=self.attributes[among], principal=principal
        )


def _order(principal: Array, names: int) -> Array:
    """What sorts by principal, and leaves the rows of each in their order; numpy sorts 16 bits without comparing."""
    return np.argsort(principal.astype(np.uint16) if names <= 1 << 16 else principal, kind="stable")


def _parts(events: Sequence[Event], field: str, dtype: str) -> list[Array | None]:
    return [unpack(text, dtype, e.rows) if (text := getattr(e, field)) else None for e in events]


def _stack(events: Sequence[Event], parts: list[Array | None], dtype: str, width: int = 0) -> Array:
    """One packed column of all events; what a row lacks of the widest is zeros. width: where no event has it."""
    width = max((p.shape[1] for p in parts if p is not None), default=width)
    full = [_padded(p, e.rows, dtype, width) for e, p in zip(events, parts, strict=True)]
    return np.concatenate(full) if full else np.zeros((0, width), dtype)


def _padded(part: Array | None, rows: int, dtype: str, width: int) -> Array:
    if part is not None and part.shape[1] == width:
        return part
    table = np.zeros((rows, width), dtype)
    if part is not None:
        table[:, : part.shape[1]] = part
    return table


def _even(events: Sequence[Event], field: str, dtype: str, width: int = 0) -> Array:
    """As `_stack`; raises AuditError where events have rows of different widths: codes of two profiles, or damage."""
    parts = _parts(events, field, dtype)
    widths = {p.shape[1] for p in parts if p is not None}
    if len(widths) > 1 or (width and not widths <= {width}):
        raise AuditError(f"expected {field} of {width or 'one'} width, got {sorted(widths)}")
    return _stack(events, parts, dtype, width)


def _traits(events: Sequence[Event]) -> Array:
    traits = _stack(events, _parts(events, "traits", "|u1"), "|u1")
    if traits.shape[1] not in (0, TRAITS):
        raise AuditError(f"expected {TRAITS} traits a row, got {traits.shape[1]}")
    return traits


def _flat(events: Sequence[Event], field: str, missing: float) -> Array:
    """One number a row; raises AuditError where there are more or fewer."""
    rows = sum(e.rows for e in events)
    try:
        numbers = [v for e in events for v in (getattr(e, field) or (missing,) * e.rows)]
        column = np.array(numbers, dtype=np.float64)
    except ValueError as e:
        raise AuditError(f"expected numbers in {field}, got text ({e})") from e
    if column.size != rows:
        raise AuditError(f"expected {rows} {field}, one a row, got {column.size}")
    return column


def _attributes(events: Sequence[Event], names: tuple[str, ...]) -> tuple[frozenset[tuple[str, str]], ...]:
    seen: dict[str, set[tuple[str, str]]] = {name: set() for name in names}
    for e in events:
        seen[e.principal].update((a, getattr(e, a)) for a in ATTRIBUTES if getattr(e, a))
    return tuple(frozenset(seen[name]) for name in names)


def confidence_of(per_mille: Array) -> Array:
    """(n,) float32 confidence as Batch holds it: NaN where -1 says that none was served."""
    return np.where(per_mille < 0, np.nan, per_mille / 1000.0).astype(np.float32)


def framed(events: Sequence[Event], **columns: Array) -> Batch:
    """The batch of answered events whose rows stand in `columns`; what the events say once is repeated for each row."""
    rows = np.array([e.rows for e in events], dtype=np.int64)
    names = tuple(dict.fromkeys(e.principal for e in events))
    index = {name: i for i, name in enumerate(names)}
    per_event: dict[str, Array] = {
        "principal": np.array([index[e.principal] for e in events], dtype=np.int32),
        "time_s": np.array([e.time_us for e in events], dtype=np.int64) / 1e6,
        "asked": np.array([e.asked for e in events], dtype=np.uint8),
        "given": np.array([e.given for e in events], dtype=np.uint8),
    }
    return Batch(
        names=names,
        attributes=_attributes(events, names),
        classes=max((e.classes for e in events), default=0),
        **{field: np.repeat(column, rows) for field, column in per_event.items()},
        **columns,
    )


def from_events(events: Sequence[Event]) -> Batch:
    """The columns of answered events (status 200 with an answer); others must be filtered out before.

    Raises AuditError where an event's columns do not fit its rows, or where codes are of two widths.
    """
    classes = _stack(events, _parts(events, "score_classes", "<u2"), "<u2")
    return framed(
        events,
        fingerprint=_even(events, "fingerprints", "<u8", 1).reshape(-1),
        codes=_even(events, "codes", "|i1"),
        traits=_traits(events),
        top1=_flat(events, "top1", -1).astype(np.int64),
        confidence=confidence_of(_flat(events, "confidence_pm", -1)),
        scores=_stack(events, _parts(events, "scores", "|i1"), "|i1"),
        score_classes=classes if classes.shape[1] else np.zeros((0, 0), np.uint16),
        values=_flat(events, "values", np.nan),
    )


class Visits(msgspec.Struct, frozen=True, kw_only=True):
    """n HTTP requests, answered or not, in the order in which they came.

    names: the principals that occur; principal: (n,) int32 index into `names`.
    time_s: (n,) seconds since 1970 UTC.  status: (n,) int64 HTTP status.  endpoint: (n,) path of each.
    """

    names: tuple[str, ...]
    principal: Array
    time_s: Array
    status: Array
    endpoint: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.principal.size)


def visits_of(events: Sequence[Event]) -> Visits:
    """The requests of events of any status; one that was stored in several parts counts once."""
    first = [e for e in events if e.part == 0]
    names = tuple(dict.fromkeys(e.principal for e in first))
    index = {name: i for i, name in enumerate(names)}
    return Visits(
        names=names,
        principal=np.array([index[e.principal] for e in first], dtype=np.int32),
        time_s=np.array([e.time_us for e in first], dtype=np.int64) / 1e6,
        status=np.array([e.status for e in first], dtype=np.int64),
        endpoint=tuple(e.endpoint for e in first),
    )
