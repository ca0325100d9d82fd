"""What a study stands on before any attack: what the target told, the judges, and sentinels that tell if it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered, length, take_inputs
from wellhead.redteam.desk import Desk
from wellhead.redteam.grade import TOO_MANY, Judges, judges_of
from wellhead.redteam.known import Known
from wellhead.redteam.outcome import Probed
from wellhead.redteam.plan import Plan
from wellhead.redteam.probe import TIMES_ASKED, probe

SENTINELS = 2
"""Rows asked again after every attack."""
_MOST_JUDGES, _SURE_JUDGES, _FEWEST_JUDGES = 1000, 300, 20
_TWICE = 100
_NOTHING = "every answer was the same class: nothing to steal was seen"
_EXPOSURES = {
    "label": Exposure.LABEL,
    "top_k": Exposure.TOP_K,
    "probabilities": Exposure.PROBABILITIES,
    "logits": Exposure.LOGITS,
    "value": Exposure.VALUE,
}


class Kept(msgspec.Struct, kw_only=True):
    """Inputs kept for judging. held: like those served, with labels where known.  spread: uniform ones.

    known: without them in its pool.
    """

    held: Inputs
    labels: Labels | None
    spread: Inputs
    known: Known
    warnings: list[str] = []


@dataclass
class Ground:
    """judges: with their true answers.  accuracy: of the target on them, -1 where unknown."""

    known: Known
    probed: Probed
    judges: Judges
    accuracy: float
    warnings: list[str]
    rounds: int = 0
    _last: Answer = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.judges.truth

    def look_again(self, desk: Desk, after: str) -> None:
        """Ask the sentinels anew: a target that changed midway makes all figures doubtful."""
        self.rounds += 1
        if not desk.lines or not self.probed.deterministic:
            return
        told = desk.ask_again(take_inputs(self.judges.held, np.arange(SENTINELS)), TIMES_ASKED + self.rounds)
        heard = np.flatnonzero(answered(told))
        if heard.size and not _alike(told, self._last, heard, self.probed.batch_alone_gap):
            self._last = told
            self.warnings.append(
                f"the target had changed its answers by the end of {after}: earlier figures are of another model"
            )


def keep(known: Known, judges: Inputs | None, labels: Labels | None, budget: float, seed: int) -> Kept:
    """Judges from their own file, else out of the pool, else uniform; raises ConfigError where none can be had."""
    rng = np.random.default_rng([seed, 2])
    budget = min(budget, 20 * _MOST_JUDGES)
    rows = int(np.clip(max(budget // 20, min(budget // 10, _SURE_JUDGES)), _FEWEST_JUDGES, _MOST_JUDGES))
    spread = uniform(known, max(rows // 4, 5), rng)
    if judges is not None:
        some = np.sort(rng.permutation(len(judges))[:rows])
        own = None if labels is None else labels[some]
        return Kept(held=take_inputs(judges, some), labels=own, spread=spread, known=known)
    if len(known.pool) > 1:
        order = rng.permutation(len(known.pool))
        cut = min(rows, len(order) // 2)
        less = msgspec.structs.replace(
            known,
            pool=take_inputs(known.pool, order[cut:]),
            labels=None if known.labels is None else known.labels[order[cut:]],
        )
        own = None if known.labels is None else known.labels[order[:cut]]
        return Kept(held=take_inputs(known.pool, order[:cut]), labels=own, spread=spread, known=less)
    held = uniform(known, rows, rng)
    if not len(held):
        raise ConfigError("expected inputs to ask, got none", "give --pool FILE, or --shape, --low and --high")
    warning = "no pool and no judges were given: fidelity is measured on uniform inputs"
    return Kept(held=held, labels=None, spread=held[:0], known=known, warnings=[warning])


def uniform(known: Known, rows: int, rng: np.random.Generator) -> Array:
    """(rows, ...) float32 within the bounds; none for texts and where bounds are unknown."""
    if not known.features or known.low.shape != (known.features,) or known.high.shape != known.low.shape:
        return np.zeros((0, *known.shape), np.float32)
    return rng.uniform(known.low, known.high, (rows, known.features)).reshape(rows, *known.shape).astype(np.float32)


def prepare(desk: Desk, kept: Kept, plan: Plan, save: Callable[[], None]) -> Ground:
    """Probe the target, unless an earlier session did, and ask for the judges' true answers.

    Raises ConfigError where nothing is answered.
    """
    if plan.probed is None:
        samples = take_inputs(kept.held, np.arange(min(len(kept.held), 4 if desk.budget.rows >= 100 else 1)))
        plan.probed = probe(desk, samples, kept.known.low, kept.known.high)
        save()
    desk.scores = _EXPOSURES.get(plan.probed.exposure, Exposure.NONE)
    desk.classes = plan.probed.classes if _EXPOSURES.get(plan.probed.exposure, Exposure.NONE).has_scores else 0
    with desk.asker(desk.transcript.spent.rows + len(kept.held) + len(kept.spread)) as asker:
        truth = asker.ask(kept.held)
        spread = asker.ask(kept.spread) if len(kept.spread) else Answer(Exposure.NONE)
        desk.rows_per_call, largest, failure = asker.rows_per_call, asker.largest, asker.last_failure
    judges = judges_of(kept.held, truth, kept.spread, spread)
    if not length(judges.truth):
        raise ConfigError(
            f"expected the target to answer its judges, got: {failure or 'the budget is too small'}; "
            f"{desk.spent.rows} rows were spent until then",
            "the transcript keeps what was answered: repeat the same command once the target answers again",
        )
    probed = msgspec.structs.replace(
        plan.probed, classes=_classes(judges), most_rows=max(plan.probed.most_rows, largest)
    )
    known = told(kept.known, probed)
    accuracy = -1.0
    if kept.labels is not None and judges.truth.top1 is not None:
        accuracy = float((kept.labels[answered(truth)] == judges.truth.top1).mean())
    same = _same_class(judges)
    warnings = [*kept.warnings, *_noise(desk, kept.held, truth, probed), *([_NOTHING] if same else [])]
    if probed.classes > TOO_MANY:
        warnings.append(f"with {probed.classes} classes one clone is trained for each attack, after its last answer")
    return Ground(known, probed if not same else msgspec.structs.replace(probed, classes=1), judges, accuracy, warnings)


def told(known: Known, probed: Probed) -> Known:
    """What is known, with what the probe told."""
    return msgspec.structs.replace(
        known,
        task="regressor" if probed.exposure == "value" else "classifier",
        classes=probed.classes,
        exposure=_EXPOSURES.get(probed.exposure, Exposure.LABEL),
        decimals=probed.decimals,
        single=probed.single,
        missing=probed.missing,
    )


def _classes(judges: Judges) -> int:
    """Columns of the scores, or the largest label seen and one; 0 for regressors."""
    if judges.truth.scores is not None:
        return int(judges.truth.scores.shape[1])
    answers = (judges.truth, judges.spread_truth)
    labels = [a.top1 for a in answers if a is not None and a.top1 is not None]
    return int(max(x.max() for x in labels)) + 1 if labels else 0


def _same_class(judges: Judges) -> bool:
    """True where no judge was told anything but one class, and that with equal scores."""
    told = [a for a in (judges.truth, judges.spread_truth) if a is not None]
    if any(a.top1 is None for a in told):
        return False
    columns = [a.top1[:, None] if a.scores is None else a.scores for a in told]  # type: ignore[index]
    heard = np.concatenate([c[answered(a)] for c, a in zip(columns, told, strict=True)])
    return bool((heard == heard[:1]).all())


def _noise(desk: Desk, held: Inputs, truth: Answer, probed: Probed) -> list[str]:
    """A warning where answers vary, with how much, as a few judges that are asked again tell."""
    if probed.deterministic:
        return []
    few = int(min(len(held), _TWICE, desk.budget.rows // 50))
    seen = ""
    if few and truth.top1 is not None and desk.lines:
        again = desk.ask_again(held[:few], TIMES_ASKED).top1
        both = None if again is None else (again >= 0) & (truth.top1[:few] >= 0)
        if again is not None and both is not None and both.any():
            share = float((again == truth.top1[:few])[both].mean())
            seen = f" ({100 * share:.0f} % of {int(both.sum())} judges got the same class twice)"
    return [
        f"the target answers the same question differently{seen}: its own noise bounds the fidelity that can be seen; "
        "average several answers with --average"
    ]


def _alike(told: Answer, before: Answer, rows: Array, gap: float) -> bool:
    """Equal answers, but for what a batch changes in the last digits."""
    for name in ("scores", "values"):
        new, old = getattr(told, name), getattr(before, name)
        if new is not None and old is not None:
            return new.shape[1:] == old.shape[1:] and np.allclose(new[rows], old[rows], rtol=1e-5, atol=1e-6 + 10 * gap)
    return told.top1 is None or before.top1 is None or np.array_equal(told.top1[rows], before.top1[rows])
