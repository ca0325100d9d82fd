"""`python -m benchmarks NAME`: run one benchmark."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path


def names() -> list[str]:
    """Benchmarks: the modules here that have a main."""
    here = Path(__file__).parent.glob("[!_]*.py")
    return sorted(p.stem for p in here if "\ndef main(" in p.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> int:
    """Run the benchmark that is named first; the rest is its own."""
    name = arguments[0] if arguments else ""
    if name not in names():
        print(f"expected the name of a benchmark, got `{name}`; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    # a figure must not hang on how many cores the matrix library takes
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    sys.argv = [name, *arguments[1:]]
    importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
