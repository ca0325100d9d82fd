import msgspec
import pytest
from serving import NOW

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.core.finding import Alert, Evidence, Review
from wellhead.core.verdict import Stance
from wellhead.gate.cases import HONEST, THEFT, Cases, Ground, sentences
from wellhead.gate.policy import compile_policy
from wellhead.meter.reading import Reading

GROUND = Ground(signal="guilt", detail="why", p=1 / 329, segment="band=new")
READING = Reading(rows=64, replication=0.7, attainable=0.9, floor=0.1, bits=120.5, by="scores", within=0.7)


def cases(toml=""):
    return Cases(compile_policy(parse(f'mode = "enforce"\n{toml}')))


def test_a_case_is_an_alert_and_a_decision_for_each_member():
    made = cases()
    alert, *decides = made.open(GROUND, ("ann", "bob"), READING, 0, NOW)
    finding = alert.finding
    assert (finding.rows, finding.replication_ppm, finding.bits_milli, finding.p_ppm) == (64, 700_000, 120_500, 3040)
    assert [d.decision.principal for d in decides] == ["ann", "bob"]
    assert {d.decision.stance for d in decides} == {Stance.THROTTLE}
    assert made.closed == dict.fromkeys(("ann", "bob"), NOW + 86_400)
    assert made.of("ann") == [finding] == [made.find(finding.uid)]


def test_a_reading_that_may_be_too_low_is_said_so_in_the_finding():
    finding = cases().open(GROUND, ("ann",), msgspec.structs.replace(READING, at_least=True), 0, NOW)[0].finding
    assert finding.at_least == 1 and cases().open(GROUND, ("ann",), READING, 0, NOW)[0].finding.at_least == 0


def test_who_is_closed_or_allowed_meets_nothing_more():
    made = cases('[valve]\nallow = ["partner"]')
    made.open(GROUND, ("ann",), None, 5, NOW)
    actions = made.open(GROUND, ("ann", "partner"), None, 5, NOW + 1)
    assert [type(a) for a in actions] == [Alert]
    assert actions[0].finding.rows == 5 and actions[0].finding.replication_ppm == -1


def test_reducing_closes_nothing_and_alerting_decides_nothing():
    made = cases()
    reduce = Ground(signal="guilt", detail="why", stance=Stance.REDUCE)
    _, decide = made.open(reduce, ("ann",), None, 5, NOW)
    assert decide.decision.exposure == Exposure.LABEL and made.closed == {}
    assert len(made.open(Ground(signal="drift", detail="why", stance=Stance.ALLOW), (), None, 0, NOW)) == 1


def test_a_review_lifts_what_an_honest_finding_decided_and_only_that():
    made = cases()
    first = made.open(GROUND, ("ann", "bob"), None, 5, NOW)[0].finding
    made.open(GROUND, ("carl",), None, 5, NOW)
    assert made.review(Review(finding=first.uid, time_us=7, verdict=THEFT)) == []
    lifted = made.review(Review(finding=first.uid, time_us=7, verdict=HONEST))
    assert [(d.principal, d.lifted, d.start_us) for d in lifted] == [("ann", 1, 7), ("bob", 1, 7)]
    with pytest.raises(ConfigError, match="findings list"):
        made.review(Review(finding="F-0", time_us=7, verdict=THEFT))


def test_another_run_takes_up_what_was_decided():
    made, again = cases(), cases()
    alert, decide = made.open(GROUND, ("ann",), None, 5, NOW)
    for record in (alert.finding, decide.decision, Review(finding=alert.finding.uid, time_us=7, verdict=THEFT)):
        again.restore(record)
    assert (again.findings, again.closed, again.made) == (made.findings, made.closed, made.made)
    assert again.reviews[alert.finding.uid].verdict == THEFT


def test_evidence_in_words_old_and_new():
    new = Evidence(name="unique", kind="novelty", said="97 % were new", value="97 %", low="36 %", high="85 %")
    bare = Evidence(name="slow", kind="timing", said="it asks slowly")
    assert sentences(("as once stored", new, bare)) == [
        "as once stored",
        "97 % were new (90 % of honest principals: 36 % to 85 %)",
        "it asks slowly",
    ]
    said = Evidence(name="link_novelty", kind="novelty", said="0.9; others show 0.36 to 0.8", low="0.36", high="0.8")
    assert sentences((said,)) == [said.said]
    group = msgspec.structs.replace(said, said="90 % of all their inputs were new")
    assert sentences((group,)) == ["90 % of all their inputs were new (90 % of random honest groups: 0.36 to 0.8)"]


def test_only_what_is_in_force_is_lifted_and_only_once():
    made = cases()
    first = made.open(GROUND, ("ann",), None, 5, NOW)[0].finding
    honest = Review(finding=first.uid, time_us=int((NOW + 1) * 1e6), verdict=HONEST)
    assert made.held(NOW) == {"ann"}
    assert len(made.review(honest)) == 1
    assert made.review(honest) == [] and made.held(NOW) == frozenset()
    second = made.open(GROUND, ("bob",), None, 5, NOW)[0].finding
    over_us = int((NOW + made.policy.closed_for_s + 1) * 1e6)
    assert made.review(Review(finding=second.uid, time_us=over_us, verdict=HONEST)) == []


def test_what_was_lifted_before_a_restart_stays_lifted():
    made, again = cases(), cases()
    alert, decide = made.open(GROUND, ("ann",), None, 5, NOW)
    (lifted,) = made.review(Review(finding=alert.finding.uid, time_us=7, verdict=HONEST))
    for record in (alert.finding, decide.decision, lifted):
        again.restore(record)
    assert again.held(NOW) == frozenset()
    assert again.review(Review(finding=alert.finding.uid, time_us=8, verdict=HONEST)) == []


def test_what_observe_mode_only_noted_holds_nobody():
    made = Cases(compile_policy(parse('mode = "observe"\n')))
    made.open(GROUND, ("ann",), None, 5, NOW)
    assert made.held(NOW) == frozenset() and made.made
