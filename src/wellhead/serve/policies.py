"""The policies that `wellhead validate` tries: each defence alone, compositions, and the operator's own config."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from wellhead.config import Config, Exposed, Limits, Ownership, exposure_of
from wellhead.core.arrays import Inputs, Scores
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer, Caller, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Verdict
from wellhead.defend.guarantees import Argmax, Context, Defence, Depends, Guarantees
from wellhead.defend.mark import LEAST_CLASSES, SECOND, Marking
from wellhead.defend.rounding import Rounding
from wellhead.defend.spec import Unready, compose, met
from wellhead.defend.top_k import TopK
from wellhead.gate.gate import Gate as RealGate
from wellhead.gate.marking import MARK, with_mark
from wellhead.plugins import find, names
from wellhead.redteam.gated import Gate, Gated
from wellhead.redteam.oracle import Model, Oracle, as_answer
from wellhead.redteam.theft import Trial
from wellhead.redteam.validation import LABEL_ONLY, OWN, UNDEFENDED
from wellhead.redteam.wrap.recovered import Shape
from wellhead.serve import profiles
from wellhead.serve.ownership import indices
from wellhead.serve.rehearse import Rehearsal

SENSIBLE = {
    "reverse_sigmoid": "keep_argmax(reverse_sigmoid:0.8:0.2)",
    "round": "round:2",
    "top_k": "top_k:3",
}
"""How a defence is tried that has no settings of its own, or none that are sensible."""
_ROWS_PER_CALL = 256
_FITTED_ON = 1000
_NO_LIMITS = Limits(rows_per_minute=0, burst_rows=0, rows_per_day=0, max_rows=0, max_unread_rows=0)


class Policies:
    """Makes trials of one config. folder: of the rehearsals' logs.  pool: inputs, for a profile where there is none.

    seed: all secrets of the rehearsals follow from it. The profile is fitted once, before the first trial.
    """

    def __init__(self, config: Config, folder: Path, pool: Inputs, seed: int = 0) -> None:
        self._config, self._folder, self._pool, self._seed = config, folder, pool, seed
        self._profile = profiles.load(config)
        self._made = 0
        self._flip_labels = False

    def all(self, model: Model, wanted: Sequence[str] = (), flip_labels: bool = False) -> list[Trial]:
        """Undefended, label-only, each installed defence, the wanted compositions, and the config itself.

        wanted: each `a` or `a+b`, in the grammar of `defend.spec`.  flip_labels: also defences that may change labels.
        model: asked for the profile's answers where there is none. Raises ConfigError for a composition that cannot
        be read, or that changes labels without `flip_labels`.
        """
        self._fit(model)
        self._flip_labels = flip_labels
        trials = [self.made(UNDEFENDED, ()), self.made(LABEL_ONLY, ("label_only",))]
        for text in [_sensible(name) for name in names("defences") if name != "label_only" and not _outer(name)]:
            trials += [t for t in (self.made(text, (text,)),) if flip_labels or not self._flips((text,))]
        for texts in (tuple(part.strip() for part in want.split("+")) for want in wanted):
            if self._flips(texts) and not flip_labels:
                raise ConfigError(f"expected defences that keep the best class, got {'+'.join(texts)}", "--flip-labels")
            trials.append(self.made("+".join(texts), texts))
        return [*{trial.name: trial for trial in trials}.values(), self.own()]

    def _fit(self, model: Model) -> None:
        if self._profile is None:
            some = self._pool[:_FITTED_ON]
            self._profile = profiles.fit_profile(some, as_answer(model(some)), profiles.spec_of(self._config))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = msgspec.structs.replace(self._config.model, profile=str(self._folder / "profile.wellhead"))
        self._config = msgspec.structs.replace(self._config, model=held)
        profiles.save(self._config, self._profile)

    def _given(self) -> dict[str, object]:
        """What an operator cannot write; the secrets are those of the rehearsal."""
        own = self._config.ownership
        variant = own.variant if self._flip_labels else SECOND
        marking = Marking(
            self._secret("mark"),
            own.share,
            variant,
            indices(self._config, own.never_from, "never_from"),
            indices(self._config, own.never_to, "never_to"),
        )
        return {
            "key": self._secret("key"),
            "codebook": getattr(self._profile, "codebook", None),
            "marking": marking,
        }

    def _secret(self, name: str) -> bytes:
        return hashlib.sha256(f"wellhead validate {name} {self._seed}".encode()).digest()

    def _flips(self, texts: Sequence[str]) -> bool:
        try:
            return met(compose(texts, self._given())).argmax is Argmax.NONE
        except Unready:
            return False

    def made(self, name: str, answers: tuple[str, ...]) -> Trial:
        """A policy of these defences and no limits: what it is compared for is what it does to answers."""
        try:
            defences = compose(answers, self._given())
        except Unready as e:
            return Trial(name, _never, answers, problem=str(e))
        marking = self._marking(answers)
        if marking is not None and 0 < self._classes() < LEAST_CLASSES:
            return Trial(name, _never, answers, problem=f"a mark needs {LEAST_CLASSES} classes, this model has fewer")
        others = tuple(text for text in answers if text != MARK)
        exposed = Exposed(exposure="probabilities" if answers else "logits", answers=others, flip_labels=True)
        config = self._config
        own = Ownership(key=str(self._folder / "no-marks.json"))
        config = msgspec.structs.replace(
            config, limits=_NO_LIMITS, exposure=exposed, ownership=own, plans={}, stances={}, grades=()
        )
        guarantees = met(defences)
        undo = _undo(defences, guarantees) if defences else None
        return Trial(name, self._guard(config, _Freely(marking)), answers, undo, guarantees.l1_max)

    def own(self) -> Trial:
        """The operator's config as it is, enforced; a defence that is not ready fails closed there too."""
        return Trial(OWN, self._guard(self._config), self._config.exposure.answers, self._undo_own())

    def _undo_own(self) -> Shape | None:
        exposed = self._config.exposure
        try:
            defences = [*compose(exposed.answers, self._given())]
        except Unready:
            return None
        if exposure_of(exposed) is Exposure.TOP_K:
            defences.append(TopK(exposed.top_k))
        if exposed.decimals >= 0:
            defences.append(Rounding(exposed.decimals))
        return _undo(defences, met(defences)) if defences else None

    def _classes(self) -> int:
        """Of the model, 0 while unknown."""
        return self._profile.classes if self._profile else 0

    def _marking(self, answers: tuple[str, ...]) -> Marking | None:
        """What `mark` among these defences marks under; the gate itself takes no `mark` from a config."""
        inside = [text for text in answers if text != MARK and re.search(rf"\b{MARK}\b", text)]
        if inside:
            raise ConfigError(f"expected `{MARK}` by itself, got {inside[0]}", f"such as {MARK}+round:2")
        return cast(Marking, self._given()["marking"]) if MARK in answers else None

    def _guard(self, config: Config, freely: _Freely | None = None) -> _Guard:
        self._made += 1
        folder = self._folder / f"policy-{self._made}"
        rehearsal = Rehearsal(config, folder, 1, self._pool, key=self._secret("key"))
        return _Guard(rehearsal, rows_per_call(config.limits), freely)


