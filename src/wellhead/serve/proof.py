"""The evidence: marked answers whose input, key, served class and time all agree with the log."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hmac import compare_digest
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.audit.entries import lines
from wellhead.audit.verify import PASS, Report, verify
from wellhead.config import Config
from wellhead.core.arrays import Array
from wellhead.core.codec import decode, unpack
from wellhead.core.errors import AuditError, ConfigError
from wellhead.core.event import Event, Mark
from wellhead.defend.mark import SECOND
from wellhead.defend.own.chance import band
from wellhead.defend.own.commitment import Committed, Declaration, Entry, Opening
from wellhead.defend.own.judge import Asking, expected
from wellhead.defend.own.slip import Slips, place_of, read, slip
from wellhead.gate.record import fingerprints
from wellhead.serve import ownership
from wellhead.serve.marking import SLIPS, is_marked
from wellhead.serve.notes import entries
from wellhead.store.marks import Kept, Marks, inputs_of

_SOUGHT, _SLIPS, _EVENT = b"mark", b'"what":"slips"', b'"kind":"event"'
NOT_SERVED, TWICE = "not in the log as served", "more than once"


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


class Lost(NamedTuple):
    """A mark that the log vouches for, and that is kept no more. name: as of Kept."""

    name: str
    commitment: str
    principal: str


class Proof(msgspec.Struct, frozen=True):
    """Marks that hold. marks: in the order of the log.  first: index of each commitment's first mark.

    rejected: how many do not hold, by reason.  lost: what might have been chosen to be gone, and so counts as a miss.
    """

    marks: tuple[Kept, ...]
    first: dict[str, int]
    rejected: dict[str, int]
    lost: tuple[Lost, ...] = ()


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


def gather(config: Config, openings: Sequence[Opening], principals: Sequence[str], end: int) -> Proof:
    """The marks that hold, of these openings and principals (none: all), whose slips stand in entries before `end`.

    The file of marks is believed in nothing: each line must be the one of its slip, and agree with log and key.
    """
    key = ownership.fingerprint_key(config)
    if any(o.terms.fingerprints != hashlib.sha256(key).hexdigest() for o in openings):
        raise ConfigError("expected the fingerprint key that was committed to, got another", "restore fingerprint.key")
    file, by = Marks(ownership.marks_path(config)), {o.commitment: o for o in openings}
    kept = [k for k in file.read() if k.commitment in by and (not principals or k.principal in principals)]
    vouched = {r.name: r for r in vouched_rows(config, openings, end) if not principals or r.principal in principals}
    rejected, good, opened = Counter[str](), list[tuple[int, Kept]](), set[str]()
    for k in kept:
        row = vouched.get(k.name)
        if row is None or not compare_digest(row.slip, _slip(by[k.commitment], k)):
            rejected[NOT_SERVED] += 1
            continue
        opened.add(k.name)
        if fault := contradiction(by[k.commitment], k, row) or faults(by[k.commitment], [k], key)[0]:
            rejected[fault] += 1
        else:
            good.append((row.at, k))
    marks = _once(sorted(good, key=lambda g: (g[0], g[1].name)))
    rejected += Counter({TWICE: file.doubles + len(good) - len(marks)})
    first = {k.commitment: i for i, k in reversed(marks)}
    lost = tuple(Lost(r.name, r.commitment, r.principal) for r in vouched.values() if r.name not in opened)
    return Proof(tuple(k for _, k in marks), first, dict(rejected), lost)


def _once(marks: Sequence[tuple[int, Kept]]) -> list[tuple[int, Kept]]:
    """Each input of a principal once, however many keys marked it: the first in the log."""
    once: dict[tuple[str, str], tuple[int, Kept]] = {}
    for index, k in marks:
        once.setdefault((k.principal, k.fingerprint), (index, k))
    return list(once.values())


def _slip(opening: Opening, k: Kept) -> bytes:
    return slip(opening.nonce, k.principal, int(k.fingerprint, 16), k.told)


def contradiction(opening: Opening, k: Kept, row: Vouched) -> str:
    """What the answer in the log, or the policy, says against a mark; empty where nothing does."""
    terms = opening.terms
    if row.classes not in (0, k.classes) or len(terms.classes) not in (0, k.classes):
        return "another number of classes"
    if not (0 <= k.served < k.classes and 0 <= k.rival < k.classes and k.served != k.rival):
        return "classes that there are not"
    second = terms.variant == SECOND
    if row.top in (k.served, k.rival) if second else row.top != k.served:
        return NOT_SERVED
    if second and not follows(row.ranks, k.served, k.rival, row.top):
        return "not the second and third class that were served"
    true, moved = (row.top, (k.served, k.rival)) if second else (k.rival, (k.served,))
    return "excluded by the policy" if true in terms.never_from or set(moved) & set(terms.never_to) else ""


def follows(ranks: Mapping[int, int], served: int, rival: int, top: int) -> bool:
    """Did `served` and `rival` come behind `top`, as far as the logged scores tell? ranks: quantised, by class.

    Steps of the log are about 5 % wide, so that equal ones tell nothing. Without scores nothing is told.
    """
    if not ranks:
        return True
    others = max((r for c, r in ranks.items() if c not in (top, served, rival)), default=0)
    return ranks.get(served, -1) >= ranks.get(rival, -1) >= others


class Vouched(NamedTuple):
    """A marked row by its slip. at: index of its event.  top: class served.  classes: 0 where unknown.

    ranks: the quantised scores as served, by class; empty where none were.
    """

    at: int
    name: str
    commitment: str
    principal: str
    slip: bytes
    top: int
    classes: int
    ranks: Mapping[int, int]


def vouched_rows(config: Config, openings: Sequence[Opening], end: int) -> Iterator[Vouched]:
    """The rows that these keys draw and whose slips are not of an unmarked row, the first of each name."""
    by, seen = {o.commitment: o for o in openings}, set[str]()
    for index, event, slips in slipped(config, end):
        opening = by.get(slips.commitment)
        each = slips.each(event.rows)
        if opening is None or not each:
            continue
        prints = unpack(event.fingerprints, "<u8", event.rows).ravel()
        for row in np.flatnonzero(opening.marking.draws(event.principal, prints)[0]).tolist():
            name = f"{slips.commitment}/{event.principal}/{int(prints[row]):016x}"
            if name not in seen and each[row] != slip(opening.nonce, event.principal, int(prints[row])):
                seen.add(name)
                top = event.top1[row] if row < len(event.top1) else -1
                yield Vouched(
                    index, name, slips.commitment, event.principal, each[row], top, event.classes, _ranks(event, row)
                )


def _ranks(event: Event, row: int) -> dict[int, int]:
    if not event.scores:
        return {}
    scores = unpack(event.scores, "i1", event.rows)[row].tolist()
    classes = (
        unpack(event.score_classes, "<u2", event.rows)[row].tolist() if event.score_classes else range(len(scores))
    )
    return dict(zip(classes, scores, strict=True))


def slipped(config: Config, end: int) -> Iterator[tuple[int, Event, Slips]]:
    """(index, event, its slips) before entry `end`. Between the two stand only events and slips.

    So no slip can be put behind an answer once anything else has been written: a start, a decision, a declaration.
    """
    waiting: dict[tuple[str, int, str], list[tuple[int, Event]]] = {}
    for index, line in lines(ownership.log_of(config)):
        if index >= end:
            return
        record = decode(line) if _SOUGHT in line or _SLIPS in line or _EVENT not in line else None
        if isinstance(record, Event) and is_marked(record.defence) and record.rows:
            waiting.setdefault(place_of(record), []).append((index, record))
        elif isinstance(record, Mark) and record.what == SLIPS:
            slips = read(record.detail)
            if held := waiting.get(slips.place):
                yield *held.pop(0), slips
        elif record is not None and not isinstance(record, Event):
            waiting.clear()


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
