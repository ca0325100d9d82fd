"""The way of one request, as ASGI middleware: around a model's own application, or around `Upstream` as a proxy.

No byte of an answer leaves before it was read, shaped and written anew or found to need no change: whatever fails
on that way ends in a 502, never in the model's own words.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from wellhead.capture import challenge
from wellhead.capture.body import ClientGone, read_body
from wellhead.capture.deadlines import Deadlines
from wellhead.capture.guard import Guard
from wellhead.capture.headers import Head, HeadReader, Pair, kept_of_answer
from wellhead.capture.paths import Route, Router, raw_path_of
from wellhead.capture.reply import Held, Message, Passing, Receive, Reply, Send, refused, send_reply
from wellhead.capture.tiers import KEY
from wellhead.core.errors import BadAnswer, Refusal
from wellhead.core.event import Answer, Caller, Exchange, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CLIENT_GONE = 499
_DRAINED_BYTES = 268_435_456
_MAX_ERROR_BYTES = 8_192
_NOBODY = Caller(principal="unauthenticated")
_IDENTITY: Pair = (b"accept-encoding", b"identity")
_log = logging.getLogger("wellhead.capture")


class Counts:
    """What the middleware had to count since it started."""

    __slots__ = ("bad_answers", "failures", "unobserved", "unread")

    def __init__(self) -> None:
        self.bad_answers = 0
        self.failures = 0
        self.unobserved = 0
        self.unread = 0


class Middleware:
    """Guards an ASGI application. Serves http and lifespan, and closes every other scope.

    counts: bad_answers (502 to the client), failures (of Wellhead itself, 502), unobserved, unread (by policy).
    """

    def __init__(self, app: App, guard: Guard) -> None:
        identity, config = guard.config.identity, guard.config
        self.app = app
        self.guard = guard
        self.counts = Counts()
        self._heads = HeadReader((identity.header, identity.certificate_header))
        self._router = Router(guard.protocol.match, config.model, config.paths.allow)
        self._bodies = Deadlines(guard.body_timeout_s)
        self._unread_passes = config.paths.unreadable == "open"
        self._hides_versions = config.mode == "enforce"
        self._holds_back = config.mode == "enforce" and bool(config.disclosure.records)
        self._ids = itertools.count()
        self._run = secrets.token_hex(6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI scope; never raises for anything that a client or a model sends."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "lifespan":
            await self.app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "expected plain HTTP"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_s = self.guard.clock()
        exchange = Exchange(
            _NOBODY, None, None, int(started_s * 1e6), 0, f"{self._run}{next(self._ids):010x}", scope["method"]
        )
        try:
            reply = await self._answered(exchange, scope, receive, send)
            if reply is None:
                return
        except Refusal as e:
            if not exchange.reason or exchange.stance < Stance.CHALLENGE:
                exchange.reason = e.message
            reply = refused(e, close=_undrained(scope, e))
        except ClientGone:
            reply = Reply(CLIENT_GONE, [], b"")
        except Exception:
            self.counts.failures += 1
            _log.exception("a request failed inside Wellhead")
            reply = refused(Refusal(502, "expected to answer safely, got a failure inside Wellhead"))
        exchange.status = reply.status
        if reply.status != CLIENT_GONE:
            await send_reply(reply, send)
        exchange.latency_us = max(0, int((self.guard.clock() - started_s) * 1e6))
        self._observed(exchange)

    def _observed(self, exchange: Exchange) -> None:
        try:
            self.guard.observe(exchange)
        except Exception:
            self.counts.unobserved += 1
            _log.exception("an exchange could not be handed on")

    async def _answered(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> Reply | None:
        """The reply to a request, None where it was already passed on; raises Refusal and ClientGone."""
        guard = self.guard
        # Trailers are appended to this very list while the body is read: what counts is what is there now.
        head = self._heads.read(tuple(scope["headers"]), scope["http_version"])
        raw_path = raw_path_of(scope["path"], scope.get("raw_path"))
        route = self._router.route(exchange.method, raw_path, scope["query_string"])
        exchange.endpoint = route.path
        peer = scope["client"][0] if scope.get("client") else ""
        if route.model is None:
            await self._passed(scope, raw_path, head, receive, send)
            return None
        caller = exchange.caller = guard.identify.caller(head.named, peer, exchange.time_us / 1e6)
        body = await read_body(receive, head, guard.config.limits.max_body_bytes, self._bodies)
        query, refusal = self._query(body, head, route)
        exchange.query = query
        verdict = await self._admitted(exchange, query, refusal, head.named.get(challenge.SOLUTION, b""), body)
        try:
            if verdict.delay_s > 0:
                await asyncio.sleep(verdict.delay_s)
            if refusal is None:
                body = guard.protocol.clamp(body, query, verdict.exposure)
            held = Held(body, receive, guard.config.upstream.max_answer_bytes)
            inner = self._inner(scope, raw_path, head, caller, len(body))
            if verdict.upstream:
                inner[KEY] = verdict.upstream
            await self.app(inner, held.receive, held.send)
            reply = self._read(exchange, query, verdict, held) if refusal is None else self._unread(exchange, held)
        except BadAnswer as e:
            guard.gate.release(caller, query.rows)
            self.counts.bad_answers += 1
            raise Refusal(502, e.message) from e
        except BaseException:
            guard.gate.release(caller, query.rows)
            raise
        if exchange.answer is None:
            guard.gate.release(caller, query.rows)
        return reply

    def _query(self, body: bytes, head: Head, route: Route) -> tuple[Query, Refusal | None]:
        """The query in a body; where it cannot be read and policy is open, one unread row and the reason."""
        guard = self.guard
        content_type = head.named.get(b"content-type", b"").decode("latin-1")
        try:
            return guard.protocol.read_query(body, content_type, guard.spec), None
        except Refusal as e:
            if not self._unread_passes:
                raise
            return Query(route.model or guard.spec.name, [], 1, Exposure.LOGITS), e

    async def _admitted(
        self, exchange: Exchange, query: Query, refusal: Refusal | None, solution: bytes, body: bytes
    ) -> Verdict:
        """The gate's verdict with rows reserved; raises Refusal where the query may not pass."""
        gate, now_s = self.guard.gate, exchange.time_us / 1e6
        verdict = gate.admit(exchange.caller, query, now_s)
        puzzle = b""
        if verdict.challenge_bits and not verdict.passes:
            asked = challenge.Asked(exchange.caller.principal, body, gate.key)
            if await self._solved(solution, asked, verdict.challenge_bits, now_s):
                verdict = gate.admit(exchange.caller, query, now_s, solved=True)
            else:
                puzzle = challenge.puzzle(asked, verdict.challenge_bits, now_s)
        exchange.stance, exchange.reason = int(verdict.stance), verdict.reason
        if verdict.would is not Stance.ALLOW:
            exchange.reason = f"would {verdict.would.name.lower()}: {verdict.reason}"
        if not verdict.passes:
            told = verdict.told or verdict.reason or "refused by policy"
            raise Refusal(verdict.status, told, retry_after_s=verdict.retry_after_s, challenge=puzzle)
        if refusal is not None and not self._may_stay_unread(verdict):
            gate.release(exchange.caller, query.rows)
            raise refusal
        return verdict

    def _may_stay_unread(self, verdict: Verdict) -> bool:
        """True where nothing is to be cut from this answer, and no record to be looked for in what it answers.

        An answer that cannot be read cannot be reduced either.
        """
        cut = verdict.answers or verdict.upstream or verdict.decimals >= 0 or verdict.stance >= Stance.REDUCE
        return not (cut or verdict.exposure < Exposure.PROBABILITIES or self._holds_back)

    async def _solved(self, solution: bytes, asked: challenge.Asked, bits: int, now_s: float) -> bool:
        """True where the puzzle was solved. The hash is slow on purpose, and is kept off the event loop."""
        if not challenge.is_ours(solution, asked, bits, now_s):
            return False
        return await asyncio.to_thread(challenge.is_solved, solution)

    def _inner(self, scope: Scope, raw_path: bytes, head: Head, caller: Caller, length: int) -> Scope:
        """The scope for the model: agreed headers only, and no extension by which an answer could slip past."""
        headers = [*head.forward, (b"host", head.named[b"host"]), _IDENTITY]
        if caller.address:
            headers.append((b"x-forwarded-for", caller.address.encode("latin-1")))
        if length >= 0:
            headers.append((b"content-length", b"%d" % length))
        inner = dict(scope)
        inner["headers"] = headers
        inner["raw_path"] = raw_path
        inner.pop("extensions", None)
        return inner

    def _read(self, exchange: Exchange, query: Query, verdict: Verdict, held: Held) -> Reply:
        """The reply to an answered query, shaped; sets the exchange's answer only once nothing can fail any more."""
        if held.status != 200:
            return self._screened(exchange, _not_ok(held))
        guard, body = self.guard, held.body
        content_type = held.content_type
        true = guard.protocol.read_answer(body, content_type, query, guard.spec)
        shaped, defence = guard.gate.shape(query, true, verdict)
        _check_exposure(shaped, verdict)
        if shaped is not true or defence or (self._hides_versions and b"ersion" in body):
            body = guard.protocol.write_answer(body, content_type, shaped, guard.spec)
        exchange.defence = defence
        reply = self._screened(exchange, Reply(200, kept_of_answer(held.headers), body))
        exchange.true_answer = None if shaped is true else true
        exchange.answer = shaped
        return reply

    def _unread(self, exchange: Exchange, held: Held) -> Reply:
        """The reply to a query that could not be read and may pass so by policy."""
        if held.status != 200:
            return self._screened(exchange, _not_ok(held))
        held.check_plain()
        self.counts.unread += 1
        return self._screened(exchange, Reply(200, kept_of_answer(held.headers), held.body))

    def _screened(self, exchange: Exchange, reply: Reply) -> Reply:
        """The reply without what an answer rule holds back; raises Refusal 403 where nothing of it may leave."""
        rules = self.guard.answer_rules
        if rules is None or not reply.body:
            return reply
        screened = rules.screen(reply.body)
        if screened.hits:
            said = [f"answer_rule.{name}" for name in screened.hits]
            exchange.defence = "+".join(filter(None, (exchange.defence, *said)))
        if screened.refused:
            raise Refusal(403, "expected an answer that may leave, got one that an answer rule holds back")
        return Reply(reply.status, reply.headers, screened.body)

    async def _passed(self, scope: Scope, raw_path: bytes, head: Head, receive: Receive, send: Send) -> None:
        """Pass an allowed path through, unread and without a body."""
        if head.length > 0 or head.chunked:
            raise Refusal(400, "expected no body on a path that passes through, got one")
        passing, held = Passing(send), Held(b"", receive, 0)
        try:
            await self.app(self._inner(scope, raw_path, head, _NOBODY, -1), held.receive, passing.send)
        except Exception:
            # Once begun, an answer can only be cut off, which the server does when we return.
            if not passing.started:
                raise


