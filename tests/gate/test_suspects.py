import msgspec
import numpy as np
import pytest
from promising import HONEST, exchange_of, narrow, profile, promise
from serving import NOW, WIDTH

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.core.finding import Alert, Decide, Review
from wellhead.core.verdict import Stance
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looking
from wellhead.detect.promise import Promise
from wellhead.detect.replication import Replication
from wellhead.detect.rules import Rules
from wellhead.detect.segments import Segments
from wellhead.detect.signal import Context
from wellhead.gate.observe import Observer
from wellhead.gate.policy import compile_policy
from wellhead.gate.record import Recorder
from wellhead.gate.suspects import cold, sure
from wellhead.meter.sketch import Sketches

SEGMENT = "use=none band=first"
DAY = 86_400.0
NEVER = "[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n"


class World:
    """An observer whose valve never closes, and nobody's history."""

    def __init__(self, toml="", promised=True, segments=None):
        held = profile()
        looking = Looking(Detectors(context=Context.of(held.space)), Sketches(held.space), 30, segments)
        policy = compile_policy(parse(f'mode = "enforce"\n{NEVER}{toml}'))
        self.recorder = Recorder("m", b"k" * 32, lambda _field, value: value)
        self.observer = Observer(policy, looking, Rules(), Replication(1.1, 1.1), self.recall)
        self.batches = []
        self.observer.fitted(held, NOW)
        if promised:
            self.observer.suspects.take_up(promise(), NOW)

    def recall(self, names, since_s, profile):
        return self.batches[-1].take(np.isin(np.array(self.batches[-1].names)[self.batches[-1].principal], names))

    def ask(self, name, inputs, now_s=NOW, **caller):
        (batch,) = self.recorder.record(
            [exchange_of(name, np.asarray(inputs, np.float32), now_s, **caller)], profile()
        ).batches
        self.batches.append(batch)
        return self.observer.observe(batch, now_s)

    def steal(self, name="thief", now_s=NOW):
        """Uniform noise over everything, never twice the same, quick as a machine."""
        rng = np.random.default_rng(3)
        actions = []
        for step in range(4):
            actions += self.ask(name, rng.uniform(-3, 3, size=(16, WIDTH)), now_s + 0.5 * step)
        return actions


def test_a_thief_is_unlike_honest_principals_and_the_finding_says_why_and_how_sure():
    alert, decide = World().steal()
    assert isinstance(alert, Alert) and isinstance(decide, Decide)
    finding = alert.finding
    assert (finding.signal, finding.members, finding.segment) == ("guilt", ("thief",), SEGMENT)
    assert len(finding.evidence) == 5
    assert all(e.said and e.value for e in finding.evidence)
    assert sum(bool(e.low and e.high) for e in finding.evidence) >= 4
    calibrated = len(promise().scores[SEGMENT])
    assert finding.sure == (
        f"p = 1/{calibrated + 1} among honest principals like it (segment {SEGMENT}); promised: at most 1 of 100 "
        "honest principals in 30 days; 95 % sure"
    )
    assert finding.p_ppm == round(1e6 / (calibrated + 1))
    assert finding.replication_ppm > 0 and finding.bits_milli > 0
    assert decide.decision.stance == Stance.THROTTLE


@pytest.mark.parametrize(
    ("word", "stances"), [("alert", []), ("reduce", [Stance.REDUCE]), ("throttle", [Stance.THROTTLE])]
)
def test_the_response_is_what_the_config_says(word, stances):
    actions = World(f'[detect]\nresponse = "{word}"').steal()
    assert [a.decision.stance for a in actions if isinstance(a, Decide)] == stances
    assert isinstance(actions[0], Alert)


def test_an_allowed_principal_is_found_and_nothing_is_decided():
    world = World()
    world.observer.policy = world.observer.cases.policy = msgspec.structs.replace(
        world.observer.policy, allow=frozenset(["thief"])
    )
    assert [type(a) for a in world.steal()] == [Alert]


def test_honest_customers_alarm_no_more_than_promised():
    world, rng, found = World(), np.random.default_rng(70), []
    for i in range(150):
        ask = narrow(rng)
        for number, rows in enumerate((16, 16, 32)):
            found += world.ask(f"new{i}", ask(rows), NOW + 3600.0 * number)
    assert len({a.finding.members for a in found if isinstance(a, Alert)}) <= 5
    kept = world.observer.suspects.kept()
    assert kept.principals == 150 and not kept.broken


