import struct

import numpy as np
import pytest

from wellhead.core import arrays


@pytest.mark.parametrize(
    ("alias", "dtype"),
    [
        ("Scores", np.float64),
        ("Labels", np.int64),
        ("Values", np.float64),
        ("Codes", np.int8),
        ("Features", np.float64),
    ],
)
def test_an_alias_names_the_type_of_its_numbers(alias, dtype):
    assert dtype.__name__ in str(getattr(arrays, alias))


def test_inputs_are_numbers_or_texts():
    assert "float32" in str(arrays.Inputs)
    assert "list[str]" in str(arrays.Inputs)


@pytest.mark.parametrize(("numbers", "dtype"), [([0.5, 2.0], "<f8"), (struct.pack("<2f", 0.5, 2.0), "<f4")])
def test_flat_numbers_as_an_array(numbers, dtype):
    array = arrays.Flat(numbers, (2, 1)).array(dtype)
    assert array.tolist() == [[0.5], [2.0]] and array.dtype == np.dtype(dtype)
