"""Ownership marks: what they prove of a clone, of models that are not clones, and after the marks are trained away."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.defend_tasks import SEEDS, Networks, Play, Recipe, Task, answers, digits, one_hot, play, tab20, train
from benchmarks.defend_thieves import ask, fingerprints
from benchmarks.results import Figure
from wellhead.core.arrays import Array, Inputs, Labels, Scores
from wellhead.defend.guarantees import Context
from wellhead.defend.mark import KeyedMark, Marked, Marking, marks_of
from wellhead.defend.own.chance import tail

THIEF, AFTER = "thief", "after_finetune"
KEYS = 5_000
INDEPENDENT = 20
PRUNED = 0.5
LABELS, SOFT, EARLY = "clone of labels", "clone of probabilities", "clone of labels, half the steps"
PRUNE, TUNED, BOTH = (f"{LABELS}, {how}" for how in ("pruned", "fine-tuned", "pruned, then fine-tuned"))
CLONE = Recipe(hidden=(128,), epochs=150, batch=32, rate=3e-3, decay=1e-4)
SHORT = msgspec.structs.replace(CLONE, batch=64)
"""Half as many steps: a clone that has not learnt its answers by heart."""
TUNE = msgspec.structs.replace(CLONE, epochs=50, rate=1e-3)


class Row(msgspec.Struct, frozen=True):
    """One suspect. p: the chance that a stranger matches so many marks; accuracy: on rows that nobody trained on."""

    task: str
    share: float
    seed: int
    suspect: str
    marks: int
    matches: int
    log10_p: float
    accuracy: float


class Marks(NamedTuple):
    """A victim that marks its answers to one thief. found: the marks among the pool."""

    of: Play
    marking: Marking
    found: Marked
    served: Scores

    @property
    def clean(self) -> tuple[Inputs, Labels]:
        """Half of the test rows, with true labels: what a thief may fine-tune on."""
        half = len(self.of.test) // 2
        return self.of.test[:half], self.of.labels[:half]

    def row(self, suspect: str, network: Networks) -> Row:
        """Test one suspect."""
        half = len(self.of.test) // 2
        right = answers(network, self.of.test[half:])[0].argmax(axis=1) == self.of.labels[half:]
        n, m = matches(self.found, answers(network, self.of.pool)[0].argmax(axis=1))
        log10_p = tail(n, m, self.marking.among(self.of.task.classes))
        return Row(
            self.of.task.name, self.marking.share, self.of.seed, suspect, n, m, log10_p, round(float(right.mean()), 4)
        )


def matches(found: Marked, labels: Labels) -> tuple[int, int]:
    """Marks, and how many of them the suspect's labels (of the whole pool) match."""
    return len(found.rows), int((labels[found.rows] == found.served).sum())


def marked(task: Task, share: float, seed: int) -> Marks:
    """Train the victim and answer the pool with marks."""
    of = play(task, seed)
    marking = Marking(key=seed.to_bytes(32, "big"), share=share)
    scores, prints = ask(of, of.pool), fingerprints(of.pool)
    served = KeyedMark(marking=marking).shape(scores, Context(fingerprints=prints, principal=THIEF))
    return Marks(of, marking, marks_of(marking, scores, THIEF, prints), served)


def pruned(network: Networks, share: float = PRUNED) -> Networks:
    """The share of each layer's weights that is smallest is set to 0."""
    weights = tuple(np.where(np.abs(w) < np.quantile(np.abs(w), share), 0, w) for w in network.weights)
    return network._replace(weights=weights)


def clones(marks: Marks) -> list[Row]:
    """Clones of labels and of probabilities, one trained less, and the first after removal was tried."""
    of, k = marks.of, marks.of.task.classes
    labels = one_hot(marks.served.argmax(axis=1), k)
    both = train(of.pool, np.stack([labels, marks.served]), CLONE, 1000 + of.seed)
    short = train(of.pool, labels[None], SHORT, 1000 + of.seed)
    x, y = marks.clean
    tuned = {
        name: train(x, one_hot(y, k)[None], TUNE, of.seed, start)
        for name, start in ((TUNED, both.pick(0)), (BOTH, pruned(both.pick(0))))
    }
    made = {LABELS: both.pick(0), SOFT: both.pick(1), EARLY: short, PRUNE: pruned(both.pick(0))} | tuned
    return [marks.row(name, network) for name, network in made.items()]


