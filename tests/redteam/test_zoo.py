import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter

import msgspec
import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.budget import Budget
from wellhead.redteam.harness import Harness
from wellhead.redteam.http import Account, Http
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.outcome import Study
from wellhead.redteam.patience import Patience
from wellhead.redteam.report.words import headline
from wellhead.redteam.results import TOGETHER, Truth
from wellhead.redteam.zoo import Wish, study

HASTY = Patience(first_wait_s=0.001, longest_wait_s=0.004, give_up_after_s=0.2, attempts=3)


def known_of(pool, **more):
    return Known(shape=(4,), low=np.full(4, -3.0), high=np.full(4, 3.0), pool=pool, **more)


def wish(rows=300, **more):
    given = {"attacks": ("random", "uniform"), "budget": Budget(rows=rows), "patience": HASTY} | more
    return Wish(**given)


def last(rows):
    *_, end = rows
    assert isinstance(end.study, Study)
    return end.study


def http(server, wording, accounts=1):
    return Http(server.url, wording, accounts=[Account(f"k{i}", f"t{i}") for i in range(accounts)], rows_per_call=16)


def states(found):
    return {o.attack: o.state for o in found.outcomes}


def test_a_study_probes_judges_attacks_and_ends_with_the_union(softmax, pool):
    rows = list(study(InProcess(softmax), known_of(pool), wish(400)))
    found = rows[-1].study
    assert states(found) == {"random": "ok", "uniform": "ok", TOGETHER: "ok"}
    assert found.probed.exposure == "probabilities" and found.classes == 3 and found.judges == 40
    assert found.spent_rows <= 400 and found.warnings == ()
    assert all(o.marks[-1].fidelity > 0.8 for o in found.outcomes)
    assert [r.outcome.attack for r in rows if r.outcome] == ["random", "uniform"]
    assert msgspec.json.decode(msgspec.json.encode(found), type=Study) == found


def test_the_budget_is_never_overrun_and_the_server_counts_the_same(server, wording, pool):
    found = last(study(http(server, wording, 3), known_of(pool), wish(257)))
    assert found.spent_rows == server.rows_answered <= 257
    assert found.spent_calls + found.spent_retries == server.requests
    assert set(server.by_account) == {"t0", "t1", "t2"}


@pytest.mark.parametrize("rows", [1, 3, 30])
def test_a_budget_that_does_not_suffice_is_said_and_kept(server, wording, pool, rows):
    try:
        found = last(study(http(server, wording), known_of(pool), wish(rows)))
    except ConfigError as e:
        assert "budget" in str(e)
    else:
        assert {o.state for o in found.outcomes if o.attack != TOGETHER} <= {
            "ok",
            "exhausted",
            "not run",
            "unsupported",
        }
    assert server.rows_answered <= rows


def test_a_study_resumes_after_sigkill_and_asks_nothing_twice(server, wording, pool, tmp_path):
    np.save(tmp_path / "pool.npy", pool)
    thief = subprocess.Popen([sys.executable, "-c", THIEF, server.url, str(tmp_path)])

    def kill_at_20(account, number):
        if number == 20:
            os.kill(thief.pid, signal.SIGKILL)
            thief.wait()
            return "drop"
        return None

    server.misbehave = kill_at_20
    assert thief.wait() == -signal.SIGKILL
    server.misbehave = lambda account, number: None
    spread_over = Counter(server.seen)
    found = last(study(http(server, wording), known_of(pool), wish(300, directory=tmp_path / "out")))
    assert server.rows_answered + server.rows_dropped == found.spent_rows <= 300
    # The probe asks its samples several times, and sentinels are asked again, all on purpose.
    again = {key for key, times in spread_over.items() if server.seen[key] > times}
    assert len(again) <= 4
    whole = last(study(InProcess(server.model), known_of(pool), wish(300)))
    assert [o.attack for o in whole.outcomes] == [o.attack for o in found.outcomes]


