"""The evidence: marked answers whose input, key, served class and time all agree with the log."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from wellhead.audit.entries import lines
from wellhead.audit.verify import PASS, Report, verify
from wellhead.config import Config
from wellhead.core.arrays import Array
from wellhead.core.codec import decode, unpack
from wellhead.core.errors import AuditError, ConfigError
from wellhead.core.event import Event
from wellhead.defend.mark import SECOND
from wellhead.defend.own.chance import band
from wellhead.defend.own.commitment import Committed, Declaration, Entry, Opening
from wellhead.defend.own.judge import Asking, expected
from wellhead.gate.record import fingerprints
from wellhead.serve import ownership
from wellhead.serve.marking import is_marked
from wellhead.serve.notes import entries
from wellhead.store.marks import Kept, Marks, inputs_of

_SOUGHT = b"mark"


class Observed(msgspec.Struct, frozen=True):
    """What was really marked under one commitment, by the log. inputs: distinct ones of each principal.

    drawn: of them, by the key.  low, high: the counts between which 99.9 % of such draws lie.  kept: with their inputs.
    """

    inputs: int
    drawn: int
    low: int
    high: int
    kept: int

    @property
    def plausible(self) -> bool:
        """True where the share is one that chance gives."""
        return self.low <= self.drawn <= self.high

    @property
    def said(self) -> str:
        """One line."""
        share = f"{self.drawn / self.inputs:.3%}" if self.inputs else "none"
        word = "within" if self.plausible else "OUTSIDE"
        between = f"{word} the 99.9 % band of {self.low} to {self.high}"
        return f"{self.drawn} of {self.inputs} distinct inputs ({share}), {between}; {self.kept} kept as evidence"


def marked_rows(config: Config, end: int = 2**63) -> Iterator[tuple[int, Event, Array]]:
    """(index, event, (n,) uint64 fingerprints) of each logged event that passed `mark`, before entry `end`."""
    for index, line in lines(ownership.log_of(config)):
        if index >= end:
            return
        if _SOUGHT in line:
            record = decode(line)
            if isinstance(record, Event) and is_marked(record.defence) and record.rows:
                yield index, record, unpack(record.fingerprints, "<u8", record.rows).ravel()


def observed(config: Config, opening: Opening) -> Observed:
    """The share that was marked under a commitment; a later one ends it."""
    begun = _begun(config)
    seen: set[tuple[str, int]] = set()
    drawn = 0
    for index, event, prints in marked_rows(config):
        if _in_force(begun, index) != opening.commitment:
            continue
        new = np.array([f for f in dict.fromkeys(prints.tolist()) if (event.principal, f) not in seen], np.uint64)
        seen.update((event.principal, f) for f in new.tolist())
        drawn += int(np.count_nonzero(opening.marking.draws(event.principal, new)[0])) if new.size else 0
    kept = sum(k.commitment == opening.commitment for k in Marks(ownership.marks_path(config)).read())
    return Observed(len(seen), drawn, *band(len(seen), opening.terms.share), kept)


def _begun(config: Config) -> list[tuple[int, str]]:
    return [(i, e.commitment) for i, e in entries(config.audit.directory) if isinstance(e, Committed)]


def _in_force(begun: Sequence[tuple[int, str]], index: int) -> str:
    """The commitment under which entry `index` was marked; empty before there was one."""
    return max((b for b in begun if b[0] < index), default=(-1, ""))[1]


class Proof(msgspec.Struct, frozen=True):
    """Marks that hold. marks: in the order of the log.  first: index of each commitment's first mark.

    rejected: how many do not hold, by reason.
    """

    marks: tuple[Kept, ...]
    first: dict[str, int]
    rejected: dict[str, int]


def checked_log(config: Config, vkey: str | None = None) -> Report:
    """The log's own verdicts; raises AuditError unless every entry is the one that was signed."""
    report = verify(config.audit.directory, vkey, config.audit.anchor or None)
    if report.failed or report.integrity.outcome != PASS:
        raise AuditError(f"expected a log that verifies, got: {report.integrity.line}", "see `wellhead audit verify`")
    return report


def declared(found: Sequence[tuple[int, Entry]], uid: str) -> Declaration:
    """The declaration of that name; raises ConfigError where there is none."""
    for _, entry in found:
        if isinstance(entry, Declaration) and entry.uid == uid:
            return entry
    raise ConfigError(f"expected a declaration {uid!r} in the log, got none", "make one with `wellhead own declare`")


def gather(config: Config, openings: Sequence[Opening], principals: Sequence[str], signed: int) -> Proof:
    """The marks that hold, of these openings and principals (none: all), in entries before `signed`."""
    key = ownership.fingerprint_key(config)
    if any(o.terms.fingerprints != hashlib.sha256(key).hexdigest() for o in openings):
        raise ConfigError("expected the fingerprint key that was committed to, got another", "restore fingerprint.key")
    kept = [k for k in Marks(ownership.marks_path(config)).read() if not principals or k.principal in principals]
    logged = _logged(config, signed)
    first, rejected = dict[str, int](), Counter[str]()
    good: list[tuple[int, Kept]] = []
    for opening in openings:
        mine = [k for k in kept if k.commitment == opening.commitment]
        for k, fault in zip(mine, faults(opening, mine, key), strict=True):
            index = logged.get(_row(k, opening.marking.variant), -1)
            reason = fault or ("not in the log as served" if index < 0 else "")
            if reason:
                rejected[reason] += 1
                continue
            good.append((index, k))
            first[opening.commitment] = min(index, first.get(opening.commitment, index))
    return Proof(tuple(k for _, k in sorted(good, key=lambda g: (g[0], g[1].name))), first, dict(rejected))


def faults(opening: Opening, kept: Sequence[Kept], key: bytes) -> list[str]:
    """What speaks against each mark by the key alone; empty where nothing does."""
    if not kept:
        return []
    asking = asking_of(kept)
    drawn, served = expected(opening.marking, asking)
    own = np.concatenate([fingerprints(inputs_of([k]), key) for k in kept])
    found = []
    for i in range(len(kept)):
        if own[i] != asking.fingerprints[i]:
            found.append("the input is not the one that was marked")
        elif not drawn[i] or served[i] != asking.served[i]:
            found.append("this key does not give this mark")
        else:
            found.append("")
    return found


def asking_of(kept: Sequence[Kept]) -> Asking:
    """The marks as columns; raises ConfigError where they are of models with other numbers of classes."""
    classes = {k.classes for k in kept}
    if len(classes) != 1:
        raise ConfigError(f"expected marks of one model, got some of {sorted(classes)} classes")
    return Asking(
        tuple(k.principal for k in kept),
        np.array([int(k.fingerprint, 16) for k in kept], np.uint64),
        np.array([k.served for k in kept], np.int64),
        np.array([k.rival for k in kept], np.int64),
        classes.pop(),
    )


_Row = tuple[str, str, int, int]


def _row(k: Kept, variant: str) -> _Row:
    """What is looked for in the log: the best class too, where that is what the mark changed."""
    return k.commitment, k.principal, int(k.fingerprint, 16), -1 if variant == SECOND else k.served


def _logged(config: Config, signed: int) -> dict[_Row, int]:
    """Index of the first entry that holds each row, under the commitment that was in force."""
    begun, found = _begun(config), dict[_Row, int]()
    for index, event, prints in marked_rows(config, signed):
        commitment = _in_force(begun, index)
        for f, top in zip(prints.tolist(), event.top1, strict=False):
            found.setdefault((commitment, event.principal, f, top), index)
            found.setdefault((commitment, event.principal, f, -1), index)
    return found
