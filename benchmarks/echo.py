"""A model server that answers at once: what the cost of the middleware is measured on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

App = Callable[[Any, Any, Any], Awaitable[None]]


def bare() -> App:
    """The model alone; its answers come from the folder in BENCH_HOME."""
    home = Path(os.environ["BENCH_HOME"])
    answers = itertools.cycle([line.encode() for line in (home / "answers").read_text().splitlines()])

    async def lifespan(receive: Any, send: Any) -> None:
        while (kind := (await receive())["type"]) != "lifespan.shutdown":
            await send({"type": f"{kind}.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        body = next(answers)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def guarded() -> App:
    """The same model with Wellhead around it."""
    from wellhead.serve.app import Wellhead

    return Wellhead(bare(), Path(os.environ["BENCH_HOME"]) / "wellhead.toml")
