"""Signed notes, verifier keys and checkpoints as C2SP writes them (signed-note, tlog-checkpoint), Ed25519 only."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wellhead.core.errors import AuditError

_ED25519 = b"\x01"
_MOST_SIGNATURES = 100


class Vkey(msgspec.Struct, frozen=True):
    """A verifier key: the name of who signs, and the 32 bytes of its public key."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The 4 bytes that start each of its signatures."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Vkey:
        """The key in a line such as `example.com/log+530d903a+AekY...`; raises AuditError."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        key = cls(_name(name), raw[1:])
        if raw[:1] != _ED25519 or len(raw) != 33 or key.id.hex() != key_id:
            raise AuditError(f"expected an Ed25519 verifier key, got {text.strip()[:80]!r}", "copy the whole line")
        return key

    def verifies(self, text: str, signature: bytes) -> bool:
        """True where `signature` (64 bytes) is this key's over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private key and the name that it signs under."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.vkey = Vkey(_name(name), private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The note: text, empty line, signature line."""
        signature = base64.b64encode(self.vkey.id + self._private.sign(text.encode())).decode()
        return f"{text}\n— {self.vkey.name} {signature}\n"


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log commits to: its name, its size in leaves, its root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint in a note's text; raises AuditError. Extension lines are ignored."""
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or not _is_decimal(lines[1]):
            raise AuditError(f"expected a checkpoint of origin, size and root, got {text[:80]!r}")
        found = cls(lines[0], int(lines[1]), _unbase64(lines[2]))
        if len(found.root) != 32:
            raise AuditError(f"expected a root of 32 bytes, got {len(found.root)}")
        return found


def open_note(note: str, keys: Sequence[Vkey]) -> str:
    """The text of a note that at least one of `keys` signed; raises AuditError.

    Signatures of unknown keys are ignored; a known key's that fails condemns the note (C2SP signed-note).
    """
    text, empty_line, tail = note.rpartition("\n\n")
    lines = tail.removesuffix("\n").split("\n")
    if not empty_line or not tail.endswith("\n") or not 0 < len(lines) <= _MOST_SIGNATURES:
        raise AuditError("expected a signed note: text, empty line, signature lines", "restore the file")
    text += "\n"
    known = [(key, signature) for line in lines for key, signature in _matches(line, keys)]
    if not known:
        raise AuditError(f"expected a signature by {', '.join(k.name for k in keys)}, got none by that key")
    if not all(key.verifies(text, signature) for key, signature in known):
        raise AuditError(f"the signature by {known[0][0].name} does not fit the text", "the note was changed")
    return text


def open_checkpoint(note: str, key: Vkey) -> Checkpoint:
    """The checkpoint that `key` signed under its own name as origin; raises AuditError."""
    found = Checkpoint.parse(open_note(note, [key]))
    if found.origin != key.name:
        raise AuditError(f"expected a checkpoint of {key.name}, got one of {found.origin}")
    return found


def load_signer(path: Path, name: str, *, create: bool = False) -> Signer:
    """The signer whose key is in a PEM file (PKCS 8); with `create`, made with mode 0600 where it is absent."""
    if create and not path.exists():
        _write_key(path)
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as e:
        raise AuditError(f"expected the log's private key at {path}, got: {e.strerror}", "restore it") from e
    except (ValueError, TypeError):
        raise AuditError(f"expected an unencrypted PEM private key in {path}", "restore it") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise AuditError(f"expected an Ed25519 private key in {path}", "point audit.key at the log's own key")
    return Signer(name, private)


def _write_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
            f.write(pem)
            f.flush()
            os.fsync(f.fileno())
    except OSError as e:
        raise AuditError(f"cannot write the log's private key to {path}: {e.strerror}", "set audit.key") from e


def _matches(line: str, keys: Sequence[Vkey]) -> list[tuple[Vkey, bytes]]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = _unbase64(encoded)
    if dash != "—" or len(raw) < 5:
        raise AuditError(f"expected a signature line, got {line[:80]!r}", "restore the file")
    return [(key, raw[4:]) for key in keys if key.name == name and key.id == raw[:4]]


def _name(name: str) -> str:
    if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise AuditError(
            f"expected a key name without spaces or `+`, got {name!r}", "set audit.origin, e.g. example.com/log"
        )
    return name


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and (text == "0" or text[0] != "0")


def _unbase64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw or base64.b64encode(raw).decode() != text:
        raise AuditError(f"expected canonical base64, got {text[:60]!r}")
    return raw
