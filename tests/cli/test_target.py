import argparse

import numpy as np
import pytest

from wellhead.cli.target import add_inputs, add_members, add_target, known_of, open_target, with_candidates
from wellhead.core.errors import ConfigError
from wellhead.redteam.files import Table
from wellhead.redteam.known import Known
from wellhead.redteam.opened import Opened


def parsed(*argv):
    parser = argparse.ArgumentParser()
    add_target(parser)
    add_inputs(parser)
    add_members(parser)
    return parser.parse_args(list(argv))


@pytest.mark.parametrize("argv", [(), ("--target", "x.npz", "--timeout", "0"), ("--target", "none.npz")])
def test_what_is_no_target_is_refused(argv):
    with pytest.raises(ConfigError):
        open_target(parsed(*argv))


def test_bounds_come_from_the_pool_or_the_options():
    table = Table(np.array([[0, 1], [2, 5]], np.float32))
    assert known_of(parsed(), None, table).high.tolist() == [2, 5]
    known = known_of(parsed("--low", "-1", "--high", "3,4", "--categories", "1:5"), None, table)
    assert (known.low.tolist(), known.high.tolist(), known.arities.tolist()) == ([-1, -1], [3, 4], [0, 5])
    assert known_of(parsed("--shape", "2,3", "--low", "0", "--high", "1"), None, None).low.shape == (6,)
    assert known_of(parsed(), Opened(shape=(7,)), None).shape == (7,)
    assert known_of(parsed(), None, Table(["a", "b"])).shape == ()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--shape", "x"), "--shape"),
        (("--low", "a"), "numbers"),
        (("--low", "1,2,3"), "one bound"),
        (("--categories", "9:2"), "--categories"),
        (("--shape", "3"), "3 features"),
    ],
)
def test_bounds_that_make_no_sense(argv, said):
    with pytest.raises(ConfigError, match=said):
        known_of(parsed(*argv), None, Table(np.ones((2, 2), np.float32)))


def test_candidates_are_members_and_others(tmp_path):
    np.savez(tmp_path / "m.npz", inputs=np.ones((3, 2)), labels=[0, 1, 0])
    np.savez(tmp_path / "n.npz", inputs=np.zeros((2, 2)), labels=[1, 1])
    np.savez(tmp_path / "o.npz", inputs=np.zeros((2, 5)), labels=[1, 1])
    files = ("--members", str(tmp_path / "m.npz"), "--nonmembers", str(tmp_path / "n.npz"))
    known, truth = with_candidates(parsed(*files), Known())
    assert truth.members.tolist() == [True] * 3 + [False] * 2
    assert known.candidate_labels.tolist() == [0, 1, 0, 1, 1] and known.train_rows == 3
    with pytest.raises(ConfigError, match="one of them"):
        with_candidates(parsed(*files[:2]), Known())
    with pytest.raises(ConfigError, match="same shape"):
        with_candidates(parsed(*files[:3], str(tmp_path / "o.npz")), Known())
