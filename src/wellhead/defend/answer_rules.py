"""Answer rules: what must not leave in a model's words, whoever asks.

A rule looks into every string of an answer (JSON keys and values as decoded, so that no escape hides anything; any
other body as text) for patterns of the operator's, for secrets of well-known forms, or for planted canaries. What it
finds is redacted, or the whole answer is refused. Numbers are not looked into: scores hold every run of digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from wellhead.core.errors import ConfigError

REDACTED = "[redacted]"
SECRETS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]*-----END [A-Z ]*PRIVATE KEY-----)?",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{40,255}\b",
    r"\bglpat-[A-Za-z0-9_-]{20,64}\b",
    r"\bxox[abposr]-[A-Za-z0-9-]{10,255}\b",
    r"\bAIza[0-9A-Za-z_-]{35}\b",
    r"\bsk-[A-Za-z0-9_-]{20,255}\b",
    r"\b[sr]k_live_[0-9A-Za-z]{20,255}\b",
    r"\beyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,1024}\b",
)
"""Forms that name themselves: private keys; tokens of AWS, GitHub, GitLab, Slack, Google, Stripe, model APIs; JWTs."""


class AnswerRule(NamedTuple):
    """One rule. find: what must not leave.  refuse: the whole answer, not only what was found."""

    name: str
    find: re.Pattern[str]
    refuse: bool


class Screened(NamedTuple):
    """An answer's bytes as they may leave, the names of the rules that hit, and whether nothing may leave."""

    body: bytes
    hits: tuple[str, ...] = ()
    refused: bool = False


def rule(name: str, patterns: Sequence[str], canaries: Sequence[str] = (), refuse: bool = False) -> AnswerRule:
    """A rule of regular expressions and literal canaries; raises ConfigError where they cannot be used."""
    parts = [*patterns, *map(re.escape, filter(None, canaries))]
    if not parts:
        raise ConfigError(f"answer rule {name!r}: expected a pattern, secrets or canaries, got none")
    try:
        find = re.compile("|".join(f"(?:{part})" for part in parts))
    except re.error as e:
        raise ConfigError(f"answer rule {name!r}: expected a regular expression, got: {e}") from e
    if find.search(""):
        raise ConfigError(
            f"answer rule {name!r}: expected a pattern that needs a character, got one that is everywhere"
        )
    return AnswerRule(name, find, refuse)


class AnswerRules:
    """Screens answers by all rules, in their order."""

    def __init__(self, rules: Sequence[AnswerRule]) -> None:
        self.rules = tuple(rules)

    def screen(self, body: bytes) -> Screened:
        """The same bytes where no rule hits."""
        tree, is_json = _tree_of(body)
        hits: list[str] = []
        for each in self.rules:
            tree, found = _redacted(tree, each.find)
            if found:
                hits.append(each.name)
                if each.refuse:
                    return Screened(b"", tuple(hits), True)
        if not hits:
            return Screened(body)
        return Screened(_bytes_of(tree, is_json), tuple(hits))


def _tree_of(body: bytes) -> tuple[Any, bool]:
    """The JSON in a body with every pair of its objects kept; another body is one text."""
    try:
        return json.loads(body, object_pairs_hook=_Pairs, parse_float=_Number, parse_int=_Number), True
    except (ValueError, RecursionError):
        return body.decode("utf-8", "surrogateescape"), False


def _bytes_of(tree: Any, is_json: bool) -> bytes:
    if not is_json:
        return str(tree).encode("utf-8", "surrogateescape")
    return "".join(_written(tree)).encode()


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs: a key that occurs twice must not hide its first value."""


class _Number(str):
    """A JSON number in the model's own digits."""

    __slots__ = ()


def _redacted(tree: Any, find: re.Pattern[str]) -> tuple[Any, bool]:
    if isinstance(tree, _Number) or not isinstance(tree, str | list):
        return tree, False
    if isinstance(tree, str):
        text, found = find.subn(REDACTED, tree)
        return (text, True) if found else (tree, False)
    if isinstance(tree, _Pairs):
        pairs = [(_redacted(key, find), _redacted(value, find)) for key, value in tree]
        held = _Pairs((key, value) for (key, _), (value, _) in pairs)
        return held, any(a or b for (_, a), (_, b) in pairs)
    items = [_redacted(item, find) for item in tree]
    return [item for item, _ in items], any(found for _, found in items)


def _written(tree: Any) -> list[str]:
    if isinstance(tree, _Number):
        return [str(tree)]
    if isinstance(tree, _Pairs):
        inner = [part for key, value in tree for part in (",", json.dumps(key), ":", *_written(value))]
        return ["{", *inner[1:], "}"]
    if isinstance(tree, list):
        inner = [part for item in tree for part in (",", *_written(item))]
        return ["[", *inner[1:], "]"]
    return [json.dumps(tree)]