def rows_per_call(limits: Limits) -> int:
    """The most rows of a request that these limits ever let through, at most 256."""
    burst = limits.burst_rows if limits.rows_per_minute else 0
    each = (
        limits.max_rows,
        burst or limits.rows_per_minute,
        limits.rows_per_day,
        limits.max_unread_rows,
        limits.global_rows_per_minute,
    )
    return min([_ROWS_PER_CALL, *(rows for rows in each if rows)])


class _Freely(NamedTuple):
    """How a defence is tried. marking: what every answer is marked under, None for no marks."""

    marking: Marking | None


class _Guard:
    """Fresh gates of one rehearsal, for whichever accounts. rows: of the largest request.

    freely: no decision touches whoever asks; None where the gate decides as it would.
    """

    def __init__(self, rehearsal: Rehearsal, rows: int, freely: _Freely | None) -> None:
        self._rehearsal, self._rows, self._freely = rehearsal, rows, freely

    @contextmanager
    def __call__(self, model: Model, callers: Sequence[Caller]) -> Iterator[Oracle]:
        with self._rehearsal.guard(model) as oracle:
            if not isinstance(oracle, Gated):
                raise TypeError("expected a gated oracle from a rehearsal")
            marking = self._freely.marking if self._freely else None
            if self._freely and isinstance(oracle.gate, RealGate):
                # A valve of 1.0 would close as well, on those who have drawn all there is.
                allow = frozenset(caller.principal for caller in callers)
                oracle.gate.policy = msgspec.structs.replace(oracle.gate.policy, allow=allow)
                oracle.gate.give({"marking": marking})
            seen = _Seen(oracle.gate, marking is not None)
            yield dataclasses.replace(oracle, gate=seen, callers=callers, rows_per_call=self._rows)


class _Seen:
    """A gate whose top-k answers a thief reads as the probabilities that they are. marks: every answer is marked."""

    def __init__(self, gate: Gate, marks: bool = False) -> None:
        self._gate, self._marks = gate, marks
        self.release = gate.release

    def admit(self, caller: Caller, query: Query, now_s: float, *, solved: bool = False) -> Verdict:
        verdict = self._gate.admit(caller, query, now_s, solved=solved)
        if not self._marks:
            return verdict
        return msgspec.structs.replace(verdict, answers=with_mark(verdict.answers), principal=caller.principal)

    def shape(self, query: Query, answer: Answer, verdict: Verdict) -> tuple[Answer, str]:
        served, defence = self._gate.shape(query, answer, verdict)
        if served.kind is Exposure.TOP_K and served.scores is not None:
            served = Answer(Exposure.PROBABILITIES, served.scores, served.labels)
        return served, defence


def _never(_: Model, __: Sequence[Caller]) -> AbstractContextManager[Oracle]:
    raise ConfigError("expected a policy that is ready, got one that is not")


def _sensible(name: str) -> str:
    return SENSIBLE.get(name, name)


def _outer(name: str) -> bool:
    """True for a combinator, which is nothing alone."""
    return any(field.name == "inner" for field in msgspec.structs.fields(find("defences", name)))


def _undo(defences: Sequence[Defence], guarantees: Guarantees) -> Shape | None:
    """What the defences do to scores alone; None where a secret or chance has a part in it."""
    if guarantees.keyed or guarantees.deterministic < Depends.INPUT:
        return None

    def shape(scores: Scores) -> Scores:
        for defence in defences:
            scores = defence.shape(scores, Context())
        return scores

    return shape
