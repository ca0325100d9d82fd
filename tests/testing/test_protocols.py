import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.protocols.base import ONLY_MODEL, Called
from wellhead.protocols.open_inference import OpenInference
from wellhead.testing.protocols import ContractError, check_protocol, same_answer, same_inputs


class Forgetful(OpenInference):
    """Reads one row where there are more."""

    def read_query(self, body, content_type, spec):
        query = super().read_query(body, content_type, spec)
        query.rows = 1
        return query


class Eager(OpenInference):
    """Asks for logits where labels were asked for."""

    def clamp(self, body, query, allowed):
        return body.replace(b'"predict"', b'"logits"')


class Leaky(OpenInference):
    """Serves what came."""

    def write_answer(self, body, content_type, answer, spec):
        return body


class Fragile(OpenInference):
    """Lets its decoder's errors out."""

    def read_query(self, body, content_type, spec):
        if body == b"null":
            raise KeyError("inputs")
        return super().read_query(body, content_type, spec)


class Open(OpenInference):
    """Takes any method and path."""

    def match(self, method, path):
        return Called("m")


class Loose(OpenInference):
    """Takes any method."""

    def match(self, method, path):
        return super().match("POST", path)


class Blind(OpenInference):
    """Does not say which model a path names."""

    def match(self, method, path):
        return super().match(method, path) and ONLY_MODEL


def test_ours_passes():
    check_protocol(OpenInference())


@pytest.mark.parametrize(
    ("protocol", "rule"),
    [
        (Forgetful, "read_query to read what write_query wrote"),
        (Eager, "not to raise what is asked"),
        (Leaky, "write_answer to serve exactly the shaped scores"),
        (Blind, "match to name 'm'"),
        (Open, "match to name 'n'"),
        (Loose, "a GET to be no inference call"),
    ],
)
def test_a_broken_protocol_is_named(protocol, rule):
    with pytest.raises(ContractError, match=rule):
        check_protocol(protocol())


def test_other_errors_come_out_as_they_are():
    with pytest.raises(KeyError):
        check_protocol(Fragile())


def test_equality():
    one = Answer(Exposure.LABEL, labels=np.array([1]))
    assert same_answer(one, Answer(Exposure.LABEL, labels=np.array([1])))
    assert not same_answer(one, Answer(Exposure.LABEL, labels=np.array([2])))
    assert not same_answer(one, Answer(Exposure.LABEL, scores=np.array([[0.0, 1.0]])))
    assert same_inputs(["a"], ["a"])
    assert not same_inputs(["a"], np.zeros((1, 1), np.float32))