def _undrained(scope: Scope, refusal: Refusal) -> bool:
    """True where the rest of the body is not worth reading: it is endless, late or ambiguous."""
    if refusal.status not in (400, 408, 413):
        return False
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return refusal.status == 408 or not length.isdigit() or len(length) > 12 or int(length) > _DRAINED_BYTES


def _check_exposure(shaped: Answer, verdict: Verdict) -> None:
    """The promise, once more, where the answer leaves."""
    if shaped.kind is Exposure.NONE:
        raise Refusal(403, "expected an answer that may leave, got one of which nothing may")
    if shaped.kind > verdict.exposure and shaped.kind is not Exposure.VALUE:
        raise RuntimeError(f"expected at most {verdict.exposure.name}, got {shaped.kind.name} after the defences")


def _not_ok(held: Held) -> Reply:
    """The reply to anything but 200: a client error in the model's words, everything else in ours."""
    status = held.status
    if status == 204:
        return Reply(204, [], b"")
    if 400 <= status < 500:
        body = held.body
        held.check_plain()
        if len(body) <= _MAX_ERROR_BYTES:
            return Reply(status, kept_of_answer(held.headers), body)
        return refused(Refusal(status, "the model refused the request"))
    if status < 500:
        raise BadAnswer(f"expected status 200 or an error from the model, got {status}")
    return refused(Refusal(status if status in (503, 504) else 502, f"the model failed with status {status}"))


__all__ = ["App", "Counts", "Message", "Middleware"]
