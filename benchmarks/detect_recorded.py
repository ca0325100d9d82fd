"""Attacks that choose their questions as they go, run for real against the victim and recorded row by row."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.detect_world import BUDGET, CACHE, Table, Victim, hashed
from wellhead.core.errors import Unsuited
from wellhead.core.exposure import Exposure
from wellhead.plugins import find
from wellhead.redteam.attack import Attack
from wellhead.redteam.budget import Budget
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run

_FEW_CLASSES = 20
_LEARNERS = (("random_forest", 250), ("logistic", 500))
"""Of clones that choose questions, and how many at a time: with few classes, and with many, where forests are slow."""
_CANDIDATES = 100

ATTACKS = {
    "A1 uniform": "uniform",
    "A2 line search": "relu",
    "A2 boundary": "adaptive",
    "A3 jacobian": "jacobian",
    "A3 jacobian targeted": "jacobian_targeted",
    "A5 knockoff adaptive": "knockoff",
    "A6 entropy": "uncertainty",
    "A6 margin": "margin",
    "A6 k-center": "k_center",
    "A7 data-free": "data_free",
    "A17 membership": "noise_robustness",
    "A18 inversion": "black_box_search",
}
_OF_POOL = ("A5", "A6")
_TOO_SLOW = {"magika": ("A2 boundary", "A3 jacobian targeted")}
"""Ten milliseconds an answer: what is told by its sister is left out."""


class Recorded(NamedTuple):
    """rows: of each attack, in the order in which they were asked.  notes: why an attack is left out."""

    table: Table
    rows: dict[str, Any]
    notes: dict[str, str]


def recorded(victim: Victim, seed: int, wanted: tuple[str, ...] = tuple(ATTACKS)) -> Recorded:
    """The victim's table with the questions of its attacks at the end; what was run once is kept."""
    table, rows, notes = victim.table, {}, {}
    for name in wanted:
        start = time.perf_counter()
        asked = _kept(victim, name, seed)
        if isinstance(asked, str):
            notes[name] = asked
            continue
        known, made = asked
        if len(made):
            known = np.where(known < 0, len(table) - 1 - known, known)
            block = victim.extend(made)
            table = table.plus(replace(block, fingerprint=hashed(np.arange(len(table), len(table) + len(block)))))
        rows[name] = known
        print(f"  {victim.name} {name}: {known.size} rows, {time.perf_counter() - start:.1f} s", file=sys.stderr)
    return Recorded(table, rows, notes)


def _kept(victim: Victim, name: str, seed: int) -> tuple[Any, Any] | str:
    """(rows, inputs): rows of the table, or -1 - i for the i-th input; or why there are none."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{victim.name}_{len(victim.table)}_{name.replace(' ', '_')}_{seed}.npz"
    if path.exists():
        held = np.load(path)
        return (held["rows"], held["inputs"]) if held["rows"].size else str(held["why"])
    asked = _run(victim, name, seed)
    none = np.zeros(0)
    rows, inputs, why = (none, none, asked) if isinstance(asked, str) else (*asked, "")
    np.savez_compressed(path, rows=rows, inputs=inputs, why=why)
    return asked


def _run(victim: Victim, name: str, seed: int) -> tuple[Any, Any] | str:
    pool = name.startswith(_OF_POOL)
    if name in _TOO_SLOW.get(victim.name, ()):
        return "the model is too slow for both attacks of its kind"
    if victim.kind == "text" and not pool:
        return "needs inputs that are numbers"
    heard = _Heard(victim, pool)
    try:
        attack = _attack(victim, name, pool)
    except Unsuited as e:
        return str(e)
    oracle = InProcess(heard, rows_per_call=256)
    last = finish(run(attack, oracle, Budget(rows=BUDGET), seed=seed))
    if sum(map(len, heard.rows)) < 50:
        return f"gave up after {last.spent.rows} rows: {last.result.detail if last.result else last.reason}"
    made = np.stack(heard.made) if heard.made else np.zeros((0, 0), np.float32)
    return np.concatenate(heard.rows), made


def _attack(victim: Victim, name: str, pool: bool) -> Attack:
    kind = find("attacks", ATTACKS[name])
    attack = kind.suit(_known(victim, pool, membership=name.startswith("A17")))
    learner, rows = _LEARNERS[victim.table.truth.shape[1] > _FEW_CLASSES]
    return msgspec.structs.replace(attack, learner=learner, per_round=rows) if pool else attack


def _known(victim: Victim, pool: bool, membership: bool) -> Known:
    """What the thief knows. pool: its inputs are what its encoder makes of them, since it only chooses among them."""
    inputs = victim.table.sight[victim.thief] if pool else np.asarray(victim.inputs, np.float32)
    shape = inputs.shape[1:]
    truth = victim.table.top1[victim.thief]
    some = np.arange(_CANDIDATES if membership else 0)
    flat = inputs.reshape(len(inputs), -1)
    low, high, arities = (
        (flat.min(axis=0), flat.max(axis=0), np.zeros(0)) if pool else (victim.low, victim.high, victim.arities)
    )
    return Known(
        rows=BUDGET,
        classes=victim.table.truth.shape[1],
        shape=shape,
        low=np.asarray(low, float),
        high=np.asarray(high, float),
        arities=np.asarray(arities, int),
        exposure=Exposure.PROBABILITIES,
        pool=inputs,
        candidates=inputs[some],
        candidate_labels=truth[some] if membership else None,
    )


class _Heard:
    """The model as the oracle asks it, and what it was asked."""

    def __init__(self, victim: Victim, pool: bool) -> None:
        self._victim = victim
        own = victim.table.sight[victim.thief] if pool else np.asarray(victim.inputs, np.float32)
        self._place = {_key(x): int(r) for x, r in zip(own, victim.thief, strict=True)}
        self._pool = pool
        self.rows: list[Any] = []
        self.made: list[Any] = []

    def __call__(self, inputs: Any) -> Any:
        asked = np.asarray(inputs, np.float32)
        rows = np.array([self._row(x) for x in asked])
        truth = self._victim.table.truth[rows].astype(np.float64)
        new = np.flatnonzero(rows < 0)
        if new.size:
            if self._pool:
                raise Unsuited("asks inputs that are not in its pool")
            truth[new] = self._victim.answer(asked[new])
        self.rows.append(rows)
        return truth

    def _row(self, one: Any) -> int:
        """Of the table, or -1 - i for the i-th input that was made up."""
        row = self._place.setdefault(_key(one), -1 - len(self.made))
        if row == -1 - len(self.made):
            self.made.append(one)
        return row


def _key(one: Any) -> bytes:
    return np.ascontiguousarray(one, np.float32).tobytes()
