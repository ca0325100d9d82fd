"""The RFC 6962 tree (SHA-256; RFC 9162 hashes alike): batches in, roots and proofs out.

A hash is 32 bytes. `At` names the hash of the complete subtree over leaves [index << level, (index + 1) << level):
a Tree holds them all, a log on disk reads them from tiles. Everything else is arithmetic on complete subtrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from hashlib import sha256

At = Callable[[int, int], bytes]
"""(level, index) -> hash of that complete subtree."""

EMPTY = sha256(b"").digest()


def leaf(data: bytes) -> bytes:
    """Hash of one leaf's data (RFC 6962, 2.1)."""
    return sha256(b"\x00" + data).digest()


def leaves(data: Iterable[bytes]) -> list[bytes]:
    """The hashes of many leaves."""
    return [sha256(b"\x00" + d).digest() for d in data]


def node(left: bytes, right: bytes) -> bytes:
    """Hash of an interior node (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """Every complete subtree of n hashes, in memory: 2n hashes."""

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self.levels: list[list[bytes]] = [[]]
        self.extend(list(hashes))

    def __len__(self) -> int:
        return len(self.levels[0])

    def at(self, level: int, index: int) -> bytes:
        """The hash of one complete subtree; IndexError where there is none."""
        return self.levels[level][index]

    def extend(self, hashes: list[bytes]) -> None:
        """Append hashes at level 0, and every parent that they complete."""
        level = 0
        while hashes:
            if level == len(self.levels):
                self.levels.append([])
            row = self.levels[level]
            first = len(row) & ~1
            row += hashes
            rest = row[first : len(row) & ~1]
            hashes = [sha256(b"\x01" + a + b).digest() for a, b in zip(rest[::2], rest[1::2], strict=True)]
            level += 1

    def root(self, n: int | None = None) -> bytes:
        """The root of the first n hashes, of all by default."""
        return root(len(self) if n is None else n, self.at)


def peaks(lo: int, hi: int) -> list[tuple[int, int]]:
    """(level, index) of the complete subtrees that make up [lo, hi), left to right.

    lo: a multiple of the largest power of two below hi - lo, as RFC 6962 splits always are.
    """
    found = []
    while lo < hi:
        level = (hi - lo).bit_length() - 1
        found.append((level, lo >> level))
        lo += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over complete subtrees of falling size."""
    return reduce(lambda right, left: node(left, right), reversed(hashes)) if hashes else EMPTY


def _span(lo: int, hi: int, at: At) -> bytes:
    return fold([at(level, index) for level, index in peaks(lo, hi)])


def root(n: int, at: At) -> bytes:
    """MTH(D[n])."""
    return _span(0, n, at)


def _split(lo: int, hi: int) -> int:
    return lo + (1 << ((hi - lo - 1).bit_length() - 1))


def inclusion(i: int, n: int, at: At) -> list[bytes]:
    """PATH(i, D[n]), the leaf's sibling first; 0 <= i < n (RFC 6962, 2.1.1)."""
    if not 0 <= i < n:
        raise IndexError(f"expected a leaf below {n}, got {i}")
    path, lo, hi = [], 0, n
    while hi - lo > 1:
        k = _split(lo, hi)
        path.append(_span(k, hi, at) if i < k else _span(lo, k, at))
        lo, hi = (lo, k) if i < k else (k, hi)
    return path[::-1]


def consistency(m: int, n: int, at: At) -> list[bytes]:
    """PROOF(m, D[n]), 0 < m <= n (RFC 6962, 2.1.2)."""
    if not 0 < m <= n:
        raise IndexError(f"expected an older size of 1 to {n}, got {m}")
    path, lo, hi = [], 0, n
    while m < hi:
        k = _split(lo, hi)
        path.append(_span(k, hi, at) if m <= k else _span(lo, k, at))
        lo, hi = (lo, k) if m <= k else (k, hi)
    # the verifier knows D[0:m] itself, so it is left out where it is a subtree of its own
    return ([_span(lo, hi, at)] if lo else []) + path[::-1]


def verify_inclusion(i: int, n: int, leaf_hash: bytes, path: Sequence[bytes], root_n: bytes) -> bool:
    """True where `path` proves that `leaf_hash` is leaf i of the n under this root (RFC 9162, 2.1.3.2)."""
    fn, sn, r = i, n - 1, leaf_hash
    if not 0 <= i < n:
        return False
    for c in path:
        if sn == 0:
            return False
        fn, sn, joined_left = _climb(fn, sn)
        r = node(c, r) if joined_left else node(r, c)
    return sn == 0 and r == root_n


def verify_consistency(sizes: tuple[int, int], roots: tuple[bytes, bytes], path: Sequence[bytes]) -> bool:
    """True where `path` proves that the tree of sizes[0] leaves is a prefix of that of sizes[1] (RFC 9162, 2.1.4.2)."""
    m, n = sizes
    if not 0 < m <= n:
        return False
    if m == n:
        return not path and roots[0] == roots[1]
    known = [roots[0]] if m & (m - 1) == 0 else []
    first, *rest = [*known, *path] or [b""]
    shift = (m ^ (m - 1)).bit_length() - 1
    fn, sn = (m - 1) >> shift, (n - 1) >> shift
    old = new = first
    for c in rest:
        if sn == 0:
            return False
        fn, sn, joined_left = _climb(fn, sn)
        old, new = (node(c, old), node(c, new)) if joined_left else (old, node(new, c))
    return sn == 0 and (old, new) == roots


def _climb(fn: int, sn: int) -> tuple[int, int, bool]:
    """One step up both paths; True where the sibling stands on the left."""
    left = bool(fn & 1) or fn == sn
    if left:
        while fn and not fn & 1:
            fn, sn = fn >> 1, sn >> 1
    return fn >> 1, sn >> 1, left
