"""Sections of the config: what an answer gives away, what each stance changes of that, and who gets which stance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wellhead.core.errors import ConfigError

__all__ = [
    "AnswerRule",
    "Answers",
    "Disclosure",
    "Exposed",
    "Grade",
    "Seconds",
    "Section",
    "Share",
    "StanceWord",
    "Treatment",
    "check",
]

Seconds = Annotated[float, Meta(gt=0.0, le=31_536_000.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Part = Annotated[float, Meta(gt=0.0, le=1.0)]
Delay = Annotated[float, Meta(ge=0.0, le=600.0)]
Decimals = Annotated[int, Meta(ge=-1, le=17)]
Answers = tuple[str, ...]
ExposureWord = Literal["label", "top_k", "probabilities", "logits"]
StanceWord = Literal["watch", "reduce", "delay", "challenge", "throttle"]
_ORDER: tuple[str, ...] = ("watch", "reduce", "delay", "challenge", "throttle")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: unknown keys are errors."""


class Exposed(Section, frozen=True, kw_only=True):
    """The most that an answer may give away."""

    exposure: Annotated[ExposureWord, "The richest kind of answer that leaves."] = "probabilities"
    decimals: Annotated[Decimals, "Decimals of each number; -1 keeps the model's own."] = -1
    top_k: Annotated[int, Meta(ge=1), "Classes left by exposure `top_k`."] = 3
    answers: Annotated[Answers, "Defences that every answer passes, in this order: a page of docs/defences."] = ()
    flip_labels: Annotated[bool, "Accept defences that may change the best class."] = False


class Treatment(Section, frozen=True, kw_only=True):
    """What one stance changes. NAME is watch, reduce, delay, challenge or throttle; a stance has what milder ones set.

    Nothing that leaves is ever richer than the plan allows.
    """

    answers: Annotated[Answers | None, "Defences besides those of the plan, which stay in force."] = None
    exposure: Annotated[ExposureWord | None, "The richest kind of answer that leaves."] = None
    decimals: Annotated[Decimals | None, "Decimals of each number."] = None
    top_k: Annotated[Annotated[int, Meta(ge=1)] | None, "Classes left by exposure `top_k`."] = None
    upstream: Annotated[str | None, "URL of another model server, which answers instead."] = None
    delay_s: Annotated[tuple[Delay, Delay] | None, "Least and most seconds that an answer waits."] = None
    challenge_bits: Annotated[
        Annotated[int, Meta(ge=1, le=24)] | None, "Work to prove before an answer, as leading zero bits of a hash."
    ] = None


class AnswerRule(Section, frozen=True, kw_only=True):
    """What must not leave in the model's words, whoever asks: any string of an answer is looked into."""

    name: Annotated[str, "In the log, where it hit."]
    patterns: Annotated[tuple[str, ...], "Regular expressions."] = ()
    secrets: Annotated[bool, "Also private keys, and access tokens of well-known forms."] = False
    canaries: Annotated[str, "File of planted texts, one a line; empty is none."] = ""
    action: Annotated[Literal["redact", "refuse"], "Take out what was found, or refuse the whole answer."] = "redact"


class Disclosure(Section, frozen=True, kw_only=True):
    """What is never told to anybody."""

    records: Annotated[tuple[str, ...], "Files of inputs that are not answered: .npy .npz .csv .txt."] = ()
    rules: Annotated[tuple[AnswerRule, ...], "What must not leave in the model's words."] = ()


class Grade(Section, frozen=True, kw_only=True):
    """One step of the adaptive policy: whoever reaches `drawn`, or is as unlike honest ones as `p`, gets a stance."""

    stance: Annotated[StanceWord, "What it gets: a section [stances.NAME]."]
    drawn: Annotated[Part | None, "Share drawn from which on it holds, over 0 to 1."] = None
    p: Annotated[Part | None, "Conformal p-value down from which it holds; needs a promise."] = None
    for_s: Annotated[Seconds, "Seconds until it expires; renewed while its ground stands."] = 86_400.0

    def covers(self, other: Grade) -> bool:
        """True where this one holds whenever the other does, and is the stronger."""
        if _ORDER.index(self.stance) <= _ORDER.index(other.stance):
            return False
        drawn = other.drawn is None or (self.drawn is not None and self.drawn <= other.drawn)
        return drawn and (other.p is None or (self.p is not None and self.p >= other.p))


def check(stances: Mapping[str, Treatment], grades: Sequence[Grade]) -> None:
    """Raises ConfigError where these sections contradict themselves."""
    for name, treatment in stances.items():
        _check_treatment(f"stances.{name}", treatment)
    bits = any(t.challenge_bits for n, t in stances.items() if _ORDER.index(n) <= _ORDER.index("challenge"))
    for i, grade in enumerate(grades):
        _check_grade(f"grades[{i}]", grade, bits)
        for j, other in enumerate(grades):
            if other.covers(grade):
                raise ConfigError(
                    f"expected grades that can fire, got grades[{i}] ({grade.stance}), which grades[{j}] "
                    f"({other.stance}) always forestalls",
                    f"let {grade.stance} begin sooner than {other.stance}, or remove it",
                )


def _check_treatment(path: str, treatment: Treatment) -> None:
    if treatment == Treatment():
        raise ConfigError(f"expected {path} to set something, got an empty section", "set a key, or remove it")
    if treatment.delay_s is not None and treatment.delay_s[0] > treatment.delay_s[1]:
        least, most = treatment.delay_s
        raise ConfigError(
            f"expected {path}.delay_s as [least, most], got [{least:g}, {most:g}]", f"write [{most:g}, {least:g}]"
        )
    url = treatment.upstream
    if url is not None and not url.startswith(("http://", "https://")):
        raise ConfigError(
            f"expected a URL of a model server at {path}.upstream, got `{url[:60]}`", "such as http://127.0.0.1:8001"
        )


def _check_grade(path: str, grade: Grade, bits: bool) -> None:
    if grade.drawn is None and grade.p is None:
        raise ConfigError(
            f"expected {path} to say when it fires, got neither drawn nor p", f"such as drawn = 0.3, or remove {path}"
        )
    if grade.stance == "challenge" and not bits:
        raise ConfigError(
            f"expected challenge_bits for the grade {path}, got none: it would refuse everything",
            "set stances.challenge.challenge_bits, such as 18",
        )
