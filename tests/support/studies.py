"""Studies as a red team would leave them, for the tests of the report."""

import math

import numpy as np
from sklearn.datasets import load_digits

from wellhead.redteam.measure import wilson
from wellhead.redteam.outcome import Exact, Leak, Likeness, Mark, Outcome, Prices, Probed, Study

HOSTILE = "<script>alert('x')</script>|$\\alpha$ `x` [a](http://evil.example/) \"'&amp; \x1b[31m\x00 {{ 7*7 }}\n# title"
EXTRACT, MEMBER, INVERT = ("AML.T0024.002",), ("AML.T0024.000",), ("AML.T0024.001",)
WHEN_US = 1_800_000_000_000_000
VERSIONS = {"wellhead": "0.1.0", "numpy": "2.4.0"}


def marks(end, rows, half=300.0, judges=540, learner="mlp", told="scores"):
    """A learning curve that comes to `end`, halving its distance every time rows grow e-fold over `half`."""
    found = []
    for n in rows:
        f = end - (end - 0.35) * math.exp(-((n / half) ** 0.7))
        hits = round(f * judges)
        low, high = wilson(hits, judges)
        mark = Mark(
            rows=n,
            fidelity=hits / judges,
            low=low,
            high=high,
            spread=0.004,
            elsewhere=f - 0.1,
            distance=(1 - f) / 2,
            learner=learner,
            told=told,
        )
        found.append(mark)
    return tuple(found)


def outcome(attack, room="extract", **fields):
    fields = {"paper": "Orekondy et al., Knockoff Nets, CVPR 2019", "atlas": EXTRACT, "state": "ok", **fields}
    return Outcome(attack=attack, room=room, digest="5f" * 32, **fields)


def leak(shift, members=2500, nonmembers=2500, seed=0, sd=1.0):
    """What thresholding two normal distributions `shift` apart tells."""
    rng = np.random.default_rng(seed)
    inside, outside = np.sort(rng.normal(shift, sd, members)), np.sort(rng.normal(0, 1, nonmembers))
    cuts = np.quantile(outside, 1 - np.geomspace(1 / nonmembers, 1, 60))
    curve = [(float((outside >= c).mean()), float((inside >= c).mean())) for c in cuts]
    auc = float((inside[:, None] > outside[None, :]).mean())
    error = 0.6 / math.sqrt(min(members, nonmembers))
    tpr = {f: float((inside > np.quantile(outside, 1 - f)).mean()) for f in (0.01, 0.001)}
    ends = {f: tuple(wilson(round(t * members), members)) for f, t in tpr.items()}
    return Leak(
        members=members,
        nonmembers=nonmembers,
        auc=auc,
        auc_interval=(auc - 1.96 * error, auc + 1.96 * error),
        tpr1=tpr[0.01] if nonmembers >= 1000 else None,
        tpr1_interval=ends[0.01],
        tpr01=tpr[0.001] if nonmembers >= 10_000 else None,
        tpr01_interval=ends[0.001],
        advantage=max(t - f for f, t in curve),
        balanced_accuracy=0.5 + max(t - f for f, t in curve) / 2,
        epsilon=max(math.log(max(ends[0.01][0], 0.01) / 0.01), 0.0),
        curve=tuple(curve),
    )


def likenesses():
    """Blurred class means of the digits, beside the means."""
    inputs, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    found = []
    for c in range(10):
        mean = inputs[labels == c].mean(0) / 16
        made = np.clip(mean * 1.2 + rng.normal(0, 0.15, 64), 0, 1)
        like = float(np.corrcoef(mean, made)[0, 1])
        found.append(
            Likeness(
                name=str(c), shape=(8, 8), pixels=tuple(made), beside=tuple(mean), similarity=like, confidence=0.99
            )
        )
    return tuple(found)


PROBED = Probed(
    exposure="probabilities",
    classes=10,
    batch_alone_gap=2e-16,
    most_rows=4096,
    latency_ms=3.2,
    versions=("digits 3", "python-model-server/1.4"),
    errors=(("a string", 400, "ValueError: could not convert string to float"), ("too few features", 500, "X has 63")),
    odd=(("blank", "8", 0.412), ("noise", "3", 0.93), ("far out", "5", 1.0)),
)


def stolen():
    """A digits perceptron behind an API: copied, leaks about nothing, inverted."""
    rows = [50, 100, 200, 400, 800, 1600, 2000]
    outcomes = (
        outcome("random", rows=2000, calls=8, money=4.0, marks=marks(0.955, rows, 280), seconds=9.0),
        outcome(
            "uncertainty", rows=2000, calls=8, money=4.0, marks=marks(0.992, rows, 210), detail="2,000 rows answered"
        ),
        outcome("k_center", rows=2000, calls=8, money=4.0, marks=marks(0.971, rows, 240)),
        outcome("copycat", rows=2000, calls=8, money=4.0, marks=marks(0.93, rows, 380, told="labels")),
        outcome("jacobian", rows=1600, calls=6, money=3.2, marks=marks(0.88, rows[:-1], 500)),
        outcome(
            "relu_mlp",
            state="unsupported",
            reason="unsupported precision: scores are rounded to 6 decimals, this needs full float64",
        ),
        outcome("tree_paths", state="unsupported", reason="needs answers that name a leaf; every row has its own"),
        outcome("all answers together", rows=6214, calls=30, money=0.0, marks=marks(0.992, [6214], 100)),
        outcome("loss_threshold", "membership", paper="Yeom et al., CSF 2018", atlas=MEMBER, leak=leak(0.0, 700, 540)),
        outcome("inversion", "invert", paper="Fredrikson et al., CCS 2015", atlas=INVERT, likenesses=likenesses()),
    )
    return Study(
        target="https://models.example/v2/models/digits/infer",
        owner="Ann Example, Head of Risk",
        time_us=WHEN_US,
        seed=7,
        classes=10,
        judges=540,
        chance=0.102,
        accuracy=0.9685,
        budget_rows=10_000,
        spent_rows=6214,
        spent_calls=30,
        spent_retries=2,
        spent_seconds=74.0,
        probed=PROBED,
        prices=Prices(row=0.002, account=5, rows_per_s=10, accounts=4, build=60_000, rows_per_call=256),
        outcomes=outcomes,
        versions=VERSIONS,
        digest="5f" * 32,
    )


