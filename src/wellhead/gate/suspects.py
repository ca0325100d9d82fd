"""Guilt: who is unlike honest principals, at a promised rate of false alarms, and what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.errors import ConfigError
from wellhead.core.finding import Action, Evidence, Finding
from wellhead.core.verdict import Stance
from wellhead.core.words import chance
from wellhead.detect import order
from wellhead.detect.detectors import Detectors
from wellhead.detect.drift import Drift
from wellhead.detect.guilt import Alarm, Guilt, Running, evidence
from wellhead.detect.kept import Kept, Tally, kept
from wellhead.detect.looks import FIRST_ROWS, Looking, Looks
from wellhead.detect.promise import COARSE, NOW, Promise
from wellhead.detect.segments import counted
from wellhead.gate.cases import HONEST, THEFT, Cases, Ground
from wellhead.gate.lately import Lately
from wellhead.meter.reading import Reading

Draw = Callable[[tuple[str, ...], float], Reading | None]
"""(members, now_s) -> what they have drawn; None without a profile."""
_OWN = ("promise", "drift")
"""Findings about the promise itself."""
_NEVER = Running(-np.inf, "")
STRANGE = "nobody like it was calibrated"


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """Where one principal stands among honest ones, in this period.

    p: conformal p-value of its largest score, -1 where nothing is known.  word: what is promised to its segment,
    STRANGE where that was never calibrated.  alarmed: guilt was established, and no review found it a false alarm.
    """

    segment: str = ""
    score: float = -np.inf
    threshold: float = np.inf
    p: float = -1.0
    word: str = ""
    alarmed: bool = False


class Suspects:
    """Scores every look against the promise in force. draw: reads what somebody has drawn.

    census: honest-looking principal-periods seen, by segment, in periods that are over.
    replaying: looks of the past are folded; whom an earlier run accused is not known yet, so nobody is.
    """

    def __init__(self, cases: Cases, looking: Looking, draw: Draw) -> None:
        self.looking = looking
        self.promise: Promise | None = None
        self.census: dict[str, int] = {}
        self.drift: Drift | None = None
        self._cases = cases
        self._draw = draw
        self._guilt: Guilt | None = None
        self._accused: dict[tuple[str, int], str] = {}
        self._warned: dict[str, float] = {}
        self._lately = Lately()
        self._held: list[tuple[Alarm, Array]] = []
        self.replaying = False
        self._period: dict[str, str] = looking.segment_of

    def check(self, promise: Promise) -> None:
        """Raises ConfigError where the promise was made for other detectors."""
        missing = set(promise.names) ^ set(self.looking.detectors.names)
        if missing or promise.names != tuple(self.looking.detectors.names):
            raise ConfigError(
                f"expected a promise over the detectors that are installed, got one that differs in "
                f"{', '.join(sorted(missing)) or 'their order'}",
                "make it anew with `wellhead calibrate`",
            )

    def take_up(self, promise: Promise, now_s: float) -> list[Action]:
        """Judge everybody of this period by a promise, from now on; raises ConfigError where it does not fit.

        Those who are there are judged by their last look: no look is taken that calibration would not have taken.
        """
        self.check(promise)
        # calibration ended before the period in which the promise was made: whoever asks in it is a test of the promise
        guilt = Guilt(promise, self.looking.period_of(promise.made_s))
        self.promise, self._guilt, self.drift = promise, guilt, Drift(promise.first)
        self._warned = {said: at for said, at in self._warned.items() if at >= promise.made_s}
        if self.replaying:
            return []
        self.roll(now_s)
        looks = self._lately.looks(self.looking.segment_of)
        guilt.begin(self.looking.period, self.looking.segment_of)
        alarms = [(a, looks.values[a.look]) for a in guilt.fold(looks)] if len(looks) else []
        return self._accuse_all(alarms, now_s) + self.breaches(now_s)

    def resume(self, now_s: float) -> list[Action]:
        """The past has been folded: accuse whoever alarmed in this period, and whom no earlier run had accused."""
        self.replaying, held, self._held = False, self._held, []
        self.roll(now_s)
        alarms = [(a, v) for a, v in held if a.period == self.looking.period]
        return self._accuse_all(alarms, now_s) + self.breaches(now_s)

    def roll(self, now_s: float) -> None:
        """It is now_s: nobody is accused for a period that is over."""
        self.looking.roll(now_s)
        self._lately.roll(self.looking.period)
        self._count()

    def _accuse_all(self, alarms: Iterable[tuple[Alarm, Array]], now_s: float) -> list[Action]:
        """Accuse those whom nobody accused in that period before; values: (S,) of the look of each."""
        fresh = [(a, v) for a, v in alarms if (a.principal, a.period) not in self._accused]
        return [action for a, v in fresh for action in self._accuse(a, v, now_s)]

    def judge(self, looks: Looks, now_s: float) -> list[Action]:
        """Score these looks; an alarm for whoever passed the threshold of its segment for the first time."""
        self._count()
        self._lately.fold(looks)
        promise, guilt = self.promise, self._guilt
        if promise is None or guilt is None or self.drift is None or not len(looks):
            return []
        drifted = self.drift.fold(self._first_scores(promise, guilt, looks))
        alarms = [(a, looks.values[a.look]) for a in guilt.fold(looks)]
        if self.replaying:
            self._held += alarms
            return []
        found = self._accuse_all(alarms, now_s)
        return found + (self.breaches(now_s) if alarms or drifted else [])

    def _count(self) -> None:
        """When a period is over, add its principals to the census."""
        if self.looking.segment_of is not self._period:
            for segment, n in counted(list(self._period.values())).items():
                self.census[segment] = self.census.get(segment, 0) + n
            self._period = self.looking.segment_of

    def _first_scores(self, promise: Promise, guilt: Guilt, looks: Looks) -> Array:
        """Scores of those whose first look at which anything was read this is, since the promise was made."""
        running = guilt.running if looks.period[0] <= guilt.period else {}
        fresh = [
            i
            for i in np.flatnonzero((looks.rows >= FIRST_ROWS) & (looks.time_s >= promise.made_s)).tolist()
            if running.get(looks.names[looks.principal[i]], _NEVER).score == -np.inf
        ]
        scores = promise.score(looks.values[fresh], looks.rows[fresh]) if fresh else np.zeros(0)
        found: Array = scores[np.isfinite(scores)]
        return found

    def _accuse(self, alarm: Alarm, values: Array, now_s: float) -> list[Action]:
        promise, name = self.promise, alarm.principal
        detectors = self.looking.detectors
        if promise is None or not isinstance(detectors, Detectors):
            return []
        shown = evidence(promise, detectors, values, alarm.rows)
        now = promise.word(alarm.segment) == NOW
        ground = Ground(
            signal="guilt",
            title="Unlike honest principals",
            detail=_detail(shown, alarm.rows),
            evidence=shown,
            sure=sure(promise, alarm.segment, alarm.score),
            segment=alarm.segment,
            p=alarm.p,
            stance=self._cases.policy.response if now else Stance.WATCH,
        )
        actions = self._cases.open(ground, (name,), self._draw((name,), now_s), alarm.rows, now_s)
        self._accused[name, alarm.period] = self._cases.findings[-1].uid
        return actions

    @property
    def drifted(self) -> bool:
        """True where traffic was found to have drifted, by this run or an earlier one, since the promise was made."""
        return "drift" in self._warned

    def breaches(self, now_s: float) -> list[Action]:
        """The promise's own alarms: broken, or made for traffic that is no longer there. Once each."""
        found: list[Action] = []
        if self.drift is not None and self.drift.drifted and not self.drifted:
            said = f"the first looks of {self.drift.seen} principals no longer resemble those of calibration"
            found += self._warn("drift", "Traffic has drifted", said, now_s)
        standing = self.kept() if "promise" not in self._warned else None
        if standing is not None and standing.broken:
            found += self._warn("promise", "The promise is broken", str(standing), now_s)
        return found

    def _warn(self, signal: str, title: str, said: str, now_s: float) -> list[Action]:
        self._warned[signal] = now_s
        ground = Ground(signal=signal, title=title, detail=said, atlas=(), stance=Stance.ALLOW)
        return self._cases.open(ground, (), None, 0, now_s)

    def kept(self) -> Kept | None:
        """Realised alarms against promised ones, of principal-periods since the promise was made; None without one."""
        promise, guilt = self.promise, self._guilt
        if promise is None or guilt is None:
            return None
        accused = {key: segment for key, segment in guilt.alarms.items() if key in self._accused}
        alarms = Counter(accused.values())
        thefts = Counter(segment for key, segment in accused.items() if self._verdict(*key) == THEFT)
        tallies = {s: Tally(started - thefts[s], alarms[s] - thefts[s]) for s, started in guilt.started.items()}
        return kept(tallies, {s: promise.level(s) for s in promise.scores})

    def _verdict(self, name: str, period: int) -> str:
        """What people found an accusation to be, empty where there is none, or nobody looked."""
        review = self._cases.reviews.get(self._accused.get((name, period), ""))
        return review.verdict if review else ""

    def restore(self, finding: Finding) -> None:
        """An earlier run has said this: not a second time in the period that is being folded."""
        at_s, made_s = finding.time_us / 1e6, self.promise.made_s if self.promise else 0.0
        if finding.signal == "guilt":
            # a batch is judged by the clock: its rows may be of the period before
            period = max(self.looking.period, self.looking.period_of(at_s))
            self._accused.update(dict.fromkeys(((m, period) for m in finding.members), finding.uid))
            self._recount(finding, period)
        elif finding.signal in _OWN and at_s >= made_s:
            self._warned[finding.signal] = at_s

    def _recount(self, finding: Finding, period: int) -> None:
        """An alarm under this promise counts, also where the replayed looks are not quite those that were taken."""
        promise, guilt = self.promise, self._guilt
        if promise is None or guilt is None or finding.time_us / 1e6 < promise.made_s:
            return
        if 0 <= finding.p_ppm <= 1e6 * promise.level(finding.segment):
            for name in finding.members:
                guilt.count(name, period, finding.segment)

    def standing(self, name: str) -> Suspicion:
        """Where a principal stands; nothing is said of one that no look was taken at."""
        segment = self.looking.segment_of.get(name, "")
        promise, guilt = self.promise, self._guilt
        if promise is None or guilt is None or guilt.period != self.looking.period or name not in guilt.running:
            return Suspicion(segment=segment)
        score, segment = guilt.running[name]
        return Suspicion(
            segment=segment,
            score=score,
            threshold=promise.threshold(segment),
            p=promise.p_value(segment, score) if segment in promise.scores else -1.0,
            word=promise.word(segment) if segment in promise.scores else STRANGE,
            alarmed=(name, guilt.period) in self._accused and self._verdict(name, guilt.period) != HONEST,
        )

    def evidence(self, name: str) -> tuple[Evidence, ...]:
        """What speaks most against a principal as it looks now, however little it is."""
        rows, detectors = self.looking.rows.get(name, 0), self.looking.detectors
        if self.promise is None or rows < FIRST_ROWS or not isinstance(detectors, Detectors):
            return ()
        # not through Looking: a glance must not move what the next look is compared with
        values = detectors.read(self.looking.sketches.columns([name]))
        return evidence(self.promise, detectors, values[0], rows)

    def seen(self) -> Mapping[str, int]:
        """Principal-periods by segment, the current period with them: what a promise could be made from."""
        total = dict(self.census)
        for segment, n in counted(list(self.looking.segment_of.values())).items():
            total[segment] = total.get(segment, 0) + n
        return dict(sorted(total.items(), key=lambda pair: -pair[1]))


def sure(promise: Promise, segment: str, score: float) -> str:
    """How sure an alarm is, and under which promise, in words."""
    p, level = promise.p_value(segment, score), promise.level(segment)
    return (
        f"{chance(p)} among honest principals like it (segment {segment}); promised: at most 1 of "
        f"{1 / level:,.0f} honest principals in {promise.budget.period_days} days; 95 % sure"
    )


def _detail(shown: tuple[Evidence, ...], rows: int) -> str:
    said = "; ".join(e.said for e in shown[:2]) or "it asks as no honest principal does"
    return f"in {rows} rows, {said}"


def cold(seen: Mapping[str, int]) -> str:
    """Where a promise that is not there yet stands."""
    most = max(seen.values(), default=0)
    return f"rules only: {most} of {order.needed(COARSE)} honest principal-periods"
