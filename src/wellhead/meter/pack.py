"""Records of numbers and arrays as bytes that can be checked: msgpack, schema version, digest; nothing runs code."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np

from wellhead.core.errors import ProfileError

VERSION = 1
_ARRAY = 1
_KINDS = "fiu"


def _hook(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        flat = np.ascontiguousarray(value)
        flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
        return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode((flat.dtype.str, flat.shape, flat.tobytes())))
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"cannot pack {type(value)}")


def _unhook(code: int, data: memoryview) -> Any:
    name, shape, raw = msgspec.msgpack.decode(data)
    kind = np.dtype(name)
    if code != _ARRAY or kind.kind not in _KINDS:
        raise ValueError(f"unexpected array of {name}")
    return np.frombuffer(raw, kind).reshape(shape)


_encoder = msgspec.msgpack.Encoder(enc_hook=_hook)
_decoder = msgspec.msgpack.Decoder(ext_hook=_unhook)


def digest(value: Any) -> str:
    """Hex of the BLAKE2b-128 of the packed value."""
    return hashlib.blake2b(_encoder.encode(value), digest_size=16).hexdigest()


def dump(what: str, record: dict[str, Any]) -> bytes:
    """The bytes of a record of numbers, text, lists and arrays; what: its name, checked on load."""
    body = _encoder.encode(record)
    return msgspec.msgpack.encode((what, VERSION, hashlib.blake2b(body, digest_size=16).digest(), body))


def load(what: str, data: bytes) -> dict[str, Any]:
    """The record in these bytes; raises ProfileError where they are cut, edited, newer, or something else."""
    try:
        name, version, seal, body = msgspec.msgpack.decode(data)
        if name != what or version != VERSION:
            raise ProfileError(f"expected a {what} of version {VERSION}, got {name!r} of version {version!r}")
        if hashlib.blake2b(body, digest_size=16).digest() != seal:
            raise ProfileError(f"the {what} was cut or edited", "fit or rebuild it")
        record: dict[str, Any] = _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, TypeError) as e:
        raise ProfileError(f"expected a {what}, got {len(data)} bytes that are none ({e})", "fit or rebuild it") from e
    return record
