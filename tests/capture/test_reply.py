import asyncio

import pytest

from wellhead.capture.reply import Held, Passing, Reply, refused, send_reply
from wellhead.core.errors import BadAnswer, Refusal


def sent(reply, fail=False):
    messages = []

    async def send(message):
        if fail:
            raise ConnectionResetError
        messages.append(message)

    asyncio.run(send_reply(reply, send))
    return messages


def hold(*messages, limit=100):
    held = Held(b"question", None, limit)

    async def run():
        for message in messages:
            await held.send(message)

    asyncio.run(run())
    return held


def start(*headers, status=200):
    return {"type": "http.response.start", "status": status, "headers": headers}


def part(data, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def test_a_refusal_is_one_line_of_json():
    reply = refused(Refusal(429, "limit reached", "wait", retry_after_s=0.2), close=True)
    assert reply.body == b'{"error":"limit reached; wait"}' and (b"connection", b"close") in reply.headers
    assert (b"retry-after", b"1") in reply.headers
    assert dict(refused(Refusal(401, "x")).headers)[b"www-authenticate"].startswith(b"Bearer")
    assert (b"retry-after", b"61") in refused(Refusal(429, "x", retry_after_s=60.5)).headers


def test_a_reply_has_the_length_that_it_has():
    first, second = sent(Reply(200, [], b"abc"))
    assert (b"content-length", b"3") in first["headers"] and second["body"] == b"abc"
    assert sent(Reply(204, [], b""))[0]["headers"] == []
    assert sent(Reply(200, [], b"abc"), fail=True) == []


def test_an_answer_is_held_until_it_is_whole():
    held = hold(start((b"content-type", b"a/b")), part(b"a", True), part(b"b"))
    assert (held.status, held.body, held.content_type) == (200, b"ab", "a/b")


@pytest.mark.parametrize(
    "messages",
    [
        (part(b"a"),),
        (start(), start()),
        (start(), part(b"a"), part(b"b")),
        (start(), part(b"a" * 60, True), part(b"a" * 60)),
        (start(), {"type": "http.response.pathsend", "path": "/x"}),
    ],
)
def test_an_answer_out_of_order_is_bad(messages):
    with pytest.raises(BadAnswer):
        hold(*messages)


def test_a_part_of_an_answer_is_bad():
    for held in (hold(), hold(start()), hold(start(), part(b"a", True))):
        with pytest.raises(BadAnswer):
            _ = held.body


@pytest.mark.parametrize(
    "headers", [((b"content-encoding", b"gzip"),), ((b"content-type", b"a"), (b"content-type", b"a"))]
)
def test_an_answer_that_can_be_read_two_ways_is_bad(headers):
    with pytest.raises(BadAnswer):
        _ = hold(start(*headers), part(b"")).content_type


def test_an_application_reads_one_body_and_then_what_the_client_does():
    async def receive():
        return {"type": "http.disconnect"}

    async def run():
        held = Held(b"question", receive, 9)
        assert (await held.receive())["body"] == b"question"
        assert (await held.receive())["type"] == "http.disconnect"

    asyncio.run(run())


def test_passing_answers_lose_their_hop_headers():
    messages = []

    async def send(message):
        messages.append(message)

    async def run():
        passing = Passing(send)
        await passing.send(start((b"server", b"s"), (b"x", b"1")))
        await passing.send(part(b"a"))
        assert passing.started

    asyncio.run(run())
    assert messages[0]["headers"] == [(b"x", b"1")] and messages[1]["body"] == b"a"
