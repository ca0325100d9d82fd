import asyncio
import gzip
import socket
import time
import zlib

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellhead.capture import challenge
from wellhead.capture.tiers import Tiers
from wellhead.config import Access, Config, Identity, Paths
from wellhead.config import Upstream as UpstreamSettings
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict
from wellhead.defend.answer_rules import AnswerRules, rule
from wellhead.stances import Disclosure

SECRET = b'{"scores":[0.123456789,0.876543211]}'


def status_of(response):
    return int(response.split(b" ", 2)[1]) if response.startswith(b"HTTP/1.1 ") else 0


def parts(response):
    head, _, body = response.partition(b"\r\n\r\n")
    headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return status_of(response), headers, body


def error_of(response):
    return msgspec.json.decode(parts(response)[2])["error"]


class TestTheWayOfOneRequest:
    def test_an_allowed_answer_leaves_as_it_came_and_is_observed_afterwards(self, guarded):
        g = guarded()
        status, headers, body = parts(g.ask(g.post("user-agent: curl/8")))
        assert (status, body) == (200, b'{"scores":[0.5,0.5]}')
        assert headers[b"content-length"] == b"20"
        (x,) = g.exchanges
        assert (x.status, x.caller.principal, x.caller.agent, x.caller.address) == (200, "alice", "curl/8", "127.0.0.1")
        assert x.answer.kind is Exposure.PROBABILITIES and x.true_answer is None and x.endpoint == "/predict"
        assert x.request and g.gate.released == []

    def test_a_reduced_answer_is_written_anew(self, guarded):
        g = guarded()
        g.gate.verdict = Verdict(Stance.REDUCE, Exposure.LABEL, reason="drawn")
        status, headers, body = parts(g.ask(g.post()))
        assert (status, body, headers[b"content-length"]) == (200, b'{"label":1}', b"11")
        assert g.bodies == [b'{"x":["clamped"]}']
        (x,) = g.exchanges
        assert (x.defence, x.answer.kind, x.true_answer.kind) == ("label_only", Exposure.LABEL, Exposure.PROBABILITIES)
        assert (x.stance, x.reason) == (int(Stance.REDUCE), "drawn")

    def test_versions_are_written_out_in_enforce_mode_only(self, guarded):
        answer = (
            200,
            [(b"server", b"triton/2.1"), (b"x-model-version", b"7"), (b"etag", b'"7"')],
            b'{"scores":[1],"version":7}',
        )
        g = guarded(Config(mode="enforce"))
        g.answer = answer
        response = g.ask(g.post())
        assert parts(response)[2] == b'{"scores":[1]}'
        assert b"triton" not in response and b"etag" not in response and b"x-model-version" not in response
        o = guarded(Config(mode="observe"))
        o.answer = answer
        assert b'"version":7' in o.ask(o.post())

    def test_a_refusal_says_when_to_come_back_and_is_observed(self, guarded):
        g = guarded()
        g.gate.verdict = Verdict(Stance.THROTTLE, Exposure.NONE, 429, "limit reached: minute", 1.2)
        status, headers, body = parts(g.ask(g.post()))
        assert (status, headers[b"retry-after"]) == (429, b"2")
        assert msgspec.json.decode(body) == {"error": "limit reached: minute"}
        assert g.bodies == [] and g.gate.released == []
        assert [(x.status, x.answer, x.query.rows) for x in g.exchanges] == [(429, None, 1)]

    def test_what_observe_mode_would_have_done_is_noted(self, guarded):
        g = guarded()
        g.gate.verdict = Verdict(Stance.ALLOW, Exposure.VALUE, reason="limit reached", would=Stance.THROTTLE)
        assert status_of(g.ask(g.post())) == 200
        assert g.exchanges[0].reason == "would throttle: limit reached"

    def test_a_delay_is_waited_for(self, guarded):
        g = guarded()
        g.gate.verdict = Verdict(Stance.DELAY, Exposure.PROBABILITIES, delay_s=0.05)
        assert status_of(g.ask(g.post())) == 200
        assert g.exchanges[0].latency_us >= 50_000

    def test_the_model_sees_agreed_headers_and_no_key_of_ours(self, guarded):
        g = guarded()
        g.ask(
            g.post(
                "x_api_key: evil", "x-forwarded-for: 9.9.9.9", "accept-encoding: gzip", "x-trace: 1", "range: bytes=0-1"
            )
        )
        (scope,) = g.scopes
        headers = dict(scope["headers"])
        assert b"x-api-key" not in headers and b"x_api_key" not in headers and b"range" not in headers
        assert headers[b"accept-encoding"] == b"identity" and headers[b"x-trace"] == b"1"
        assert headers[b"x-forwarded-for"] == b"127.0.0.1" and headers[b"content-length"] == b"9"
        assert "extensions" not in scope

    def test_keep_alive_serves_one_request_after_another(self, guarded):
        g = guarded()
        first = g.post().replace(b"connection: close\r\n", b"")
        response = g.ask(first + g.post())
        assert response.count(b"HTTP/1.1 200 OK") == 2


