"""Model tiering: a stance may be answered by another model than the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wellhead.capture.upstream import Upstream

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

KEY = "wellhead.upstream"
"""Where a scope names the URL of the model that shall answer; absent or empty for the one that always does."""


class Tiers:
    """An application, and model servers beside it by the URL that the config names.

    Raises KeyError for a URL that is none of them: a stance must never fall back to the better model.
    """

    def __init__(self, app: App, others: Mapping[str, Upstream]) -> None:
        self._app = app
        self._others = dict(others)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one ASGI scope; the application alone has a lifespan."""
        named = scope.pop(KEY, "")
        await (self._others[named] if named else self._app)(scope, receive, send)

    def close(self) -> None:
        """Drop the idle connections to the others."""
        for other in self._others.values():
            other.close()