def test_without_a_promise_nobody_is_accused_and_the_wait_is_said():
    world = World(promised=False)
    assert world.steal() == []
    assert world.observer.suspects.standing("thief").word == ""
    assert cold(world.observer.suspects.seen()) == "rules only: 1 of 299 honest principal-periods"


def _few(n):
    made = promise()
    return msgspec.structs.replace(made, scores={s: v[:n] for s, v in made.scores.items()})


def test_where_nothing_is_promised_it_is_only_watched():
    world = World(promised=False)
    world.observer.suspects.take_up(_few(200), NOW)
    assert world.steal() == []
    standing = world.observer.suspects.standing("thief")
    assert (standing.word, standing.alarmed) == ("not promisable: watching", False)
    assert standing.p == 1 / 201


def test_where_only_a_coarser_rate_is_promised_people_are_told_and_nothing_is_closed():
    budget = msgspec.structs.replace(promise().budget, principals=1000)
    world = World(promised=False)
    world.observer.suspects.take_up(msgspec.structs.replace(promise(), budget=budget), NOW)
    assert [type(a) for a in world.steal()] == [Alert]
    assert world.observer.suspects.standing("thief").word == "promisable at 1 in 100 only"


def test_a_promise_judges_those_who_are_there_already_and_nobody_twice():
    world = World(promised=False)
    world.steal()
    first = world.observer.suspects.take_up(promise(), NOW + 60)
    assert [a.finding.signal for a in first if isinstance(a, Alert)] == ["guilt"]
    assert world.observer.suspects.take_up(promise(), NOW + 61) == []
    again = World(promised=False)
    again.steal()
    again.observer.restore(first[0].finding)
    assert again.observer.suspects.take_up(promise(), NOW + 60) == []


def test_a_promise_that_comes_later_takes_no_look_of_its_own(monkeypatch):
    """Calibration looked at powers of two; a look at 24 rows would be one chance more to alarm."""
    world, live, inputs = World(promised=False), World(), narrow(np.random.default_rng(1))(16)
    world.ask("ann", inputs)
    live.ask("ann", inputs)
    world.ask("ann", np.random.default_rng(3).uniform(-3, 3, size=(8, WIDTH)), NOW + 1)
    monkeypatch.setattr(world.observer.looking, "look", lambda *_: pytest.fail("looked"))
    assert world.observer.suspects.take_up(promise(), NOW + 2) == []
    score = world.observer.suspects.standing("ann").score
    assert score == pytest.approx(live.observer.suspects.standing("ann").score, rel=1e-4)


def test_while_the_past_is_folded_nobody_is_accused_until_it_is_known_whom_others_accused():
    world, known = World(), World()
    for each in (world, known):
        each.observer.suspects.replaying = True
        assert each.steal() == []
    found = world.observer.suspects.resume(NOW + 9)
    assert [a.finding.signal for a in found if isinstance(a, Alert)] == ["guilt"]
    known.observer.restore(found[0].finding)
    assert known.observer.suspects.resume(NOW + 9) == []
    assert known.observer.suspects.standing("thief").alarmed


def test_a_promise_over_other_detectors_is_refused():
    other = msgspec.structs.replace(promise(), names=("unheard_of", *promise().names[1:]))
    with pytest.raises(ConfigError, match="unheard_of"):
        World(promised=False).observer.suspects.take_up(other, NOW)


def test_its_own_broken_promise_is_an_alarm_and_reviews_as_theft_mend_it():
    world = World()
    found = [a for i in range(12) for a in world.steal(f"like-a-thief-{i}")]
    broken = [a.finding for a in found if isinstance(a, Alert) and a.finding.signal == "promise"]
    assert len(broken) == 1 and "the promise is broken" in broken[0].detail
    assert broken[0].members == ()
    for f in [f for f in world.observer.findings if f.signal == "guilt"]:
        world.observer.review(Review(finding=f.uid, time_us=0, verdict="theft"))
    assert not world.observer.suspects.kept().broken


def test_a_promise_that_is_taken_up_again_warns_of_nothing_that_it_has_warned_of():
    world = World()
    for i in range(12):
        world.steal(f"like-a-thief-{i}")
    strangers(world, NOW + 60)
    assert sorted(breached(world.observer.findings)) == ["drift", "promise"]
    assert world.observer.suspects.take_up(promise(), NOW + 200) == []
    assert world.observer.suspects.drifted and world.observer.suspects.breaches(NOW + 201) == []
    # another promise is warned of anew
    assert "promise" in breaches(world.observer.suspects.take_up(made_at(NOW + 202), NOW + 203))