class TestNothingLeaves:
    """Whatever fails between the model and the client: no byte of the raw answer."""

    @pytest.mark.parametrize("where", ["read_answer", "write_answer", "shape", "clamp"])
    @pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, KeyError])
    def test_a_failing_part_is_a_502(self, guarded, where, error):
        g = guarded()
        g.answer = (200, [], SECRET)
        g.gate.verdict = Verdict(Stance.REDUCE, Exposure.LABEL)

        def fail(*_):
            raise error("0.123456789")

        setattr(g.gate if where == "shape" else g.protocol, where, fail)
        response = g.ask(g.post())
        assert status_of(response) == 502 and b"0.123" not in response and b"0.876" not in response
        assert g.gate.released == [("alice", 1)] and g.middleware.counts.failures == 1
        assert g.exchanges[0].answer is None and g.exchanges[0].status == 502

    def test_a_gate_that_gives_more_than_its_verdict_is_a_502(self, guarded):
        g = guarded()
        g.answer = (200, [], SECRET)
        g.gate.verdict = Verdict(Stance.REDUCE, Exposure.LABEL)
        g.gate.shape = lambda q, a, v: (a, "")
        response = g.ask(g.post())
        assert status_of(response) == 502 and b"0.123" not in response

    def test_an_answer_of_which_nothing_may_leave_is_refused(self, guarded):
        g = guarded()
        g.answer = (200, [], SECRET)
        g.gate.shape = lambda q, a, v: (Answer(Exposure.NONE), "nothing")
        response = g.ask(g.post())
        assert status_of(response) == 403 and b"0.123" not in response and g.gate.released

    @pytest.mark.parametrize(
        ("status", "headers", "body", "sent"),
        [
            (200, [], b"<html>0.123</html>", 502),
            (200, [], b"", 502),
            (200, [(b"content-encoding", b"gzip")], gzip.compress(SECRET), 502),
            (200, [(b"content-type", b"a/b"), (b"content-type", b"a/c")], SECRET, 502),
            (201, [], SECRET, 502),
            (206, [], SECRET, 502),
            (302, [(b"location", b"/0.123")], SECRET, 502),
            (500, [], SECRET, 502),
            (503, [], SECRET, 503),
            (504, [], SECRET, 504),
            (400, [], SECRET * 1000, 400),
        ],
    )
    def test_other_answers_are_told_in_our_words(self, guarded, status, headers, body, sent):
        g = guarded()
        g.answer = (status, headers, body)
        response = g.ask(g.post())
        assert status_of(response) == sent and b"0.123" not in response and b"0.876" not in response
        assert error_of(response) and g.gate.released == [("alice", 1)]

    def test_a_client_error_of_the_model_passes(self, guarded):
        g = guarded()
        g.answer = (422, [(b"content-type", b"text/plain"), (b"x-powered-by", b"x")], b"two columns expected")
        status, headers, body = parts(g.ask(g.post()))
        assert (status, body) == (422, b"two columns expected") and b"x-powered-by" not in headers
        assert g.gate.released == [("alice", 1)]

    @pytest.mark.parametrize("kind", ["http.response.pathsend", "http.response.zerocopysend", "http.response.trailers"])
    def test_an_app_cannot_slip_an_answer_past(self, guarded, kind):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": kind, "path": "/etc/passwd"})

        g = guarded(app=app)
        assert status_of(g.ask(g.post())) == 502 and g.middleware.counts.bad_answers == 1

    def test_an_app_that_stops_half_way_or_raises(self, guarded):
        async def half(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": SECRET, "more_body": True})

        async def broken(scope, receive, send):
            await half(scope, receive, send)
            raise ValueError("0.123456789")

        for app in (half, broken):
            g = guarded(app=app)
            response = g.ask(g.post())
            assert status_of(response) == 502 and b"0.123" not in response and g.gate.released

    def test_too_large_an_answer(self, guarded):
        g = guarded(Config(upstream=UpstreamSettings(max_answer_bytes=100)))
        g.answer = (200, [], SECRET * 10)
        assert status_of(g.ask(g.post())) == 502

    def test_a_failing_observer_does_not_touch_the_answer(self, guarded):
        g = guarded()

        def fail(_):
            raise OSError("disk full")

        object.__setattr__(g.middleware.guard, "observe", fail)
        assert status_of(g.ask(g.post())) == 200 and g.middleware.counts.unobserved == 1


# Everything that the server in front accepts, and on which two readers could differ.
VECTORS = {
    "host missing": (["POST /predict HTTP/1.1", "content-length: 9"], 400),
    "host empty": (["POST /predict HTTP/1.1", "host:", "content-length: 9"], 400),
    "host twice": (["POST /predict HTTP/1.1", "host: a", "host: b", "content-length: 9"], 400),
    "authorization twice": (["POST /predict HTTP/1.1", "host: a", *["authorization: a"] * 2, "content-length: 9"], 400),
    "key twice": (["POST /predict HTTP/1.1", "host: a", "x-api-key: b", "content-length: 9"], 400),
    "content type twice": (
        ["POST /predict HTTP/1.1", "host: a", "content-type: a/b", "content-type: c/d", "content-length: 9"],
        400,
    ),
    "content encoding twice": (
        ["POST /predict HTTP/1.1", "host: a", "content-encoding: gzip", "content-encoding: gzip", "content-length: 9"],
        400,
    ),
    "upgrade": (["POST /predict HTTP/1.1", "host: a", "connection: upgrade", "upgrade: foo", "content-length: 9"], 400),
    "websocket": (
        ["GET /predict HTTP/1.1", "host: a", "connection: upgrade", "upgrade: websocket", "sec-websocket-key: a"],
        400,
    ),
    "escaped slash": (["POST /v2%2fpredict HTTP/1.1", "host: a", "content-length: 9"], 400),
    "escaped backslash": (["POST /v2%5Cpredict HTTP/1.1", "host: a", "content-length: 9"], 400),
    "backslash": (["POST /v2\\predict HTTP/1.1", "host: a", "content-length: 9"], 400),
    "escaped nul": (["POST /predict%00 HTTP/1.1", "host: a", "content-length: 9"], 400),
    "bad utf-8": (["POST /predict%ff HTTP/1.1", "host: a", "content-length: 9"], 400),
    "semicolon": (["POST /predict;x=1 HTTP/1.1", "host: a", "content-length: 9"], 400),
    "double slash": (["POST //evil/predict HTTP/1.1", "host: a", "content-length: 9"], 400),
    "dot segments": (["POST /x/../predict HTTP/1.1", "host: a", "content-length: 9"], 400),
    "escaped dot segments": (["POST /x/%2e%2E/predict HTTP/1.1", "host: a", "content-length: 9"], 400),
    "escaped percent": (["POST /predict%252f HTTP/1.1", "host: a", "content-length: 9"], 400),
    "asterisk": (["OPTIONS * HTTP/1.1", "host: a"], 400),
    "unknown path": (["POST /other HTTP/1.1", "host: a", "content-length: 9"], 404),
    "wrong method": (["GET /predict HTTP/1.1", "host: a"], 404),
    "long url": (["POST /predict?" + "a" * 9_000 + " HTTP/1.1", "host: a", "content-length: 9"], 414),
    "large header": (["POST /predict HTTP/1.1", "host: a", "x-a: " + "a" * 40_000, "content-length: 9"], 431),
    "many headers": (["POST /predict HTTP/1.1", "host: a", *["x: a"] * 120, "content-length: 9"], 431),
    "gzip and chunked": (["POST /predict HTTP/1.1", "host: a", "transfer-encoding: gzip, chunked"], 400),
    "identity and chunked": (["POST /predict HTTP/1.1", "host: a", "transfer-encoding: identity, chunked"], 400),
    "comma chunked": (["POST /predict HTTP/1.1", "host: a", "transfer-encoding: ,chunked"], 400),
    "chunked on 1.0": (["POST /predict HTTP/1.0", "host: a", "transfer-encoding: chunked"], 400),
    "http 2.0 line": (["POST /predict HTTP/2.0", "host: a", "content-length: 9"], 400),
    "connection lists key": (["POST /predict HTTP/1.1", "host: a", "connection: X-API-Key", "content-length: 9"], 400),
    "connection lists host": (["POST /predict HTTP/1.1", "host: a", "connection: Host", "content-length: 9"], 400),
    "expect foo": (["POST /predict HTTP/1.1", "host: a", "expect: foo", "content-length: 9"], 417),
    "unknown coding": (["POST /predict HTTP/1.1", "host: a", "content-encoding: br", "content-length: 9"], 415),
    "no body": (["POST /predict HTTP/1.1", "host: a"], 400),
}  # fmt: skip


class TestSmuggling:
    @pytest.mark.parametrize("name", VECTORS)
    def test_a_doubtful_request_is_refused_in_one_line(self, shared, name):
        lines, status = VECTORS[name]
        shared.bodies.clear()
        chunked = any("chunked" in line for line in lines)
        body = (
            b"9\r\n" + b'{"x":[1]}' + b"\r\n0\r\n\r\n"
            if chunked
            else b'{"x":[1]}'
            if "content-length: 9" in lines
            else b""
        )
        response = shared.ask(shared.raw(*lines, body=body), shut=True)
        assert status_of(response) == status, response
        assert shared.bodies == []
        if b"invalid" not in response.lower():
            assert "\n" not in error_of(response)
            assert shared.exchanges[-1].status == status and shared.exchanges[-1].answer is None

    @pytest.mark.parametrize(
        "trailer", ["x-api-key: evil", "host: evil", "authorization: Bearer evil", "content-type: text/csv"]
    )
    def test_a_trailer_never_counts(self, shared, trailer):
        shared.bodies.clear()
        head = shared.raw(
            "POST /predict HTTP/1.1",
            "host: a",
            "content-type: a/b",
            "authorization: Basic a",
            "connection: close",
            "transfer-encoding: chunked",
        )
        body = b'9\r\n{"x":[1]}\r\n0\r\n' + trailer.encode() + b"\r\n\r\n"
        assert status_of(shared.ask(head + body)) == 400
        # Sent later, it comes too late to count.
        response = shared.ask([head, body])
        assert status_of(response) in (200, 400)
        assert shared.exchanges[-1].caller.principal in ("alice", "unauthenticated")

    def test_an_absolute_target_goes_to_our_model_all_the_same(self, shared):
        shared.scopes.clear()
        request = shared.raw(
            "POST http://evil/predict HTTP/1.1", "host: a", "connection: close", "content-length: 9", body=b'{"x":[1]}'
        )
        assert status_of(shared.ask(request)) == 200
        assert shared.scopes[0]["raw_path"] == b"/predict"

    def test_listed_hop_headers_are_dropped(self, shared):
        shared.scopes.clear()
        shared.ask(
            shared.raw(
                "POST /predict HTTP/1.1",
                "host: a",
                "connection: close, x-hop",
                "x-hop: 1",
                "te: trailers",
                "keep-alive: 5",
                "content-length: 9",
                body=b'{"x":[1]}',
            )
        )
        names = {name for name, _ in shared.scopes[0]["headers"]}
        assert not names & {b"x-hop", b"te", b"keep-alive", b"connection"}

    def test_chunked_bodies_are_read(self, shared):
        head = shared.raw("POST /predict HTTP/1.1", "host: a", "connection: close", "transfer-encoding: chunked")
        shared.bodies.clear()
        assert status_of(shared.ask([head, b'4;ext=1\r\n{"x"\r\n', b"5\r\n:[1]}\r\n0\r\n\r\n"])) == 200
        assert shared.bodies == [b'{"x":[1]}']

    def test_large_bodies(self, shared):
        assert status_of(shared.ask(shared.post(body=b" " * 1001))) == 413
        head = shared.raw("POST /predict HTTP/1.1", "host: a", "transfer-encoding: chunked")
        assert status_of(shared.ask(head + b"fff\r\n" + b" " * 0xFFF + b"\r\n")) == 413
        assert (
            status_of(shared.ask(shared.raw("POST /predict HTTP/1.1", "host: a", "content-length: 104857600000")))
            == 413
        )

    def test_compressed_bodies(self, shared):
        plain = b'{"x":[1]}'
        shared.bodies.clear()
        for coding, data in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain))):
            assert status_of(shared.ask(shared.post(f"content-encoding: {coding}", body=data))) == 200
        assert shared.bodies == [plain, plain]
        assert all(b"content-encoding" not in dict(s["headers"]) for s in shared.scopes)
        assert status_of(shared.ask(shared.post("content-encoding: gzip", body=b"garbage"))) == 400
        assert status_of(shared.ask(shared.post("content-encoding: gzip", body=gzip.compress(b" " * 10_000)))) == 413

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        junk=st.binary(max_size=60),
        name=st.sampled_from(
            [
                b"host",
                b"content-type",
                b"content-encoding",
                b"x-api-key",
                b"authorization",
                b"connection",
                b"te",
                b"transfer-encoding",
                b"x-forwarded-for",
                b"user-agent",
                b"expect",
            ]
        ),
    )
    def test_junk_in_headers_is_never_a_500(self, shared, junk, name):
        lines = b"POST /predict HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9\r\n"
        response = shared.ask(lines + name + b": " + junk + b'\r\n\r\n{"x":[1]}', shut=True)
        assert status_of(response) in (400, 401, 408, 413, 415, 417, 431)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(path=st.binary(max_size=30), body=st.binary(max_size=40))
    def test_junk_in_path_and_body_is_never_a_500(self, shared, path, body):
        head = b"\r\nhost: a\r\nconnection: close\r\nx-api-key: " + shared.token.encode()
        request = b"POST /" + path + b" HTTP/1.1" + head + b"\r\n\r\n"
        assert status_of(shared.ask(request, shut=True)) in (0, 400, 404, 414)
        request = b"POST /predict HTTP/1.1" + head + b"\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        assert status_of(shared.ask(request, shut=True)) in (200, 400)

    def test_no_request_failed_inside(self, shared):
        assert shared.middleware.counts.failures == 0


