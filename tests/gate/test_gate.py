import numpy as np
import pytest

from wellhead.config import parse
from wellhead.core.event import Answer, Caller, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Decision, Stance
from wellhead.defend.pipeline import Pipeline
from wellhead.gate.gate import Gate
from wellhead.gate.policy import compile_policy
from wellhead.gate.record import fingerprints

KEY = b"k" * 32
ANN = Caller(principal="ann")
NOW = 1_800_000_000.0


def gate(toml='mode = "enforce"'):
    return Gate(compile_policy(parse(toml)), Pipeline(), KEY)


def query(*rows):
    inputs = np.array(rows or [[1.0, 2.0]], np.float32)
    return Query("m", inputs, len(inputs), Exposure.PROBABILITIES)


def decision(stance=Stance.THROTTLE, **changes):
    fields = {"uid": "d", "principal": "ann", "stance": int(stance), "reason": "why", "origin": "test"}
    return Decision(**(fields | {"start_us": int(NOW * 1e6), "expires_us": int((NOW + 60) * 1e6)} | changes))


def test_an_unknown_principal_passes_with_the_exposure_of_its_plan():
    verdict = gate('mode = "enforce"\n[exposure]\nexposure = "top_k"\ntop_k = 2\ndecimals = 1').admit(ANN, query(), NOW)
    assert verdict.passes
    assert (verdict.exposure, verdict.top_k, verdict.decimals) == (Exposure.TOP_K, 2, 1)


def test_too_many_rows_are_refused_with_both_numbers():
    verdict = gate('mode = "enforce"\n[limits]\nmax_rows = 2').admit(ANN, query([1.0], [2.0], [3.0]), NOW)
    assert verdict.status == 413
    assert "at most 2 rows" in verdict.reason and "got 3" in verdict.reason


def test_a_full_limit_says_how_long_to_wait():
    g = gate('mode = "enforce"\n[limits]\nrows_per_minute = 60\nburst_rows = 1')
    assert g.admit(ANN, query(), NOW).passes
    refused = g.admit(ANN, query(), NOW)
    assert (refused.status, refused.stance) == (429, Stance.THROTTLE)
    assert refused.retry_after_s == pytest.approx(1.0)
    assert g.admit(Caller(principal="bob"), query(), NOW).passes


def test_the_global_limit_holds_over_principals():
    g = gate('mode = "enforce"\n[limits]\nglobal_rows_per_minute = 2')
    assert [g.admit(Caller(principal=p), query(), NOW).passes for p in "abc"] == [True, True, False]


def test_a_burst_cannot_pass_before_it_is_metered():
    g = gate('mode = "enforce"\n[limits]\nmax_unread_rows = 2')
    assert [g.admit(ANN, query(), NOW).passes for _ in range(4)] == [True, True, False, False]
    g.settle("ann", 1)
    assert [g.admit(ANN, query(), NOW).passes for _ in range(2)] == [True, False]
    g.release(ANN, 2)
    assert g.admit(ANN, query(), NOW).passes


def test_a_closed_valve_answers_own_repeats_and_refuses_the_new():
    g = gate()
    old, new = query([1.0, 2.0]), query([3.0, 4.0])
    known = frozenset(fingerprints(old.inputs, KEY).tolist())
    g.decide(decision())
    assert g.admit(ANN, old, NOW).status == 429
    g.remember("ann", known)
    assert g.admit(ANN, old, NOW).passes
    refused = g.admit(ANN, new, NOW)
    assert (refused.status, refused.reason) == (429, "why")
    assert refused.told and "why" not in refused.told
    assert g.admit(ANN, query([1.0, 2.0], [3.0, 4.0]), NOW).status == 429
    assert g.admit(Caller(principal="bob"), new, NOW).passes


def test_a_closed_valve_opens_when_its_time_is_over():
    g = gate()
    g.decide(decision())
    assert not g.admit(ANN, query(), NOW + 59).passes
    assert g.admit(ANN, query(), NOW + 60).passes
    assert g.decisions == {}


def test_a_lifted_decision_no_longer_bites():
    g = gate()
    g.decide(decision())
    g.decide(decision(lifted=1))
    assert g.admit(ANN, query(), NOW).passes


