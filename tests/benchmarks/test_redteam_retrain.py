import pytest
from benchmarks.redteam_retrain import Tries, compare


def test_the_worse_kind_counts_and_the_peer_is_its_best():
    mine = [Tries("pool", "labels", [0.9, 0.92], [1.0, 3.0], [9, 9]), Tries("pool", "probs", [1.0, 1.0], [1.0], [9])]
    theirs = [
        Tries("a", "labels", [0.8, 0.8], [1.0], [9]),
        Tries("b", "labels", [0.91, 0.95], [4.0], [9]),
        Tries("c", "probs", [0.9, 1.0], [0.5], [9]),
    ]
    found = {f.figure: f for f in compare(mine, theirs, 539)}
    assert found["retrain_fidelity_labels_art"].peer == "b"
    assert found["retrain_fidelity_vs_art"].value == pytest.approx(-0.02 / (0.02 * 2**0.5))
    assert found["retrain_seconds_vs_art"].value == 2.0
    assert found["retrain_calls_vs_art"].value == pytest.approx(9 / 539)
