"""Wellhead's own API keys: `wh_<id>_<256 random bits>`, kept as keyed BLAKE2b hashes (RFC 7693).

A token holds 256 random bits, so that a fast hash is enough: there is nothing to guess, and no slow derivation stands
in the path. Keys of one owner are one principal; a key without owner is a principal of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.event import Caller

PREFIX = b"wh_"
_ID_BYTES = 6
_TOKEN_LENGTH = 3 + 2 * _ID_BYTES + 1 + 43
_ID = slice(3, 3 + 2 * _ID_BYTES)
_RESERVED = ("anonymous", "unauthenticated")
_SCHEMA = 1


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a key is given to. expires_s: seconds since 1970 UTC, 0 never.  use: what it was declared to be for."""

    owner: str = ""
    organisation: str = ""
    email: str = ""
    plan: str = ""
    use: str = ""
    expires_s: int = 0


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One stored key; the token is not in it. digest: hex.  Times in seconds since 1970 UTC, 0 never."""

    id: str
    digest: str
    holder: Holder
    created_s: int
    revoked_s: int = 0

    @property
    def caller(self) -> Caller:
        """What a request with this key proves."""
        return Caller(
            principal=self.holder.owner or self.id,
            key=self.id,
            organisation=self.holder.organisation,
            email=self.holder.email,
            plan=self.holder.plan,
            use=self.holder.use,
            created_day=datetime.fromtimestamp(self.created_s, UTC).date().isoformat(),
        )


class _Stored(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    pepper: str
    keys: list[Key]
    v: int


class Keys:
    """The keys of one file. Call `reload` now and then, never in the path of a request."""

    def __init__(self, path: Path, pepper: bytes, keys: tuple[Key, ...] = ()) -> None:
        self.path = path
        self.pepper = pepper
        self._stamp: tuple[int, ...] = ()
        self._take(keys)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Keys:
        """The keys in a file; raises ConfigError where it is missing, damaged or readable by others."""
        keys = cls(Path(path), b"")
        keys._read()
        return keys

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Keys:
        """The keys in a file, which is made where it is missing; raises ConfigError."""
        if not Path(path).exists():
            cls(Path(path), secrets.token_bytes(32)).save()
        return cls.load(path)

    def _take(self, keys: tuple[Key, ...]) -> None:
        self.keys = {key.id: key for key in keys}
        self._hasher = hashlib.blake2b(key=self.pepper, digest_size=32)
        self._known = {
            key.id.encode(): (bytes.fromhex(key.digest), key.holder.expires_s, key.caller)
            for key in keys
            if not key.revoked_s
        }

    def _read(self) -> None:
        try:
            stamp = _stamp(self.path)
            stored = msgspec.json.decode(self.path.read_bytes(), type=_Stored)
            self.pepper = bytes.fromhex(stored.pepper)
            self._take(tuple(stored.keys))
        except OSError as e:
            remedy = "make it with `wellhead keys add`, or correct `keys` under [access]"
            raise ConfigError(f"expected a keys file at {self.path}, got: {e.strerror}", remedy) from e
        except (msgspec.MsgspecError, ValueError, OverflowError) as e:
            raise ConfigError(
                f"expected a keys file at {self.path}, got something else", "restore it from a backup"
            ) from e
        if stored.v != _SCHEMA:
            raise ConfigError(f"expected schema {_SCHEMA} in {self.path}, got {stored.v}", "upgrade Wellhead")
        self._stamp = stamp

    def reload(self) -> bool:
        """Read the file again where it changed; True where it did. Raises ConfigError and keeps the keys it has."""
        try:
            if _stamp(self.path) == self._stamp:
                return False
        except OSError:
            pass
        fresh = Keys.load(self.path)
        self.pepper, self._stamp = fresh.pepper, fresh._stamp
        self._take(tuple(fresh.keys.values()))
        return True

    def lookup(self, token: bytes, now_s: float) -> Caller | None:
        """Who holds this token; None where it is malformed, unknown, expired or revoked. Constant time, 2 us."""
        if len(token) != _TOKEN_LENGTH:
            return None
        hasher = self._hasher.copy()
        hasher.update(token)
        found = self._known.get(token[_ID])
        if found is None:
            # An unknown id costs what a known one costs.
            hmac.compare_digest(hasher.digest(), self.pepper)
            return None
        digest, expires_s, caller = found
        if not hmac.compare_digest(hasher.digest(), digest):
            return None
        return None if expires_s and expires_s <= now_s else caller

    def pseudonym(self, secret: bytes) -> str:
        """32 hex digits that stand for somebody else's secret; the same for the same secret and keys file."""
        return hashlib.blake2b(secret, key=self.pepper, digest_size=16, person=b"bearer").hexdigest()

    def add(self, holder: Holder, now_s: float) -> str:
        """Store a new key and return its token, which is kept nowhere; raises ConfigError for an unusable holder."""
        _check(holder)
        with self._locked():
            name = secrets.token_hex(_ID_BYTES)
            token = f"wh_{name}_{secrets.token_urlsafe(32)}"
            digest = hashlib.blake2b(token.encode(), key=self.pepper, digest_size=32).hexdigest()
            key = Key(id=name, digest=digest, holder=holder, created_s=int(now_s))
            self._take((*self.keys.values(), key))
            self.save()
        return token

    def revoke(self, name: str, now_s: float) -> Key:
        """Refuse a key from now on and return it; raises ConfigError for an unknown id. Twice is as once."""
        with self._locked():
            key = self.keys.get(name)
            if key is None:
                raise ConfigError(f"expected the id of a key, got `{name[:40]}`", "see `wellhead keys list`")
            if not key.revoked_s:
                key = msgspec.structs.replace(key, revoked_s=max(1, int(now_s)))
                self._take(tuple((self.keys | {name: key}).values()))
                self.save()
        return key

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the directory's lock with the newest keys read, so that two commands at once lose nothing."""
        import fcntl

        handle = os.open(self.path.absolute().parent, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.reload()
            yield
        finally:
            os.close(handle)

    def save(self) -> None:
        """Write the file at once and whole, readable by its owner alone; raises ConfigError."""
        stored = _Stored(pepper=self.pepper.hex(), keys=list(self.keys.values()), v=_SCHEMA)
        data = msgspec.json.format(msgspec.json.encode(stored), indent=2)
        try:
            handle, temporary = tempfile.mkstemp(dir=self.path.absolute().parent, prefix=".wellhead-keys-")
            with os.fdopen(handle, "wb") as file:
                file.write(data + b"\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
            self._stamp = _stamp(self.path)
        except OSError as e:
            raise ConfigError(f"expected to write {self.path}, got: {e.strerror}", "choose a writable place") from e


def _stamp(path: Path) -> tuple[int, ...]:
    stat = path.stat()
    if stat.st_mode & 0o077:
        raise ConfigError(f"expected {path} to be readable by its owner alone", f"chmod 600 {path}")
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _check(holder: Holder) -> None:
    for field in ("owner", "organisation", "email", "plan", "use"):
        text = getattr(holder, field)
        if len(text) > 200 or not (text.isprintable() or not text):
            raise ConfigError(f"expected {field} in at most 200 printable characters, got others")
    # A colon marks principals that somebody else vouches for: no owner may pose as one.
    if ":" in holder.owner or holder.owner in _RESERVED:
        raise ConfigError(f"expected an owner without colon and none of {', '.join(_RESERVED)}, got `{holder.owner}`")