def test_a_milder_decision_does_not_soften_a_stronger_one():
    g = gate()
    g.decide(decision(Stance.BLOCK, uid="b", expires_us=int((NOW + 10) * 1e6)))
    g.decide(decision(Stance.THROTTLE, uid="t"))
    assert g.admit(ANN, query(), NOW).status == 403
    assert g.admit(ANN, query(), NOW + 20).status == 429
    g.decide(decision(uid="t", lifted=1))
    assert g.admit(ANN, query(), NOW + 20).passes


@pytest.mark.parametrize(
    ("stance", "status"), [(Stance.BLOCK, 403), (Stance.SUSPEND, 403), (Stance.REVOKE, 403), (Stance.CHALLENGE, 429)]
)
def test_stances_that_refuse(stance, status):
    g = gate()
    g.decide(decision(stance))
    assert g.admit(ANN, query(), NOW).status == status


def test_delay_waits_and_reduce_gives_less():
    g = gate()
    g.decide(decision(Stance.DELAY))
    assert g.admit(ANN, query(), NOW).delay_s > 0
    g.decide(decision(Stance.REDUCE, exposure=int(Exposure.LABEL)))
    assert g.admit(ANN, query(), NOW).exposure is Exposure.LABEL


def test_the_allowlist_is_read_when_the_decision_would_bite():
    g = gate('mode = "enforce"\n[valve]\nallow = ["ann"]')
    g.decide(decision(Stance.BLOCK))
    assert g.admit(ANN, query(), NOW).passes


def test_observe_mode_passes_everything_and_says_what_it_would_have_done():
    g = gate("[limits]\nrows_per_minute = 60\nburst_rows = 1\n[exposure]\nexposure = 'label'")
    answer = Answer(Exposure.PROBABILITIES, np.array([[0.25, 0.75]]))
    for expected in (Stance.ALLOW, Stance.THROTTLE):
        verdict = g.admit(ANN, query(), NOW)
        assert verdict.passes
        assert verdict.would is expected
    assert g.shape(query(), answer, verdict) == (answer, "")
    g.decide(decision(Stance.BLOCK, simulated=1))
    assert g.decisions == {}


def test_shape_gives_no_more_than_the_verdict_allows():
    g = gate('mode = "enforce"\n[exposure]\nexposure = "label"')
    shaped, name = g.shape(
        query(), Answer(Exposure.PROBABILITIES, np.array([[0.25, 0.75]])), g.admit(ANN, query(), NOW)
    )
    assert shaped.kind is Exposure.LABEL
    assert shaped.scores is None or set(shaped.scores.ravel()) <= {0.0, 1.0}
    assert name


ANSWERS = 'mode = "enforce"\n[exposure]\nanswers = ["round:1"]\n[stances.watch]\nanswers = ["label_only"]\n'
THREE = np.array([[0.26, 0.5, 0.24]])


def shaped(g, caller=ANN, rows=((1.0, 2.0),), scores=THREE):
    asked = query(*rows)
    return g.shape(asked, Answer(Exposure.PROBABILITIES, scores), g.admit(caller, asked, NOW))


def test_answers_pass_what_plan_and_stance_name():
    g = gate(ANSWERS + '[plans.gold.exposure]\nanswers = ["top_k:2"]\n')
    answer, name = shaped(g)
    assert (answer.scores.tolist(), name) == ([[0.3, 0.5, 0.2]], "round")
    assert shaped(g, Caller(principal="bob", plan="gold"))[1] == "top_k"
    g.decide(decision(Stance.WATCH))
    assert shaped(g)[0].scores.tolist() == [[0, 1, 0]] and shaped(g)[1] == "label_only+round"
    assert shaped(g, Caller(principal="bob"))[1] == "round"


def test_the_policy_and_the_answers_compose_in_the_order_of_their_stages():
    g = gate('mode = "enforce"\n[exposure]\nanswers = ["round:2"]\nexposure = "top_k"\ntop_k = 2\n')
    assert shaped(g)[1] == "top_k+round"


def test_a_closed_valve_answers_repeats_no_better_than_a_milder_stance():
    g = gate(ANSWERS)
    g.decide(decision())
    g.remember("ann", frozenset(fingerprints(query().inputs, KEY).tolist()))
    verdict = g.admit(ANN, query(), NOW)
    assert verdict.passes and verdict.stance is Stance.THROTTLE and verdict.answers == ("label_only", "round:1")


