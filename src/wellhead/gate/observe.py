"""What follows from answered queries: sketches and ledgers updated, principals judged, actions asked for.

Damage is what was drawn, whoever drew it; guilt is how unlike honest principals somebody is. Each has a file beside
this one. Pure: history comes in as a function, the time as an argument. One thread owns an Observer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wellhead.core.batch import Batch, Visits
from wellhead.core.finding import Action, Finding, Review, Signal
from wellhead.core.verdict import Decision
from wellhead.detect.looks import Looking, Readers
from wellhead.detect.replication import Replication
from wellhead.detect.rules import Rules
from wellhead.gate.campaigns import Campaigns
from wellhead.gate.cases import OPERATOR, Cases
from wellhead.gate.damage import Damage, Known, Recall
from wellhead.gate.grading import Grading
from wellhead.gate.policy import Policy
from wellhead.gate.suspects import Suspects
from wellhead.meter.meter import Meter
from wellhead.meter.profile import Profile
from wellhead.meter.reading import Reading
from wellhead.meter.sketch import Sketches

__all__ = ["OPERATOR", "Observer"]

FIRST_ROWS = 32
"""Nothing is judged below so many rows."""
WATCH_ROWS = 128
"""Volume that makes a principal interesting without any rule hit."""
GRADED_ROWS = 16
"""The same where grades or quotas go by what was drawn: that is damage, and needs no sign of guilt."""


FAR_OUT = 0.5
"""Where more of the inputs than this lie farther out than 99 % of the sample, a ledger's clone says little."""

Equip = Callable[[Profile], Readers]
"""The detectors that know a profile's population."""


class Observer:
    """The meter, the detectors, and what they have said so far.

    rows: of every principal, ever.  hits: rules that a principal hit.  equip: detectors to take up with a profile.
    """

    def __init__(self, policy: Policy, looking: Looking, rules: Rules, limit: Replication, recall: Recall) -> None:
        self.policy = policy
        self.looking = looking
        self.rules = rules
        self.cases = Cases(policy)
        self.damage = Damage(self.cases, limit, recall, Known(self._plan, self._is_far_out))
        self.suspects = Suspects(self.cases, looking, self._draw)
        self.campaigns = Campaigns(self.cases, self.damage.grading)
        self.rows: dict[str, int] = {}
        self.hits: dict[str, tuple[Signal, ...]] = {}
        self.equip: Equip | None = None
        self._found: set[str] = set()
        self._priced = any(t.max_bits for t in (policy.base, *policy.plans.values()))

    @property
    def sketches(self) -> Sketches:
        """Of everybody, in the current period."""
        sketches = self.looking.sketches
        if not isinstance(sketches, Sketches):
            raise TypeError(f"expected Sketches, got {type(sketches).__name__}")
        return sketches

    @property
    def grading(self) -> Grading:
        """The adaptive policy."""
        return self.damage.grading

    @property
    def meter(self) -> Meter | None:
        """None until a profile is fitted."""
        return self.damage.meter

    @property
    def findings(self) -> list[Finding]:
        """All so far, the oldest first."""
        return self.cases.findings

    def observe(self, batch: Batch, now_s: float, visits: Visits | None = None) -> list[Action]:
        """Account for answered rows, and for requests of any kind.

        Returns what follows: grades, which rest on no finding; then alerts, each before its decisions.
        """
        looks = self.looking.fold(batch, visits, now_s)
        for name, more in zip(batch.names, batch.counts(), strict=True):
            self.rows[name] = self.rows.get(name, 0) + more
        for name in looks.names:
            if self.rows[name] >= FIRST_ROWS:
                self._judge_rules(name)
        self.damage.add(batch)
        self._watch(batch.names, now_s)
        anew = self.grading.due(now_s)
        drawn = self.damage.judge(batch.names, now_s, self.hits, anew)
        found = self.suspects.judge(looks, now_s)
        return [*self._grade((*looks.names, *anew), now_s), *drawn, *found]

    def _grade(self, names: Iterable[str], now_s: float) -> list[Action]:
        """Grade these by how unlike honest principals they are; not while the past is folded."""
        if not self.policy.grades or self.suspects.replaying:
            return []
        return self.grading.look([(n, self.suspects.standing(n).p) for n in dict.fromkeys(names)], now_s)

    def visit(self, visits: Visits) -> None:
        """Account for requests of which none was answered."""
        self.sketches.visit(visits)

    def _judge_rules(self, name: str) -> None:
        """Run the rules, at n = 2^k rows; a hit is evidence, never an action by itself."""
        view = self.sketches.view(name)
        signals = tuple(self.rules.read(view))
        if signals:
            self.hits[name] = signals
            self.damage.groups.add(name, view.attributes)

    def _watch(self, names: Iterable[str], now_s: float) -> None:
        enough = GRADED_ROWS if self.grading.by_drawn or self._priced else WATCH_ROWS
        keen = [n for n in names if n in self.hits or n in self._found or self.rows[n] >= enough]
        self.damage.watch(keen, now_s)

    def _plan(self, name: str) -> str:
        plans = [value for attribute, value in self.sketches.view(name).attributes if attribute == "plan"]
        return plans[0] if plans else ""

    def _draw(self, members: tuple[str, ...], now_s: float) -> Reading | None:
        """What these have drawn; whoever was quiet until now is watched from here on."""
        self.damage.watch(members, now_s)
        return self.damage.read(members, now_s)

    def fitted(self, profile: Profile, now_s: float) -> list[Action]:
        """Take up a profile: detectors that know it, and every ledger that is due."""
        self.place(profile)
        self.damage.meter = Meter(profile, self.policy.window_days, self.sketches)
        self._watch(self.rows, now_s)
        return self.damage.judge(self.rows, now_s, self.hits)

    def place(self, profile: Profile) -> None:
        """Let sketches and detectors know where a profile's inputs lie; rows that it coded are placed from now on."""
        self.looking.sketches.space = profile.space
        if self.equip is not None:
            self.looking.detectors = self.equip(profile)

    def far_out(self) -> frozenset[str]:
        """The watched whose inputs lie far from the population."""
        return frozenset() if self.meter is None else self._far_out(self.meter.watched)

    def _far_out(self, names: Iterable[str]) -> frozenset[str]:
        asking = [n for n in names if n in self.looking.rows]
        far = self.sketches.columns(asking).far_ratio > FAR_OUT if asking else ()
        return frozenset(n for n, out in zip(asking, far, strict=True) if out)

    def _is_far_out(self, members: tuple[str, ...]) -> bool:
        return bool(self._far_out(members))

    def restore(self, record: Finding | Decision | Review) -> None:
        """Take up what an earlier run had found and decided, and what people said of it."""
        self.cases.restore(record)
        # a ledger is memory: whoever was interesting then gets it back with the profile
        if not isinstance(record, Review):
            self._found.update(record.members if isinstance(record, Finding) else (record.principal,))
        if isinstance(record, Decision) and not record.lifted:
            self.grading.restore(record)
        if isinstance(record, Finding):
            self.suspects.restore(record)
            self.campaigns.restore(record)

    def review(self, review: Review) -> list[Decision]:
        """People have looked at a finding; returns what lifts its decisions, where they found honest principals."""
        return self.cases.review(review)
