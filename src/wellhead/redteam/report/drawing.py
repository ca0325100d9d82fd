"""Axes, SVG and PNG that stand in a page itself: no file beside it, no script, no display."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np

from wellhead.core.arrays import Array

INK, THIEF, HONEST, CALM = "#1c2733", "#c0392b", "#8fa3b5", "#1f6f8b"


def axes(width: float = 7.6, height: float = 3.9) -> Any:
    """Axes of a figure of its own, in inches; the y axis counts in per cent. Needs the extra `report`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    made = figure.subplots()
    for side in ("top", "right"):
        made.spines[side].set_visible(False)
    made.grid(axis="y", color="#e3e8ec", linewidth=0.8)
    made.set_axisbelow(True)
    made.yaxis.set_major_formatter("{x:.0%}")
    return made


def svg(drawn: Any) -> str:
    """The figure of these axes as an `<svg>` element; the same drawing gives the same text."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "wellhead", "svg.fonttype": "none"}):
        drawn.figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: Array) -> str:
    """A data URI of a picture: (h, w) gray or (h, w, 3) colour, 0 to 1, others clipped, NaN black (PNG, RFC 2083)."""
    bytes_ = np.rint(np.clip(np.nan_to_num(pixels, nan=0.0), 0, 1) * 255).astype(np.uint8)
    height, width = bytes_.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in bytes_)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if bytes_.ndim == 3 else 0, 0, 0, 0)
    file = (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(file).decode()