class TestTimeAndClients:
    def test_a_body_that_does_not_come_is_given_up(self, guarded):
        g = guarded(body_timeout_s=0.2)
        response = g.ask(g.post().replace(b"content-length: 9", b"content-length: 99"))
        assert status_of(response) == 408 and g.exchanges[0].status == 408

    def test_a_client_that_leaves_in_its_body_is_dropped(self, guarded):
        g = guarded()
        with socket.create_connection(("127.0.0.1", g.port)) as s:
            s.sendall(g.post().replace(b"content-length: 9", b"content-length: 99"))
            time.sleep(0.05)
        for _ in range(100):
            if g.exchanges:
                break
            time.sleep(0.02)
        assert g.exchanges[0].status == 499 and g.bodies == [] and g.gate.admitted == 0


class TestWhoMayPass:
    @pytest.mark.parametrize(
        "line",
        [
            "x-none: 1",
            "x-api-key:",
            "x-api-key: wh_",
            "x-api-key: " + "wh_" + "a" * 10_000,
            "x-api-key: wh_000000000000_" + "a" * 43,
            "x-api-key: wh_caf\xe9",
            "authorization: Bearer",
            "authorization: Bearer wh_x",
            "authorization: Basic d2hfOng=",
            "authorization: \xff\xfe",
        ],
    )
    def test_absent_and_absurd_credentials_are_401_in_one_line(self, guarded, line):
        g = guarded()
        status, headers, body = parts(g.ask(g.post(line, key=False)))
        assert (status, headers[b"www-authenticate"]) == (401, b'Bearer realm="wellhead"')
        assert "expected" in msgspec.json.decode(body)["error"]
        assert (g.exchanges[0].status, g.exchanges[0].caller.principal) == (401, "unauthenticated")

    def test_two_different_keys_are_401(self, guarded):
        g = guarded()
        assert status_of(g.ask(g.post("authorization: Bearer wh_other"))) == 401

    def test_unauthenticated_traffic_is_pooled_by_policy(self, guarded):
        g = guarded(Config(access=Access(unauthenticated="pool")))
        assert status_of(g.ask(g.post(key=False))) == 200
        assert status_of(g.ask(g.post("x-api-key: wh_bad", key=False))) == 401
        assert g.exchanges[0].caller.principal == "anonymous"

    def test_a_forwarded_address_is_believed_from_declared_proxies_only(self, guarded):
        g = guarded()
        g.ask(g.post("x-forwarded-for: 9.9.9.9"))
        assert g.exchanges[0].caller.address == "127.0.0.1"
        t = guarded(Config(identity=Identity(trusted_proxies=("127.0.0.0/8",), header="X-User")))
        t.ask(t.post("x-forwarded-for: 6.6.6.6, 9.9.9.9", "x-user: bob", key=False))
        assert (t.exchanges[0].caller.address, t.exchanges[0].caller.principal) == ("9.9.9.9", "edge:bob")
        assert status_of(t.ask(t.post("x-user: bob", "x-user: eve", key=False))) == 400


