"""What callers wrote, made fit for terminals and spreadsheets."""

from __future__ import annotations

import argparse


def plain(text: str) -> str:
    """Text on one line in which what a terminal would obey (escape codes, line ends, marks of direction) is spelled."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def whole(text: str) -> int:
    """The number of an option that counts something; raises ArgumentTypeError below 0."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got `{plain(text)}`")
    return int(text)


def cell(text: str) -> str:
    """The same, such that no spreadsheet takes it for a formula."""
    return "'" + plain(text) if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r") else plain(text)
