import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture import challenge
from wellhead.capture.challenge import Asked, is_ours, is_solved, puzzle, solve
from wellhead.core.errors import WellheadError

ASKED = Asked("alice", b'{"x": 1}', b"k" * 32)
NOW_S = 1_700_000_000.0


@pytest.fixture(scope="module")
def solution():
    return solve(puzzle(ASKED, 4, NOW_S))


def test_a_solved_puzzle_is_taken_as_often_as_it_is_sent(solution):
    for _ in range(2):
        assert is_ours(solution, ASKED, 4, NOW_S + 1)
        assert is_solved(solution)


def test_the_work_was_done(solution):
    number = int(solution.rsplit(b";", 1)[1])
    unsolved = [solution.rsplit(b";", 1)[0] + b";%d" % n for n in range(number)]
    assert not any(map(is_solved, unsolved))


@pytest.mark.parametrize(
    "other",
    [
        ASKED._replace(principal="mallory"),
        ASKED._replace(body=b'{"x": 2}'),
        ASKED._replace(key=b"q" * 32),
    ],
)
def test_it_buys_nothing_for_another_caller_body_or_gate(solution, other):
    assert not is_ours(solution, other, 4, NOW_S)


def test_an_easier_or_older_puzzle_does_not_do(solution):
    assert not is_ours(solution, ASKED, 5, NOW_S)
    assert not is_ours(solution, ASKED, 4, NOW_S + challenge.LIVES_S)
    assert not is_ours(solution, ASKED, 4, NOW_S - 10)


def test_a_changed_puzzle_is_not_ours(solution):
    easier = solution.replace(b"v1;4", b"v1;1")
    later = solution.replace(b"%d" % (NOW_S + 300), b"%d" % (NOW_S + 301))
    assert not is_ours(easier, ASKED, 1, NOW_S)
    assert not is_ours(later, ASKED, 4, NOW_S)


@given(st.binary(max_size=120))
def test_garbage_is_refused(value):
    assert not is_ours(value, ASKED, 1, NOW_S)
    assert not is_solved(value)


@pytest.mark.parametrize("bits", [0, 25])
def test_bits_have_bounds(bits):
    with pytest.raises(WellheadError, match="1 to 24 bits"):
        puzzle(ASKED, bits, NOW_S)


def test_a_client_refuses_what_is_no_puzzle():
    with pytest.raises(WellheadError, match="expected a puzzle"):
        solve(b"v1;99;1700000000;" + b"a" * 64)