class TestPolicies:
    def test_allowed_paths_pass_unread(self, guarded):
        g = guarded(Config(paths=Paths(allow=("/health",))))
        g.answer = (200, [(b"server", b"x/1"), (b"x-other", b"1")], b"fine")
        status, headers, body = parts(g.ask(b"GET /health?a=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"))
        assert (status, body, headers[b"x-other"]) == (
            200,
            b"4\r\nfine\r\n0\r\n\r\n",
            b"1",
        ) and b"x/1" not in headers.values()
        assert g.exchanges == []
        assert (
            status_of(g.ask(g.raw("POST /health HTTP/1.1", "host: a", "connection: close", "content-length: 0"))) == 404
        )
        body = g.raw("GET /health HTTP/1.1", "host: a", "connection: close", "content-length: 1", body=b"a")
        assert status_of(g.ask(body)) == 400

    def test_unreadable_bodies_are_refused(self, guarded):
        g = guarded()
        assert status_of(g.ask(g.post(body=b"[" * 50_000))) == 400
        assert g.bodies == [] and g.gate.admitted == 0

    def test_unreadable_bodies_pass_by_policy_as_one_row_but_never_for_the_reduced(self, guarded):
        g = guarded(Config(paths=Paths(unreadable="open")))
        g.answer = (200, [], SECRET)
        assert SECRET in g.ask(g.post(body=b"unreadable"))
        assert g.bodies == [b"unreadable"] and g.middleware.counts.unread == 1
        assert g.exchanges[0].query.rows == 1 and g.gate.released == [("alice", 1)]
        g.gate.verdict = Verdict(Stance.REDUCE, Exposure.LABEL)
        assert b"0.123" not in g.ask(g.post(body=b"unreadable"))


