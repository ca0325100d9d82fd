"""Contract checks that every attack passes, ours and plugin authors'."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.errors import WellheadError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.ask import spread
from wellhead.redteam.attack import Attack, Result, length
from wellhead.redteam.oracle import Model, as_answer

_MOST_ROUNDS = 1_000
_PATIENCE = 3


class ContractError(WellheadError):
    """An attack that does not keep the contract."""


class Talk(NamedTuple):
    """What an attack asked, and its result, None where it had not returned when it should have."""

    asked: list[Inputs]
    result: Result | None


def check_attack(attack: Attack, model: Model) -> None:
    """Raise ContractError with the first rule of `redteam.attack.Attack` that is not kept.

    model: answers whatever the attack asks, such as `redteam.oracle.InProcess` takes.
    """
    _check_declared(attack)
    whole = _talk(attack, lambda inputs, _: _trimmed(as_answer(model(inputs)), attack.needs))
    _expect(isinstance(whole.result, Result), f"run to return a Result, got {type(whole.result).__name__}")
    _check_asked(whole.asked, getattr(attack, "missing", False) is True)
    again = _talk(attack, lambda inputs, _: _trimmed(as_answer(model(inputs)), attack.needs))
    _expect(_same(whole.asked, again.asked), "the same seed to ask the same inputs again")
    _check_silence(attack, model)


def _expect(kept: bool, rule: str) -> None:
    if not kept:
        raise ContractError(f"expected {rule}")


def _check_declared(attack: Attack) -> None:
    if not isinstance(attack, msgspec.Struct) or not attack.__struct_config__.frozen:
        raise ContractError("expected a frozen msgspec struct")
    _expect(bool(re.fullmatch(r"[a-z][a-z0-9_]*", attack.name)), f"a snake_case name, got {attack.name!r}")
    _expect(bool(attack.paper.strip()), "a reference in `paper`")
    ids = all(re.fullmatch(r"AML\.T\d{4}(\.\d{3})?", atlas) for atlas in attack.atlas)
    _expect(bool(attack.atlas) and ids, f"ATLAS ids such as AML.T0024.002, got {attack.atlas!r}")
    _expect(isinstance(attack.needs, Exposure) and isinstance(attack.repeats, bool), "`needs` and `repeats`")
    _expect(callable(getattr(type(attack), "suit", None)), "a class method `suit` that configures the attack")
    _expect(bool((type(attack).__doc__ or "").strip()), "a docstring")
    fields = msgspec.structs.astuple(attack)
    _expect(not any(callable(field) for field in fields), "no callable among the fields: an attack holds no model")


def _check_asked(asked: list[Inputs], missing: bool) -> None:
    """missing: the attack says that it leaves features out, as NaN."""
    for inputs in asked:
        if isinstance(inputs, list):
            _expect(all(isinstance(text, str) for text in inputs), "inputs to be texts or an array")
        else:
            _expect(inputs.dtype in (np.float32, np.float64) and inputs.ndim >= 2, "inputs to be (n, ...) floats")
            _expect(not (np.isinf(inputs) if missing else ~np.isfinite(inputs)).any(), "finite inputs")
        _expect(len(inputs) > 0, "at least one input in each batch")


def _check_silence(attack: Attack, model: Model) -> None:
    """Unanswered rows and closed valves are the everyday life of an attack."""
    deaf = _talk(attack, lambda inputs, _: spread(len(inputs), []))
    _expect(deaf.result is not None and len(deaf.asked) <= _PATIENCE, "an attack to return when nothing is answered")

    def half(inputs: Inputs, number: int) -> Answer:
        told = as_answer(model(inputs))
        rows = list(range(number % 2, len(inputs), 2))
        return spread(len(inputs), [(told, rows, rows)])

    _expect(_talk(attack, half).result is not None, "an attack to return where half of its queries stay unanswered")
    closing = _talk(attack, lambda inputs, number: half(inputs, 0) if number == 0 else spread(len(inputs), []))
    _expect(closing.result is not None, "an attack to return with what it has when the valve closes")


def _trimmed(answer: Answer, needs: Exposure) -> Answer:
    """The answer, cut to a label where the attack claims to need no more."""
    if needs <= Exposure.LABEL and answer.values is None:
        return Answer(Exposure.LABEL, labels=answer.top1)
    return answer


def _talk(attack: Attack, reply: Callable[[Inputs, int], Answer]) -> Talk:
    """One conversation; reply gets the inputs and the number of the batch."""
    asked: list[Inputs] = []
    talk = attack.run(np.random.default_rng(0))
    deaf = 0
    try:
        inputs = next(talk)
        while len(asked) < _MOST_ROUNDS and deaf <= _PATIENCE:
            asked.append(_copied(inputs))
            answer = reply(inputs, len(asked) - 1)
            _expect(length(answer) == len(inputs), "the model to answer every input")
            deaf = 0 if answer.kind else deaf + 1
            inputs = talk.send(answer)
    except StopIteration as stop:
        return Talk(asked, stop.value)
    talk.close()
    return Talk(asked, None)


def _copied(inputs: Inputs) -> Inputs:
    return list(inputs) if isinstance(inputs, list) else inputs.copy()


def _same(a: list[Inputs], b: list[Inputs]) -> bool:
    return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))


def _equal(a: Inputs, b: Inputs) -> bool:
    return a == b if isinstance(a, list) else np.array_equal(a, np.asarray(b), equal_nan=True)
