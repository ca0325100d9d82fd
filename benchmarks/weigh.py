"""Learns how much each detector's evidence counts, from rehearsed attacks on models that are not in the benchmark.

`python -m benchmarks weigh` writes src/wellhead/detect/weights.toml, and prints how well weights that were learnt
without a victim, or without a family of attacks, find it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.detect_attackers import attackers
from benchmarks.detect_harness import world
from benchmarks.detect_practice import PRACTICE, practice
from benchmarks.detect_recorded import recorded
from benchmarks.detect_tenants import tenants
from benchmarks.detect_world import DEVELOPMENT_SEED
from wellhead.core.arrays import Array
from wellhead.detect import weights
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import FIRST_ROWS, Looks
from wellhead.detect.order import rank
from wellhead.detect.yardstick import Panel, Yardstick, fit, suprema, weighed

FILE = Path(weights.__file__).with_name(weights.FILE)
TENANTS = int(os.environ.get("WELLHEAD_WEIGH_TENANTS", "1600"))
ALPHA = 0.01
RIDGE = 0.003
WEIGHED = ("novelty", "inputs", "ground", "answers")
"""Kinds of evidence that are weighed: never how much or when somebody asks, or who: a heavy customer is no thief."""
VOICES: Mapping[str, tuple[str, ...]] = {
    "invented": ("A1", "A2", "A3", "A7", "A17", "A18"),
    "natural": ("A4", "A5", "A11", "A16"),
    "chosen": ("A6",),
    "cover": ("A8",),
}
"""Families of attacks that one voice each is learnt of: inputs made up, natural, chosen, and under cover."""
EVERY = tuple(f for families in VOICES.values() for f in families)
HOPELESS = "95%"
"""Cover under which a thief holds next to nothing, and would only teach that honest tenants are thieves."""
_LEAST = 0.01
_HEAD = """\
# How much each detector's evidence counts, on its high and on its low side, where 0 is not written. Detectors that are
# not named here, a plugin's say, count in the surprise alone. The strongest of the voices is heard.
#
# Made by `python -m benchmarks weigh`: for each voice a logistic regression with weights >= 0 (ridge {ridge}; victims,
# families of attacks and honest looks balanced) on how far beyond the honest centre each detector's number lies, at
# looks at rehearsed attacks against looks at {tenants} honest tenants of each victim.
# Victims: {victims}; none of them is in the benchmark.
# Attacks: {attacks};
# cover is honest by half and by four fifths.
# Only evidence of the kinds {kinds} is weighed: not how much, when or from where somebody asks,
# since a heavy customer is no thief. The weights are fixed before any calibration, so that no promise hangs on them.
"""


class Rehearsal(NamedTuple):
    """One victim: honest looks and looks at attacks, with the yardstick of the first half of the honest.

    family: of each look at an attack.  scenario: likewise.
    """

    name: str
    yardstick: Yardstick
    honest: Looks
    attacks: Looks
    scenario: Array
    develops: Array

    @property
    def family(self) -> Array:
        """(m,) of each look at an attack."""
        return np.array([s.split()[0] for s in self.scenario])


def rehearsal(name: str, seed: int = DEVELOPMENT_SEED) -> Rehearsal | None:
    """Everybody played on one victim; None where its data is not at hand."""
    victim = practice(name)
    if victim is None:
        return None
    told = recorded(victim, seed)
    honest, thieves = tenants(victim, TENANTS, seed, "w"), attackers(victim, told, seed)
    played = world(victim, told.table, [*honest, *thieves])
    seen, caught = played.looks(honest), played.looks(thieves)
    scenario = {s.name: s.scenario for s in thieves}
    develops = np.array([int(n[1:]) % 2 == 0 for n in seen.names])
    d = played.detectors
    panel = Panel(d.sides, d.kinds, d.least)
    return Rehearsal(
        name,
        fit(*developed(seen, develops), panel),
        seen,
        caught,
        np.array([scenario[caught.names[p]] for p in caught.principal]),
        develops,
    )


def developed(looks: Looks, develops: Array) -> tuple[Array, Array, Array]:
    """Values, rows and subject of the looks at these principals."""
    mine = develops[looks.principal]
    subject = np.unique(looks.principal[mine], return_inverse=True)[1]
    return looks.values[mine], looks.rows[mine], subject


def learn(rehearsals: Sequence[Rehearsal], free: Array, without: Collection[str] = ()) -> Array:
    """(V, T) weights >= 0 of signed detectors, learnt without these families; free: (T,) bool, which may have any."""
    wanted = [[f for f in of if f not in without] for of in VOICES.values()]
    return np.stack([_voice(rehearsals, free, of) if of else np.zeros(free.size) for of in wanted])


def _voice(rehearsals: Sequence[Rehearsal], free: Array, families: Collection[str]) -> Array:
    """(T,) by L-BFGS-B."""
    from scipy.optimize import minimize

    parts = [part for r in rehearsals for part in _sides(r, families)]
    x = np.concatenate([p for p, _ in parts])
    side = np.concatenate([np.full(len(p), s) for p, s in parts])
    share = np.concatenate([np.full(len(p), abs(s) / len(p)) for p, s in parts])
    side, share = np.sign(side), share / share.sum()

    def loss(at: Array) -> tuple[float, Array]:
        margin = side * (x @ at[:-1] + at[-1])
        slope = -side * share * np.exp(-np.logaddexp(0.0, margin))
        value = float(share @ np.logaddexp(0.0, -margin) + 0.5 * RIDGE * (at[:-1] ** 2).sum())
        return value, np.append(x.T @ slope + RIDGE * at[:-1], slope.sum())

    bounds = [*((0.0, None if f else 0.0) for f in free), (None, None)]
    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:-1])


def _sides(r: Rehearsal, wanted: Collection[str]) -> list[tuple[Array, float]]:
    """Looks, and +1 divided by the families for each of them, -1 for the honest."""
    mine = r.develops[r.honest.principal] & (r.honest.rows >= FIRST_ROWS)
    sides = [(r.yardstick.unusual(r.honest.values[mine], r.honest.rows[mine]), -1.0)]
    fit_for = (r.attacks.rows >= FIRST_ROWS) & np.array([HOPELESS not in s for s in r.scenario])
    families = [f for f in wanted if (r.family == f).any()]
    for f in families:
        at = (r.family == f) & fit_for
        sides.append((r.yardstick.unusual(r.attacks.values[at], r.attacks.rows[at]), 1.0 / len(families)))
    return sides


def found(r: Rehearsal, weight: Array) -> dict[str, int]:
    """Rows at the first alarm of each scenario, -1 for none, at 1 in 100 of the honest that were not developed on."""
    made = weighed(r.yardstick, weight, developed(r.honest, r.develops), np.ones(int(r.develops.sum()), bool))
    peaks = suprema(made.score(r.honest.values, r.honest.rows), r.honest.principal)[~r.develops]
    threshold = np.sort(peaks)[-max(rank(peaks.size, ALPHA), 1)]
    over = made.score(r.attacks.values, r.attacks.rows) > threshold
    rows: dict[str, int] = {}
    for s in dict.fromkeys(r.scenario):
        hit = r.attacks.rows[over & (r.scenario == s)]
        rows[str(s)] = int(hit.min()) if hit.size else -1
    return rows


def table(rehearsals: Sequence[Rehearsal], free: Array) -> str:
    """First alarms by scenario and victim: surprise alone, all weights, without the victim, without the family."""
    every = learn(rehearsals, free)
    none = np.zeros((0, free.size))
    rest = {r.name: learn([o for o in rehearsals if o is not r] or rehearsals, free) for r in rehearsals}
    fewer = {f: learn(rehearsals, free, (f,)) for f in EVERY}
    lines = ["rows at the first alarm, 1 in 100: surprise alone / all / without the victim / without the family"]
    for r in rehearsals:
        plain, full, other = found(r, none), found(r, every), found(r, rest[r.name])
        own = {f: found(r, fewer[f]) for f in set(r.family) & set(EVERY)}
        lines.append(r.name)
        for s in plain:
            alone = own.get(s.split()[0], full)[s]
            lines.append(f"  {s:28s} {plain[s]:6d} {full[s]:6d} {other[s]:6d} {alone:6d}")
    return "\n".join(lines)


def written(weight: Array, yardstick: Yardstick, detectors: Detectors, victims: Sequence[str]) -> str:
    """The text of the weights file; weight: (V, T)."""
    blocks = [
        _HEAD.format(
            ridge=RIDGE,
            attacks="; ".join(f"{voice} {', '.join(of)}" for voice, of in VOICES.items()),
            tenants=TENANTS // 2,
            victims=", ".join(victims),
            kinds=", ".join(WEIGHED),
        )
    ]
    for voice, of in zip(VOICES, weight, strict=True):
        for s, name in sorted(enumerate(detectors.names), key=lambda pair: pair[1]):
            mine = np.flatnonzero((yardstick.detector == s) & (of >= _LEAST))
            if mine.size:
                lines = [f"{'high' if yardstick.side[t] > 0 else 'low'} = {of[t]:.2f}" for t in mine]
                blocks.append("\n".join([f"[{voice}.{name}]", *lines, ""]))
    return "\n".join(blocks)


def main() -> None:
    """Learn and write the weights."""
    chosen = sys.argv[1:] or PRACTICE
    rehearsals = [r for r in map(rehearsal, chosen) if r is not None]
    detectors = Detectors()
    y = rehearsals[0].yardstick
    free = np.array([detectors.kinds[s] in WEIGHED for s in y.detector])
    text = written(learn(rehearsals, free), y, detectors, [r.name for r in rehearsals])
    FILE.write_text(text, encoding="utf-8")
    print(table(rehearsals, free))
    print(f"wrote {FILE}")
