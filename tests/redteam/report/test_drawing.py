import base64
import struct
import xml.etree.ElementTree as ET
import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wellhead.redteam.report.drawing import axes, png, svg


def decoded(uri):
    """(h, w, channels) bytes of our own PNG, by its specification."""
    file = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(file):
        (size,) = struct.unpack(">I", file[at : at + 4])
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + size]
        assert struct.unpack(">I", file[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + data)
        chunks[kind], at = data, at + 12 + size
    width, height, _, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 0).all()
    return rows[:, 1:].reshape(height, width, 3 if colour == 2 else 1)


pixels = st.floats(0, 1, width=32)


@given(arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=pixels))
def test_gray_pictures_come_back(picture):
    assert np.abs(decoded(png(picture))[:, :, 0] / 255 - picture).max() <= 0.5 / 255 + 1e-12


@given(arrays(np.float64, (4, 3, 3), elements=pixels))
def test_colour_pictures_come_back(picture):
    assert np.abs(decoded(png(picture)) / 255 - picture).max() <= 0.5 / 255 + 1e-12


def test_what_is_no_brightness_is_clipped():
    assert decoded(png(np.array([[np.nan, -3.0, 7.0, np.inf]])))[0, :, 0].tolist() == [0, 0, 255, 255]


def test_a_drawing_is_one_element_and_the_same_each_time():
    def drawn():
        made = axes(2, 2)
        made.plot([0, 1], [0, 1])
        return svg(made)

    assert drawn() == drawn()
    assert ET.fromstring(drawn()).tag.endswith("svg")  # noqa: S314 - our own
