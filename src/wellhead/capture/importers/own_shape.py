"""Lines of our own log that are all of one shape, as columns: no object is made for what an array can hold.

Our records are written with their keys in order and without blanks, so that those of one kind differ only in their
values. All that is not so is left to the decoder of JSON: this reads the same as it, or nothing.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from wellhead.capture.importers.asking import MOST_ROWS
from wellhead.capture.importers.own_blobs import BLOBS, LISTS, NUMBERS
from wellhead.core.arrays import Array

LONGEST = 1024
"""Bytes of one text that is read."""
_DIGITS = 18
_PAIR = re.compile(rb',"([^"]+)":(?:"([^"]*)"|(-?\d+)|\[(-?\d*)\])')


class Misshapen(ValueError):
    """The lines, or the values of one key, are not of one shape."""


class _Where(NamedTuple):
    """(n,) the first byte of a key's values, and the byte after the last."""

    start: Array
    end: Array


class Shaped:
    """n lines, each with its newline.

    numbers: (n,) int64 of the keys that have whole numbers.  lists: of those that have lists of one; (0,) where all
    lists are empty.  Raises Misshapen where the lines are not of one shape.
    """

    def __init__(self, lines: bytes) -> None:
        # no text then needs decoding, and every quote begins or ends one
        if b"\\" in lines or not lines.isascii():
            raise Misshapen
        self._bytes = np.frombuffer(lines + bytes(LONGEST), np.uint8)
        held = self._bytes[: len(lines)]
        self.n = int(np.count_nonzero(held < ord(" ")))
        quotes = np.flatnonzero(held == ord('"'))
        if not quotes.size or not self.n or quotes.size % self.n:
            raise Misshapen
        self.numbers: dict[str, Array] = {}
        self.lists: dict[str, Array] = {}
        self._texts: dict[str, _Where] = {}
        self._find(lines[: lines.find(b"\n")], np.ascontiguousarray(quotes.reshape(self.n, -1).T))

    def _find(self, first: bytes, quotes: Array) -> None:
        """The values of each key; all else must be as it is in the first line. quotes: (q, n) where they stand."""
        ends = np.append(quotes[0, 1:] - 2, self._bytes.size - LONGEST - 1)
        at, before, i, place = quotes[0] - 1, b"{", 0, 0
        while pair := _PAIR.match(b"," + first[1:], place):
            text = pair[2] is not None
            # from the end of one value to the beginning of the next, all lines have the same bytes
            self._same(at, before + pair[0][1 : len(pair[1]) + 4] + b'"' * text)
            start, i, place = quotes[i + 1] + 2 + text, i + 2 + 2 * text, pair.end()
            at = quotes[i - 1] if text else (quotes[i] if i < len(quotes) else ends) - 1
            before = b'",' if text else b","
            self._keep(pair, _Where(start, at))
        if i != len(quotes) or first[place:] != b"}" or (at + len(before) != ends).any():
            raise Misshapen
        self._same(at, before[:-1] + b"}\n")

    def _keep(self, pair: re.Match[bytes], where: _Where) -> None:
        key = pair[1].decode()
        if key in self._texts or key in self.numbers or key in self.lists:
            raise Misshapen
        if pair[2] is not None:
            self._texts[key] = where
        elif pair[3] is not None:
            self.numbers[key] = self._whole(*where)
        else:
            self.lists[key] = self._list(*where)

    def _same(self, at: Array, text: bytes) -> None:
        """Raises Misshapen where this text does not stand everywhere."""
        if self._cut(at, len(text)).tobytes() != text * self.n:
            raise Misshapen

    def _cut(self, at: Array, width: int) -> Array:
        """(n, width) the bytes from there on."""
        if width > LONGEST:
            raise Misshapen
        windows: Array = np.ndarray((self._bytes.size - width + 1,), f"S{width}", self._bytes, 0, (1,))
        return windows[at].view(np.uint8).reshape(self.n, width)

    def _list(self, start: Array, end: Array) -> Array:
        self._same(start, b"[")
        self._same(end - 1, b"]")
        return _EMPTY if (end - start == 2).all() else self._whole(start + 1, end - 1)

    def _whole(self, start: Array, end: Array) -> Array:
        negative = self._bytes[start] == ord("-")
        start = start + negative
        long = end - start
        width = int(long.max())
        if long.min() < 1 or width > _DIGITS or ((self._bytes[start] == ord("0")) & (long > 1)).any():
            raise Misshapen
        digits = self._cut(end - width, width) - np.uint8(ord("0"))
        if long.min() < width:
            digits *= np.arange(width) >= width - long[:, None]
        if (digits > 9).any():
            raise Misshapen
        found = np.zeros(self.n, np.int64)
        for column in digits.T:
            found = found * 10 + column
        return np.where(negative, -found, found)

    def texts(self, key: str) -> list[bytes]:
        """The values of a key; none where all are empty, or there is no such key."""
        start, end = self._texts.get(key, _NOWHERE)
        long = end - start
        width = int(long.max())
        if not width:
            return []
        cut = self._cut(start, width)
        if long.min() < width:
            cut *= np.arange(width) < long[:, None]
        # they end where the zeros begin
        found: list[bytes] = cut.view(f"S{width}")[:, 0].tolist()
        return found

    def one(self, key: str) -> bytes:
        """The value that all lines have, empty where there is no such key; raises Misshapen where they differ."""
        start, end = self._texts.get(key, _NOWHERE)
        text = self._bytes[start[0] : end[0]].tobytes()
        if (end - start != len(text)).any():
            raise Misshapen
        if text:
            self._same(start, text)
        return text

    def blob(self, key: str, dtype: str) -> Array:
        """(n, width) packed numbers, equally many in each line; (n, 0) where there is no such key."""
        start, end = self._texts.get(key, _NOWHERE)
        width = int(end[0] - start[0])
        if not width and (end == start).all():
            return np.zeros((self.n, 0), dtype)
        if width % 4 or (end - start != width).any():
            raise Misshapen
        cut = self._cut(start, width)
        pads = width - len(cut[0].tobytes().rstrip(b"="))
        size = width // 4 * 3 - pads
        if pads > 2 or size % np.dtype(dtype).itemsize or (cut[:, width - pads :] != ord("=")).any():
            raise Misshapen
        # padding may stand only at the end of all
        cut[:, width - pads :] = ord("A")
        try:
            plain = binascii.a2b_base64(cut.tobytes(), strict_mode=True)
        except binascii.Error as e:
            raise Misshapen from e
        if len(plain) != cut.size // 4 * 3:
            raise Misshapen
        return np.ascontiguousarray(np.frombuffer(plain, np.uint8).reshape(self.n, -1)[:, :size]).view(dtype)

    def fit(self, numbers: Iterable[str], lists: Iterable[str], texts: Iterable[str]) -> None:
        """Raises Misshapen where one of these keys has values of another kind."""
        for names, held in ((numbers, self.numbers), (lists, self.lists), (texts, self._texts)):
            others = (self.numbers.keys() | self.lists.keys() | self._texts.keys()) - held.keys()
            if not others.isdisjoint(names):
                raise Misshapen


