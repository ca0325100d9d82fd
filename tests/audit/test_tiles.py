import pytest

from wellhead.audit.entries import SEGMENT
from wellhead.audit.merkle import Tree, leaf
from wellhead.audit.tiles import (
    Grove,
    full_tiles,
    number_path,
    partial_tiles,
    tile,
    tile_path,
    write,
    write_full,
    write_partial,
)


@pytest.mark.parametrize(("n", "path"), [(0, "000"), (67, "067"), (1000, "x001/000"), (1_234_067, "x001/x234/067")])
def test_number_path(n, path):
    assert number_path(n) == path


def test_tile_paths():
    assert tile_path(0, 5) == "tile/0/005"
    assert tile_path(1, 0, 17) == "tile/1/000.p/17"
    assert tile_path("entries", 1234, 3) == "tile/entries/x001/234.p/3"


@pytest.mark.parametrize(
    ("size", "full", "partial"),
    [
        (0, {}, []),
        (255, {}, [(0, 0, 255)]),
        (256, {0: 1}, [(1, 0, 1)]),
        (70_000, {0: 273, 1: 1}, [(0, 273, 112), (1, 1, 17), (2, 0, 1)]),
    ],
)
def test_tiles_of_known_sizes(size, full, partial):
    found = list(full_tiles(0, size))
    assert {level: sum(t[0] == level for t in found) for level, _ in found} == full
    assert list(partial_tiles(size)) == partial


def test_a_grove_is_the_tree_of_all_leaves_and_its_tiles_are_slices(tmp_path):
    hashes = [leaf(b"%d" % i) for i in range(70_000)]
    grove, whole = Grove(), Tree(hashes)
    done = 0
    for step in (1, 255, 44, 30_000, 35_236, 4_464):
        grove.extend(hashes[done : done + step])
        write_full(tmp_path, grove, done)
        done += step
        assert grove.root() == whole.root(done)
    assert {p.relative_to(tmp_path).as_posix() for p in write_partial(tmp_path, grove)} == {
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    }
    for level, n, width in [*((*t, 256) for t in full_tiles(0, 70_000)), *partial_tiles(70_000)]:
        data = (tmp_path / tile_path(level, n, width)).read_bytes()
        assert data == b"".join(whole.levels[8 * level][256 * n : 256 * n + width])
    assert Grove([whole.at(16, 0)]).root() == whole.root(SEGMENT)


def test_a_grove_refuses_to_cross_a_segment_and_to_guess():
    grove = Grove([bytes(32)])
    with pytest.raises(ValueError, match="at most 65536"):
        grove.extend([bytes(32)] * (SEGMENT + 1))
    grove.extend([bytes(32)])
    with pytest.raises(IndexError, match="no longer held"):
        tile(grove, 0, 0)


def test_write_replaces_whole_files(tmp_path):
    path = tmp_path / "a" / "b"
    write(path, b"1")
    write(path, b"22", sync=True)
    assert path.read_bytes() == b"22"
    assert [p.name for p in path.parent.iterdir()] == ["b"]
