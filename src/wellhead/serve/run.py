"""`wellhead serve`: the guard around an upstream client, served by uvicorn."""

from __future__ import annotations

import socket
import sys

from wellhead.config import Config, Listen
from wellhead.core.errors import ConfigError, MissingExtra

_DRAIN_S = 20


def serve(config: Config) -> None:
    """Serve on loopback or wherever the config says, until SIGTERM or SIGINT; requests in flight are drained."""
    try:
        import uvicorn
    except ImportError as e:
        raise MissingExtra("`wellhead serve` needs `uvicorn`", "try: pip install 'wellhead[serve]'") from e
    from wellhead.capture.upstream import Upstream
    from wellhead.serve.app import Wellhead

    listener = listen(config.listen)
    app = Wellhead(Upstream(config.upstream), config)
    options = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_DRAIN_S,
    )
    where = f"http://{config.listen.host}:{listener.getsockname()[1]} -> {config.upstream.url}"
    print(f"wellhead: {config.mode} mode, {where} ({config.model.protocol})", file=sys.stderr, flush=True)
    uvicorn.Server(options).run(sockets=[listener])


def listen(section: Listen) -> socket.socket:
    """The socket to serve on; raises ConfigError where it cannot be had."""
    family = socket.AF_INET6 if ":" in section.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((section.host, section.port))
    except OSError as e:
        listener.close()
        where = f"{section.host}:{section.port}"
        raise ConfigError(f"expected to listen on {where}, got: {e.strerror}", "see listen.host and listen.port") from e
    listener.setblocking(False)
    return listener
