"""What a study decided, on disk beside its transcript: a resumed one decides the same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from wellhead.core.errors import ConfigError, StoreError
from wellhead.redteam.known import Known
from wellhead.redteam.outcome import Probed


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """When an attack began. spent: rows of the study until then.  rows: its share."""

    attack: str
    spent: int
    rows: int


class Plan(msgspec.Struct, kw_only=True):
    """arguments: digest of what the study was asked to do.  probed: so that nothing is probed twice."""

    arguments: str
    seed: int
    probed: Probed | None = None
    starts: list[Start] = []
    v: int = 1

    def start(self, attack: str) -> Start | None:
        """When this attack began, None where it has not."""
        return next((s for s in self.starts if s.attack == attack), None)


def digest(known: Known, *others: Any) -> str:
    """BLAKE2b of everything that changes what a study asks."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in (*msgspec.structs.astuple(known), *others):
        if isinstance(part, np.ndarray):
            hashed.update(repr((part.shape, part.dtype.str)).encode() + np.ascontiguousarray(part).tobytes())
        else:
            hashed.update(repr(part).encode())
        hashed.update(b"\0")
    return hashed.hexdigest()


def seed_of(seed: int, name: str) -> int:
    """A seed of its own for each attack, whichever others are run."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=4).digest(), "big")


def load(file: Path, arguments: str, seed: int) -> Plan:
    """The plan in a file, a new one where there is none.

    Raises ConfigError where the file is of a study with other arguments, StoreError where it is no plan.
    """
    if not file.exists():
        return Plan(arguments=arguments, seed=seed)
    try:
        plan = msgspec.json.decode(file.read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError) as e:
        raise StoreError(f"expected the plan of a study at {file}, got: {e}", "give a new directory") from e
    if (plan.arguments, plan.seed) != (arguments, seed):
        raise ConfigError(
            f"expected the arguments of the study in {file.parent}, got others",
            "repeat them as they were, or give a new directory",
        )
    return plan


def save(file: Path, plan: Plan) -> None:
    """Write the plan so that a kill leaves the old one or the new one."""
    draft = file.with_suffix(".tmp")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    draft.replace(file)
