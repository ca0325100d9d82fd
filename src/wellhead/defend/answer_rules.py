"""Answer rules: what must not leave in a model's words, whoever asks.

A rule looks into every string of an answer (JSON keys and values as decoded, of one document or of several one after
another; any other body as text) for patterns of the operator's, for secrets of well-known forms, or for planted
canaries; and once more with the escapes decoded that a string still holds. What it finds is redacted, or the whole
answer is refused. Numbers are not looked into: scores hold every run of digits.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Callable, Iterator, Sequence
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


_HIGH, _LOW, _ANY = r"u[dD][89abAB][0-9a-fA-F]{2}", r"u[dD][c-fC-F][0-9a-fA-F]{2}", r"u[0-9a-fA-F]{4}"
_ESCAPE = re.compile(rf'\\(?:{_HIGH}\\{_LOW}|{_ANY}|["\\/bfnrt])')
_GAP = re.compile(r"[ \t\r\n\x1e]*")


class AnswerRule(NamedTuple):
    """One rule. find: what must not leave.  refuse: the whole answer, not only what was found."""

    name: str
    find: tuple[re.Pattern[str], ...]
    refuse: bool


class Screened(NamedTuple):
    """An answer's bytes as they may leave, the names of the rules that hit, and whether nothing may leave."""

    body: bytes
    hits: tuple[str, ...] = ()
    refused: bool = False


def rule(name: str, patterns: Sequence[str], canaries: Sequence[str] = (), refuse: bool = False) -> AnswerRule:
    """A rule of regular expressions and literal canaries; raises ConfigError where they cannot be used."""
    planted = "|".join(map(re.escape, sorted(filter(None, canaries), key=len, reverse=True)))
    parts = [*patterns, planted] if planted else patterns
    if not parts:
        raise ConfigError(f"answer rule {name!r}: expected a pattern, secrets or canaries, got none")
    try:
        find = tuple(map(re.compile, parts))
    except re.error as e:
        raise ConfigError(f"answer rule {name!r}: expected a regular expression, got: {e}") from e
    if any(each.search("") for each in find):
        raise ConfigError(
            f"answer rule {name!r}: expected a pattern that needs a character, got one that is everywhere"
        )
    return AnswerRule(name, find, refuse)


class AnswerRules:
    """Screens answers by all rules; each sees the answer as it came."""

    def __init__(self, rules: Sequence[AnswerRule]) -> None:
        self.rules = tuple(rules)
        self._patterns = [(i, pattern) for i, each in enumerate(rules) for pattern in each.find]

    def screen(self, body: bytes) -> Screened:
        """The same bytes where no rule hits."""
        screen = _Screen(self._patterns)
        tree = screen.redacted(_tree_of(body))
        if not screen.hits:
            return Screened(body)
        hits = tuple(self.rules[i].name for i in sorted(screen.hits))
        if any(self.rules[i].refuse for i in screen.hits):
            return Screened(b"", hits, True)
        return Screened("".join(_written(tree)).encode("utf-8", "surrogateescape"), hits)


class _Screen:
    """One body's way through the rules. patterns: of rule i each.  hits: the rules that found something."""

    def __init__(self, patterns: Sequence[tuple[int, re.Pattern[str]]]) -> None:
        self._patterns = patterns
        self.hits: set[int] = set()

    def redacted(self, tree: Any) -> Any:
        if isinstance(tree, _AsIs) or not isinstance(tree, str | tuple | list):
            return tree
        if isinstance(tree, str):
            return type(tree)(_without(tree, sorted({*self._spans(tree)})))
        return type(tree)(map(self.redacted, tree))

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where something stands that must not leave."""
        for i, pattern in self._patterns:
            for found in pattern.finditer(text):
                self.hits.add(i)
                yield found.span()
        if "\\" in text:
            plain, back = _unescaped(text)
            for i, pattern in self._patterns:
                for found in pattern.finditer(plain):
                    self.hits.add(i)
                    yield back(found.start()), back(found.end())


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with what stands there taken out; of spans that overlap, all of them at once."""
    kept, end = "", 0
    for start, stop in spans:
        if start >= end:
            kept += text[end:start] + REDACTED
        end = max(end, stop)
    return kept + text[end:]


def _unescaped(text: str) -> tuple[str, Callable[[int], int]]:
    """The text with JSON's escapes decoded, and where a place of it lies in the text."""
    parts, places, begins, end, length = [], [], [], 0, 0
    for found in _ESCAPE.finditer(text):
        parts += [text[end : found.start()], json.loads(f'"{found[0]}"')]
        length += found.start() - end
        places.append(length)
        begins.append(found.span())
        end, length = found.end(), length + 1

    def back(place: int) -> int:
        i = bisect.bisect_right(places, place) - 1
        if i < 0:
            return place
        past = place - places[i]
        return begins[i][1] + past - 1 if past else begins[i][0]

    return "".join((*parts, text[end:])), back


class _AsIs(str):
    """Written as it came, and not looked into: a number in the model's own digits, or a gap between documents."""

    __slots__ = ()


class _Text(str):
    """A body, or a part of one, that is no JSON."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs: a key that occurs twice must not hide its first value."""


class _Documents(list[Any]):
    """JSON documents one after another, and the gaps between them."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_float=_AsIs, parse_int=_AsIs)


def _tree_of(body: bytes) -> Any:
    """The JSON in a body with every pair of its objects kept; another body is one text."""
    try:
        return json.loads(body, object_pairs_hook=_Pairs, parse_float=_AsIs, parse_int=_AsIs)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "surrogateescape")
    return _documents(text) or _Text(text)


def _documents(text: str) -> _Documents | None:
    """The documents of a text that holds nothing else, none of them a bare number: that may be part of a text."""
    documents, at = _Documents(), 0
    while True:
        gap = _GAP.match(text, at)
        at += len(gap[0]) if gap else 0
        documents.append(_AsIs(gap[0] if gap else ""))
        if at == len(text):
            return documents
        try:
            tree, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return None
        if isinstance(tree, _AsIs):
            return None
        documents.append(tree)


def _written(tree: Any) -> list[str]:
    if isinstance(tree, _AsIs | _Text):
        return [str(tree)]
    if isinstance(tree, _Documents):
        return [part for item in tree for part in _written(item)]
    if isinstance(tree, _Pairs):
        inner = [part for key, value in tree for part in (",", json.dumps(key), ":", *_written(value))]
        return ["{", *inner[1:], "}"]
    if isinstance(tree, list):
        inner = [part for item in tree for part in (",", *_written(item))]
        return ["[", *inner[1:], "]"]
    return [json.dumps(tree)]