class TestChallenge:
    CHALLENGED = Verdict(Stance.CHALLENGE, Exposure.NONE, 429, "drawn 30 %", told="solve the puzzle", challenge_bits=3)

    def test_a_solved_puzzle_lets_the_request_pass_and_buys_no_other_body(self, guarded):
        g = guarded()
        g.gate.verdict = self.CHALLENGED
        status, headers, body = parts(g.ask(g.post()))
        assert (status, g.bodies, b"drawn" in body) == (429, [], False)
        solution = "wellhead-solution: " + challenge.solve(headers[b"wellhead-challenge"]).decode()
        assert [status_of(g.ask(g.post(solution))) for _ in range(2)] == [200, 200]
        assert all(name != b"wellhead-solution" for name, _ in g.scopes[0]["headers"])
        assert status_of(g.ask(g.post(solution, body=b'{"x":[2]}'))) == 429
        assert [x.stance for x in g.exchanges] == [4, 0, 0, 4]

    def test_a_wrong_solution_gets_a_new_puzzle(self, guarded):
        g = guarded()
        g.gate.verdict = self.CHALLENGED
        status, headers, _ = parts(g.ask(g.post("wellhead-solution: 12")))
        assert (status, headers[b"wellhead-challenge"][:5]) == (429, b"v1;3;")

    def test_other_refusals_bring_no_puzzle(self, guarded):
        g = guarded()
        g.gate.verdict = Verdict(Stance.THROTTLE, Exposure.NONE, 429)
        assert b"wellhead-challenge" not in g.ask(g.post())


