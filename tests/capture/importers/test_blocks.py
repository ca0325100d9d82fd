import codecs
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.importers import blocks as module
from wellhead.capture.importers.blocks import blocks, files_of, head
from wellhead.core.errors import StoreError


def read(path, size):
    spot, moved = io.BytesIO(), []
    found = [spot.getvalue() for _ in blocks(path, spot, moved.append, size)]
    return found, sum(moved)


@given(text=st.text("ab\n", max_size=60), size=st.integers(1, 20))
def test_blocks_are_whole_lines_and_lose_nothing(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("b") / "log"
    path.write_text(text)
    found, moved = read(path, size)
    whole = text if text.endswith("\n") or not text else text + "\n"
    assert b"".join(found).decode() == whole
    assert all(block.endswith(b"\n") for block in found)
    assert moved == len(text)


def test_a_line_without_end_is_cut_and_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 50)
    path = tmp_path / "log"
    path.write_text("a\n" + "x" * 500 + "\nb\n")
    found, _ = read(path, 20)
    assert b"".join(found).split(b"\n")[0] == b"a"
    assert b"".join(found).endswith(b"\nb\n")


def test_a_cut_archive_gives_what_came_before(tmp_path):
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d\n" % (i * i) for i in range(9000)))[:-2000])
    spot, found = io.BytesIO(), 0
    with pytest.raises(StoreError, match="cannot read"):
        for _ in blocks(path, spot, None, 1000):
            found += 1
    assert found > 3


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_of_a_small_archive_that_is_cut_the_first_lines_are_read(tmp_path, suffix):
    lines = b"".join(b"%d\n" % (i * i) for i in range(90_000))
    path = tmp_path / f"log.{suffix}"
    packed = gzip.compress(lines) if suffix == "gz" else frames(lines)[0]
    path.write_bytes(packed[: len(packed) // 2])
    spot, parts = io.BytesIO(), []
    with pytest.raises(StoreError, match="cannot read"):
        parts.extend(spot.getvalue() for _ in blocks(path, spot))
    found = b"".join(parts)
    assert len(found) > len(lines) // 4
    assert lines.startswith(found)
    assert found.endswith(b"\n")
    assert lines.startswith(head(path))


@pytest.mark.parametrize("size", [1 << 20, 10])
def test_a_byte_order_mark_is_no_part_of_a_line(tmp_path, size):
    path = tmp_path / "log"
    path.write_bytes(codecs.BOM_UTF8 + b"first line\n" + codecs.BOM_UTF8 + b"b\n")
    assert b"".join(read(path, size)[0]) == b"first line\n" + codecs.BOM_UTF8 + b"b\n"
    assert head(path).startswith(b"first")


def test_names_are_files_folders_globs_and_our_own_log(tmp_path):
    for name in ("b.log", "a.log", ".hidden", "own/entries/000001.jsonl", "own/entries/000000.jsonl", "own/state"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")
    assert [p.name for p in files_of([str(tmp_path / "*.log"), str(tmp_path / "a.log")])] == ["a.log", "b.log"]
    assert [p.name for p in files_of([str(tmp_path / "own")])] == ["000000.jsonl", "000001.jsonl"]
    assert ".hidden" not in [p.name for p in files_of([str(tmp_path)])]
    with pytest.raises(StoreError, match="got none"):
        files_of([str(tmp_path / "absent*")])


def test_the_head_is_unpacked(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"hello\n"))
    assert head(path) == b"hello\n"


def test_the_head_ends_with_a_whole_line_however_long(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"a\n" + b"x" * 300_000 + b"\nb\n" * 100_000)
    assert len(head(path)) == 2 + 300_000 + 1


def test_a_line_is_too_long_by_its_own_length(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 50)
    monkeypatch.setattr(module, "_HEAD", 4)
    path = tmp_path / "log"
    long, longer = "y" * 50, "x" * 51
    path.write_text(f"{long}\n{longer}\na\n{longer * 3}\n{long}\nb")
    for size in (7, 40, 60, 1000):
        assert b"".join(read(path, min(size, 50))[0]).decode() == f"{long}\nxxxx\na\nxxxx\n{long}\nb\n"


def frames(*texts):
    import zstandard

    # a checksum, so that damage shows
    return [zstandard.ZstdCompressor(write_checksum=True).compress(t) for t in texts]


@pytest.mark.parametrize("damage", ["cut", "flip", "none"])
def test_a_zstandard_file_that_is_cut_or_damaged_is_an_error(tmp_path, damage):
    text = b"".join(b"%d\n" % (i * i) for i in range(90_000))
    packed = b"".join(frames(text, b"", text))
    path = tmp_path / "log.zst"
    at = len(packed) - 5000
    flipped = packed[:at] + bytes([packed[at] ^ 255]) + packed[at + 1 :]
    path.write_bytes({"cut": packed[:-2000], "flip": flipped, "none": packed}[damage])
    if damage == "none":
        assert b"".join(read(path, 1000)[0]) == text + text
        return
    with pytest.raises(StoreError, match=r"log\.zst"):
        read(path, 100_000)


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_what_is_no_archive_has_no_head(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(gzip.compress(b"a" * 50)[:12] + b"rubbish" * 50)
    with pytest.raises(StoreError, match="cannot read"):
        head(path)


def test_a_pipe_is_no_file(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="got none"):
        files_of([str(tmp_path / "pipe")])
