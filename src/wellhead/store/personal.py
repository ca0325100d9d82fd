"""The erasable side of the log: what each salted token of a personal value stands for.

The log holds only HMAC-SHA256(salt, value); salt and value live here, one line each. Erasing the line leaves the
log's tree valid and its token meaningless.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import msgspec

from wellhead.core.errors import StoreError


class Person(msgspec.Struct, frozen=True):
    """One personal value with its own salt (hex)."""

    field: str
    value: str
    salt: str
    v: int = 1

    @property
    def token(self) -> str:
        """32 hex digits that stand for the value in the log."""
        return hmac.new(bytes.fromhex(self.salt), self.value.encode(), hashlib.sha256).hexdigest()[:32]


class Personal:
    """A file of Persons, mode 0600, that only grows until something is erased."""

    def __init__(self, path: Path) -> None:
        self._path = path
        people = _read(path)
        self._tokens = {(p.field, p.value): p.token for p in people}
        self._values = {p.token: p.value for p in people}

    def token(self, field: str, value: str) -> str:
        """The value's token, made and written on first sight; empty for an empty value."""
        if not value:
            return ""
        known = self._tokens.get((field, value))
        return known or self._add(Person(field, value, secrets.token_hex(16)))

    def value(self, token: str) -> str:
        """What a token stands for; empty where it was erased."""
        return self._values.get(token, "")

    def _add(self, person: Person) -> str:
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as f:
            f.write(msgspec.json.encode(person) + b"\n")
        self._tokens[person.field, person.value] = person.token
        self._values[person.token] = person.value
        return person.token

    def erase(self, value: str) -> int:
        """Forget a value wherever it occurs; returns how many tokens lost their meaning."""
        kept = [p for p in _read(self._path) if p.value != value]
        lost = [token for token, known in self._values.items() if known == value]
        new = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.writelines(msgspec.json.encode(p) + b"\n" for p in kept)
            f.flush()
            os.fsync(f.fileno())
        new.replace(self._path)
        self._tokens = {(p.field, p.value): p.token for p in kept}
        self._values = {p.token: p.value for p in kept}
        return len(lost)


def _read(path: Path) -> list[Person]:
    if not path.exists():
        return []
    people = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            people.append(msgspec.json.decode(line, type=Person))
        except msgspec.MsgspecError as e:
            raise StoreError(f"expected a person at {path}:{number}, got {e}", "restore it, or delete that line") from e
    return people
