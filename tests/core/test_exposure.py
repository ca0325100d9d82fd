import pytest

from wellhead.core.exposure import Exposure


def test_the_ladder_is_ordered_from_nothing_to_everything():
    words = ("none", "label", "top_k", "probabilities", "logits", "value")
    assert [Exposure.parse(word) for word in words] == sorted(Exposure)


def test_another_word_is_no_exposure():
    with pytest.raises(KeyError):
        Exposure.parse("lables")


def test_only_full_score_vectors_are_scores():
    assert [e for e in Exposure if e.has_scores] == [Exposure.PROBABILITIES, Exposure.LOGITS]


def test_stored_numbers_never_change_their_meaning():
    assert [int(e) for e in Exposure] == [0, 1, 2, 3, 4, 5]
