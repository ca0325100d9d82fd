"""Drive an attack against an oracle within a budget."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.redteam.account import AccountState
from wellhead.redteam.ask import Asker
from wellhead.redteam.attack import Attack, Conversation, Result, answered
from wellhead.redteam.budget import UNLIMITED, Budget, Spent
from wellhead.redteam.oracle import Oracle
from wellhead.redteam.patience import PATIENT, Patience
from wellhead.redteam.transcript import Transcript

_DEAF_ROUNDS = 3


class Round(msgspec.Struct, kw_only=True):
    """The state of a run after one batch of questions; the last one carries the result.

    state: `asking`; at the end `ok`, `exhausted` (the budget), `blocked` (every account), `unsupported` (the answers
    give away too little for this attack) or `failed`.  reason: one sentence where the state is not ok.
    asked, answered: rows of this batch.  digest: of the transcript, at the end.
    """

    number: int
    asked: int
    answered: int
    spent: Spent
    accounts: dict[str, AccountState]
    state: str = "asking"
    reason: str = ""
    result: Result | None = None
    digest: str = ""


def run(
    attack: Attack,
    oracle: Oracle,
    budget: Budget = UNLIMITED,
    transcript: Transcript | None = None,
    patience: Patience = PATIENT,
    seed: int = 0,
) -> Iterator[Round]:
    """A row for every batch, the last with the result. The same seed asks the same questions.

    transcript: of an earlier, killed run: what it answered is not asked again, what it spent counts.
    """
    attack_seed, patience_seed = np.random.SeedSequence(seed).spawn(2)
    transcript = transcript or Transcript()
    asker = Asker(oracle, budget, transcript, patience, np.random.default_rng(patience_seed))
    asker.repeats = attack.repeats
    try:
        yield from _converse(attack, asker, transcript, attack.run(np.random.default_rng(attack_seed)))
    finally:
        asker.close()


def finish(rounds: Iterator[Round]) -> Round:
    """The last row of a run."""
    last = next(rounds)
    for row in rounds:
        last = row
    return last


def _converse(attack: Attack, asker: Asker, transcript: Transcript, talk: Conversation) -> Iterator[Round]:
    number = asked = heard = deaf = 0
    reason = ""
    answer: Answer | None = None
    result: Result | None = None
    while deaf <= _DEAF_ROUNDS:
        try:
            inputs = next(talk) if answer is None else talk.send(answer)
        except StopIteration as stop:
            result = stop.value
            break
        except Unsuited as e:
            reason = e.message
            break
        answer = asker.ask(inputs)
        number, asked, heard = number + 1, len(inputs), int(answered(answer).sum())
        deaf = 0 if heard else deaf + 1
        yield _row(asker, number, asked, heard)
        if heard and answer.kind < attack.needs:
            reason = f"{attack.name} needs {attack.needs.name.lower()}, the answers carry {answer.kind.name.lower()}"
            break
    talk.close()
    last = _row(asker, number, asked, heard)
    last.result, last.digest = result, transcript.digest
    last.state, last.reason = _end(attack, asker, result, reason)
    yield last


def _row(asker: Asker, number: int, asked: int, heard: int) -> Round:
    accounts = {name: msgspec.structs.replace(state) for name, state in asker.accounts.items()}
    return Round(number=number, asked=asked, answered=heard, spent=asker.spent, accounts=accounts)


def _end(attack: Attack, asker: Asker, result: Result | None, unsupported: str) -> tuple[str, str]:
    """The final state and its reason."""
    if unsupported:
        return "unsupported", unsupported
    if result is None:
        return "failed", f"{attack.name} went on asking though nothing was answered"
    if not asker.alive:
        return "blocked", f"every account is blocked; the last word was: {asker.last_failure}"
    if asker.exhausted:
        return "exhausted", f"the budget of {asker.exhausted} is used up"
    if asker.unanswered:
        return "failed", f"some queries stayed unanswered; the last word was: {asker.last_failure}"
    return "ok", ""
