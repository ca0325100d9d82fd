"""Defences as an operator writes them: `round:2`, `cap_l1:0.5(mad)`, `when:watch(reverse_sigmoid:0.8:gamma=0.2)`."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.defend.guarantees import NOTHING_CHANGES, Defence, Guarantees
from wellhead.plugins import find

_TEXT = re.compile(r"\s*([A-Za-z_]\w*)((?::[^:()]*)*)(?:\((.*)\))?\s*", re.DOTALL)
_LONGEST = 500
_REMEDIES = {
    "key": "keyed defences run where Wellhead keeps its secrets, as in `wellhead serve`",
    "codebook": "fit one with `wellhead profile fit`",
}
_NOTHING: Mapping[str, object] = {}

Field: TypeAlias = msgspec.structs.FieldInfo


class Unready(ConfigError):
    """A defence that is written as it should be, and lacks what no operator can write. missing: that field's name."""

    def __init__(self, defence: str, missing: str) -> None:
        super().__init__(f"expected a {missing} for defence `{defence}`, got none", _REMEDIES.get(missing, ""))
        self.missing = missing


def parse(text: str, given: Mapping[str, object] = _NOTHING) -> Defence:
    """The defence that `name[:value...][:field=value...]` or `name[:value...](inner)` stands for.

    Values go to the fields in their order; those of a list are separated by commas. given: what an operator cannot
    write, such as `key` and `codebook`, by field. Raises ConfigError where the text cannot be read, Unready where only
    something of `given` is absent.
    """
    found = _TEXT.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise ConfigError("expected a defence such as round:2 or cap_l1:0.5(mad)", f"got {text[:80]!r}")
    name, values, inside = found[1], found[2].split(":")[1:], found[3]
    kind = find("defences", name)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        raise ConfigError(f"expected defence `{name}` to be a struct, got {kind!r}", "see docs/defences.md")
    fields = msgspec.structs.fields(kind)
    settings = _settings(name, values, [f for f in fields if writable(f.type)])
    _check_inner(name, any(f.name == "inner" for f in fields), inside is not None)
    if inside is not None:
        settings["inner"] = parse(inside, given)
    settings |= {f.name: given[f.name] for f in fields if given.get(f.name) is not None and not writable(f.type)}
    for field in fields:
        if field.required and field.name not in settings:
            raise _absent(name, field)
    return cast(Defence, kind(**settings))


def compose(texts: Sequence[str], given: Mapping[str, object] = _NOTHING) -> tuple[Defence, ...]:
    """The defences of a pipeline, in order.

    Raises ConfigError where one cannot be read or stands after one of a later stage, Unready where all that is amiss
    is something of `given`.
    """
    defences: list[Defence] = []
    unready: Unready | None = None
    for text in texts:
        try:
            defences.append(parse(text, given))
        except Unready as e:
            unready = e
    for first, second in itertools.pairwise(defences):
        if second.stage < first.stage:
            raise ConfigError(
                f"expected defence `{second.name}` before `{first.name}`, got it after",
                "the order is: perturb, mark, truncate, round",
            )
    if unready is not None:
        raise unready
    return tuple(defences)


def met(defences: Sequence[Defence]) -> Guarantees:
    """What still holds when each has followed the one before."""
    return functools.reduce(Guarantees.meet, (d.guarantees for d in defences), NOTHING_CHANGES)


def _settings(name: str, values: Sequence[str], fields: Sequence[Field]) -> dict[str, Any]:
    """What is written, by field and of its type."""
    places = {f.name: f for f in fields}
    settings: dict[str, Any] = {}
    for key, value in _named(values, list(places)):
        if key not in places or key in settings:
            known = f"known: {', '.join(places) or 'none'}"
            raise ConfigError(f"expected settings of defence `{name}`, each once, got {(key or value)[:40]!r}", known)
        settings[key] = _value(name, places[key], value)
    return settings


def _named(values: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each value with its field's name, empty where there are more values than fields."""
    for value, name in itertools.zip_longest(values, names[: len(values)], fillvalue=""):
        word, equals, rest = value.partition("=")
        yield (word.strip(), rest.strip()) if equals else (name, value.strip())


def _value(name: str, field: Field, text: str) -> Any:
    many = get_origin(_bare(field.type)) is tuple
    try:
        return msgspec.convert(text.split(",") if many else text, field.type, strict=False)
    except msgspec.ValidationError as e:
        raise ConfigError(f"expected `{field.name}` of defence `{name}`, got {text[:40]!r}: {e}") from e


def _bare(hint: Any) -> Any:
    return hint.__origin__ if hasattr(hint, "__metadata__") else hint


def writable(hint: Any) -> bool:
    """True for a field that can be written in a text."""
    bare = _bare(hint)
    if get_origin(bare) is tuple:
        return writable(get_args(bare)[0])
    return bare in (bool, int, float, str) or get_origin(bare) is Literal


def _check_inner(name: str, takes: bool, there: bool) -> None:
    if takes and not there:
        raise ConfigError(f"expected a defence in brackets after `{name}`, got none", f"such as {name}(mad)")
    if there and not takes:
        raise ConfigError(f"expected no brackets after defence `{name}`, got some", "leave them out")


def _absent(name: str, field: Field) -> ConfigError:
    if writable(field.type):
        return ConfigError(f"expected `{field.name}` of defence `{name}`, got none", f"such as {name}:{field.name}=...")
    return Unready(name, field.name)