def columns(shaped: Shaped, ours: str, texts: Iterable[str]) -> dict[str, Array]:
    """NUMBERS, LISTS and BLOBS of events of one row each, as OwnLines makes them of decoded lines.

    ours: the profile whose codes are kept.  texts: more keys that must be text.  Raises Misshapen for all else.
    """
    shaped.fit(NUMBERS, LISTS, (*texts, *BLOBS))
    table = {name: shaped.numbers.get(name, np.zeros(shaped.n, np.int64)) for name in NUMBERS}
    most = [column.max() for name, column in table.items() if name != "time_us"]
    least = [column.min() for column in table.values()]
    if not {"time_us", "rows"} <= shaped.numbers.keys() or (table["rows"] != 1).any() or table["time_us"].min() < 0:
        raise Misshapen
    if shaped.one("kind") != b"event" or max(most) > MOST_ROWS or min(least) < -1:
        raise Misshapen
    for name, missing in LISTS.items():
        table[name] = _listed(shaped.lists.get(name, _EMPTY), name, shaped.n, missing)
    table |= {name: shaped.blob(name, dtype) for name, dtype in BLOBS.items()}
    if not ours or shaped.one("profile") != ours.encode():
        table["codes"] = np.zeros((shaped.n, 0), BLOBS["codes"])
    return table


def _listed(found: Array, name: str, n: int, missing: float) -> Array:
    if not found.size:
        return np.full(n, missing)
    if name == "values" or found.min() < -1 or found.max() > MOST_ROWS:
        raise Misshapen
    return found.astype(np.float64)


_EMPTY = np.zeros(0, np.int64)
_NOWHERE = _Where(np.zeros(1, np.int64), np.zeros(1, np.int64))