THIEF = textwrap.dedent("""
    import sys, pathlib, json
    import numpy as np
    from wellhead.core.event import Answer
    from wellhead.core.exposure import Exposure
    from wellhead.redteam.budget import Budget
    from wellhead.redteam.http import Account, Http
    from wellhead.redteam.known import Known
    from wellhead.redteam.patience import Patience
    from wellhead.redteam.zoo import Wish, study

    class Json:
        def write_query(self, query, spec):
            body = json.dumps({"inputs": np.asarray(query.inputs).tolist()}).encode()
            return f"/{spec.name}", "application/json", body
        def read_answer(self, body, content_type, query, spec):
            return Answer(Exposure.PROBABILITIES, scores=np.array(json.loads(body)["scores"], float))

    place = pathlib.Path(sys.argv[2])
    oracle = Http(sys.argv[1], Json(), accounts=[Account("k0", "t0")], rows_per_call=16)
    known = Known(shape=(4,), low=np.full(4, -3.0), high=np.full(4, 3.0), pool=np.load(place / "pool.npy"))
    hasty = Patience(first_wait_s=0.001, longest_wait_s=0.004, give_up_after_s=0.2, attempts=3)
    for _ in study(oracle, known, Wish(attacks=("random", "uniform"), budget=Budget(rows=300), patience=hasty,
                                       directory=place / "out")):
        pass
""")


def test_a_finished_study_run_again_asks_nothing(server, wording, pool, tmp_path):
    first = last(study(http(server, wording), known_of(pool), wish(200, directory=tmp_path)))
    before = server.requests
    second = last(study(http(server, wording), known_of(pool), wish(200, directory=tmp_path)))
    assert server.requests == before
    assert [o.marks for o in first.outcomes] == [o.marks for o in second.outcomes]


@pytest.mark.parametrize(
    "other", [{"rows": 201}, {"attacks": ("random",)}, {"seed": 1}, {"harness": Harness(average=2)}]
)
def test_other_arguments_do_not_resume(softmax, pool, tmp_path, other):
    last(study(InProcess(softmax), known_of(pool), wish(200, directory=tmp_path)))
    with pytest.raises(ConfigError, match="arguments of the study"):
        list(study(InProcess(softmax), known_of(pool), wish(**({"rows": 200, "directory": tmp_path} | other))))


def test_a_target_that_changes_midway_is_warned_of(server, wording, softmax, pool):
    server.model = lambda inputs: softmax(inputs if server.rows_answered < 120 else -np.asarray(inputs))
    found = last(study(http(server, wording), known_of(pool), wish(300)))
    assert any("had changed its answers" in w for w in found.warnings)


def test_fewer_classes_midway_block_the_account_and_the_warning_says_why(server, wording, softmax, pool):
    server.model = lambda inputs: softmax(inputs)[:, : 3 if server.rows_answered < 150 else 2]
    found = last(study(http(server, wording), known_of(pool), wish(900)))
    assert states(found)["random"] == states(found)["uniform"] == "blocked"
    assert "3 unusable answers in a row, the last: expected scores of 3 classes as before, got 2" in found.warnings[0]
    assert found.warnings[0].endswith("the target has changed") and found.spent_rows <= 150 + 4 * 16


def test_named_attacks_leave_the_other_rooms_alone_and_nothing_is_kept_for_none(softmax, pool):
    known = known_of(pool[200:], candidates=pool[:200], candidate_labels=np.zeros(200, np.int64))
    more = {"rooms": ("extract", "membership"), "truth": Truth(members=np.arange(200) < 100)}
    found = states(last(study(InProcess(softmax), known, wish(900, attacks=("random",), **more))))
    assert {"random", "loss", "gap"} <= set(found) and "uniform" not in found


def test_a_share_that_is_too_small_is_said_with_its_numbers(monkeypatch, softmax, pool):
    from wellhead.redteam.extract.active import Random

    original = Random.suit

    def suit(known):
        known.need(known.rows >= 150, "needs 150 queries or more")
        return original(known)

    monkeypatch.setattr(Random, "suit", suit)
    found = last(study(InProcess(softmax), known_of(pool), wish(300, attacks=("random", "uniform"))))
    one = next(o for o in found.outcomes if o.attack == "random")
    assert one.state == "not run"
    assert one.reason.startswith("needs 150 queries or more, but its share of the budget was 1")
    assert one.reason.endswith("rows that were left")