class TestPace:
    def test_one_callers_delay_holds_up_nobody_else(self, guarded):
        g = guarded()
        g.gate.verdict = Verdict(Stance.DELAY, Exposure.PROBABILITIES, delay_s=30.0)
        with socket.create_connection(("127.0.0.1", g.port)) as slow:
            slow.sendall(g.post())
            while not g.gate.admitted:
                time.sleep(0.01)
            g.gate.verdict = Verdict(Stance.ALLOW, Exposure.PROBABILITIES)
            assert status_of(g.ask(g.post())) == 200
            assert len(g.exchanges) == 1


class TestTiers:
    def test_a_stance_is_answered_by_the_model_that_its_verdict_names(self, guarded):
        served = []

        async def best(scope, receive, send):
            raise AssertionError("expected the other model to be asked")

        async def small(scope, receive, send):
            served.append(scope["path"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b'{"scores":[1]}'})

        g = guarded(app=Tiers(best, {"http://127.0.0.1:9": small}))
        g.gate.verdict = Verdict(Stance.WATCH, Exposure.PROBABILITIES, upstream="http://127.0.0.1:9")
        assert parts(g.ask(g.post()))[2] == b'{"scores":[1]}'
        assert served == ["/predict"]


class TestAnswerRules:
    def test_what_a_rule_finds_is_redacted_and_noted(self, guarded):
        g = guarded(rules=AnswerRules([rule("canary", ["plum[0-9]"])]))
        g.answer = (200, [], b'{"scores":[0.5,0.5],"label":"plum7"}')
        status, headers, body = parts(g.ask(g.post()))
        assert (status, body) == (200, b'{"scores":[0.5,0.5],"label":"[redacted]"}')
        assert int(headers[b"content-length"]) == len(body)
        assert [(x.defence, x.answer is not None) for x in g.exchanges] == [("answer_rule.canary", True)]

    @pytest.mark.parametrize("status", [200, 400])
    def test_a_rule_that_refuses_lets_nothing_leave(self, guarded, status):
        g = guarded(rules=AnswerRules([rule("canary", ["plum"], refuse=True)]))
        g.answer = (status, [], b'{"scores":[1],"error":"plum 7"}')
        response = g.ask(g.post())
        assert (status_of(response), b"plum" in response) == (403, False)
        (x,) = g.exchanges
        assert (x.status, x.answer, x.defence) == (403, None, "answer_rule.canary")
        assert g.gate.released == [("alice", 1)]

    def test_an_unread_answer_is_screened_too(self, guarded):
        g = guarded(Config(paths=Paths(unreadable="open")), rules=AnswerRules([rule("canary", ["plum"])]))
        g.answer = (200, [], b"plum pudding")
        assert parts(g.ask(g.post(body=b"unreadable")))[2] == b"[redacted] pudding"

    @pytest.mark.parametrize("status", [200, 400])
    def test_an_unread_answer_that_is_compressed_hides_nothing(self, guarded, status):
        g = guarded(Config(paths=Paths(unreadable="open")), rules=AnswerRules([rule("canary", ["plum"])]))
        g.answer = (status, [(b"content-encoding", b"gzip")], gzip.compress(b"plum pudding"))
        assert status_of(g.ask(g.post(body=b"unreadable"))) == 502
        assert g.gate.released == [("alice", 1)]


