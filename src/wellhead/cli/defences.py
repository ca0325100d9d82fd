"""`wellhead defences [check DEFENCE...]`: what there is, what each guarantees, and what defeats it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wellhead.core.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from wellhead.defend.guarantees import Guarantees

_DEPENDS = ("chance", "what was answered before", "the input", "the model's scores")
_CEILING = (
    "Whoever reads labels alone loses nothing by a defence that keeps the best class: label_only is the most that any\n"
    "of them can do, and its own protection is small. See docs/defences.md."
)


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("defences", help="output defences: what each guarantees, and what defeats it")
    parser.set_defaults(run=run_list)
    check = parser.add_subparsers(dest="verb").add_parser(
        "check", help="hold defences, and the pipeline of them, to what they declare, on rows made to break it"
    )
    check.add_argument("defences", nargs="*", metavar="DEFENCE", help="as in a config: noise:0.5 top_k:5 round:2")
    check.add_argument("-c", "--config", default="", help="take its profile's codebook, and by default its answers")
    check.add_argument("--classes", type=int, default=0, metavar="K", help="with so many (default: 2 to 1,000)")
    check.set_defaults(run=run_check)


def run_list(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - the contract's
    """Print every defence that is installed."""
    from wellhead.plugins import find, names

    for name in names("defences"):
        try:
            kind = find("defences", name)
        except MissingExtra as e:
            print(f"{name}: {e}")
            continue
        print("\n".join(_described(name, kind)))
    print(_CEILING)
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """Check; 1 where one breaks what it declares."""
    from wellhead.defend.spec import compose, met
    from wellhead.testing.defences import SIZES, Chain, check_defence

    texts, given = _asked(arguments)
    defences = compose(texts, given)
    book = given["codebook"]
    known = arguments.classes or (0 if book is None else book.classes)
    sizes = (known,) if known else SIZES
    try:
        for defence in (*defences, Chain(defences)):
            check_defence(defence, sizes)
    except AssertionError as e:
        print(f"broken: {e}")
        return 1
    print(f"kept, on hard rows of {', '.join(map(str, sizes))} classes: {' then '.join(texts) or 'nothing'}")
    print("\n".join(f"  {word:9}{said}" for word, said in _said(met(defences))))
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """What to check, and what no operator can write: keys of no worth, and the codebook of a profile."""
    from wellhead.defend.mark import Marking

    texts, book = list(arguments.defences), None
    if arguments.config:
        from wellhead.config import load
        from wellhead.serve import profiles

        config = load(arguments.config)
        profile = profiles.load(config)
        book = None if profile is None else profile.codebook
        texts = texts or list(config.exposure.answers)
    elif not texts:
        raise ConfigError("expected defences to check, got none", "name some, or a config with -c")
    return texts, {"key": bytes(32), "marking": Marking(bytes(32)), "codebook": book}


def _described(name: str, kind: Any) -> Iterator[str]:
    import inspect

    import msgspec

    fields = msgspec.structs.fields(kind)
    inside = any(f.name == "inner" for f in fields)
    yield _written(name, fields)
    yield f"  does     {(inspect.getdoc(kind) or '').split(chr(10) * 2)[0].replace(chr(10), ' ')}"
    if inside:
        yield "  keeps    what follows from the defence inside"
    else:
        # Guarantees follow from settings; what no operator can write does not count for them.
        example = kind(**{f.name: _example(f.name) for f in fields if f.required})
        yield f"  stage    {example.stage.name.lower()}"
        yield from (f"  {word:9}{said}" for word, said in _said(example.guarantees))
    cost, defeated = getattr(kind, "cost_us", 0), getattr(kind, "defeated_by", "")
    if cost:
        yield f"  costs    about {cost} us for a row of 100 classes"
    if defeated:
        yield f"  fails    against {defeated}"


def _written(name: str, fields: Sequence[Any]) -> str:
    """As it is written in full, with its defaults."""
    from wellhead.defend.spec import writable

    settings = "".join(f":{f.name}={_word(f)}" for f in fields if writable(f.type))
    return f"{name}{settings}(...)" if any(f.name == "inner" for f in fields) else name + settings


def _word(field: Any) -> str:
    if field.required:
        return "..."
    default = field.default
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()


def _example(field: str) -> Any:
    from wellhead.defend.mark import Marking

    return Marking(bytes(32)) if field == "marking" else bytes(32) if field == "key" else None


def _said(promise: Guarantees) -> Iterator[tuple[str, str]]:
    argmax = ("may change the best class", "the best class stays among the best", "the best class stays, alone")
    yield "keeps", argmax[promise.argmax] + ("" if promise.simplex else "; rows may stop being probabilities")
    yield "moves", f"a row by L1 {promise.l1_max:g} at most"
    yield "from", _DEPENDS[promise.deterministic] + (" and a key" if promise.keyed else "")
    if not promise.stateless:
        yield "", "and the other rows of the batch"
