import threading
import time

import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.event import ModelSpec
from wellhead.redteam.ask import Patience
from wellhead.redteam.budget import Budget
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.http import Account, Http, is_loopback, retry_after
from wellhead.redteam.run import finish, run

HASTY = Patience(first_wait_s=0.001, longest_wait_s=0.004, give_up_after_s=5.0, attempts=50)


def accounts(n):
    return [Account(f"account-{i}", f"token-{i}") for i in range(n)]


def test_asks_the_protocol_path_behind_the_prefix_with_token_and_headers(asker, server, wording, softmax, pool):
    oracle = Http(server.url + "/v9/", wording, ModelSpec(name="m"), [Account("a", "secret", {"X-Plan": "gold"})])
    answer = asker(oracle).ask(pool[:5])
    assert server.paths == {"/v9/m"}
    assert server.headers[0]["X-Plan"] == "gold" and server.headers[0]["Authorization"] == "Bearer secret"
    assert np.array_equal(answer.scores, softmax(pool[:5]))


def test_a_given_path_replaces_that_of_the_protocol(asker, server, wording, pool):
    asker(Http(server.url, wording, path="/predict")).ask(pool[:1])
    assert server.paths == {"/predict"}


def test_eight_accounts_get_equal_shares_in_order_over_one_connection_each(asker, server, wording, softmax, pool):
    talk = asker(Http(server.url, wording, accounts=accounts(8), rows_per_call=1))
    answer = talk.ask(pool[:800])
    talk.ask(pool[800:960])
    talk.close()
    assert np.allclose(answer.scores, softmax(pool[:800]))
    assert server.by_account == {f"token-{i}": 120 for i in range(8)}
    assert server.connections == 8
    assert talk.spent.calls == server.requests == 960


def test_the_count_equals_the_servers_under_refusals_drops_and_concurrency(
    record, asker, server, wording, softmax, pool
):
    dice = np.random.default_rng(3)
    lock = threading.Lock()

    def misbehave(account, number):
        with lock:
            luck = dice.random()
        if luck < 0.15:
            return 429, {"Retry-After": "0"}
        if luck < 0.25:
            return 503, {}
        return "drop" if luck < 0.35 else None

    server.misbehave = misbehave
    transcript = record()
    talk = asker(Http(server.url, wording, accounts=accounts(8), rows_per_call=3), transcript=transcript)
    answer = talk.ask(pool[:900])
    talk.close()
    spent = talk.spent
    assert np.allclose(answer.scores, softmax(pool[:900]))
    assert spent.calls == 304  # 4 accounts share 113 rows each and 4 share 112: 38 requests each
    assert spent.calls + spent.retries == server.requests
    assert server.rows_answered == 900 and max(server.seen.values()) == 1
    assert spent.rows == 900 + server.rows_dropped
    transcript.close()
    again = record()
    assert (again.spent.rows, again.spent.calls, again.spent.retries) == (spent.rows, spent.calls, spent.retries)
    assert again.digest == transcript.digest


def test_a_killed_run_asks_nothing_again_and_ends_as_if_it_had_not_been_killed(record, server, wording, pool, tmp_path):
    attack = Pool(inputs=pool, rows=400, per_round=100, pick="uncertainty")
    whole = finish(run(attack, Http(server.url, wording, accounts=accounts(4)), seed=5))
    server.seen.clear()
    killed = run(attack, Http(server.url, wording, accounts=accounts(4)), transcript=record(), seed=5)
    next(killed)
    next(killed)
    killed.close()
    with (tmp_path / "transcript.jsonl").open("ab") as f:
        f.write(b'{"kind":"got","num')  # what a kill leaves
    resumed = finish(run(attack, Http(server.url, wording, accounts=accounts(4)), Budget(rows=400), record(), seed=5))
    assert resumed.state == "ok"
    assert max(server.seen.values()) == 1 and server.seen.total() == 400
    assert resumed.spent.rows == 400 and resumed.spent.cached == 200
    assert np.array_equal(resumed.result.inputs, whole.result.inputs)
    assert np.array_equal(resumed.result.answer.scores, whole.result.answer.scores)


