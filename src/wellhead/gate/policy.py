"""The config's rules, worked out once for each plan."""

from __future__ import annotations

import msgspec

from wellhead.config import Config, Plan, Treatment, exposure_of
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict
from wellhead.defend.guarantees import Argmax
from wellhead.defend.spec import Unready, compose, met, parse
from wellhead.gate.lists import both
from wellhead.gate.marking import marked

_RESPONSES = {"alert": Stance.WATCH, "reduce": Stance.REDUCE, "throttle": Stance.THROTTLE}
TREATED = (Stance.WATCH, Stance.REDUCE, Stance.DELAY, Stance.CHALLENGE, Stance.THROTTLE)
"""Stances that the config can say something of."""
DELAY_S = (0.5, 1.5)
"""Least and most seconds of a delay that the config does not name."""
_AT_ONCE = (0.0, 0.0)

_GIVEN = {"key": bytes(32)}
"""What defences have before any profile is fitted; this key stands for the one that the gate makes."""

Treated = tuple[Verdict, tuple[float, float]]
"""The verdict on a query that passes, and the least and most seconds that its answer waits."""


class Graded(msgspec.Struct, frozen=True):
    """One step of the adaptive policy. drawn: share from which on it holds, p: value down from which; None never."""

    stance: Stance
    drawn: float | None
    p: float | None
    for_s: float


class Terms(msgspec.Struct, frozen=True):
    """What one plan may do.

    passing: the verdict on a query that nothing is held against.  treated: the same under each stance, and the least
    and most seconds that its answer waits.
    per_row_s: seconds that one row costs of the rate limit, 0 where there is none.  burst_rows: rows at once.
    rows_per_day, max_rows, max_unread_rows: rows, 0 means no limit.  max_drawn: 0..1.  max_bits: 0 means no limit.
    """

    per_row_s: float
    burst_rows: int
    rows_per_day: int
    max_rows: int
    max_unread_rows: int
    passing: Verdict
    max_drawn: float
    max_bits: float = 0.0
    treated: dict[Stance, Treated] = {}
    flip_labels: bool = False

    def under(self, stance: Stance) -> Treated:
        """What holds under a stance; the strictest that is known for one beyond THROTTLE."""
        return self.treated.get(min(stance, Stance.THROTTLE), (self.passing, _AT_ONCE))


class Policy(msgspec.Struct, frozen=True):
    """Who may do what. enforce: False lets every query pass and says what would have been done.

    share: the attributes that tie principals together.  response: the stance that guilt asks for; WATCH only alerts.
    allow: principals that no decision touches, looked up when the decision would bite.
    grades: the adaptive policy.  reduced: what an answer may still give away by a decision to reduce.
    version: of the model, to which keyed defences are bound.
    """

    enforce: bool
    base: Terms
    plans: dict[str, Terms]
    allow: frozenset[str]
    global_per_row_s: float
    global_burst_rows: int
    closed_for_s: float
    window_days: int
    share: tuple[str, ...]
    response: Stance = Stance.THROTTLE
    grades: tuple[Graded, ...] = ()
    reduced: Exposure = Exposure.LABEL
    version: str = ""

    def terms(self, plan: str) -> Terms:
        """The terms of a plan; a plan that the config does not name has those of the whole."""
        return self.plans.get(plan, self.base)

    def exposure_of(self, stance: Stance) -> Exposure:
        """The most that a decision of this stance lets an answer give away."""
        return self.reduced if stance is Stance.REDUCE else Exposure.VALUE


def compile_policy(config: Config) -> Policy:
    """The policy that a config describes.

    Raises ConfigError for a grade that would change nothing, and for defences that can never be used.
    """
    rate = config.limits.global_rows_per_minute
    reduce = config.stances.get("reduce")
    policy = Policy(
        enforce=config.mode == "enforce",
        base=_terms(config, Plan()),
        plans={name: _terms(config, plan, name) for name, plan in config.plans.items()},
        allow=frozenset(config.valve.allow),
        global_per_row_s=60.0 / rate if rate else 0.0,
        global_burst_rows=rate,
        closed_for_s=config.valve.closed_for_s,
        window_days=config.valve.window_days,
        share=config.valve.share,
        response=_RESPONSES[config.detect.response],
        grades=tuple(Graded(Stance[g.stance.upper()], g.drawn, g.p, g.for_s) for g in config.grades),
        reduced=Exposure.VALUE if reduce and (reduce.exposure or reduce.answers is not None) else Exposure.LABEL,
        version=f"{config.model.name}/{config.model.version}",
    )
    _check_effect(policy)
    for path, terms in (("exposure", policy.base), *((f"plans.{n}.exposure", t) for n, t in policy.plans.items())):
        _check_lists(path, terms, config.model.task)
    return policy


