"""The policies that `wellhead validate` tries: each defence alone, compositions, and the operator's own config."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from wellhead.config import Config, Exposed, Limits, exposure_of
from wellhead.core.arrays import Inputs, Scores
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer, Caller, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Verdict
from wellhead.defend.guarantees import Argmax, Context, Defence, Depends, Guarantees
from wellhead.defend.rounding import Rounding
from wellhead.defend.spec import Unready, compose, met
from wellhead.defend.top_k import TopK
from wellhead.plugins import find, names
from wellhead.redteam.gated import Gate, Gated
from wellhead.redteam.oracle import Model, Oracle, as_answer
from wellhead.redteam.theft import Trial
from wellhead.redteam.validation import LABEL_ONLY, OWN, UNDEFENDED
from wellhead.redteam.wrap.recovered import Shape
from wellhead.serve import profiles
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

    The profile is fitted once, at the first gate that is asked for.
    """

    def __init__(self, config: Config, folder: Path, pool: Inputs) -> None:
        self._config, self._folder, self._pool = config, folder, pool
        self._profile = profiles.load(config)
        self._made = 0

    def all(self, model: Model, wanted: Sequence[str] = (), flip_labels: bool = False) -> list[Trial]:
        """Undefended, label-only, each installed defence, the wanted compositions, and the config itself.

        wanted: each `a` or `a+b`, in the grammar of `defend.spec`.  flip_labels: also defences that may change labels.
        model: asked for the profile's answers where there is none. Raises ConfigError for a composition that cannot
        be read, or that changes labels without `flip_labels`.
        """
        self._fit(model)
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
        """What an operator cannot write; the secret is one of the rehearsal."""
        return {"key": bytes(32), "codebook": getattr(self._profile, "codebook", None)}

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
        exposed = Exposed(exposure="probabilities" if answers else "logits", answers=answers, flip_labels=True)
        config = self._config
        valve = msgspec.structs.replace(config.valve, max_drawn=1.0, max_drawn_group=1.0, max_bits=0.0)
        detect = msgspec.structs.replace(config.detect, response="alert", refit=False)
        config = msgspec.structs.replace(
            config, limits=_NO_LIMITS, exposure=exposed, valve=valve, detect=detect, plans={}, stances={}, grades=()
        )
        guarantees = met(defences)
        undo = _undo(defences, guarantees) if defences else None
        return Trial(name, self._guard(config), answers, undo, guarantees.l1_max)

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

    def _guard(self, config: Config) -> _Guard:
        self._made += 1
        return _Guard(Rehearsal(config, self._folder / f"policy-{self._made}", 1, self._pool), config.limits.max_rows)


class _Guard:
    """Fresh gates of one rehearsal, for whichever accounts."""

    def __init__(self, rehearsal: Rehearsal, max_rows: int) -> None:
        self._rehearsal, self._rows = rehearsal, min(max_rows or _ROWS_PER_CALL, _ROWS_PER_CALL)

    @contextmanager
    def __call__(self, model: Model, callers: Sequence[Caller]) -> Iterator[Oracle]:
        with self._rehearsal.guard(model) as oracle:
            if not isinstance(oracle, Gated):
                raise TypeError("expected a gated oracle from a rehearsal")
            seen = _Seen(oracle.gate)
            yield dataclasses.replace(oracle, gate=seen, callers=callers, rows_per_call=self._rows)


class _Seen:
    """A gate whose top-k answers a thief reads as the probabilities that they are."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.admit, self.release = gate.admit, gate.release

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
