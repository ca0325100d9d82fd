"""From exchanges in memory to columns and stored events: the same numbers live and rebuilt."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Codes, Inputs
from wellhead.core.codec import pack, strongest
from wellhead.core.errors import ProfileError
from wellhead.core.event import ROWS_PER_EVENT, Answer, Event, Exchange, Query
from wellhead.core.exposure import Exposure
from wellhead.meter.profile import Profile

Pseudonym = Callable[[str, str], str]
"""(field, value) -> salted hex token of a personal value; empty stays empty."""


def fingerprints(inputs: Inputs, key: bytes) -> Array:
    """(n,) uint64 keyed BLAKE2b of each input's canonical bytes (little-endian float32, or UTF-8)."""
    if isinstance(inputs, list):
        rows = [text.encode() for text in inputs]
    else:
        flat = np.ascontiguousarray(inputs, dtype="<f4").reshape(len(inputs), -1)
        raw, width = flat.tobytes(), flat.shape[1] * 4
        rows = [raw[i : i + width] for i in range(0, len(raw), width)] if width else [b""] * len(inputs)
    digests = b"".join([hashlib.blake2b(row, digest_size=8, key=key).digest() for row in rows])
    return np.frombuffer(digests, dtype="<u8")


@lru_cache(maxsize=65_536)
def network_of(address: str) -> str:
    """The /24 (IPv4) or /48 (IPv6) of an address; empty where there is no address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def probabilities(answer: Answer) -> Array | None:
    """(n, k) probabilities of an answer that carried scores, else None. Logits go through a softmax."""
    if answer.scores is None or not answer.kind.has_scores:
        return None
    if answer.kind is not Exposure.LOGITS:
        return answer.scores
    shifted = np.exp(answer.scores - answer.scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def codes_of(queries: Sequence[Query], profile: Profile | None) -> list[Codes | None]:
    """Each query's codes, one projection for each shape; None without a profile, or where the inputs do not fit."""
    codes: list[Codes | None] = [None] * len(queries)
    if profile is None:
        return codes
    shapes: dict[object, list[int]] = {}
    for i, query in enumerate(queries):
        shapes.setdefault("text" if isinstance(query.inputs, list) else query.inputs.shape[1:], []).append(i)
    for same in shapes.values():
        with suppress(ProfileError):
            projected = profile.code(_joined([queries[i].inputs for i in same]))
            bounds = np.cumsum([queries[i].rows for i in same])
            for i, part in zip(same, np.split(projected, bounds[:-1]), strict=True):
                codes[i] = part
    return codes


def _joined(parts: list[Inputs]) -> Inputs:
    if isinstance(parts[0], list):
        return [text for part in parts for text in part]
    return np.concatenate([np.asarray(part) for part in parts])


def _answer_columns(answer: Answer | None, part: slice) -> dict[str, object]:
    """The stored form of what an answer gave away for these rows."""
    if answer is None:
        return {}
    columns: dict[str, object] = {"given": int(answer.kind)}
    if answer.values is not None:
        columns["values"] = tuple(repr(v) for v in answer.values[part].tolist())
    top1 = answer.top1
    if top1 is not None:
        columns["top1"] = tuple(top1[part].tolist())
    p = probabilities(answer)
    if p is None:
        return columns
    kept, classes = strongest(p[part])
    columns["scores"] = pack(kept)
    columns["classes"] = p.shape[1]
    columns["confidence_pm"] = tuple((p[part].max(axis=1) * 1000.0).astype(np.int64).tolist())
    if classes is not None:
        columns["score_classes"] = pack(classes)
    return columns


def _asker(x: Exchange, pseudonym: Pseudonym) -> dict[str, object]:
    c = x.caller
    return {
        "principal": c.principal,
        "key": c.key,
        "organisation": c.organisation,
        "plan": c.plan,
        "use": c.use,
        "created_day": c.created_day,
        "email": pseudonym("email", c.email),
        "address": pseudonym("address", c.address),
        "network": pseudonym("network", network_of(c.address)),
        "agent": pseudonym("agent", c.agent),
    }


class Recorder(msgspec.Struct, frozen=True):
    """What turns exchanges into stored events. key: secret of the input fingerprints."""

    model: str
    key: bytes
    pseudonym: Pseudonym

    def events(self, x: Exchange, codes: Codes | None, profile: str) -> list[Event]:
        """One event, or several where the exchange had more than ROWS_PER_EVENT rows."""
        rows = x.query.rows if x.query else 0
        marks = fingerprints(x.query.inputs, self.key) if x.query and x.answer else None
        common = _asker(x, self.pseudonym) | _circumstances(x)
        events = []
        for number, start in enumerate(range(0, max(rows, 1), ROWS_PER_EVENT)):
            part = slice(start, min(start + ROWS_PER_EVENT, rows))
            columns = _answer_columns(x.answer, part)
            if marks is not None:
                columns["fingerprints"] = pack(marks[part])
            if codes is not None:
                columns["codes"], columns["profile"] = pack(codes[part]), profile
            events.append(Event(part=number, rows=part.stop - part.start, model=self.model, **common, **columns))  # type: ignore[arg-type]
        return events


def _circumstances(x: Exchange) -> dict[str, object]:
    return {
        "request": x.request,
        "time_us": x.time_us,
        "status": x.status,
        "method": x.method,
        "endpoint": x.endpoint,
        "latency_us": x.latency_us,
        "asked": int(x.query.asked) if x.query else 0,
        "defence": x.defence,
        "stance": x.stance,
        "reason": x.reason,
        "drill": x.drill,
    }
