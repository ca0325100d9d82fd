"""Who signed up together: look-alike and disposable addresses, one network, born together.

A registration is suspicious by how surprising its company is: how many others like it signed up within a day of it,
against how many would have, had those who are like it signed up at any time as others did.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec
import numpy as np

from wellhead.core.arrays import Array

WINDOW_S = 86_400.0
"""Others count who signed up so long before or after."""
CAP = 10.0
"""The most that one reason adds: a thousand look-alikes are no surer than twenty."""
DISPOSABLE = 1.0
"""What a throw-away mailbox adds: little, since some honest people want to be left alone."""
CLEARLY = 3.0
"""Company at least so surprising ties a cohort: one chance in a thousand."""
LEAST_MEMBERS = 3

_SHORTEST = 5
"""Shorter local parts are alike by chance."""
_ONE_MAILBOX = frozenset({"gmail.com", "googlemail.com"})
"""Hosts that ignore dots."""
_REASONS: Mapping[str, str] = {
    "mailbox": "one mailbox under several spellings",
    "alike": "look-alike e-mail addresses",
    "pattern": "e-mail addresses of one pattern",
    "network": "one sign-up network",
}
_VOICES = {"mailbox": "email", "alike": "email", "pattern": "email", "network": "network"}
"""Reasons that say the same thing count once."""


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """One principal's sign-up. created_s: seconds since 1970, NaN unknown.  email, network: empty unknown."""

    name: str
    created_s: float = math.nan
    email: str = ""
    network: str = ""


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Registrations that keep surprising company. reasons: in words.  surprise: of the strongest, as -log10 of chance.

    members: sorted.  first_s, last_s: of their sign-ups.
    """

    members: tuple[str, ...]
    reasons: tuple[str, ...]
    first_s: float
    last_s: float
    surprise: float


def suspicion(people: Sequence[Registered]) -> dict[str, float]:
    """For each principal, the sum of its reasons as -log10 of chance, 0 without any; at most CAP each."""
    voices: dict[str, Array] = defaultdict(lambda: np.zeros(len(people)))
    for reason, members, surprise in _company(people):
        voice = voices[_VOICES[reason]]
        np.maximum.at(voice, members, surprise)
    total = _born_together(people) + np.array([DISPOSABLE * is_disposable(p.email) for p in people])
    for voice in voices.values():
        total = total + np.minimum(voice, CAP)
    return {p.name: float(t) for p, t in zip(people, total, strict=True)}


def cohorts(people: Sequence[Registered]) -> list[Cohort]:
    """Groups of LEAST_MEMBERS or more whom clearly surprising company ties together, the largest first."""
    parent = list(range(len(people)))
    ties: list[tuple[str, int, float]] = []
    for reason, members, surprise in _company(people):
        strong = members[surprise >= CLEARLY]
        for one, other in _near(strong, people):
            parent[_root(parent, other)] = _root(parent, one)
        ties += [(reason, int(i), float(s)) for i, s in zip(members, surprise, strict=True) if s >= CLEARLY]
    groups: dict[int, list[tuple[str, int, float]]] = defaultdict(list)
    for tie in ties:
        groups[_root(parent, tie[1])].append(tie)
    found = [_cohort(group, people) for group in groups.values()]
    return sorted((c for c in found if len(c.members) >= LEAST_MEMBERS), key=lambda c: (-len(c.members), c.members))


def pattern(email: str) -> str:
    """The shape of a local part, each run of letters or digits with its length: `jo.427x` is `a2.93a1`."""
    local = email.partition("@")[0].lower()
    return re.sub(r"[^\W\d_]+|\d+", lambda run: f"{'9' if run[0].isdigit() else 'a'}{len(run[0])}", local)


def mailbox(email: str) -> str:
    """The mailbox that an address is delivered to: without what follows a plus, or dots where the host ignores them."""
    local, _, domain = email.strip().lower().rpartition("@")
    local = local.partition("+")[0]
    return f"{local.replace('.', '') if domain in _ONE_MAILBOX else local}@{domain}" if local else ""


def is_disposable(email: str) -> bool:
    """True for a host of throw-away mailboxes, or a name below one."""
    parts = email.strip().lower().rpartition("@")[2].split(".")
    return any(".".join(parts[i:]) in _disposable() for i in range(len(parts) - 1))


@cache
def _disposable() -> frozenset[str]:
    text = (resources.files("wellhead.detect") / "disposable.toml").read_text(encoding="utf-8")
    return frozenset(tomllib.loads(text)["domains"])


def _mailboxes(person: Registered) -> Iterator[str]:
    if person.email:
        yield mailbox(person.email)


def _spellings(person: Registered) -> Iterator[str]:
    """The local part, and it with any one character left out: two that share one are at most two edits apart."""
    local = mailbox(person.email).partition("@")[0]
    if len(local) >= _SHORTEST:
        yield from {local, *(local[:i] + local[i + 1 :] for i in range(len(local)))}


def _patterns(person: Registered) -> Iterator[str]:
    """The pattern, anywhere and at this host."""
    if "@" in person.email:
        shape = pattern(person.email)
        yield shape
        yield f"{shape}@{person.email.rpartition('@')[2].lower()}"


def _networks(person: Registered) -> Iterator[str]:
    if person.network:
        yield person.network


_KEYS: Mapping[str, Callable[[Registered], Iterable[str]]] = {
    "mailbox": _mailboxes,
    "alike": _spellings,
    "pattern": _patterns,
    "network": _networks,
}


def _company(people: Sequence[Registered]) -> Iterator[tuple[str, Array, Array]]:
    """For each thing that two or more share: the reason, who (m,) and how surprising the company of each is (m,)."""
    created = np.array([p.created_s for p in people], dtype=np.float64)
    around = _around(np.sort(created[~np.isnan(created)]), created)
    for reason, keys in _KEYS.items():
        sharing: dict[str, list[int]] = defaultdict(list)
        for i, person in enumerate(people):
            if not math.isnan(person.created_s):
                for key in keys(person):
                    sharing[key].append(i)
        for group in sharing.values():
            if len(group) > 1:
                members = np.array(group)
                others = _around(np.sort(created[members]), created[members]) - 1
                # without the group itself, one more at least: a farm in a quiet week is most of its own day
                outside = (around[members] - others) / (len(people) - len(group) + 1)
                expected = (len(group) - 1) * np.minimum(outside, 1.0)
                yield reason, members, surprise(others, expected)


def _around(times: Array, at: Array, window_s: float = WINDOW_S) -> Array:
    """(m,) how many of the sorted times lie within the window of each."""
    return np.searchsorted(times, at + window_s, "right") - np.searchsorted(times, at - window_s, "left")


def surprise(seen: Array, expected: Array) -> Array:
    """(m,) -log10 of the chance of as many or more, 0 where no more were seen than expected.

    Chernoff's bound for Poisson counts: never more than the truth.
    """
    seen, expected = np.asarray(seen, np.float64), np.maximum(np.asarray(expected, np.float64), 1e-9)
    nats = seen * np.log(np.maximum(seen, 1e-9) / expected) - seen + expected
    return np.where(seen > expected, nats / math.log(10.0), 0.0)


def _born_together(people: Sequence[Registered]) -> Array:
    """(u,) how surprising the number of sign-ups within the window is, against the usual day."""
    created = np.array([p.created_s for p in people], dtype=np.float64)
    known = np.sort(created[~np.isnan(created)])
    if known.size < 2:
        return np.zeros(len(people))
    seen = _around(known, known) - 1
    usual = np.median(seen)
    per_person = surprise(seen, np.full(known.size, max(float(usual), 1.0)))
    place = np.searchsorted(known, created).clip(0, known.size - 1)
    return np.where(np.isnan(created), 0.0, np.minimum(per_person[place], CLEARLY))


def _near(members: Array, people: Sequence[Registered]) -> Iterator[tuple[int, int]]:
    """Neighbours in time who signed up within the window of each other."""
    order = sorted(map(int, members), key=lambda i: people[i].created_s)
    for one, other in itertools.pairwise(order):
        if people[other].created_s - people[one].created_s <= WINDOW_S:
            yield one, other


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


def _cohort(group: Sequence[tuple[str, int, float]], people: Sequence[Registered]) -> Cohort:
    members = {i for _, i, _ in group}
    times = [people[i].created_s for i in members]
    reasons = [text for reason, text in _REASONS.items() if any(r == reason for r, _, _ in group)]
    throwaway = sum(is_disposable(people[i].email) for i in members)
    if throwaway:
        reasons.append(f"{throwaway} throw-away mailboxes")
    return Cohort(
        members=tuple(sorted(people[i].name for i in members)),
        reasons=tuple(reasons),
        first_s=min(times),
        last_s=max(times),
        surprise=max(s for _, _, s in group),
    )
