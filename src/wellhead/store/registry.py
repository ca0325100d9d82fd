"""What is known of each principal's registration; personal values are tokens (see `wellhead.store.personal`)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from wellhead.core.errors import StoreError

_SCHEMA = 1


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-up; unknown fields are empty. email, address, network: tokens.  use: what it was declared to be for.

    created_s: seconds since 1970 UTC, None unknown.  suspicion: of its company (see wellhead.detect.cohort).
    """

    created_s: float | None = None
    email: str = ""
    address: str = ""
    network: str = ""
    plan: str = ""
    use: str = ""
    suspicion: float = 0.0

    @property
    def created_day(self) -> str:
        """YYYY-MM-DD, empty unknown."""
        return "" if self.created_s is None else datetime.fromtimestamp(self.created_s, UTC).date().isoformat()


class _Stored(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    principals: dict[str, Registration]
    v: int


class Registry:
    """The registrations of one file, by principal."""

    def __init__(self, principals: Mapping[str, Registration] | None = None) -> None:
        self.principals = dict(principals or {})

    @classmethod
    def load(cls, path: Path) -> Registry:
        """The registrations in a file, none where it is missing; raises StoreError where it is damaged."""
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
        except FileNotFoundError:
            return cls()
        except OSError as e:
            raise StoreError(f"expected registrations at {path}, got: {e.strerror}") from e
        except msgspec.MsgspecError as e:
            raise StoreError(f"expected registrations at {path}, got: {e}", "import them again") from e
        if stored.v != _SCHEMA:
            raise StoreError(f"expected schema {_SCHEMA} in {path}, got {stored.v}", "upgrade Wellhead")
        return cls(stored.principals)

    def save(self, path: Path) -> None:
        """Write them, mode 0600, in one step; raises StoreError."""
        body = msgspec.json.encode(_Stored(principals=self.principals, v=_SCHEMA))
        try:
            # made by mkstemp, so readable by nobody else at any moment
            handle, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=".wellhead-principals-")
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(body, indent=1))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError as e:
            raise StoreError(f"expected to write {path}, got: {e.strerror}") from e

    @property
    def cohort(self) -> dict[str, float]:
        """The suspicion of each principal whose sign-up time is known: for Context.cohort of the detectors."""
        return {name: r.suspicion for name, r in self.principals.items() if r.created_s is not None}

    @property
    def declared(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """The plan and use of each principal that has any: for Segments.declared."""
        pairs = {n: (("plan", r.plan), ("use", r.use)) for n, r in self.principals.items() if r.plan or r.use}
        return {name: tuple(pair for pair in both if pair[1]) for name, both in pairs.items()}