def strangers(marks: Marks, count: int) -> list[Row]:
    """Models that never saw an answer: half learnt the true labels of the very inputs, half other rows."""
    of, k = marks.of, marks.of.task.classes
    x, y = marks.clean
    rows = []
    for i in range(count):
        same = i < count // 2
        inputs, labels = (of.pool, of.pool_labels) if same else (x, y)
        made = train(inputs, one_hot(labels, k)[None], CLONE, 5000 + i)
        rows.append(marks.row(f"stranger, {'the same inputs' if same else 'other inputs'}", made))
    return rows


def ground(marks: Marks, keys: int = KEYS) -> Array:
    """(keys,) log10 p of an innocent model under made-up keys: a liar would choose the best of them."""
    of = marks.of
    suspect = train(of.pool, one_hot(of.pool_labels, of.task.classes)[None], CLONE, 4999)
    said = answers(suspect, of.pool)[0].argmax(axis=1)
    scores, prints = ask(of, of.pool), fingerprints(of.pool)
    among = marks.marking.among(of.task.classes)
    rng = np.random.default_rng(of.seed)
    found = np.zeros(keys)
    for i in range(keys):
        lie = msgspec.structs.replace(marks.marking, key=rng.bytes(32))
        found[i] = tail(*matches(marks_of(lie, scores, THIEF, prints), said), among)
    return found


def run() -> tuple[list[Figure], list[Row]]:
    """The figures and all rows."""
    small, large = digits()._replace(victim=397, test=400), tab20()._replace(victim=2000, test=1000)
    settings = ((small, 0.005), (small, 0.01), (small, 0.02), (large, 0.005), (large, 0.01))
    made = {(task.name, share, seed): marked(task, share, seed) for task, share in settings for seed in SEEDS}
    rows = [row for marks in made.values() for row in clones(marks)]
    alone = strangers(made["digits", 0.02, 0], INDEPENDENT // 2) + strangers(made["tab20", 0.01, 0], INDEPENDENT // 2)
    lie = ground(made["digits", 0.02, 0])
    lied = Row("digits", 0.02, 0, f"stranger, best of {len(lie):,} keys", 0, 0, float(lie.min()), 0.0)
    return figures(rows, alone, lie), [*rows, *alone, lied]


def worst(rows: list[Row], task: str, share: float, *suspects: str) -> float:
    """The largest p of these suspects over the seeds."""
    return 10.0 ** max(r.log10_p for r in rows if (r.task, r.share) == (task, share) and r.suspect in suspects)


def figures(rows: list[Row], alone: list[Row], lie: Array) -> list[Figure]:
    """What is promised of them, and what is not kept."""
    made = []
    for task, share, told in (("digits", 0.02, "2 % of 1,000"), ("tab20", 0.01, "1 % of 3,000")):
        peer = f"{told} answers, {LABELS}, worst of {len(SEEDS)} seeds"
        made.append(Figure(f"mark_p_{task}", worst(rows, task, share, LABELS), "p", peer))
        for name, suspects in (("probabilities", (SOFT,)), ("half_trained", (EARLY,)), (AFTER, (PRUNE, TUNED, BOTH))):
            said = f"{told} answers, worst of {len(SEEDS)} seeds and of: {'; '.join(suspects)}"
            made.append(Figure(f"mark_p_{task}_{name}", worst(rows, task, share, *suspects), "p", said))
    removed = max(f.value for f in made if f.figure.endswith(AFTER))
    lowest = 10.0 ** min(r.log10_p for r in alone)
    return [
        *made,
        Figure("mark_p_after_finetune", removed, "p", "the worst of both tasks: marks do not survive everything"),
        Figure("mark_p_independent_min", lowest, "p", f"{len(alone)} models that saw no answer", "higher"),
        Figure("mark_false_claim_best", float(10.0 ** lie.min()), "p", f"the best of {len(lie):,} keys", "higher"),
    ]