def made_at(time_s, **changed):
    return msgspec.structs.replace(promise(), made_s=time_s, **changed)


BY_USE = Segments(("use",))
"""Whoever comes back in the next period is judged in the same segment."""


def by_use(time_s=0.0):
    return made_at(time_s, scores={"use=none": promise().scores[SEGMENT]})


def replayed(made, past, findings=(), segments=None):
    """An observer that took up a promise, folded the past, and then learnt what was found in it."""
    world = World(promised=False, segments=segments)
    world.observer.suspects.replaying = True
    world.observer.suspects.take_up(made, NOW)
    for name, now_s in past:
        world.steal(name, now_s)
    for finding in findings:
        world.observer.restore(finding)
    return world


def test_what_was_before_the_promise_is_no_test_of_it():
    later = NOW + 20 * DAY
    past = [(f"old{i}", NOW) for i in range(12)]
    live = World(promised=False, segments=BY_USE)
    for name, now_s in past:
        live.steal(name, now_s)
    assert live.observer.suspects.take_up(by_use(later), later) == []
    live.steal("new", later + 1)
    before = live.observer.suspects.kept()
    assert (before.principals, before.alarms, before.broken) == (1, 1, False)
    again = replayed(by_use(later), [*past, ("new", later + 1)], live.observer.findings, BY_USE)
    assert again.observer.suspects.resume(later + 9) == []
    assert again.observer.suspects.kept() == before


def test_alarms_of_periods_that_are_over_count_among_the_principals_of_those_periods():
    world = World(promised=False, segments=BY_USE)
    world.observer.suspects.take_up(by_use(), NOW)
    world.steal("a")
    world.steal("a", NOW + 31 * DAY)
    world.ask("b", narrow(np.random.default_rng(1))(16), NOW + 31 * DAY)
    first = world.observer.findings[0]
    assert (world.observer.suspects.kept().principals, world.observer.suspects.kept().alarms) == (3, 2)
    world.observer.review(Review(finding=first.uid, time_us=0, verdict="theft"))
    assert (world.observer.suspects.kept().principals, world.observer.suspects.kept().alarms) == (2, 1)


def test_an_alarm_counts_after_a_restart_though_the_replayed_looks_are_others():
    (found,) = [a.finding for a in World().steal() if isinstance(a, Alert)]
    again = World()
    again.ask("thief", narrow(np.random.default_rng(1))(16))
    again.observer.restore(found)
    assert again.observer.suspects.kept().alarms == 1
    other = World(promised=False)
    other.observer.suspects.take_up(made_at(NOW + 1e6), NOW)
    other.observer.restore(found)
    assert other.observer.suspects.kept().alarms == 0


def test_a_new_promise_is_not_broken_by_alarms_that_it_would_not_have_given():
    world = World()
    for i in range(12):
        world.steal(f"like-a-thief-{i}")
    assert world.observer.suspects.kept().broken
    milder = made_at(NOW + 60, scores={s: v + 1e3 for s, v in promise().scores.items()})
    assert world.observer.suspects.take_up(milder, NOW + 60) == []
    assert (world.observer.suspects.kept().principals, world.observer.suspects.kept().alarms) == (12, 0)


def breached(findings):
    return [f.signal for f in findings if f.signal != "guilt"]


def breaches(actions):
    return breached(a.finding for a in actions if isinstance(a, Alert))


def test_a_promise_that_is_broken_as_soon_as_it_is_taken_up_says_so():
    world = World(promised=False)
    for i in range(12):
        world.steal(f"like-a-thief-{i}")
    assert breaches(world.observer.suspects.take_up(promise(), NOW + 60)) == ["promise"]
    again = replayed(promise(), [(f"like-a-thief-{i}", NOW) for i in range(12)])
    assert breaches(again.observer.suspects.resume(NOW + 60)) == ["promise"]
    assert again.observer.suspects.breaches(NOW + 61) == []


def test_a_promise_that_a_review_breaks_says_so():
    world = World()
    for i in range(12):
        for finding in [a.finding for a in world.steal(f"like-a-thief-{i}") if isinstance(a, Alert)]:
            world.observer.review(Review(finding=finding.uid, time_us=0, verdict="theft"))
    assert world.observer.suspects.breaches(NOW + 60) == []
    for finding in world.observer.findings:
        world.observer.review(Review(finding=finding.uid, time_us=0, verdict="honest"))
    assert breaches(world.observer.suspects.breaches(NOW + 61)) == ["promise"]


