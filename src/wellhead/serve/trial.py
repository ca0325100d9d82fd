"""One test of one suspect, in the order that makes it count: log, commitment, declaration, beacon, question."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from wellhead.audit.verify import Report as LogReport
from wellhead.config import Config
from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.defend.mark import SECOND
from wellhead.defend.own.commitment import (
    Answered,
    Asked,
    Committed,
    Declaration,
    Entry,
    Opening,
    comparisons,
    draw,
    faults,
    peeked,
    spelt,
    written,
)
from wellhead.defend.own.judge import Asking, Grinding, Ruling, grind, rule
from wellhead.redteam.files import Table
from wellhead.redteam.oracle import Oracle
from wellhead.redteam.patience import PATIENT, Patience
from wellhead.redteam.suspect import Said, answer_text, heard, listen, panel, renamed
from wellhead.serve import ownership
from wellhead.serve.notes import entries, note
from wellhead.serve.order import check_order, declared_order, names_of
from wellhead.serve.proof import Lost, Observed, Proof, asking_of, checked_log, declared, gather, observed
from wellhead.store.marks import Kept, inputs_of

MOST_MARKS = 200
"""Marks of a test that names no number."""


class Suspect(msgspec.Struct, frozen=True):
    """Somebody who can be asked. name: as declared.  classes: in its order, empty where it tells none."""

    name: str
    oracle: Oracle
    classes: tuple[str, ...] = ()


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a test needs besides its declaration. table: true labels to train independent models on.

    false_claims: other keys to try.  vkey: the log's published key.  seed: of panel and pacing.
    """

    uid: str
    beacon: str
    suspect: Suspect
    panel: tuple[Suspect, ...] = ()
    table: Table | None = None
    false_claims: int = 0
    vkey: str | None = None
    patience: Patience = PATIENT
    seed: int = 0


