"""Contract checks for components: ours and plugin authors' pass the same."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "check_attack": "attacks",
    "check_defence": "defences",
    "check_protocol": "protocols",
    "check_signal": "signals",
    "check_sketch": "sketches",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """A check, imported when it is first asked for: each needs other packages."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
