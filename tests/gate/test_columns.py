import numpy as np
import pytest

from wellhead.core.codec import unpack
from wellhead.gate.columns import Columns, Packed, cut

N = 5
WHOLE = Columns(
    fingerprint=np.arange(N, dtype="<u8"),
    codes=np.arange(N * 3, dtype=np.int8).reshape(N, 3),
    traits=np.arange(N * 3, dtype=np.uint8).reshape(N, 3),
    top1=np.arange(N),
    confidence_pm=None,
    scores=None,
    score_classes=None,
    values=np.array([0.1, 1e300, -0.0, 2.0, 3.0]),
    classes=0,
)


@pytest.mark.parametrize(("field", "dtype"), [("codes", "|i1"), ("traits", "|u1")])
def test_rows_come_back_from_any_cut(field, dtype):
    packed = Packed.of(WHOLE)
    assert (unpack(cut(getattr(packed, field), 1, 4), dtype, 3) == getattr(WHOLE, field)[1:4]).all()


def test_fingerprints_and_values_keep_every_bit():
    packed = Packed.of(WHOLE)
    assert unpack(cut(packed.fingerprints, 0, N), "<u8", N)[:, 0].tolist() == WHOLE.fingerprint.tolist()
    assert [float(text) for text in packed.values] == WHOLE.values.tolist()


def test_absent_numbers_are_empty():
    packed = Packed.of(WHOLE)
    assert cut(packed.scores, 0, N) == cut(packed.score_classes, 0, N) == "" and packed.confidence_pm == []
