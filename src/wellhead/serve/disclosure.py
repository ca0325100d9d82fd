"""What the config says is never told to anybody, read from its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wellhead.config import Config
from wellhead.core.arrays import Inputs
from wellhead.core.errors import ConfigError
from wellhead.defend.answer_rules import SECRETS, AnswerRules, rule
from wellhead.gate.record import fingerprints
from wellhead.redteam.files import read_table


def rules_of(config: Config) -> AnswerRules | None:
    """The answer rules, None where there are none; raises ConfigError where one cannot be used."""
    made = [
        rule(
            each.name,
            (*each.patterns, *(SECRETS if each.secrets else ())),
            _canaries(each.canaries) if each.canaries else (),
            each.action == "refuse",
        )
        for each in config.disclosure.rules
    ]
    return AnswerRules(made) if made else None


def _canaries(name: str) -> tuple[str, ...]:
    try:
        return tuple(filter(None, map(str.strip, Path(name).read_text(encoding="utf-8").splitlines())))
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"expected a file of canaries at {name}, got: {e}", "see disclosure.rules") from e


def records_of(config: Config) -> list[Inputs]:
    """The inputs that are not answered, by file; raises ConfigError where a file cannot be read."""
    return [read_table(Path(name)).inputs for name in config.disclosure.records]


def undisclosed(records: Sequence[Inputs], key: bytes) -> frozenset[int]:
    """Fingerprints of the records that are not answered."""
    return frozenset(f for inputs in records for f in fingerprints(inputs, key).tolist())