def exact():
    """A softmax regression, solved."""
    solved = Exact(error=3.1e-14, points=10_000, bound=3e-4)
    rows = [20, 40, 65]
    solving = outcome(
        "equation_solving", rows=65, calls=1, exact=solved, marks=marks(1.0, [65], 5), paper="Tramèr et al."
    )
    random = outcome("random", rows=2000, calls=8, marks=marks(0.97, [*rows, 200, 800, 2000], 400, learner="logistic"))
    return Study(
        target="softmax.skops",
        time_us=WHEN_US,
        seed=0,
        classes=10,
        judges=540,
        chance=0.1,
        spent_rows=2065,
        spent_calls=9,
        prices=Prices(row=0.0001),
        outcomes=(solving, random),
        digest="aa" * 32,
    )


def defended():
    """Labels only, and a model whose clones are poor."""
    rows = [50, 100, 200, 400, 800]
    outcomes = (
        outcome("random", rows=800, calls=4, marks=marks(0.86, rows, 500, told="labels")),
        outcome(
            "uncertainty",
            rows=800,
            calls=4,
            marks=marks(0.9, rows, 450, told="labels"),
            state="exhausted",
            reason="the budget of rows is used up",
        ),
        outcome(
            "equation_solving",
            state="unsupported",
            reason="equation_solving needs probabilities, the answers carry label",
        ),
        outcome("boundary_distance", "membership", atlas=MEMBER, leak=leak(0.02, 2500, 2500, 1)),
    )
    return Study(
        target="http://127.0.0.1:8787",
        time_us=WHEN_US,
        seed=1,
        classes=10,
        judges=540,
        chance=0.11,
        budget_rows=800,
        spent_rows=800,
        spent_calls=4,
        outcomes=outcomes,
        warnings=("The target gave 3 of 50 repeated inputs another answer: it is not deterministic, or was changed.",),
    )


def leaky():
    """A Location-30 like leak."""
    outcomes = (
        outcome(
            "lira_online",
            "membership",
            paper="Carlini et al., S&P 2022",
            atlas=MEMBER,
            leak=leak(1.6, 1000, 10_000, sd=1.5),
            rows=3200,
        ),
        outcome(
            "rmia",
            "membership",
            paper="Zarifzadeh et al., ICML 2024",
            atlas=MEMBER,
            leak=leak(1.2, 1000, 10_000, 2),
            rows=3200,
        ),
        outcome(
            "loss_threshold",
            "membership",
            paper="Yeom et al., CSF 2018",
            atlas=MEMBER,
            leak=leak(0.7, 1000, 10_000, 3),
            rows=3200,
        ),
    )
    return Study(
        target="location30.onnx",
        time_us=WHEN_US,
        seed=2,
        classes=30,
        outcomes=outcomes,
        spent_rows=3200,
        digest="bb" * 32,
    )


def failed():
    """Blocked after a few answers."""
    outcomes = (
        outcome(
            "random",
            state="blocked",
            rows=12,
            calls=3,
            reason="every account is blocked; the last word was: 403 banned",
        ),
        outcome("uncertainty", state="not run", reason="every account was blocked before"),
        outcome(
            "equation_solving", state="failed", reason="some queries stayed unanswered; the last word was: 500 oops"
        ),
    )
    return Study(
        target="https://api.example",
        owner="Ann",
        time_us=WHEN_US,
        seed=3,
        outcomes=outcomes,
        budget_rows=math.inf,
        spent_rows=12,
    )


def regressor():
    """House prices: R² instead of agreement."""
    found = tuple(
        Mark(rows=n, fidelity=f, low=f - 0.08, high=min(f + 0.05, 1), learner="gradient_boosting", told="values")
        for n, f in ((50, -0.2), (100, 0.41), (400, 0.78), (1600, 0.93))
    )
    return Study(
        target="prices.xgb",
        time_us=WHEN_US,
        seed=4,
        task="regressor",
        judges=400,
        outcomes=(outcome("random", rows=1600, marks=found),),
        prices=Prices(call=0.01, rows_per_call=100),
    )


def hostile():
    """A target that says whatever it can to take over the page."""
    likeness = Likeness(name=HOSTILE, shape=(3,), pixels=(0.0, math.nan, 1.0))
    return Study(
        target=HOSTILE,
        owner=HOSTILE,
        time_us=WHEN_US,
        seed=5,
        probed=Probed(
            exposure=HOSTILE,
            versions=(HOSTILE,),
            errors=((HOSTILE, 500, HOSTILE),),
            odd=((HOSTILE, HOSTILE, math.inf),),
        ),
        outcomes=(
            outcome(HOSTILE, marks=marks(0.9, [10, 100]), detail=HOSTILE, paper=HOSTILE),
            outcome("random", state="failed", reason=HOSTILE),
            outcome("inversion", "invert", likenesses=(likeness,)),
            outcome("lira", "membership", leak=leak(1.0, 50, 50)),
        ),
        warnings=(HOSTILE,),
        versions={HOSTILE: HOSTILE},
        digest=HOSTILE,
    )


STUDIES = {f.__name__: f for f in (stolen, exact, defended, leaky, failed, regressor, hostile)}