class TestUnread:
    OPEN = Config(paths=Paths(unreadable="open"))
    PLAIN = Verdict(Stance.ALLOW, Exposure.PROBABILITIES)

    @pytest.mark.parametrize(
        "cut",
        [
            {"exposure": Exposure.LABEL},
            {"exposure": Exposure.TOP_K},
            {"exposure": Exposure.NONE},
            {"decimals": 0},
            {"answers": ("round:2",)},
            {"upstream": "http://127.0.0.1:9"},
            {"stance": Stance.REDUCE},
            {"stance": Stance.DELAY},
        ],
    )
    def test_where_something_is_to_be_cut_what_cannot_be_read_is_refused(self, guarded, cut):
        g = guarded(self.OPEN)
        g.answer = (200, [], SECRET)
        for stance in (Stance.ALLOW, Stance.WATCH):
            g.gate.verdict = msgspec.structs.replace(self.PLAIN, **{"stance": stance, **cut})
            response = g.ask(g.post(body=b"unreadable"))
            assert (status_of(response), error_of(response)) == (400, 'expected {"x": [...]}, got something else')
        assert g.bodies == [] and g.middleware.counts.unread == 0 and g.gate.released == [("alice", 1)] * 2

    @pytest.mark.parametrize("exposure", [Exposure.PROBABILITIES, Exposure.LOGITS, Exposure.VALUE])
    def test_where_nothing_is_cut_it_passes(self, guarded, exposure):
        g = guarded(self.OPEN)
        g.answer = (200, [], SECRET)
        g.gate.verdict = Verdict(Stance.WATCH, exposure)
        assert SECRET in g.ask(g.post(body=b"unreadable"))

    @pytest.mark.parametrize(("mode", "status"), [("enforce", 400), ("observe", 200)])
    def test_what_may_hold_a_record_that_is_not_answered_is_refused(self, guarded, mode, status):
        config = Config(mode=mode, paths=Paths(unreadable="open"), disclosure=Disclosure(records=("members.csv",)))
        g = guarded(config)
        g.gate.verdict = self.PLAIN
        assert status_of(g.ask(g.post(body=b"unreadable"))) == status


class TestScopes:
    def run(self, app, scope):
        sent = []

        async def receive():
            return {"type": "lifespan.startup"}

        async def send(message):
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        return sent

    def test_websockets_are_closed_and_lifespan_goes_on(self, unserved):
        async def app(scope, receive, send):
            await send({"type": "lifespan.startup.complete"})

        middleware = unserved.guard(Config(), app)
        assert self.run(middleware, {"type": "websocket"})[0]["type"] == "websocket.close"
        assert self.run(middleware, {"type": "lifespan"}) == [{"type": "lifespan.startup.complete"}]
        assert self.run(middleware, {"type": "unheard of"}) == []