def _terms(config: Config, plan: Plan, name: str = "") -> Terms:
    limits, exposed, valve = plan.limits or config.limits, plan.exposure or config.exposure, config.valve
    rate = limits.rows_per_minute
    passing = Verdict(
        Stance.ALLOW,
        exposure_of(exposed),
        decimals=exposed.decimals,
        top_k=exposed.top_k,
        answers=exposed.answers,
    )
    treated = {s: (marked(config.ownership, name, v), wait) for s, (v, wait) in _treated(config, passing).items()}
    return Terms(
        per_row_s=60.0 / rate if rate else 0.0,
        burst_rows=limits.burst_rows or rate,
        rows_per_day=limits.rows_per_day,
        max_rows=limits.max_rows,
        max_unread_rows=limits.max_unread_rows,
        passing=marked(config.ownership, name, passing),
        max_drawn=valve.max_drawn if plan.max_drawn is None else plan.max_drawn,
        max_bits=valve.max_bits if plan.max_bits is None else plan.max_bits,
        treated=treated,
        flip_labels=exposed.flip_labels,
    )


def _treated(config: Config, passing: Verdict) -> dict[Stance, Treated]:
    """What holds under each stance: it has what milder ones set, and changes what it names."""
    treated: dict[Stance, Treated] = {}
    stances: dict[str, Treatment] = dict(config.stances.items())
    verdict, delay = passing, _AT_ONCE
    for stance in TREATED:
        treatment = stances.get(stance.name.lower(), Treatment())
        delay = treatment.delay_s or delay
        verdict = msgspec.structs.replace(_under(verdict, treatment, passing), stance=stance)
        wait = DELAY_S if stance is Stance.DELAY and not any(delay) else delay
        treated[stance] = (verdict, wait)
    return treated


def _under(milder: Verdict, treatment: Treatment, plan: Verdict) -> Verdict:
    """What a treatment makes of the verdict under the milder stance; what cuts the plan's answers stays in force."""
    t = treatment
    exposure = Exposure.parse(t.exposure) if t.exposure else milder.exposure
    decimals = milder.decimals if t.decimals is None else t.decimals
    return msgspec.structs.replace(
        milder,
        exposure=min(exposure, plan.exposure),
        decimals=plan.decimals if decimals < 0 or 0 <= plan.decimals < decimals else decimals,
        top_k=min(t.top_k or milder.top_k, plan.top_k),
        answers=milder.answers if t.answers is None else both(plan.answers, t.answers),
        upstream=milder.upstream if t.upstream is None else t.upstream,
        challenge_bits=t.challenge_bits or milder.challenge_bits,
    )


def _check_effect(policy: Policy) -> None:
    """Raises ConfigError for a grade whose stance changes nothing in any plan."""
    for i, grade in enumerate(policy.grades):
        if not any(_changes(terms, grade.stance, policy) for terms in (policy.base, *policy.plans.values())):
            name = grade.stance.name.lower()
            raise ConfigError(
                f"expected grades[{i}] to change something, got {name}, which leaves every answer as it is",
                f"say what it changes in [stances.{name}], such as answers or exposure",
            )


def _changes(terms: Terms, stance: Stance, policy: Policy) -> bool:
    """True where a query under this stance is treated otherwise than one that nothing is held against."""
    if stance >= Stance.DELAY:
        return True
    under, delay = terms.under(stance)
    exposure = min(under.exposure, policy.exposure_of(stance))
    same = msgspec.structs.replace(under, stance=Stance.ALLOW, exposure=exposure) == terms.passing
    return not same or any(delay)


def _check_lists(path: str, terms: Terms, task: str) -> None:
    """Raises ConfigError for a list of defences under these terms that can never be used.

    Defences that wait for a profile are looked at when it is there.
    """
    lists = {f"{path}.answers": terms.passing.answers}
    lists |= {f"stances.{s.name.lower()}.answers": v.answers for s, (v, _) in terms.treated.items()}
    for place, answers in lists.items():
        if answers and task == "regressor":
            raise ConfigError(
                f"expected no defences of probabilities for a regressor, got {place}", "set exposure.decimals instead"
            )
        try:
            ready = tuple(text for text in answers if _is_ready(text))
            promise = met(compose(ready, _GIVEN))
        except ConfigError as e:
            raise ConfigError(f"{place}: {e.message}", e.remedy or "see docs/defences.md") from e
        if promise.argmax is Argmax.NONE and not terms.flip_labels:
            raise ConfigError(
                f"expected {place} to keep the best class, got {' '.join(ready)}, which may change it for honest users",
                "wrap it in keep_argmax(...), or accept that with flip_labels = true in [exposure]",
            )


def _is_ready(text: str) -> bool:
    try:
        parse(text, _GIVEN)
    except Unready:
        return False
    return True