def strangers(world, now_s=NOW):
    rng = np.random.default_rng(5)
    for i in range(60):
        world.ask(f"n{i}", rng.uniform(2, 6, size=(16, WIDTH)), now_s + i)
    return world


def test_first_looks_before_the_promise_are_no_drift():
    world = World(promised=False)
    world.observer.suspects.replaying = True
    world.observer.suspects.take_up(made_at(NOW + 3600), NOW)
    strangers(world)
    assert "drift" not in breaches(world.observer.suspects.resume(NOW + 3600))
    assert not world.observer.suspects.drifted
    live = strangers(World(promised=False))
    live.observer.suspects.take_up(made_at(NOW + 3600), NOW + 3600)
    assert not live.observer.suspects.drifted


def test_drift_stays_said_after_a_restart_until_another_promise():
    found = [f for f in strangers(World()).observer.findings if f.signal == "drift"]
    again = replayed(promise(), [], found)
    assert again.observer.suspects.resume(NOW + 90) == [] and again.observer.suspects.drifted
    calibrated = replayed(made_at(NOW + 80), [], found)
    assert calibrated.observer.suspects.resume(NOW + 90) == [] and not calibrated.observer.suspects.drifted


def test_drift_that_only_a_restart_finds_is_said():
    world = World(promised=False)
    world.observer.suspects.replaying = True
    world.observer.suspects.take_up(promise(), NOW)
    strangers(world)
    assert "drift" in breaches(world.observer.suspects.resume(NOW + 90))


def test_nobody_is_accused_for_a_period_that_is_over():
    world = replayed(promise(), [("thief", NOW)])
    assert world.observer.suspects.resume(NOW + 200 * DAY) == []
    assert world.observer.looking.rows == {} and world.observer.suspects.standing("thief").word == ""
    late = World(promised=False)
    late.steal()
    assert late.observer.suspects.take_up(promise(), NOW + 200 * DAY) == []
    assert sum(late.observer.suspects.seen().values()) == 1


def test_of_a_segment_that_was_never_calibrated_nothing_is_said():
    world = World(promised=False)
    other = msgspec.structs.replace(promise(), scores={"use=batch": promise().scores[SEGMENT]})
    world.observer.suspects.take_up(other, NOW)
    assert world.steal() == []
    standing = world.observer.suspects.standing("thief")
    assert (standing.p, standing.word) == (-1.0, "nobody like it was calibrated")


def test_a_false_alarm_is_no_established_guilt_also_after_a_restart():
    world = World()
    world.steal()
    assert world.observer.suspects.standing("thief").alarmed
    (finding,) = world.observer.findings
    review = Review(finding=finding.uid, time_us=0, verdict="honest")
    world.observer.review(review)
    again = replayed(promise(), [("thief", NOW)], [finding, review])
    again.observer.suspects.resume(NOW + 9)
    for each in (world, again):
        assert not each.observer.suspects.standing("thief").alarmed


def test_drift_is_an_alarm_once():
    world = World()
    rng = np.random.default_rng(5)
    found = [a for i in range(60) for a in world.ask(f"n{i}", rng.uniform(2, 6, size=(16, WIDTH)), NOW + i)]
    drifts = [a.finding for a in found if isinstance(a, Alert) and a.finding.signal == "drift"]
    assert len(drifts) == 1 and drifts[0].members == ()


def test_periods_that_are_over_stay_in_the_census():
    world = World(promised=False)
    world.ask("ann", np.ones((16, WIDTH)), NOW)
    world.ask("ann", np.ones((16, WIDTH)), NOW + 31 * 86_400)
    assert sum(world.observer.suspects.seen().values()) == 2


def test_evidence_of_anybody_can_be_asked_for_and_a_glance_changes_nothing():
    world = World()
    world.steal()
    assert world.observer.suspects.evidence("thief")
    assert world.observer.suspects.evidence("thief") == world.observer.suspects.evidence("thief")
    assert world.observer.suspects.evidence("nobody") == ()


def test_a_promise_survives_its_bytes_and_speaks_the_same():
    made = promise()
    assert sure(Promise.from_bytes(made.to_bytes()), SEGMENT, 99.0) == sure(made, SEGMENT, 99.0)
    assert len(made.scores[SEGMENT]) + made.development == HONEST
