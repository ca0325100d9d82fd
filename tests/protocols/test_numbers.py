import hashlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ProtocolError
from wellhead.protocols.numbers import column, depth, hashed, instances, natural, records, single, table

CELLS = st.floats(-(2.0**90), 2.0**90, width=32) | st.text(max_size=5)


@given(st.integers(1, 4).flatmap(lambda k: st.lists(st.lists(CELLS, min_size=k, max_size=k), min_size=1, max_size=5)))
def test_rows_equal_a_slow_twin(rows):
    inputs, _ = instances(msgspec.json.encode(rows))
    columns = list(zip(*rows, strict=True))
    if len(columns) == 1 and any(isinstance(c, str) for c in columns[0]):
        assert inputs == [c if isinstance(c, str) else repr(c) for c in columns[0]]
        return
    wanted = []
    for cells in columns:
        if any(isinstance(c, str) for c in cells):
            texts = [c if isinstance(c, str) else repr(c) for c in cells]
            digests = [hashlib.blake2b(t.encode(), digest_size=1).digest()[0] for t in texts]
            wanted += [[1.0 if d & (1 << i) else -1.0 for d in digests] for i in range(8)]
        else:
            wanted.append(list(cells))
    assert np.array_equal(inputs, np.array(wanted, np.float32).T)


def test_records_do_not_depend_on_the_order_of_keys():
    one, two = records([{"f2": 1, "f10": 2}]), records([{"f10": 2, "f2": 1}])
    assert np.array_equal(one, two)
    assert one.tolist() == [[1, 2]]
    with pytest.raises(ProtocolError, match="every row to have the keys"):
        records([{"a": 1}, {"b": 1}])


def test_arrays_in_records_are_flattened_beside_others_and_kept_flat_alone():
    assert records([{"x": [[1, 2], [3, 4]]}]).tolist() == [[1, 2, 3, 4]]
    assert records([{"x": [1, 2], "y": True}]).tolist() == [[1, 2, 1]]


def test_natural_order():
    assert sorted(["f10", "f2", "a", "f", "10", "2"], key=natural) == ["2", "10", "a", "f", "f2", "f10"]


@pytest.mark.parametrize(
    "bad",
    [b"[]", b"[[]]", b"[[1],[]]", b'["a",["b"]]', b"[null]", b"[1e39]", b"[[1e39]]", b"[[[[[[[[[1]]]]]]]]]", b"5"],
)
def test_what_is_no_rows(bad):
    with pytest.raises((ProtocolError, msgspec.MsgspecError)):
        instances(bad)


def test_hashes_are_the_same_everywhere():
    assert hashed(["Private", "x" * 100]).tolist() == hashed(["Private", "x" * 100]).tolist()
    assert hashed(["Private"]).tolist() != hashed(["State-gov"]).tolist()
    assert hashed(["wellhead"])[0].tolist() == [
        1.0 if hashlib.blake2b(b"wellhead", digest_size=1).digest()[0] >> i & 1 else -1.0 for i in range(8)
    ]


def test_single_is_exact_and_finite():
    assert single([0.1, 3]).tolist() == np.array([0.1, 3], np.float32).tolist()
    with pytest.raises(ProtocolError, match="beyond"):
        single([1e39])


def test_depth_sees_through_spaces():
    assert depth(b" [ [\n[1]]]") == 3


def test_columns_of_unequal_length():
    with pytest.raises(ProtocolError, match="equal length"):
        table({"a": column([1, 2]), "b": column([1])})