class Row(msgspec.Struct, frozen=True):
    """One mark that was asked, and what came. said: class index, -1 where nothing came."""

    principal: str
    fingerprint: str
    served: int
    rival: int
    said: int
    matched: bool


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a test. places: index in the log of each commitment and of the declaration.

    among: a stranger matches a mark with a chance of at most 1 in so many.  rejected: kept marks that do not hold.
    lost: marks that were drawn and are kept no more; each counts as a miss.
    observed: what was drawn under each commitment, and how much of it was kept.
    """

    declaration: Declaration
    suspect: str
    owner: str
    beacon: str
    time_us: int
    model: tuple[str, ...]
    variant: str
    among: int
    places: dict[str, int]
    log: LogReport
    rejected: dict[str, int]
    lost: int
    observed: dict[str, Observed]
    ruling: Ruling
    grinding: Grinding | None
    rows: tuple[Row, ...]


class _Ready(msgspec.Struct, frozen=True):
    """A test whose order holds, with the marks that the beacon drew."""

    test: Declaration
    openings: tuple[Opening, ...]
    proof: Proof
    drawn: tuple[Kept, ...]
    lost: tuple[Lost, ...]
    found: tuple[tuple[int, Entry], ...]
    log: LogReport
    observed: dict[str, Observed]

    @property
    def names(self) -> list[str]:
        return [k.name for k in self.drawn] + [m.name for m in self.lost]

    @property
    def variant(self) -> str:
        return self.openings[0].terms.variant

    @property
    def among(self) -> int:
        return among_of(self.openings, self.drawn)


def among_of(openings: Sequence[Opening], kept: Sequence[Kept]) -> int:
    """The fewest classes that any of these marks was drawn from; raises ConfigError for two variants in one test."""
    if len({o.terms.variant for o in openings}) != 1:
        raise ConfigError("expected marks of one variant in a test, got both", "declare a test for each")
    return min(o.marking.among(k.classes) for o in openings for k in kept if k.commitment == o.commitment)


def declaration(config: Config, wish: Declaration) -> tuple[Declaration, int, int]:
    """The test that is wished, with every key that marked; the classes that a mark was drawn from, at least; and what
    Bonferroni multiplies by.

    wish: its commitments are ignored, and marks 1 stands for as many as there are, at most MOST_MARKS.
    Raises ConfigError where there are too few marks, AuditError where the log does not verify.
    """
    openings = ownership.load(config).openings
    proof = gather(config, openings, wish.principals, checked_log(config).signed)
    if len(proof.marks) < max(wish.marks, 2):
        raise ConfigError(_too_few(max(wish.marks, 2), proof))
    vouched = set(proof.first) | {m.commitment for m in proof.lost}
    used = tuple(o for o in openings if o.commitment in vouched)
    marks = wish.marks if wish.marks > 1 else min(len(proof.marks), MOST_MARKS)
    keys = tuple(o.commitment for o in used)
    order = declared_order(wish.classes, names_of(used)) if wish.classes else ()
    test = msgspec.structs.replace(wish, commitments=keys, marks=marks, classes=order)
    found = list(entries(config.audit.directory))
    if any(isinstance(e, Declaration) and e.uid == test.uid for _, e in found):
        raise ConfigError(f"expected a new name for the test, got {test.uid!r}, which is declared", "name it otherwise")
    return test, among_of(used, proof.marks), comparisons(found, test)


def _too_few(wanted: int, proof: Proof) -> str:
    why = "".join(f"; {n} {why}" for why, n in proof.rejected.items())
    gone = f"; {len(proof.lost)} of the log are kept no more" if proof.lost else ""
    return f"expected {wanted} marks that hold, got {len(proof.marks)}{why}{gone}"


def conduct(config: Config, trial: Trial) -> Told:
    """Make a declared test. Raises ConfigError or AuditError before anybody is asked where its order does not hold."""
    trial = msgspec.structs.replace(trial, beacon=spelt(trial.beacon))
    ready = _ready(config, trial)
    inputs, asking = inputs_of(ready.drawn), asking_of(ready.drawn)
    names = hashlib.sha256("\n".join(ready.names).encode()).hexdigest()
    now_us = ownership.now_us()
    suspect, ours = trial.suspect, names_of(ready.openings)
    check_order(suspect.oracle, suspect.classes, ready.test.classes or ours)
    # before the question: who looks at the answers first and declares then is found out
    note(config, Asked(ready.test.uid, suspect.name, trial.beacon, names), now_us)
    said = _ask(suspect, inputs, asking.classes, trial, (ready.test.classes, ours))
    whole = bool((said.labels >= 0).all())
    if whole:
        digest = hashlib.sha256(answer_text(said)).hexdigest()
        note(config, Answered(ready.test.uid, suspect.name, digest), ownership.now_us())
    others = list(_panel(trial, ready.test.panel, inputs, asking.classes))
    return _told(trial, ready, asking, said, others, now_us)


def _ready(config: Config, trial: Trial) -> _Ready:
    log = checked_log(config, trial.vkey)
    found = tuple(entries(config.audit.directory))
    test = declared(found, trial.uid)
    if trial.table is None and len(trial.panel) < test.panel:
        raise ConfigError(
            f"expected {test.panel} independent models as declared, got {len(trial.panel)}",
            "name more with --panel, or give --panel-data to train the rest",
        )
    openings = tuple(o for o in ownership.load(config).openings if o.commitment in test.commitments)
    if len(openings) != len(test.commitments):
        raise ConfigError("expected the keys of all declared commitments, got fewer", "restore the key file")
    # what was marked after the declaration could have been chosen with the beacon in hand
    at = next(i for i, e in found if e == test)
    proof = gather(config, openings, test.principals, min(log.signed, at))
    wrong = faults(found, log.signed, test, proof.first) + peeked(found, test, trial.suspect.name, trial.beacon)
    if wrong:
        raise ConfigError(f"expected a test in order, got one in which {'; '.join(wrong)}", "declare another test")
    picked, gone = _drawn(test, proof, trial.beacon)
    seen = {o.commitment: observed(config, o) for o in openings}
    return _Ready(test, openings, proof, picked, gone, found, log, seen)


def _drawn(test: Declaration, proof: Proof, beacon: str) -> tuple[tuple[Kept, ...], tuple[Lost, ...]]:
    """What the beacon draws: marks to be asked, and marks that are kept no more. Raises ConfigError for too few."""
    held = len(proof.marks)
    names = [*(k.name for k in proof.marks), *(m.name for m in proof.lost)]
    picked = draw(names, test.marks, beacon, test.uid)
    if len(picked) < test.marks or not min(picked) < held:
        raise ConfigError(_too_few(test.marks, proof))
    return tuple(proof.marks[i] for i in picked if i < held), tuple(proof.lost[i - held] for i in picked if i >= held)


def _ask(
    suspect: Suspect, inputs: Inputs, classes: int, trial: Trial, orders: tuple[Sequence[str], Sequence[str]]
) -> Said:
    """orders: the classes as declared for it, and ours."""
    return renamed(listen(suspect.oracle, inputs, classes, trial.patience, trial.seed), *orders)


def _panel(trial: Trial, wanted: int, inputs: Inputs, classes: int) -> Iterator[tuple[str, Said]]:
    """Those that were given, and as many trained here as lack."""
    for other in trial.panel:
        yield other.name, _ask(other, inputs, classes, trial, ((), ()))
    if trial.table is not None:
        for name, clone in panel(trial.table, max(wanted - len(trial.panel), 0), trial.seed):
            yield name, heard(clone, inputs, classes)


def _told(
    trial: Trial, ready: _Ready, asking: Asking, said: Said, others: Sequence[tuple[str, Said]], time_us: int
) -> Told:
    def matches(one: Said) -> Array:
        return asking.matches(ready.variant, one.labels, one.scores) & (one.labels >= 0)

    told, gone = said.labels >= 0, np.zeros(len(ready.lost), bool)
    matched = matches(said)
    names = [p for p, t in zip(asking.principals, told, strict=True) if t] + [m.principal for m in ready.lost]
    beside = [(name, matches(one)[told]) for name, one in others]
    whole = np.concatenate([matched[told], gone])
    ruling = rule(ready.test, names, whole, beside, (ready.among, comparisons(ready.found, ready.test)))
    rows = zip(ready.drawn, said.labels.tolist(), matched.tolist(), strict=True)
    return Told(
        declaration=ready.test,
        suspect=trial.suspect.name,
        owner=trial.suspect.oracle.owner,
        beacon=trial.beacon,
        time_us=time_us,
        model=tuple(o.model for o in ready.openings),
        variant=ready.variant,
        among=ready.among,
        places=_places(ready),
        log=ready.log,
        rejected=ready.proof.rejected,
        lost=len(ready.lost),
        observed=ready.observed,
        ruling=ruling,
        grinding=_grind(trial, ready, asking, said) if trial.false_claims and told.all() else None,
        rows=tuple(Row(k.principal, k.fingerprint, k.served, k.rival, s, bool(m)) for k, s, m in rows),
    )


def _places(ready: _Ready) -> dict[str, int]:
    places = {f"commitment {e.commitment}": i for i, e in reversed(ready.found) if isinstance(e, Committed)}
    places |= {f"first mark of {c}": i for c, i in ready.proof.first.items()}
    return places | {f"declaration {ready.test.uid}": i for i, e in ready.found if e == ready.test}


def _grind(trial: Trial, ready: _Ready, asking: Asking, said: Said) -> Grinding:
    """Other keys are drawn from the beacon, so that anybody can draw them again."""
    seed = hashlib.sha256(f"{trial.beacon}\0{written(ready.test)}".encode()).digest()
    keys = [hashlib.sha256(seed + i.to_bytes(8, "big")).digest() for i in range(trial.false_claims)]
    if ready.variant != SECOND:
        return grind(asking, ready.openings[0].marking, keys, said.labels, ready.among)
    ahead = asking.matches(SECOND, said.labels, said.scores)
    return grind(asking, ready.openings[0].marking, keys, np.where(ahead, asking.served, asking.rival), ready.among)


def verdict_line(told: Told) -> str:
    """The verdict in one line."""
    whole = told.ruling.whole
    p = f"p = 1e{whole.log10_p:.1f}" if whole.log10_p < -4 else f"p = {10**whole.log10_p:.4f}"
    corrected = f"corrected 1e{whole.log10_corrected:.1f}" if whole.log10_corrected < -4 else (
        f"corrected {10**whole.log10_corrected:.4f}"
    )  # fmt: skip
    why = f": {'; '.join(told.ruling.reasons)}" if told.ruling.reasons else ""
    level = f"declared {told.declaration.alpha:g} (1e{math.log10(told.declaration.alpha):.0f})"
    return f"{told.ruling.verdict}: {whole.matches} of {whole.marks} marks, {p}, {corrected}, {level}{why}"
