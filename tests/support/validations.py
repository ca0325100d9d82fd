"""A validation as data, for the tests of what is made of it."""

from wellhead.redteam.outcome import Leak, Prices
from wellhead.redteam.validation import LABEL_ONLY, OWN, UNDEFENDED, Notice, Point, Taken, Tried, Validation

LEAK = Leak(
    members=1500, nonmembers=1500, auc=0.7, auc_interval=(0.65, 0.75), tpr1=0.08, tpr1_interval=(0.06, 0.1),
    tpr01=None, tpr01_interval=(0.0, 1.0), advantage=0.3, balanced_accuracy=0.65, epsilon=0.5, p_value=1e-9,
)  # fmt: skip


def taken(thief, *heights, accuracy=-1.0, accounts=1, reason=""):
    """A thief whose clones of 100, 200, ... inputs are that good, plus or minus two points."""
    curve = tuple(
        Point(inputs=100 * i, rows=100 * i, fidelity=h, low=h - 0.02, high=min(h + 0.02, 1.0), spread=0.004)
        for i, h in enumerate(heights, 1)
    )
    ends = (heights[-1],) * 3 if heights else ()
    return Taken(
        thief=thief, rows=100 * len(heights), curve=curve, shares=ends, accuracy=accuracy, accounts=accounts,
        learner="logistic", state="ok" if heights else "not run", reason=reason,
    )  # fmt: skip


def policy(name, *takings, kept=500, l1=(0.1, 0.9), answers=(), **more):
    notice = Notice(answered=500, kept=kept, l1_mean=l1[0], l1_max=l1[1], added_us=12.0)
    return Tried(policy=name, answers=answers, takings=takings, notice=notice, l1_promised=1.0, **more)


VALIDATION = Validation(
    target="victim & co",
    time_us=1_767_225_600_000_000,
    seeds=3,
    budget=300,
    judges=500,
    classes=10,
    chance=0.1,
    accuracy=0.95,
    prices=Prices(row=0.002, account=1.0),
    tried=(
        policy(UNDEFENDED, taken("soft", 0.7, 0.85, 0.95, accuracy=0.93), taken("label-only", 0.6, 0.7, 0.8), l1=(0, 0),
               by_labels=LEAK, by_scores=LEAK),
        policy(LABEL_ONLY, taken("soft", 0.6, 0.7, 0.8, accuracy=0.79), taken("label-only", 0.6, 0.7, 0.8),
               answers=("label_only",)),
        policy("mad_argmax", taken("soft", 0.2, 0.3, 0.4), taken("label-only", 0.6, 0.7, 0.8, accuracy=0.79),
               taken("split soft", 0.6, 0.7, 0.79, accounts=8), answers=("mad_argmax",)),
        policy("mad<b>", taken("soft", 0.3), kept=3, answers=("mad",)),
        policy("shut", taken("soft", reason="closed")),
        Tried(policy="modelguard_s", state="not ready", reason="no codebook"),
        policy(OWN, taken("soft", 0.65, 0.8, 0.9, accuracy=0.9), taken("label-only", 0.6, 0.7, 0.8)),
    ),
)  # fmt: skip
"""Seven policies: open, label-only, one that only a naive thief minds, one that flips, one shut, one not ready, own."""