def test_the_budget_is_used_to_the_last_row_and_never_overrun(server, wording, pool):
    server.misbehave = lambda account, number: (503, {}) if number % 5 == 0 else None
    last = finish(
        run(
            Pool(inputs=pool, rows=1000, per_round=128),
            Http(server.url, wording, accounts=accounts(3), rows_per_call=10),
            Budget(rows=333),
            patience=HASTY,
        )
    )
    assert last.state == "exhausted" and "rows" in last.reason
    assert server.rows_answered == last.spent.rows == 333 == len(last.result.inputs)


@pytest.mark.parametrize("failing", [None, 4])
def test_calls_are_never_overrun_retries_included(server, wording, pool, failing):
    server.misbehave = lambda account, number: (503, {}) if failing and number % failing == 0 else None
    oracle = Http(server.url, wording, accounts=accounts(4), rows_per_call=5)
    last = finish(run(Pool(inputs=pool, rows=500), oracle, Budget(calls=21), patience=HASTY))
    assert last.state == "exhausted" and "calls" in last.reason
    assert server.requests == 21 == last.spent.calls + last.spent.retries


def test_a_closed_valve_ends_the_account_and_the_others_go_on(server, wording, pool):
    server.misbehave = lambda account, number: (429, {"Retry-After": "3600"}) if account == "token-1" else None
    attack = Pool(inputs=pool, rows=300, per_round=60)
    last = finish(run(attack, Http(server.url, wording, accounts=accounts(3), rows_per_call=5)))
    assert last.state == "ok" and len(last.result.inputs) == 300
    assert server.by_account["token-1"] == 1
    assert "429" in last.accounts["account-1"].blocked and not last.accounts["account-0"].blocked


def test_when_every_valve_closes_the_attack_ends_with_what_it_has(server, wording, pool):
    server.misbehave = lambda account, number: (429, {"Retry-After": "600"}) if number > 40 else None
    attack = Pool(inputs=pool, rows=1000, per_round=100)
    last = finish(run(attack, Http(server.url, wording, accounts=accounts(4), rows_per_call=5)))
    assert last.state == "blocked" and "429" in last.reason
    assert len(last.result.inputs) == last.spent.rows == 200
    assert server.requests == 44  # one refused request for each account


def test_an_account_that_only_hears_429_waits_no_longer_than_it_was_told(asker, server, wording, pool):
    server.misbehave = lambda account, number: (429, {})
    talk = asker(
        Http(server.url, wording), patience=Patience(first_wait_s=0.01, longest_wait_s=0.05, give_up_after_s=0.2)
    )
    start = time.monotonic()
    talk.ask(pool[:1])
    waited = time.monotonic() - start
    assert not talk.alive and 0.1 < talk.accounts["anonymous"].waited_s <= 0.2
    assert waited >= talk.accounts["anonymous"].waited_s
    assert talk.spent.rows == 0


def test_a_revoked_key_is_not_tried_again(asker, server, wording, pool):
    server.misbehave = lambda account, number: (401, {})
    talk = asker(Http(server.url, wording, rows_per_call=1))
    talk.ask(pool[:10])
    assert server.requests == 1 and talk.accounts["anonymous"].blocked == "refused with 401"


def test_retry_after_is_honoured(asker, server, wording, pool):
    server.misbehave = lambda account, number: (429, {"Retry-After": "1"}) if number == 1 else None
    talk = asker(Http(server.url, wording))
    start = time.monotonic()
    assert talk.ask(pool[:1]).scores is not None
    assert time.monotonic() - start >= 1.0


def test_an_answer_that_cannot_be_read_is_spent_and_named(server, wording, pool):
    server.misbehave = lambda account, number: b"<html>sorry"
    last = finish(run(Pool(inputs=pool, rows=10), Http(server.url, wording)))
    assert last.state == "failed" and "expected scores" in last.reason
    assert last.spent.rows == 10 and server.requests == 1


