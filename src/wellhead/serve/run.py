"""`wellhead serve`: the guard around an upstream client, served by uvicorn."""

from __future__ import annotations

import sys

from wellhead.config import Config
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

    app = Wellhead(Upstream(config.upstream), config)
    options = uvicorn.Config(
        app,
        host=config.listen.host,
        port=config.listen.port,
        http="httptools",
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = uvicorn.Server(options)
    where = f"http://{config.listen.host}:{config.listen.port}"
    print(
        f"wellhead: {config.mode} mode, {where} -> {config.upstream.url} ({config.model.protocol})",
        file=sys.stderr,
        flush=True,
    )
    server.run()
    if not server.started:
        raise ConfigError(f"expected to listen on {where}, could not", "is another server there? see listen.port")
