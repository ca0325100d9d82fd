"""The composition root: config -> one running ASGI app."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`from wellhead.serve import Wellhead` without loading the server before it is wanted."""
    if name == "Wellhead":
        from wellhead.serve.app import Wellhead

        return Wellhead
    raise AttributeError(name)
