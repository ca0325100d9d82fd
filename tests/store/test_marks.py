import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import StoreError
from wellhead.store.marks import Kept, Marks, inputs_of, packed


def kept(principal="eve", number=1, inputs=None, row=0):
    inputs = np.zeros((1, 3), np.float32) if inputs is None else inputs
    return Kept(
        commitment="c",
        time_us=1,
        principal=principal,
        request="r",
        fingerprint=f"{number:016x}",
        served=2,
        rival=1,
        classes=4,
        **packed(inputs, row),
    )


def test_what_was_added_is_read_again_by_anybody(tmp_path):
    marks = Marks(tmp_path / "marks.jsonl")
    assert marks.add([kept(number=1), kept(number=2), kept(number=1)]) == 2
    assert marks.add([kept(number=2)]) == 0
    again = Marks(tmp_path / "marks.jsonl")
    assert again.read() == [kept(number=1), kept(number=2)]
    assert again.add([kept(number=2), kept(number=3)]) == 1
    assert len(again) == 3


def test_a_line_that_is_there_twice_is_read_once_and_counted(tmp_path):
    path = tmp_path / "marks.jsonl"
    Marks(path).add([kept(number=1), kept(number=2)])
    path.write_bytes(path.read_bytes() * 3)
    marks = Marks(path)
    assert marks.read() == [kept(number=1), kept(number=2)]
    assert marks.doubles == 4
    assert len(marks) == 2


@pytest.mark.parametrize("spelled", ["00000000000000FF", "0x000000000000ff", "ff", " 0000000000000ff", "0" * 16 + "\n"])
def test_a_fingerprint_has_one_spelling(tmp_path, spelled):
    path = tmp_path / "marks.jsonl"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(kept(), fingerprint=spelled)) + b"\n")
    with pytest.raises(StoreError, match=r"marks\.jsonl:1"):
        Marks(path)


def test_a_slip_vouches_for_all_of_a_mark_but_when_it_was_asked():
    told = kept().told
    assert told == msgspec.structs.replace(kept(), time_us=9, request="other").told
    others = {"commitment": "d", "principal": "p", "fingerprint": "f" * 16, "served": 3, "rival": 3, "classes": 9}
    others |= {"shape": (1,), "numbers": "AAAA", "text": "t"}
    for field, value in others.items():
        assert msgspec.structs.replace(kept(), **{field: value}).told != told


def test_the_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "marks.jsonl"
    Marks(path).add([kept()])
    assert path.stat().st_mode & 0o777 == 0o600
    Marks(path).erase("nobody")
    assert path.stat().st_mode & 0o777 == 0o600


def test_erasing_leaves_nothing_of_a_principal(tmp_path):
    marks = Marks(tmp_path / "marks.jsonl")
    marks.add([kept("eve", 1), kept("bob", 2), kept("eve", 3)])
    assert marks.erase("eve") == 2
    assert [k.principal for k in marks.read()] == ["bob"]
    assert b"eve" not in (tmp_path / "marks.jsonl").read_bytes()
    assert marks.add([kept("eve", 1)]) == 1


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False), min_size=3, max_size=3), min_size=1, max_size=5))
def test_inputs_come_back_to_the_last_bit(rows):
    inputs = np.array(rows, np.float32)
    back = inputs_of([kept(number=i, inputs=inputs, row=i) for i in range(len(inputs))])
    assert back.dtype == np.float32
    assert np.array_equal(back, inputs)


def test_texts_and_pictures_come_back_too():
    texts = ["one", "", "zwölf"]
    assert inputs_of([kept(number=i, inputs=texts, row=i) for i in range(3)]) == texts
    pictures = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert np.array_equal(inputs_of([kept(number=i, inputs=pictures, row=i) for i in range(2)]), pictures)


def test_inputs_of_two_shapes_are_no_batch():
    with pytest.raises(StoreError, match="one shape"):
        inputs_of([kept(), kept(inputs=np.zeros((1, 4), np.float32))])


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "marks.jsonl"
    Marks(path).add([kept()])
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(StoreError, match=r"marks\.jsonl:2"):
        Marks(path)
