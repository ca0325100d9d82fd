"""One ASGI application: a guard around another."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from wellhead.capture.asgi import Middleware
from wellhead.capture.guard import Guard
from wellhead.capture.identify import Identify
from wellhead.capture.keys import Keys
from wellhead.capture.tiers import Tiers
from wellhead.config import Config, load
from wellhead.core.errors import ConfigError
from wellhead.serve import profiles
from wellhead.serve.assemble import assemble
from wellhead.serve.control import serve_control
from wellhead.serve.desk import Desk
from wellhead.serve.disclosure import records_of, rules_of, undisclosed
from wellhead.serve.protocol import protocol_of
from wellhead.serve.status import Ask, Reply

if TYPE_CHECKING:
    from wellhead.capture.upstream import Upstream

KEYS_EVERY_S = 1.0


class Wellhead:
    """`app = Wellhead(app, config)`: an ASGI model server, guarded in process.

    config: a Config, or the path of a TOML file.  Raises WellheadError where something in it cannot be used.
    One instance owns its log directory; it starts with the server's lifespan, or with the first request.
    """

    def __init__(
        self, app: Any, config: Config | str | os.PathLike[str], clock: Callable[[], float] = time.time
    ) -> None:
        config = config if isinstance(config, Config) else load(config)
        self.config = config
        # mistakes are found before anything is said or written
        answer_rules, records = rules_of(config), records_of(config)
        self.worker = assemble(config, clock)
        self._identify = Identify(config.identity, config.access, Keys.open(config.access.keys))
        self.worker.gate.undisclosed = undisclosed(records, self.worker.gate.key)
        guard = Guard(
            protocol=protocol_of(config),
            spec=profiles.spec_of(config),
            identify=self._identify,
            gate=self.worker.gate,
            observe=self.worker.put,
            config=config,
            clock=clock,
            answer_rules=answer_rules,
        )
        self._tiers = Tiers(app, others(config))
        self._guarded = Middleware(self._tiers, guard)
        self._desk = Desk(self.worker, config.model.name, int(clock() * 1e6))
        self._control: asyncio.Server | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if self._control is None:
            await self.start()
        await self._guarded(scope, receive, send)

    async def start(self) -> None:
        """Start the worker, the control socket and the watch over the key file."""
        loop = asyncio.get_running_loop()
        self._control = await serve_control(self.config.audit.directory, self._answer)
        self.worker.start(loop.call_soon_threadsafe)
        self._keeper = loop.create_task(self._keep_keys())

    async def stop(self) -> None:
        """Meter what waits, seal and close the log."""
        if self._control is None:
            return
        self._control.close()
        if self._keeper is not None:
            self._keeper.cancel()
        self._tiers.close()
        await asyncio.to_thread(self.worker.stop)
        self._control = None

    async def _answer(self, ask: Ask) -> Reply:
        return await asyncio.wrap_future(self.worker.ask(lambda: self._desk.answer(ask)))

    async def _keep_keys(self) -> None:
        while True:
            await asyncio.sleep(KEYS_EVERY_S)
            try:
                self._identify.reload()
            except ConfigError as e:
                print(f"wellhead: {e}; the keys read before stay in force", file=sys.stderr, flush=True)

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        """Start before the guarded app does, stop after it has stopped; an app without lifespan is served too."""

        async def hear() -> Any:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
            return message

        async def say(message: Any) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self.stop()
            await send(message)

        await self._guarded(scope, hear, say)
        await self.stop()


def others(config: Config) -> dict[str, Upstream]:
    """The model servers that answer under some stance, by URL."""
    urls = {t.upstream for t in config.stances.values() if t.upstream}
    if not urls:
        return {}
    from wellhead.capture.upstream import Upstream

    return {url: Upstream(msgspec.structs.replace(config.upstream, url=url)) for url in urls}
