"""The house rules that no linter has: tests mirror sources, files and functions stay short, classes stay shallow.

Run as a script by `make check`; prints what breaks a rule and exits 1.
"""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "wellhead"
LONGEST_FILE, MEDIAN_FUNCTION = 300, 12
FORBIDDEN = ("index-url", "find-links")


def sources() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*.py") if p.name not in ("__init__.py", "__main__.py"))


def mirror() -> list[str]:
    """Every source file has its test file, and every test file its source."""
    wanted = {Path("tests", *p.relative_to(SOURCE).parts[:-1], f"test_{p.name}") for p in sources()}
    there = {p.relative_to(ROOT) for p in (ROOT / "tests").rglob("test_*.py")}
    apart = {p for p in there if p.parts[1] in ("docs", "examples", "benchmarks", "make", "end_to_end")}
    missing = [f"no test file {p}" for p in sorted(wanted - there)]
    return missing + [f"{p} mirrors no source file" for p in sorted(there - wanted - apart)]


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def sizes() -> list[str]:
    """Files under LONGEST_FILE lines, and a median function under MEDIAN_FUNCTION."""
    found, lengths = [], []
    for path in sources():
        text = path.read_text()
        lines = text.count("\n")
        if lines >= LONGEST_FILE:
            found.append(f"{path.relative_to(ROOT)} has {lines} lines; under {LONGEST_FILE} is the rule")
        lengths += [(f.end_lineno or 0) - f.lineno + 1 for f in functions(ast.parse(text))]
    if lengths and statistics.median(lengths) >= MEDIAN_FUNCTION:
        found.append(f"the median function has {statistics.median(lengths)} lines; under {MEDIAN_FUNCTION} is the rule")
    return found


def depth() -> list[str]:
    """Inheritance inside the package is at most two deep."""
    bases: dict[str, list[str]] = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [b.id for b in node.bases if isinstance(b, ast.Name)]

    def deep(name: str) -> int:
        return 1 + max((deep(b) for b in bases[name] if b in bases and b != name), default=0)

    return [f"class {n} is {deep(n)} deep; 2 is the rule" for n in bases if deep(n) > 3]


def addresses() -> list[str]:
    """No package host and no index address anywhere."""
    places = [p for p in ROOT.glob("*.*") if p.is_file()] + [ROOT / "Makefile", *(ROOT / ".ci").iterdir()]
    return [
        f"{p.relative_to(ROOT)} names `{w}`" for p in places for w in FORBIDDEN if w in p.read_text(errors="replace")
    ]


def main() -> int:
    found = mirror() + sizes() + depth() + addresses()
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
