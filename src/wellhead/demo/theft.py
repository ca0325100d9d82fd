"""The thief: the red team's own pool attack, over HTTP, with the clone it ends up with measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.demo.data import Images
from wellhead.demo.server import MODEL
from wellhead.demo.stage import Account
from wellhead.protocols.open_inference import OpenInference
from wellhead.redteam.ask import Patience
from wellhead.redteam.attack import Extraction
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.http import Account as HttpAccount
from wellhead.redteam.http import Http
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.measure import Fidelity, Point, curve
from wellhead.redteam.run import Round, run

QUERIES = 4_000
ACCOUNTS = 8
_LEARNERS = {name: LEARNERS[name] for name in ("mlp", "random_forest")}
"""The two that do best on these digits; the others need minutes and end below."""


class Loot(NamedTuple):
    """What a theft ended with. curve: fidelity of the best clone after so many answers."""

    answers: int
    refused: int
    blocked: dict[str, str]
    curve: list[Point]

    @property
    def fidelity(self) -> Fidelity:
        """Agreement of the final clone with the model on images nobody asked."""
        return self.curve[-1].best.fidelity


def steal(port: int, accounts: Sequence[Account], pool: Images, seed: int, told: Callable[[Round], Any]) -> Extraction:
    """Ask the whole pool, split over the accounts; returns the answers got. told: hears every round."""
    oracle = Http(
        f"http://127.0.0.1:{port}",
        OpenInference(),
        ModelSpec(name=MODEL),
        [HttpAccount(a.name, headers=a.headers) for a in accounts],
        rows_per_call=1,
        target=f"demo:{port}",
    )
    attack = Pool(inputs=pool, rows=len(pool), per_round=160)
    last: Round | None = None
    for last in run(attack, oracle, patience=Patience(give_up_after_s=2.0), seed=seed):
        told(last)
    if last is None or not isinstance(last.result, Extraction):
        return Extraction(inputs=pool[:0], answer=Answer(Exposure.LABEL))
    return last.result


def measured(extraction: Extraction, judge: Images, truth: Answer, at: Sequence[int] = ()) -> list[Point]:
    """The fidelity of real clones trained on the answers."""
    return curve(extraction, judge, truth, at, learners=_LEARNERS)
