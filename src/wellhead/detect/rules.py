"""Rules as data: TOML, no code, each with the examples that prove it.

A hit is evidence: never by itself an accusation or an action.
"""

from __future__ import annotations

import difflib
import math
import operator
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.finding import Signal
from wellhead.meter.sketch import View

_OPS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_STRENGTH = {"low": 0.25, "medium": 0.5, "high": 0.75}
FIELDS = tuple(f for f in View.__struct_fields__ if f not in ("principal", "attributes"))
"""What a condition may test."""
_SHARES = frozenset(f for f in FIELDS if f.endswith("_ratio") or f == "label_evenness")


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`field op value`, over a field of View; op is one of >= > <= <. An unknown (NaN) field never holds."""

    field: str
    op: str
    value: float

    def holds(self, view: View) -> bool:
        """True where the view satisfies this."""
        return _OPS[self.op](getattr(view, self.field), self.value)


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hits when a principal has min_rows rows and all conditions hold.

    why: what it says of an attacker.  honest: who else does so, and is no attacker.  severity: low, medium or high.
    hit, miss: examples, each the fields of a View; at least one of each.
    """

    name: str
    why: str
    honest: str
    conditions: tuple[Condition, ...]
    hit: tuple[View, ...]
    miss: tuple[View, ...]
    atlas: tuple[str, ...] = ("AML.T0024.002",)
    severity: str = "medium"
    min_rows: int = 32

    def read(self, view: View) -> Signal | None:
        """The rule's word on one principal; value and threshold are those of its first condition."""
        if view.rows < self.min_rows or not all(c.holds(view) for c in self.conditions):
            return None
        first = self.conditions[0]
        said = ", ".join(f"{c.field} {getattr(view, c.field):.4g} {c.op} {c.value:g}" for c in self.conditions)
        return Signal(
            name=self.name,
            principal=view.principal,
            n=view.rows,
            value=float(getattr(view, first.field)),
            threshold=first.value,
            strength=_STRENGTH[self.severity],
            detail=f"{self.name}: {said} at {view.rows} rows",
            atlas=self.atlas,
        )


class Failure(NamedTuple):
    """A rule that did not do to one of its examples what the example says."""

    rule: str
    expected: str
    example: View


class Rules:
    """The rules in force: the shipped ones and the operator's own.

    files: file name -> TOML text of more rules; one with a shipped name takes its place.  disabled: names left out.
    Raises ConfigError, with what was meant, for a field, operator, severity or name that does not exist.
    """

    def __init__(self, files: Mapping[str, str] | None = None, disabled: Iterable[str] = ()) -> None:
        rules = {rule.name: rule for rule in shipped()}
        rules.update((rule.name, rule) for rule in (parse(text, name) for name, text in (files or {}).items()))
        for name in disabled:
            _known(name, rules, "rule", "rules.disabled")
            del rules[name]
        self.rules = tuple(rules.values())

    def read(self, view: View) -> list[Signal]:
        """The hits of one principal."""
        return [signal for rule in self.rules if (signal := rule.read(view)) is not None]

    def test(self) -> list[Failure]:
        """Run every rule on its own examples; empty where all hold."""
        return [failure for rule in self.rules for failure in test(rule)]


def test(rule: Rule) -> list[Failure]:
    """Run one rule on its own examples."""
    missed = [Failure(rule.name, "hit", view) for view in rule.hit if rule.read(view) is None]
    return missed + [Failure(rule.name, "miss", view) for view in rule.miss if rule.read(view) is not None]


def parse(text: str, source: str) -> Rule:
    """The rule in one TOML text; raises ConfigError naming the source, the place and the remedy."""
    try:
        rule = msgspec.convert(tomllib.loads(text), Rule)
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"{source}: expected TOML, got a syntax error: {e}") from e
    except msgspec.ValidationError as e:
        raise ConfigError(f"{source}: {e}", _remedy(str(e))) from e
    _check(rule, source)
    return rule


@cache
def shipped() -> tuple[Rule, ...]:
    """The rules that come with Wellhead, by name."""
    folder = resources.files("wellhead.detect") / "shipped"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(parse(f.read_text(encoding="utf-8"), f.name) for f in files)


def _check(rule: Rule, source: str) -> None:
    for condition in rule.conditions:
        _known(condition.field, FIELDS, "field", source)
        _known(condition.op, _OPS, "operator", source)
    for field in {c.field for c in rule.conditions}:
        if not _possible(field, [c for c in rule.conditions if c.field == field]):
            within = "0 to 1" if field in _SHARES else "0 or more"
            raise ConfigError(f"{source}: what is asked of `{field}` can never hold", f"it is {within}")
    _known(rule.severity, _STRENGTH, "severity", source)
    if rule.min_rows < 1:
        raise ConfigError(f"{source}: expected min_rows of at least 1, got {rule.min_rows}", "leave it out for 32")
    for part in ("conditions", "hit", "miss"):
        if not getattr(rule, part):
            raise ConfigError(f"{source}: expected at least one entry in `{part}`, got none", "see docs/rules.md")


def _possible(field: str, conditions: Sequence[Condition]) -> bool:
    """True where some value of a field meets all of these conditions on it."""
    low, high = 0.0, 1.0 if field in _SHARES else math.inf
    # what lies strictly above a number begins with the next one
    for c in conditions:
        if c.op in (">=", ">"):
            low = max(low, c.value if c.op == ">=" else math.nextafter(c.value, math.inf))
        else:
            high = min(high, c.value if c.op == "<=" else math.nextafter(c.value, -math.inf))
    return low <= high and low < math.inf and not any(math.isnan(c.value) for c in conditions)


def _known(word: str, words: Iterable[str], kind: str, source: str) -> None:
    known = list(words)
    if word not in known:
        raise ConfigError(f"{source}: there is no {kind} `{word}`", _nearest(word, known))


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"


def _remedy(message: str) -> str:
    """What was meant by an unknown key, in a rule, a condition or an example."""
    parts: Any = message.split("`")
    if "unknown field" not in message:
        return ""
    place = parts[3] if len(parts) > 3 else "$"
    struct = View if ".hit" in place or ".miss" in place else Condition if ".conditions" in place else Rule
    return _nearest(parts[1], list(struct.__struct_fields__))
