import inspect

import pytest

from wellhead.core import errors
from wellhead.core.errors import BadAnswer, ConfigError, ProtocolError, Refusal, WellheadError

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def test_the_remedy_follows_what_was_wrong():
    assert str(ConfigError("expected a, got b", "write a")) == "expected a, got b; write a"
    assert str(ConfigError("expected a, got b")) == "expected a, got b"


def test_what_came_can_neither_break_the_line_nor_command_the_terminal():
    assert str(ConfigError("got `a\nb\x1b[2J`, täglich")) == "got `a\\nb\\x1b[2J`, täglich"


@pytest.mark.parametrize("kind", EVERY)
def test_one_except_clause_catches_everything_that_wellhead_raises_on_purpose(kind):
    assert issubclass(kind, WellheadError)
    assert kind.__name__ in errors.__doc__


def test_a_bad_answer_is_a_protocol_error():
    assert issubclass(BadAnswer, ProtocolError)


def test_a_refusal_carries_what_the_client_is_told():
    refusal = Refusal(429, "too fast", "wait", retry_after_s=2.5)
    assert (refusal.status, refusal.retry_after_s, refusal.remedy) == (429, 2.5, "wait")
