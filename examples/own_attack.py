"""An attack of your own, in one file: check it, run it, see how good its clone is. See docs/writing-an-attack.md.

Needs: pip install 'wellhead[redteam]'.
"""

from typing import ClassVar, Self

import msgspec
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from wellhead.core.arrays import Array
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Extraction, answered, take
from wellhead.redteam.budget import Budget
from wellhead.redteam.known import Known
from wellhead.redteam.learner import mlp
from wellhead.redteam.measure import curve
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack


class Midpoints(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Ask inputs halfway between two of the pool: a small pool becomes as many questions as one wants.

    pool: (n, ...) float32, two rows or more.  It costs `rows` queries in one round.
    Needs labels.  After Zhang et al., mixup, ICLR 2018, arXiv 1710.09412.
    """

    name: ClassVar[str] = "midpoints"
    paper: ClassVar[str] = "Zhang et al., mixup, ICLR 2018, arXiv 1710.09412"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    pool: Array
    rows: int = 1000

    @classmethod
    def suit(cls, known: Known) -> Self:
        known.need_numbers()
        known.need(len(known.pool) > 1, "needs two inputs or more to draw between")
        return cls(pool=np.asarray(known.pool, np.float32), rows=known.rows)

    def run(self, rng: np.random.Generator) -> Conversation:
        one, other = rng.integers(len(self.pool), size=(2, self.rows))
        inputs = (self.pool[one] + self.pool[other]) / 2
        answer = yield inputs
        heard = answered(answer)
        detail = f"{int(heard.sum())} of {self.rows} midpoints answered"
        return Extraction(inputs=inputs[heard], answer=take(answer, heard), detail=detail)


def main() -> None:
    inputs, labels = load_digits(return_X_y=True)
    inputs = (inputs / 16).astype(np.float32)
    train, pool, test = np.split(np.random.default_rng(0).permutation(len(inputs)), [700, 800])
    model = MLPClassifier((64,), max_iter=1000, random_state=0).fit(inputs[train], labels[train])

    low, high = np.zeros(64), np.ones(64)
    attack = Midpoints.suit(Known(shape=(64,), low=low, high=high, pool=inputs[pool], rows=1000))
    check_attack(attack, model.predict_proba)  # raises ContractError with the first rule that is not kept

    last = finish(run(attack, InProcess(model.predict_proba), Budget(rows=1000), seed=0))
    print(f"{last.state}: {last.result.detail}, {last.spent.rows} rows in {last.spent.calls} calls")
    truth = as_answer(model.predict_proba(inputs[test]))
    for rows, best in curve(last.result, inputs[test], truth, at=(100, 1000), learners={"mlp": mlp}):
        found = best.fidelity
        print(f"{rows:5d} queries  fidelity {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")


if __name__ == "__main__":
    main()