def test_a_banned_key_goes_on_with_the_others(server, wording, pool):
    server.misbehave = lambda account, number: (403, {}) if account == "t0" and number > 20 else None
    found = last(study(http(server, wording, 2), known_of(pool), wish(300)))
    assert states(found)[TOGETHER] == "ok"
    assert found.warnings == ("account k0 was blocked: refused with 403",)


def test_every_key_banned_is_blocked_and_the_rest_not_tried(server, wording, pool):
    server.misbehave = lambda account, number: (403, {}) if number > 30 else None
    found = last(study(http(server, wording, 2), known_of(pool), wish(300)))
    assert states(found) == {"random": "blocked", "uniform": "blocked", TOGETHER: "ok"}
    assert server.requests <= 33


def test_a_rate_limit_is_waited_for(server, wording, pool):
    server.misbehave = lambda account, number: (429, {"Retry-After": "0"}) if number % 3 == 0 else None
    found = last(study(http(server, wording), known_of(pool), wish(200)))
    assert found.spent_rows == server.rows_answered and found.spent_retries > 0
    assert states(found)["random"] == "ok"


def test_a_target_that_times_out_is_an_error_that_says_so(server, wording, pool):
    server.trickle = True
    oracle = Http(server.url, wording, timeout_s=0.05)
    with pytest.raises(ConfigError, match="TimeoutError"):
        list(study(oracle, known_of(pool), wish(200, patience=Patience(attempts=1))))


def test_a_noisy_target_suggests_averaging(pool, softmax):
    dice = np.random.default_rng(0)

    def noisy(inputs):
        raw = softmax(inputs) + 0.01 * dice.random((len(inputs), 3))
        return raw / raw.sum(axis=1, keepdims=True)

    found = last(study(InProcess(noisy), known_of(pool), wish(200)))
    assert not found.probed.deterministic
    assert any("--average" in w and "% of 4 judges got the same class twice" in w for w in found.warnings)


def test_averaging_costs_what_it_asks(server, wording, pool):
    found = last(
        study(http(server, wording), known_of(pool), wish(400, harness=Harness(average=3), attacks=("random",)))
    )
    assert found.spent_rows == server.rows_answered <= 400
    one = found.outcomes[0]
    assert one.marks[-1].rows == one.rows and one.rows % 3 == 0


def test_one_class_is_said(pool):
    found = last(study(InProcess(lambda x: np.ones((len(x), 1))), known_of(pool), wish(100)))
    assert found.classes == 1
    assert "every answer was the same class: nothing to steal was seen" in found.warnings


def test_one_label_is_no_theft(pool):
    found = last(study(InProcess(lambda x: np.full(len(x), 3)), known_of(pool), wish(200)))
    assert found.classes == 1 and headline(found).startswith("Every answer was the same class")


def test_another_plug_in_does_not_hinder_a_resumed_study(monkeypatch, softmax, pool, tmp_path):
    from wellhead.redteam import zoo as module

    original = module.zoo

    def fewer(wanted, rooms):
        entries, absent = original(("random", "uniform"), rooms)
        return entries, absent

    def more(wanted, rooms):
        return original(("random", "margin", "uniform"), rooms)

    monkeypatch.setattr(module, "zoo", fewer)
    first = last(study(InProcess(softmax), known_of(pool), wish(200, attacks=(), directory=tmp_path)))
    monkeypatch.setattr(module, "zoo", more)
    second = last(study(InProcess(softmax), known_of(pool), wish(200, attacks=(), directory=tmp_path)))
    assert {"margin"} == set(states(second)) - set(states(first)) and second.spent_rows <= 200


def test_a_ban_while_judges_are_asked_says_what_was_spent(server, wording, pool):
    server.misbehave = lambda account, number: (403, {}) if server.rows_answered >= 16 else None
    with pytest.raises(ConfigError, match=r"\d+ rows were spent until then"):
        last(study(http(server, wording), known_of(pool), wish(300)))


