import argparse

import numpy as np
import pytest

from wellhead.cli.target import accounts_of, add_inputs, add_members, add_target, known_of, open_target, with_candidates
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


def test_headers_come_from_the_environment_and_keys_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    keys = tmp_path / "keys"
    keys.write_text("one\ntwo\n\nthree\n")
    found = accounts_of(parsed("--keys", str(keys), "--accounts", "2", "--header", "X-Plan: $API_TOKEN"))
    assert [(a.name, a.token, a.headers) for a in found] == [
        ("key-1", "one", {"X-Plan": "secret"}),
        ("key-2", "two", {"X-Plan": "secret"}),
    ]
    own = accounts_of(parsed("--keys", str(keys), "--header", "X-API-Key: $KEY"))
    assert [(a.token, a.headers["X-API-Key"]) for a in own] == [("", "one"), ("", "two"), ("", "three")]


@pytest.mark.parametrize(
    "argv",
    [
        ("--header", "no colon"),
        ("--header", "X: $NOT_SET_ANYWHERE"),
        ("--keys", "/none"),
        ("--accounts", "2"),
        ("--header", "bad name: x"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_the_secret(argv):
    with pytest.raises(ConfigError):
        accounts_of(parsed(*argv))


def test_remote_targets_need_authorisation_and_an_owner():
    for more in ((), ("--i-am-authorised",), ("--owner", "Ada")):
        with pytest.raises(ConfigError, match="--i-am-authorised --owner"):
            open_target(parsed("--target", "http://192.0.2.1:9", *more))


@pytest.mark.parametrize("argv", [(), ("--target", "x.npz", "--timeout", "0"), ("--target", "none.npz")])
def test_what_is_no_target_is_refused(argv):
    with pytest.raises(ConfigError):
        open_target(parsed(*argv))


def test_a_server_that_speaks_nothing_known_needs_its_protocol_named():
    with pytest.raises(ConfigError, match="--protocol"):
        open_target(parsed("--target", "http://127.0.0.1:9"))


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
