"""From exchanges in memory to columns and stored events: the same numbers live and rebuilt."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Codes, Inputs
from wellhead.core.batch import Batch, confidence_of, framed
from wellhead.core.codec import strongest
from wellhead.core.errors import ProfileError
from wellhead.core.event import ROWS_PER_EVENT, Answer, Caller, Event, Exchange, Query
from wellhead.core.exposure import Exposure
from wellhead.gate.columns import Columns, Packed, cut
from wellhead.meter.profile import Profile
from wellhead.meter.traits import traits

Pseudonym = Callable[[str, str], str]
"""(field, value) -> salted hex token of a personal value; empty stays empty."""

_ZERO, _NAN = np.float32(0.0), np.float32(np.nan)
_ASKERS = 10_000
"""Callers whose fields are remembered."""


def fingerprints(inputs: Inputs, key: bytes) -> Array:
    """(n,) uint64 keyed BLAKE2b of each input's canonical bytes (little-endian float32, or UTF-8).

    Numbers that are equal in single precision are the same, -0 and 0 too, and every NaN is one.
    """
    if isinstance(inputs, list):
        rows = [text.encode() for text in inputs]
    else:
        raw, width = _canonical(inputs), 4 * (inputs.size // max(len(inputs), 1))
        rows = [raw[i : i + width] for i in range(0, len(raw), width)] if width else [b""] * len(inputs)
    keyed = hashlib.blake2b(digest_size=8, key=key)
    digests = []
    for row in rows:
        hasher = keyed.copy()
        hasher.update(row)
        digests.append(hasher.digest())
    return np.frombuffer(b"".join(digests), dtype="<u8")


def _canonical(inputs: Array) -> bytes:
    """Equal bytes for equal numbers: -0 becomes 0, and every NaN the same one."""
    flat = np.ascontiguousarray(inputs, dtype="<f4").reshape(-1)
    if flat.size and math.isnan(flat[flat.argmax()]):  # the greatest is a NaN where there is one
        flat = np.where(np.isnan(flat), _NAN, flat)
    return (flat + _ZERO).tobytes()


@lru_cache(maxsize=65_536)
def network_of(address: str) -> str:
    """The /24 (IPv4) or /48 (IPv6) of an address; empty where there is no address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def probabilities(answer: Answer) -> Array | None:
    """(n, k) probabilities of an answer that carried scores, else None. Logits go through a softmax."""
    if answer.scores is None or not answer.kind.has_scores:
        return None
    if answer.kind is not Exposure.LOGITS:
        return answer.scores
    shifted = np.exp(answer.scores - answer.scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


class Recorded(NamedTuple):
    """Exchanges, written down.

    events: of each exchange, in order.  codes: of each exchange, None where there are none.
    batches: the answered rows as columns, one batch for each shape of question and answer.
    """

    events: list[list[Event]]
    codes: list[Codes | None]
    batches: list[Batch]


class Recorder:
    """Turns exchanges into stored events and columns. key: secret of the input fingerprints."""

    def __init__(self, model: str, key: bytes, pseudonym: Pseudonym) -> None:
        self.model = model
        self._key = key
        self._pseudonym = pseudonym
        self._askers: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def record(self, exchanges: Sequence[Exchange], profile: Profile | None) -> Recorded:
        """Write exchanges down, those that are alike together."""
        done = Recorded([[] for _ in exchanges], [None] * len(exchanges), [])
        alike: dict[object, list[int]] = {}
        for i, x in enumerate(exchanges):
            if x.query is None or x.answer is None:
                done.events[i].append(Event(rows=x.query.rows if x.query else 0, **self._frame(x)))
            else:
                alike.setdefault(_shape(x.query, x.answer), []).append(i)
        for members in alike.values():
            self._record_alike(exchanges, members, profile, done)
        return done

    def _record_alike(
        self, exchanges: Sequence[Exchange], members: list[int], profile: Profile | None, done: Recorded
    ) -> None:
        some = [exchanges[i] for i in members]
        queries = [x.query for x in some if x.query is not None]
        columns = _columns(queries, [x.answer for x in some if x.answer is not None], profile, self._key)
        packed = Packed.of(columns)
        known = profile.id if profile is not None and columns.codes is not None else "", columns.classes
        start = 0
        events = []
        for i, x, query in zip(members, some, queries, strict=True):
            end = start + query.rows
            if columns.codes is not None:
                done.codes[i] = columns.codes[start:end]
            frame = self._frame(x)
            for part, a in enumerate(range(start, end, ROWS_PER_EVENT)):
                done.events[i].append(_event(frame, packed, (a, min(a + ROWS_PER_EVENT, end)), part, known))
            events += done.events[i]
            start = end
        if all(x.status == 200 for x in some):
            done.batches.append(_batch(events, columns))

    def _frame(self, x: Exchange) -> dict[str, Any]:
        """The fields of an exchange's events that do not depend on its rows."""
        return {
            "request": x.request,
            "time_us": x.time_us,
            "status": x.status,
            "method": x.method,
            "endpoint": x.endpoint,
            "model": self.model,
            "latency_us": x.latency_us,
            "asked": int(x.query.asked) if x.query else 0,
            "given": int(x.answer.kind) if x.answer else 0,
            "defence": x.defence,
            "stance": x.stance,
            "reason": x.reason,
            "drill": x.drill,
            **self._asker(x.caller),
        }

    def _asker(self, c: Caller) -> dict[str, Any]:
        """The fields that say who asked; personal ones as tokens. Remembered, because callers come again."""
        known = self._askers.get((c.principal, c.key, c.address, c.agent))
        if known is None or known["plan"] != c.plan:
            if len(self._askers) >= _ASKERS:
                self._askers.clear()
            token = self._pseudonym
            known = self._askers[c.principal, c.key, c.address, c.agent] = {
                "principal": c.principal,
                "key": c.key,
                "organisation": c.organisation,
                "plan": c.plan,
                "use": c.use,
                "created_day": c.created_day,
                "email": token("email", c.email),
                "address": token("address", c.address),
                "network": token("network", network_of(c.address)),
                "agent": token("agent", c.agent),
            }
        return known


def _shape(query: Query, answer: Answer) -> object:
    """What must be equal in exchanges whose rows stand in the same columns."""
    inputs, scores = query.inputs, answer.scores
    width = "text" if isinstance(inputs, list) else inputs.shape[1:]
    return (
        width,
        answer.kind,
        None if scores is None else scores.shape[1],
        answer.labels is None,
        answer.values is None,
    )


def _columns(queries: Sequence[Query], answers: Sequence[Answer], profile: Profile | None, key: bytes) -> Columns:
    inputs = _joined([q.inputs for q in queries])
    first = answers[0]
    joined = Answer(
        first.kind,
        _stack([a.scores for a in answers]),
        _stack([a.labels for a in answers]),
        _stack([a.values for a in answers]),
    )
    p = probabilities(joined)
    kept, classes = (None, None) if p is None else strongest(p)
    codes, residue = _coded(inputs, profile)
    return Columns(
        fingerprint=fingerprints(inputs, key),
        codes=codes,
        traits=traits(inputs, residue),
        top1=joined.top1,
        confidence_pm=None if p is None else (p.max(axis=1) * 1000.0).astype(np.int64),
        scores=kept,
        score_classes=classes,
        values=joined.values,
        classes=0 if p is None else p.shape[1],
    )


def _coded(inputs: Inputs, profile: Profile | None) -> tuple[Codes | None, Array | None]:
    """Codes and residue; None without a profile, or where the inputs do not fit it."""
    if profile is not None:
        with suppress(ProfileError):
            return profile.measure(inputs)
    return None, None


def _stack(parts: Sequence[Any]) -> Any:
    if parts[0] is None:
        return None
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _joined(parts: list[Inputs]) -> Inputs:
    if isinstance(parts[0], list):
        return [text for part in parts for text in part]
    return np.asarray(_stack(parts))


def _event(frame: dict[str, Any], packed: Packed, rows: tuple[int, int], part: int, known: tuple[str, int]) -> Event:
    """The stored event of rows a..b of one exchange. known: the profile that coded them, and the model's classes."""
    a, b = rows
    return Event(
        part=part,
        rows=b - a,
        fingerprints=cut(packed.fingerprints, a, b),
        codes=cut(packed.codes, a, b),
        traits=cut(packed.traits, a, b),
        profile=known[0],
        classes=known[1],
        top1=tuple(packed.top1[a:b]),
        confidence_pm=tuple(packed.confidence_pm[a:b]),
        scores=cut(packed.scores, a, b),
        score_classes=cut(packed.score_classes, a, b),
        values=tuple(packed.values[a:b]),
        **frame,
    )


def _batch(events: Sequence[Event], c: Columns) -> Batch:
    """The columns that `from_events` would give for these events, without unpacking them."""
    n = len(c.fingerprint)
    return framed(
        events,
        fingerprint=c.fingerprint,
        codes=np.zeros((n, 0), np.int8) if c.codes is None else c.codes,
        traits=c.traits,
        top1=np.full(n, -1, np.int64) if c.top1 is None else c.top1.astype(np.int64),
        confidence=confidence_of(np.full(n, -1.0) if c.confidence_pm is None else c.confidence_pm),
        scores=np.zeros((n, 0), np.int8) if c.scores is None else c.scores,
        score_classes=np.zeros((0, 0), np.uint16) if c.score_classes is None else c.score_classes,
        values=np.full(n, np.nan) if c.values is None else c.values.astype(np.float64),
    )
