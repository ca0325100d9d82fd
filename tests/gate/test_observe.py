import msgspec
import numpy as np
import pytest
from serving import CLASSES, NOW, WIDTH, predict

from wellhead.config import parse
from wellhead.core.batch import Batch, from_events
from wellhead.core.event import Answer, Caller, Exchange, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.core.finding import Alert, Decide, Finding
from wellhead.core.verdict import Decision, Stance
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looking
from wellhead.detect.replication import Replication
from wellhead.detect.rules import Rules
from wellhead.gate.damage import FARTHEST
from wellhead.gate.observe import Observer
from wellhead.gate.policy import compile_policy
from wellhead.gate.record import Recorder
from wellhead.gate.suspects import Suspicion
from wellhead.meter.fit import fit
from wellhead.meter.sketch import Sketches

RNG = np.random.default_rng(4)
SAMPLE = RNG.normal(size=(400, WIDTH)).astype(np.float32)
PROFILE = fit(SAMPLE, Answer(Exposure.PROBABILITIES, predict(SAMPLE)), ModelSpec(name="m"), np.random.default_rng(0))
RECORDER = Recorder("m", b"k" * 32, lambda _field, value: value)
SHARED = {"address": "198.51.100.7"}


@pytest.fixture(autouse=True)
def _seeded(monkeypatch):
    """Every test draws its own, whichever ran before it."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(4))


class World:
    """An observer with a history that is simply everything it was given."""

    def __init__(self, toml="", profile=PROFILE):
        policy = compile_policy(parse(f'mode = "enforce"\n{toml}'))
        self.events = []
        looking = Looking(Detectors(), Sketches(), 30)
        self.observer = Observer(policy, looking, Rules(), Replication(0.93, 0.7), self.recall)
        if profile is not None:
            self.observer.fitted(profile, NOW)

    def recall(self, names, since_s, profile):
        return from_events([e for e in self.events if e.principal in names and e.profile == profile])

    def ask(self, name, inputs, now_s=NOW, **caller):
        inputs = np.asarray(inputs, np.float32).reshape(-1, WIDTH)
        query = Query("m", inputs, len(inputs), Exposure.PROBABILITIES)
        answer = Answer(Exposure.PROBABILITIES, predict(inputs))
        x = Exchange(Caller(principal=name, **caller), query, answer, int(now_s * 1e6), 200)
        recorded = RECORDER.record([x], PROFILE)
        (events,), (batch,) = recorded.events, recorded.batches
        self.events += events
        return self.observer.observe(batch, now_s)

    def closed(self, actions):
        return {a.decision.principal for a in actions if isinstance(a, Decide)}


def fresh(rows):
    return RNG.normal(size=(rows, WIDTH))


def test_one_who_draws_too_much_is_closed_and_the_alert_comes_first():
    world = World()
    actions = []
    while not actions:
        actions = world.ask("thief", fresh(16))
    alert, decide = actions
    assert isinstance(alert, Alert) and isinstance(decide, Decide)
    assert alert.finding.members == ("thief",)
    assert decide.decision.stance == Stance.THROTTLE
    assert decide.decision.expires_us == int((NOW + 86_400) * 1e6)
    assert "clone reproduces" in alert.finding.detail
    assert any("unique_ratio" in e.said for e in alert.finding.evidence)


def test_thirty_honest_customers_with_a_shared_address_are_no_campaign():
    world = World()
    for i in range(30):
        own = fresh(20)
        for _ in range(3):
            assert world.ask(f"c{i}", own, **SHARED) == []
    ledger = world.observer.meter
    assert ledger.watched == frozenset()


def test_suspects_that_share_an_address_are_summed_from_three_on():
    world = World()
    assert world.ask("a", fresh(32), **SHARED) == []
    assert world.ask("b", fresh(32), **SHARED) == []
    actions = world.ask("c", fresh(32), **SHARED)
    assert world.closed(actions) == {"a", "b", "c"}


def test_suspects_that_share_nothing_are_not_summed():
    world = World()
    for i in range(6):
        assert world.ask(f"s{i}", fresh(32), address=f"10.{i}.0.1") == []


def test_below_thirty_two_rows_nobody_is_judged():
    world = World()
    for i in range(10):
        assert world.ask(f"s{i}", fresh(31), **SHARED) == []
    assert world.observer.hits == {}


def test_a_newcomer_joining_a_closed_campaign_is_closed_at_its_own_sign():
    world = World()
    for name in "abc":
        world.ask(name, fresh(32), **SHARED)
    assert world.closed(world.ask("d", fresh(31), **SHARED)) == set()
    assert world.closed(world.ask("d", fresh(1), **SHARED)) == {"d"}


def test_nobody_is_closed_twice_before_the_first_closing_expires():
    world = World("[valve]\nclosed_for_s = 100")
    first = [a for _ in range(20) for a in world.ask("thief", fresh(32))]
    assert len(world.closed(first)) == 1 == sum(isinstance(a, Decide) for a in first)
    assert world.closed(world.ask("thief", fresh(1), NOW + 101)) == {"thief"}


def test_the_window_lets_old_days_go():
    world = World("[valve]\nwindow_days = 2\nclosed_for_s = 1")
    for _ in range(20):
        world.ask("loyal", fresh(32))
    later = NOW + 3 * 86_400
    assert world.ask("loyal", fresh(1), later) == []


def test_the_allowlist_is_never_closed_but_still_read():
    world = World('[valve]\nallow = ["partner"]')
    assert [a for _ in range(20) for a in world.ask("partner", fresh(32))] == []
    assert world.observer.damage.readings[("partner",)].drawn > 0.93


def test_a_plan_can_allow_more():
    world = World("[valve]\nmax_drawn = 0.93\n[plans.gold]\nmax_drawn = 1.0")
    assert [a for _ in range(20) for a in world.ask("rich", fresh(32), plan="gold")] == []
    assert [a for _ in range(20) for a in world.ask("poor", fresh(32))] != []


def test_without_a_profile_sketches_and_rules_still_work_and_a_profile_judges_the_past():
    world = World(profile=None)
    assert [a for _ in range(20) for a in world.ask("thief", fresh(32))] == []
    assert "thief" in world.observer.hits
    assert world.closed(world.observer.fitted(PROFILE, NOW)) == {"thief"}


@pytest.mark.parametrize("classes", [CLASSES])
def test_a_batch_of_many_principals_counts_each(classes):
    world = World()
    inputs = fresh(2)
    for name in ("a", "b", "a"):
        world.ask(name, inputs)
    assert world.observer.rows == {"a": 4, "b": 2}
    assert isinstance(from_events(world.events), Batch)


def test_repeats_first_do_not_buy_fresh_queries_unread():
    world = World()
    one = fresh(1)
    for _ in range(5):
        world.ask("sly", np.repeat(one, 250, axis=0))
    asked = 0
    while not world.closed(world.ask("sly", fresh(10))):
        asked += 10
        assert asked < 300
    plain = World()
    alone = 0
    while not plain.closed(plain.ask("thief", fresh(10))):
        alone += 10
    assert asked <= 2 * alone + 20


def test_a_narrow_past_does_not_hide_a_broad_present():
    world = World()
    for _ in range(40):
        narrow = np.tile(RNG.normal(size=(1, WIDTH)), (16, 1)) + RNG.normal(size=(16, WIDTH)) * 1e-3
        narrow[:, 1:] = 0.0
        world.ask("sly", narrow)
    asked = 0
    while not world.closed(world.ask("sly", fresh(10))):
        asked += 10
        assert asked < 1000
    plain, alone = World(), 0
    while not plain.closed(plain.ask("thief", fresh(10))):
        alone += 10
    assert asked <= alone + 3 * FARTHEST


def test_what_observe_mode_noted_does_not_hold_in_enforce_mode():
    noted = Decision(
        uid="d", principal="carl", stance=5, reason="", origin="replication", start_us=0,
        expires_us=int((NOW + 9e4) * 1e6), simulated=1,
    )  # fmt: skip
    by_hand = msgspec.structs.replace(noted, simulated=0, origin="operator", stance=1)
    world = World()
    world.observer.restore(noted)
    world.observer.restore(by_hand)
    assert world.closed([a for _ in range(20) for a in world.ask("carl", fresh(32))]) == {"carl"}
    closed = World()
    closed.observer.restore(msgspec.structs.replace(noted, simulated=0))
    assert [a for _ in range(20) for a in closed.ask("carl", fresh(32))] == []


def watched(drawn, **more):
    more = "".join(f"{k} = {v}\n" for k, v in more.items())
    return (
        '[stances.watch]\nanswers = ["label_only"]\n[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n'
        f'[[grades]]\nstance = "watch"\ndrawn = {drawn}\n{more}'
    )


def graded(actions):
    return {a.decision.principal for a in actions if isinstance(a, Decide) and a.decision.origin == "grade"}


def narrow(rows, *coordinates):
    """Inputs that lie in a few directions only, so that what they tell is little."""
    inputs = np.zeros((rows, WIDTH))
    inputs[:, list(coordinates)] = RNG.normal(size=(rows, len(coordinates)))
    return inputs


@pytest.mark.parametrize("drawn", [0.3, 0.6])
def test_a_thief_is_graded_soon_after_it_has_drawn_the_amount(drawn):
    """The slow twin reads after every single row; below: the last row at which less than the amount was drawn."""
    world, twin = World(watched(drawn)), World()
    rows = below = 0
    held = set()
    while not held:
        one = narrow(1, *range(min(1 + rows // 6, WIDTH)))
        held = graded(world.ask("thief", one))
        twin.ask("thief", one)
        twin.observer.damage.watch(["thief"], NOW)
        rows += 1
        if twin.observer.damage.read(("thief",), NOW).drawn < drawn:
            below = rows
    assert held == {"thief"} and below < rows <= max(16, 2 * (below + 1))


def test_accounts_that_share_attributes_are_graded_by_what_they_drew_together():
    world, alone = World(watched(0.7)), World(watched(0.7))
    seen = [graded(world.ask(n, narrow(32, 2 * i, 2 * i + 1), **SHARED)) for i, n in enumerate("abc")]
    assert seen == [set(), set(), {"a", "b", "c"}]
    for i, n in enumerate("abc"):
        assert graded(alone.ask(n, narrow(32, 2 * i, 2 * i + 1), address=f"10.{i}.0.1")) == set()
    (first, *_) = [d for d in world.observer.cases.made.values() if d.origin == "grade"]
    assert first.subjects == ("a", "b", "c") and "3 principals together (shared network" in first.reason


def test_a_partner_is_never_graded():
    world = World(watched(0.3).replace("[valve]", '[valve]\nallow = ["partner"]'))
    assert [a for _ in range(10) for a in world.ask("partner", fresh(32))] == []


def test_a_grade_is_renewed_without_a_gap_also_where_its_thief_is_quiet():
    world = World(watched(0.3, for_s=100))
    assert graded(world.ask("thief", fresh(32))) == {"thief"}
    assert graded(world.ask("ann", fresh(1), NOW + 49)) == set()
    assert graded(world.ask("ann", fresh(1), NOW + 51)) == {"thief"}
    assert graded(world.ask("thief", fresh(1), NOW + 52)) == set()


def test_a_grade_that_has_no_ground_any_more_is_not_renewed():
    world = World(watched(0.3, for_s=100_000) + "[detect]\n")
    world.observer.damage.meter.window_days = 1
    assert graded(world.ask("thief", fresh(32))) == {"thief"}
    assert graded(world.ask("ann", fresh(1), NOW + 86_400)) == set()


def test_grades_come_before_alerts_and_rest_on_no_finding():
    actions = World(watched(0.3) + "[plans.free]\nmax_drawn = 0.4\n").ask("thief", fresh(64), plan="free")
    assert [type(a) for a in actions] == [Decide, Alert, Decide]
    assert [a.decision.origin for a in actions if isinstance(a, Decide)] == ["grade", "replication"]


def test_observe_mode_only_notes_a_grade():
    world = World(watched(0.3), profile=None)
    policy = msgspec.structs.replace(world.observer.policy, enforce=False)
    quiet = Observer(policy, world.observer.looking, Rules(), Replication(1.0, 1.0), world.recall)
    quiet.fitted(PROFILE, NOW)
    world.observer = quiet
    (decide,) = world.ask("thief", fresh(64))
    assert decide.decision.simulated and decide.decision.origin == "grade"


def test_one_whose_inputs_carry_more_bits_than_agreed_is_throttled_and_repeats_cost_nothing():
    world = World("[valve]\nmax_drawn = 1.0\nmax_bits = 20.0\n")
    own = fresh(8)
    for _ in range(30):
        assert world.ask("loyal", own) == []
    actions = [a for _ in range(10) for a in world.ask("broad", fresh(16))]
    (alert, decide) = actions
    assert world.closed(actions) == {"broad"} and decide.decision.origin == "novelty"
    assert alert.finding.signal == "novelty" and alert.finding.title == "More new ground than agreed"
    assert "bits of information (of 20 agreed)" in decide.decision.reason
    assert alert.finding.bits_milli >= 20_000


def test_one_who_is_unlike_the_honest_is_graded_at_its_look(monkeypatch):
    toml = '[stances.watch]\nanswers = ["label_only"]\n[[grades]]\nstance = "watch"\np = 0.01\n'
    world = World(toml)
    monkeypatch.setattr(world.observer.suspects, "standing", lambda name: Suspicion(p=0.005 if name == "odd" else 0.5))
    assert graded(world.ask("odd", fresh(16))) == {"odd"}
    assert graded(world.ask("ann", fresh(16))) == set()
    replaying = World(toml)
    monkeypatch.setattr(replaying.observer.suspects, "standing", lambda _name: Suspicion(p=0.005))
    replaying.observer.suspects.replaying = True
    assert graded(replaying.ask("odd", fresh(16))) == set()


@pytest.mark.parametrize("record", ["finding", "decision"])
def test_after_a_restart_whoever_was_found_has_its_ledger_again(record):
    world = World(profile=None)
    world.ask("quiet", fresh(16))
    world.ask("other", fresh(16))
    at_us = int(NOW * 1e6)
    named = {
        "finding": Finding(
            uid="F-1", time_us=at_us, title="t", signal="guilt", members=("quiet",), rows=16,
            replication_ppm=-1, attainable_ppm=-1, bits_milli=-1, detail="d",
        ),
        "decision": Decision(
            uid="D-1", principal="quiet", stance=1, reason="r", origin="grade", start_us=at_us, expires_us=at_us + 10**9
        ),
    }  # fmt: skip
    world.observer.restore(named[record])
    world.observer.fitted(PROFILE, NOW)
    assert set(world.observer.damage.readings) == {("quiet",)}
    assert world.observer.damage.readings["quiet",].rows == 16