def test_an_answer_with_fewer_classes_is_refused(asker, server, wording, pool):
    server.misbehave = lambda account, number: b'{"scores": [[0.5, 0.5]]}' if number > 1 else None
    talk = asker(Http(server.url, wording, rows_per_call=1))
    answer = talk.ask(pool[:2])
    assert "expected scores of 3 classes as before, got 2" in talk.last_failure
    assert answer.labels[0] >= 0 and answer.labels[1] == -1


def test_an_answer_that_never_ends_is_cut_and_the_connection_dropped(asker, server, wording, pool):
    server.misbehave = lambda account, number: b"x" * 100_000 if number == 1 else None
    talk = asker(Http(server.url, wording, rows_per_call=1, max_answer_bytes=1000))
    answer = talk.ask(pool[:2])
    assert answer.labels[0] == -1 and answer.labels[1] >= 0 and server.connections == 2
    assert "at most 1000 bytes" in talk.last_failure


def test_a_dead_server_blocks_every_account(wording, pool):
    patience = Patience(first_wait_s=0.001, longest_wait_s=0.002, give_up_after_s=0.01, attempts=1000)
    oracle = Http("http://127.0.0.1:1", wording, accounts=accounts(2))
    last = finish(run(Pool(inputs=pool, rows=10), oracle, patience=patience))
    assert last.state == "blocked" and "ConnectionRefusedError" in last.reason
    assert last.spent.rows > 0  # nobody can know that they were not billed


def test_a_slow_server_is_timed_out_within_the_seconds_of_the_budget(server, wording, pool):
    server.misbehave = lambda account, number: time.sleep(0.5)
    last = finish(run(Pool(inputs=pool, rows=10), Http(server.url, wording), Budget(seconds=0.1)))
    assert last.state == "exhausted" and "seconds" in last.reason


def test_remote_targets_need_an_authorisation_with_a_name(wording):
    for more in ({}, {"authorised": True}, {"owner": "Ada"}):
        with pytest.raises(ConfigError, match=r"example\.com"):
            Http("http://example.com", wording, **more)
    assert Http("http://example.com", wording, authorised=True, owner="Ada").owner == "Ada"


def test_the_owner_is_recorded_and_no_token_is(record, server, wording, pool, tmp_path):
    oracle = Http(server.url, wording, accounts=accounts(1), owner="Ada")
    finish(run(Pool(inputs=pool, rows=3), oracle, transcript=record()))
    text = (tmp_path / "transcript.jsonl").read_text()
    assert '"owner":"Ada"' in text and "token-0" not in text
    assert "token-0" not in repr(oracle)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "file:///etc/passwd"])
def test_other_urls_are_refused(url, wording):
    with pytest.raises(ConfigError, match="expected an http or https URL"):
        Http(url, wording)


@pytest.mark.parametrize(
    "url",
    [
        "http://bob:s3cret@127.0.0.1",
        "http://s3cret@127.0.0.1",
        "http://127.0.0.1/?k=s3cret",
        "http://127.0.0.1/#s3cret",
    ],
)
def test_urls_that_hold_secrets_are_refused_without_them(url, wording):
    with pytest.raises(ConfigError, match="--header") as caught:
        Http(url, wording)
    assert "s3cret" not in str(caught.value)


def test_what_is_not_there_points_to_the_models_name(asker, server, wording, pool):
    server.misbehave = lambda account, number: (404, {})
    talk = asker(Http(server.url, wording, ModelSpec(name="mine")))
    talk.ask(pool[:1])
    assert "'mine'" in talk.last_failure and "--model-name" in talk.last_failure


def test_accounts_need_names_of_their_own(server, wording):
    with pytest.raises(ConfigError, match="different names"):
        Http(server.url, wording, accounts=[Account("a"), Account("a")])


