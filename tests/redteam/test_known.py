import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.redteam.known import Known


def test_features_are_counted_over_every_axis_of_an_input_and_texts_have_none():
    assert Known(shape=(8, 8)).features == 64
    assert Known().features == 0


def test_an_attack_on_numbers_says_what_it_lacks():
    with pytest.raises(Unsuited, match="inputs that are numbers"):
        Known().need_numbers()
    with pytest.raises(Unsuited, match="bounds"):
        Known(shape=(3,), low=np.zeros(3), high=np.ones(2)).need_numbers()
    Known(shape=(3,), low=np.zeros(3), high=np.ones(3)).need_numbers()