def test_ten_thousand_classes(pool):
    weights = np.random.default_rng(0).normal(size=(4, 10_000))

    def wide(inputs):
        powers = np.exp(np.asarray(inputs, float) @ weights)
        return powers / powers.sum(axis=1, keepdims=True)

    found = last(study(InProcess(wide), known_of(pool), wish(100, attacks=("random",))))
    assert found.classes == 10_000 and states(found)["random"] == "ok"


def test_logits_are_known_for_what_they_are(softmax, pool):
    logits = InProcess(lambda x: np.log(softmax(x)) + 3)
    found = last(study(logits, known_of(pool), wish(400, attacks=("random",))))
    assert found.probed.exposure == "logits"
    assert found.outcomes[0].marks[-1].fidelity > 0.9 and 0 <= found.outcomes[0].marks[-1].distance < 0.2


def test_a_regressor(pool):
    found = last(study(InProcess(lambda x: np.asarray(x, float) @ np.ones(4)), known_of(pool), wish(200)))
    assert found.task == "regressor" and found.outcomes[-1].marks[-1].fidelity > 0.99


def test_labels_only(softmax, pool):
    found = last(study(InProcess(softmax), known_of(pool), wish(300, harness=Harness(labels_only=True))))
    assert {m.told for o in found.outcomes for m in o.marks} == {"labels"}


def test_a_pool_smaller_than_the_budget_is_said(softmax, pool):
    found = last(study(InProcess(softmax), known_of(pool[:100]), wish(300, attacks=("random",))))
    assert any("the pool holds 70 inputs" in w for w in found.warnings)


def test_without_pool_judges_are_uniform_and_that_is_said(softmax):
    found = last(study(InProcess(softmax), known_of(np.zeros((0, 4), np.float32)), wish(300)))
    assert states(found) == {"random": "unsupported", "uniform": "ok", TOGETHER: "ok"}
    assert any("uniform inputs" in w for w in found.warnings)


def test_nothing_to_ask_is_an_error(softmax):
    with pytest.raises(ConfigError, match="give --pool"):
        list(study(InProcess(softmax), Known(), wish()))


def test_an_attack_that_breaks_costs_nothing_but_itself(monkeypatch, softmax, pool):
    from wellhead.redteam.extract.active import Random

    def broken(self, rng):
        yield pool[:10]
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Random, "run", broken)
    found = last(study(InProcess(softmax), known_of(pool), wish(200)))
    assert states(found)["random"] == "failed" and states(found)["uniform"] == "ok"
    assert found.outcomes[0].reason == "ZeroDivisionError: oops"


def test_membership_asks_the_candidates_once_for_all_attacks(server, wording, pool):
    labels = np.zeros(200, np.int64)
    known = known_of(np.zeros((0, 4), np.float32), candidates=pool[:200], candidate_labels=labels, train_rows=100)
    more = wish(
        1000,
        attacks=("loss", "gap"),
        rooms=("membership",),
        truth=Truth(members=np.arange(200) < 100),
        judges=pool[100:120],
        most_judges=20,
    )
    found = last(study(http(server, wording), known, more))
    assert states(found) == {"loss": "ok", "gap": "ok"}
    assert found.spent_rows == server.rows_answered < 250
    assert 0.3 < found.outcomes[0].leak.auc < 0.7 and found.outcomes[0].leak.tpr01 is None


def test_members_of_another_distribution_are_warned_of(softmax, pool):
    candidates = np.concatenate([pool[:100], pool[100:200] + 2])
    known = known_of(candidates[:0], candidates=candidates, candidate_labels=np.zeros(200, np.int64))
    more = wish(1000, attacks=("loss",), rooms=("membership",), truth=Truth(members=np.arange(200) < 100),
                judges=candidates[100:120])  # fmt: skip
    assert any("drift" in w for w in last(study(InProcess(softmax), known, more)).warnings)