def test_a_server_that_repeats_the_token_does_not_get_it_into_the_transcript(
    asker, server, wording, pool, tmp_path, record
):
    server.refusal = b"bad token token-0!"
    server.misbehave = lambda account, number: (401, {})
    talk = asker(Http(server.url, wording, accounts=accounts(1)), transcript=record())
    talk.ask(pool[:1])
    assert talk.last_failure == "401 bad token ***!"
    assert "token-0" not in (tmp_path / "transcript.jsonl").read_text()


def test_loopback_is_an_address_not_a_name_that_looks_like_it():
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("LOCALHOST") and is_loopback("127.9.9.9")
    assert not any(is_loopback(h) for h in ("127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "8.8.8.8"))


def test_retry_after_reads_seconds_and_dates():
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    assert retry_after("120", None) == 120
    assert retry_after("Wed, 21 Oct 2026 07:28:30 GMT", date) == 30
    assert retry_after(date, "Wed, 21 Oct 2026 07:28:30 GMT") == 0
    assert (
        retry_after("soon", date)
        == retry_after(None, date)
        == retry_after(date, None)
        == retry_after("", None)
        == retry_after("²", date)
        == 0
    )


def test_requests_that_are_too_large_are_halved_until_they_fit(asker, server, wording, softmax, pool):
    server.most_rows = 10
    talk = asker(Http(server.url, wording, accounts=accounts(2), rows_per_call=32))
    answer = talk.ask(pool[:128])
    assert np.allclose(answer.scores, softmax(pool[:128]))
    assert talk.spent.rows == 128 == server.rows_answered and talk.spent.calls == server.requests
    before = server.requests
    talk.ask(pool[128:256])
    assert server.requests - before == 16  # eight rows each: the lesson is kept


def test_a_body_that_trickles_is_cut_at_the_timeout(asker, server, wording, pool):
    server.trickle = True
    patience = Patience(first_wait_s=0.001, longest_wait_s=0.001, attempts=1)
    talk = asker(Http(server.url, wording, timeout_s=0.2), patience=patience)
    start = time.monotonic()
    assert talk.ask(pool[:1]).labels.tolist() == [-1]
    assert time.monotonic() - start < 5 and talk.last_failure == "0 TimeoutError"


def test_a_body_shorter_than_announced_is_no_answer(asker, server, wording, pool):
    server.misbehave = lambda account, number: (200, {"Content-Length": "5000", "Connection": "close"})
    talk = asker(Http(server.url, wording), patience=Patience(first_wait_s=0.001, attempts=1))
    talk.ask(pool[:1])
    assert talk.last_failure == "0 IncompleteRead" and talk.spent.rows == 1


def test_a_chunked_answer_keeps_the_connection(asker, server, wording, softmax, pool):
    server.chunked = True
    talk = asker(Http(server.url, wording, rows_per_call=1))
    assert np.allclose(talk.ask(pool[:5]).scores, softmax(pool[:5])) and server.connections == 1


@pytest.mark.parametrize("account", [Account("a", "line\nbreak"), Account("a", "", {"X-A": "\u00e9"})])
def test_tokens_that_cannot_be_sent_are_refused_without_showing_them(server, wording, account):
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        Http(server.url, wording, accounts=[account])
    assert "break" not in str(caught.value)


def test_secrets_in_headers_are_not_repeated(asker, server, wording, pool):
    server.refusal = b"bad key s3cr3t"
    server.misbehave = lambda account, number: (403, {})
    talk = asker(Http(server.url, wording, accounts=[Account("a", "", {"X-API-Key": "s3cr3t"})]))
    talk.ask(pool[:1])
    assert talk.last_failure == "403 bad key ***"


def test_what_the_server_tells_of_itself(server, wording, pool):
    server.misbehave = lambda account, number: (400, {"X-Model-Version": "7", "X-Other": "no"})
    line = Http(server.url, wording).lines[0]
    reply = line.spoiled(pool[:1], lambda kind, body: ("text/plain", b"{"), 5.0)
    line.close()
    assert reply.status == 400 and reply.answer is None and reply.detail == "no"
    assert "X-Model-Version: 7" in reply.told and not any("Other" in t for t in reply.told)
