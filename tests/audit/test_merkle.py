import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.audit.merkle import (
    Tree,
    consistency,
    inclusion,
    leaf,
    leaves,
    node,
    peaks,
    verify_consistency,
    verify_inclusion,
)

KNOWN = [
    bytes.fromhex(h)
    for h in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def twin(data):
    """MTH exactly as RFC 6962 writes it: slow and obvious."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\0" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return hashlib.sha256(b"\1" + twin(data[:k]) + twin(data[k:])).digest()


def path_twin(m, data):
    if len(data) == 1:
        return []
    k = 1 << (len(data) - 1).bit_length() - 1
    if m < k:
        return [*path_twin(m, data[:k]), twin(data[k:])]
    return [*path_twin(m - k, data[k:]), twin(data[:k])]


def proof_twin(m, data, whole=True):
    if m == len(data):
        return [] if whole else [twin(data)]
    k = 1 << (len(data) - 1).bit_length() - 1
    if m <= k:
        return [*proof_twin(m, data[:k], whole), twin(data[k:])]
    return [*proof_twin(m - k, data[k:], False), twin(data[:k])]


def grown(n):
    return [bytes([i % 251]) * (i % 5) for i in range(n)]


@pytest.mark.parametrize("n", range(9))
def test_known_roots(n):
    assert Tree(map(leaf, KNOWN[:n])).root().hex() == ROOTS[n]


def test_known_proofs():
    tree = Tree(map(leaf, KNOWN))
    assert [h.hex() for h in inclusion(5, 8, tree.at)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]
    assert [h.hex() for h in consistency(6, 8, tree.at)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]


@given(st.lists(st.binary(max_size=4), max_size=80), st.lists(st.integers(0, 80), max_size=6))
def test_any_batches_give_the_root_of_the_twin(data, cuts):
    tree = Tree()
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    for lo, hi in pairwise(edges):
        tree.extend([leaf(d) for d in data[lo:hi]])
    assert [tree.root(n) for n in range(len(data) + 1)] == [twin(data[:n]) for n in range(len(data) + 1)]


def test_leaves():
    assert leaves(KNOWN) == [leaf(d) for d in KNOWN]


def test_proofs_of_every_small_tree_equal_the_twin_and_verify():
    data = grown(40)
    tree = Tree(map(leaf, data))
    for n in range(1, 41):
        for i in range(n):
            path = inclusion(i, n, tree.at)
            assert path == path_twin(i, data[:n])
            assert verify_inclusion(i, n, leaf(data[i]), path, tree.root(n))
        for m in range(1, n + 1):
            path = consistency(m, n, tree.at)
            assert path == proof_twin(m, data[:n])
            assert verify_consistency((m, n), (tree.root(m), tree.root(n)), path)


@given(st.data())
def test_tampered_proofs_are_refused(data):
    n = data.draw(st.integers(2, 70))
    i, m = data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, n - 1))
    tree = Tree(map(leaf, map(str.encode, map(str, range(n)))))
    path, proof = inclusion(i, n, tree.at), consistency(m, n, tree.at)
    bad = bytes(32)
    at = data.draw(st.integers(0, len(path) - 1))
    assert not verify_inclusion(i, n, tree.at(0, i), [*path[:at], bad, *path[at + 1 :]], tree.root())
    assert not verify_inclusion(i, n, tree.at(0, i), path[:-1], tree.root())
    assert not verify_inclusion(i, n, tree.at(0, i), [*path, bad], tree.root())
    assert not verify_inclusion(i, n, bad, path, tree.root())
    assert not verify_inclusion((i + 1) % n, n, tree.at(0, i), path, tree.root())
    roots = (tree.root(m), tree.root())
    at = data.draw(st.integers(0, len(proof) - 1))
    assert not verify_consistency((m, n), roots, [*proof[:at], bad, *proof[at + 1 :]])
    assert not verify_consistency((m, n), roots, proof[:-1])
    assert not verify_consistency((m, n), roots, [*proof, bad])
    assert not verify_consistency((m, n), (bad, roots[1]), proof)
    assert not verify_consistency((m, n), (roots[0], bad), proof)


@pytest.mark.parametrize("sizes", [(0, 3), (4, 3), (-1, 3)])
def test_impossible_sizes_are_refused(sizes):
    tree = Tree(map(leaf, grown(3)))
    assert not verify_consistency(sizes, (tree.root(), tree.root()), [])
    assert not verify_inclusion(sizes[1], sizes[0], b"", [], tree.root())
    with pytest.raises(IndexError):
        consistency(*sizes, tree.at)
    with pytest.raises(IndexError):
        inclusion(3, 3, tree.at)


def test_peaks_of_a_tree():
    assert peaks(0, 7) == [(2, 0), (1, 2), (0, 6)]
    assert node(b"", b"") != leaf(b"")
