"""`wellhead serve`: guard a model server."""

from __future__ import annotations

import argparse


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("serve", help="guard a model server: the proxy of wellhead.toml")
    p.add_argument("-c", "--config", default="wellhead.toml", help="TOML file (default: %(default)s)")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal; in-flight requests are drained and the log is sealed."""
    import os

    # One guard is one process on one core: more BLAS threads cost it up to ten times the CPU for small products.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from wellhead.config import load
    from wellhead.serve.run import serve

    serve(load(arguments.config))
    return 0
