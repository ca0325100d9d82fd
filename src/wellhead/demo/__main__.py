"""`make demo`: steal a model through its API behind Wellhead and without, and tell the difference."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from wellhead.core.errors import WellheadError

MARKER = ".wellhead-demo"


def main() -> int:
    """Play the demonstration; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--out", default="demo-out", help="folder of the report, emptied first (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="of every choice (default: %(default)s)")
    parser.add_argument("--stay", action="store_true", help="leave model and gate running until Enter or Ctrl-C")
    arguments = parser.parse_args()
    folder = Path(arguments.out)
    if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
        print(f"make demo: {folder} holds other files; name another folder with --out", file=sys.stderr)
        return 2
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("This folder belongs to the demonstration, which empties it.\n")
    from wellhead.demo.play import play

    try:
        play(folder, arguments.seed, arguments.stay, time.time())
    except WellheadError as e:
        print(f"make demo: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
