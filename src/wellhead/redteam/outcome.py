"""What a red-team study found, as data: the runner writes it, the report reads it, JSON keeps it."""

from __future__ import annotations

import msgspec


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What a few probing queries told of the target.

    exposure: `label`, `top_k`, `probabilities`, `logits` or `value`.  classes: columns or distinct labels seen.
    decimals: to which scores are rounded, -1 for full float64.  single: scores are float32.
    sums_to_one: scores are a distribution.  deterministic: the same inputs got the same answers three times.
    batch_alone_gap: the largest difference between a row's scores asked alone and in a batch.
    missing: NaN features are answered.  most_rows: rows of the largest request that was answered.
    versions: whatever names software or model versions.  errors: what malformed inputs got, (what, status, text).
    odd: label and top score of the blank, noisy and far-out inputs, (what, label, score).
    """

    exposure: str
    classes: int = 0
    decimals: int = -1
    single: bool = False
    sums_to_one: bool = True
    deterministic: bool = True
    batch_alone_gap: float = 0.0
    missing: bool = False
    most_rows: int = 0
    latency_ms: float = 0.0
    versions: tuple[str, ...] = ()
    errors: tuple[tuple[str, int, str], ...] = ()
    odd: tuple[tuple[str, str, float], ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How good the best clone was after so many answered rows of one attack.

    fidelity: on held-out inputs, in low..high (95 %).  spread: standard deviation over the clone's seeds.
    elsewhere: fidelity on uniform inputs, -1 where not measured.  distance: mean total variation from the target's
    probabilities, -1 where it gives none.  learner: of the best clone.  told: what it learnt from.
    """

    rows: int
    fidelity: float
    low: float
    high: float
    spread: float = 0.0
    elsewhere: float = -1.0
    distance: float = -1.0
    learner: str = ""
    told: str = ""


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    """How well one attack told members from non-members, with 95 % intervals (low, high).

    tpr1, tpr01: true positive rates at 1 % and 0.1 % false positives; None where the non-members are too few for it.
    Their intervals tell what is still possible, also where the rate itself is None.
    false1, false01: intervals of the false positives that there really were at those thresholds.
    ties1, ties01: the same true positive rates with ties broken at random, and in the attacker's favour.
    advantage: largest true minus false positive rate.  epsilon: lower bound of the differential privacy loss.
    curve: (false, true) positive rates for the plot.
    p_value: of members scoring like everybody else, the smaller of two tests (area, top 1 %) doubled; -1 if unknown.
    attacks: membership attacks of the study, each of which had a chance of finding something.
    drift: area that the inputs and labels alone come to, 0.5 where they tell nothing.
    """

    members: int
    nonmembers: int
    auc: float
    auc_interval: tuple[float, float]
    tpr1: float | None
    tpr1_interval: tuple[float, float]
    tpr01: float | None
    tpr01_interval: tuple[float, float]
    advantage: float
    balanced_accuracy: float
    epsilon: float
    curve: tuple[tuple[float, float], ...] = ()
    false1: tuple[float, float] = (0.0, 1.0)
    false01: tuple[float, float] = (0.0, 1.0)
    ties1: tuple[float, float] = (0.0, 1.0)
    ties01: tuple[float, float] = (0.0, 1.0)
    p_value: float = -1.0
    attacks: int = 1
    drift: float = 0.5


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """One inverted class for the gallery. pixels: flattened, with the input's shape.

    beside: the mean input of that class, empty where unknown.  similarity: SSIM to it, or correlation where the
    inputs are no images; -1 where unknown.  confidence: the target's own, -1 where it tells none.
    """

    name: str
    shape: tuple[int, ...]
    pixels: tuple[float, ...]
    beside: tuple[float, ...] = ()
    similarity: float = -1.0
    confidence: float = -1.0


class Exact(msgspec.Struct, frozen=True, kw_only=True):
    """Recovery of the model itself. error: largest difference of probabilities on `points` fresh inputs.

    bound: with 95 % confidence at most this share of such inputs differs (rule of three).
    """

    error: float
    points: int
    bound: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one attack came to. room: `extract`, `membership` or `invert`.

    state: `ok`, `exhausted`, `blocked`, `unsupported`, `failed` or `not run`; reason: one sentence where not ok.
    rows: asked by this attack, cached answers included.  digest: of the transcript when it ended.
    guarded: the same attack through a policy, in simulated time; its rows are those that the policy let be answered.
    """

    attack: str
    room: str
    paper: str
    atlas: tuple[str, ...]
    state: str
    reason: str = ""
    detail: str = ""
    rows: int = 0
    calls: int = 0
    retries: int = 0
    seconds: float = 0.0
    money: float = 0.0
    digest: str = ""
    marks: tuple[Mark, ...] = ()
    exact: Exact | None = None
    leak: Leak | None = None
    likenesses: tuple[Likeness, ...] = ()
    guarded: Outcome | None = None


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What an attack costs. row, call, account: in the operator's currency.  rows_per_s: limit of one account, 0 for
    none.  build: what the model cost its owner, 0 where not told.  compute: training the clone.
    """

    row: float = 0.0
    call: float = 0.0
    account: float = 0.0
    rows_per_s: float = 0.0
    accounts: int = 1
    build: float = 0.0
    compute: float = 0.0
    rows_per_call: int = 1


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """One red-team study, whole. time_us: since 1970 UTC.  chance: share of the commonest class.

    target, owner: as attacked and by whose leave.  accuracy: of the target on labelled held-out rows, -1 if unknown.
    judges: held-out inputs that fidelity was measured on.  warnings: one sentence each.
    policy: the file of the policy that attacks were also run through, empty for none.
    spent_rows, spent_calls: by the whole study, equal to what the target's own counter says.
    """

    target: str
    owner: str = ""
    time_us: int
    seed: int
    task: str = "classifier"
    classes: int = 0
    judges: int = 0
    chance: float = 0.0
    accuracy: float = -1.0
    budget_rows: float = 0.0
    spent_rows: int = 0
    spent_calls: int = 0
    spent_retries: int = 0
    spent_seconds: float = 0.0
    probed: Probed | None = None
    prices: Prices = Prices()
    outcomes: tuple[Outcome, ...] = ()
    policy: str = ""
    warnings: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    digest: str = ""
