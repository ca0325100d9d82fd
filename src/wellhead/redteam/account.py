"""How one account fares, and when its replies are no answers."""

from __future__ import annotations

import msgspec
import numpy as np

from wellhead.redteam.attack import length
from wellhead.redteam.oracle import Reply
from wellhead.redteam.patience import Patience

_MOST_UNUSABLE = 3


class AccountState(msgspec.Struct):
    """How one account fares. answered: rows.  blocked: why it is asked no more, empty while it is.

    waited_s: since its last answer, for replies as well as between them.  next_s: by its pace, when it may ask again.
    missed: attempts in a row that count as spent and told nothing.
    """

    answered: int = 0
    waited_s: float = 0.0
    blocked: str = ""
    next_s: float = 0.0
    missed: int = 0

    def got(self, rows: int) -> None:
        """Note an answer to so many rows."""
        self.answered, self.waited_s, self.missed = self.answered + rows, 0.0, 0

    def lost(self, reply: Reply, seconds: float, patience: Patience) -> None:
        """Note an attempt of so many seconds without an answer, and block the account where there were enough."""
        self.waited_s += seconds
        self.missed += reply.charged
        # A reply that is billed and cannot be read will not get better by asking on.
        unusable = reply.status == 200
        if reply.charged and self.missed >= (_MOST_UNUSABLE if unusable else patience.attempts):
            what = "unusable answers" if unusable else "requests without a reply"
            self.blocked = f"{self.missed} {what} in a row, the last: {reply.detail}"
        elif reply.status != 429 and self.waited_s > patience.give_up_after_s:
            word = f"{reply.status} {reply.detail}".strip()
            self.blocked = f"no usable answer for {self.waited_s:.1f} s, the last word was: {word}"


def checked(reply: Reply, rows: int, classes: int | None) -> Reply:
    """The reply, without its answer where that does not fit the question or earlier answers."""
    answer = reply.answer
    if answer is None:
        return reply
    width = None if answer.scores is None else answer.scores.shape[1]
    if length(answer) != rows:
        problem = f"expected answers to {rows} rows, got {length(answer)}"
    elif classes is not None and width is not None and width != classes:
        problem = f"expected scores of {classes} classes as before, got {width}"
    elif answer.scores is not None and np.isnan(answer.scores).any():
        problem = "expected scores, got NaN"
    elif answer.values is not None and rows and np.isnan(answer.values).all():
        problem = "expected values, got NaN"
    else:
        return reply
    return msgspec.structs.replace(reply, answer=None, detail=problem)