def test_a_reduction_holds_for_the_repeats_of_one_who_is_throttled_too():
    g = gate()
    g.decide(decision(Stance.REDUCE, exposure=int(Exposure.LABEL), uid="r"))
    g.decide(decision(uid="t"))
    g.remember("ann", frozenset(fingerprints(query().inputs, KEY).tolist()))
    assert g.admit(ANN, query(), NOW).exposure is Exposure.LABEL


def test_inputs_that_could_not_be_read_are_no_repeats():
    g = gate()
    g.decide(decision())
    g.remember("ann", frozenset([1]))
    assert g.admit(ANN, Query("m", [], 1, Exposure.LOGITS), NOW).status == 429


def test_another_model_answers_where_the_stance_says_so():
    g = gate('mode = "enforce"\n[stances.watch]\nupstream = "http://127.0.0.1:9"\n')
    assert g.admit(ANN, query(), NOW).upstream == ""
    g.decide(decision(Stance.REDUCE))
    assert g.admit(ANN, query(), NOW).upstream == "http://127.0.0.1:9"


def test_a_delay_is_another_for_each_and_the_same_when_asked_the_same_way():
    def delays(key):
        g = Gate(compile_policy(parse('mode = "enforce"\n[stances.delay]\ndelay_s = [2, 5]\n')), Pipeline(), key)
        for name in "abcdefgh":
            g.decide(decision(Stance.DELAY, principal=name))
        return [g.admit(Caller(principal=n), query(), NOW).delay_s for n in "abcdefghabcdefgh"]

    first = delays(KEY)
    assert first == delays(KEY) != delays(b"x" * 32)
    assert len(set(first)) == 16 and 2.0 <= min(first) < 3.0 and 4.0 < max(first) <= 5.0


def test_a_challenge_is_refused_until_it_is_solved_and_costs_nothing_before():
    g = gate(
        'mode = "enforce"\n[stances.challenge]\nchallenge_bits = 18\n[limits]\nrows_per_minute = 1\nburst_rows = 1'
    )
    g.decide(decision(Stance.CHALLENGE))
    for _ in range(3):
        refused = g.admit(ANN, query(), NOW)
        assert (refused.status, refused.challenge_bits, refused.exposure) == (429, 18, Exposure.NONE)
        assert "why" not in refused.told
    solved = g.admit(ANN, query(), NOW, solved=True)
    assert solved.passes and solved.exposure is Exposure.PROBABILITIES and solved.challenge_bits == 0
    assert g.admit(ANN, query(), NOW, solved=True).status == 429


def test_no_work_opens_what_is_no_challenge():
    g = gate()
    for stance in (Stance.THROTTLE, Stance.BLOCK, Stance.CHALLENGE):
        g.decide(decision(stance, uid=stance.name))
        assert not g.admit(ANN, query(), NOW, solved=True).passes


def test_what_is_not_ready_leaves_labels_until_it_is_given(monkeypatch):
    g = gate('mode = "enforce"\n[exposure]\nanswers = ["noise:0.5"]\n')
    assert g.shaping.faults.count == 0 and shaped(g)[1] == "noise"
    g.give({"key": None})
    answer, name = shaped(g)
    assert (answer.kind, name, g.shaping.faults.count) == (Exposure.LABEL, "label_only", 1)
    assert "key" in g.shaping.faults.last
    g.give({"key": b"k" * 32})
    assert shaped(g)[1] == "noise" and g.shaping.faults.count == 1


def test_observe_mode_shapes_nothing():
    answer = Answer(Exposure.PROBABILITIES, THREE)
    g = gate(ANSWERS.replace("enforce", "observe"))
    assert g.shape(query(), answer, g.admit(ANN, query(), NOW)) == (answer, "")


def test_a_listed_record_is_answered_to_nobody_and_tells_no_reason():
    g = gate('mode = "enforce"\n[valve]\nallow = ["ann"]')
    g.undisclosed = frozenset(fingerprints(np.array([[3.0, 4.0]], np.float32), KEY).tolist())
    assert g.admit(ANN, query(), NOW).passes
    refused = g.admit(ANN, query([1.0, 2.0], [3.0, 4.0]), NOW)
    assert (refused.status, refused.exposure) == (403, Exposure.NONE)
    assert "record" not in refused.told
    assert g.tallies["ann"].unread_rows == 1


def test_observe_mode_notes_a_listed_record():
    g = gate("")
    g.undisclosed = frozenset(fingerprints(query().inputs, KEY).tolist())
    noted = g.admit(ANN, query(), NOW)
    assert (noted.passes, noted.would) == (True, Stance.BLOCK)
