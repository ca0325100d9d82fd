import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec
import numpy as np
import pytest
from serving import CLASSES, WIDTH, body_of, model, predict

from wellhead.audit.entries import records
from wellhead.audit.verify import verify
from wellhead.capture.challenge import solve
from wellhead.core.errors import AuditError, ConfigError
from wellhead.core.event import Event
from wellhead.core.verdict import Decision, Stance
from wellhead.serve import Wellhead
from wellhead.serve.control import ask
from wellhead.serve.status import Ask

RNG = np.random.default_rng(9)
PATH = "/v2/models/m/infer"


def client(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://model")


async def post(c, token, inputs):
    headers = {"x-api-key": token, "content-type": "application/json"}
    return await c.post(PATH, content=body_of(inputs), headers=headers)


def test_an_app_is_guarded_in_process_and_closes_its_log(place):
    token = place.token("ann")

    async def play():
        app = Wellhead(model, place.config())
        async with client(app) as c:
            inputs = RNG.normal(size=(3, WIDTH))
            answered = await post(c, token, inputs)
            refused = await post(c, "wh_no_such", inputs)
            status = (await asyncio.to_thread(ask, app.config.audit.directory, Ask(ask="status"))).status
        await app.stop()
        return inputs, answered, refused, status

    inputs, answered, refused, status = asyncio.run(play())
    assert refused.status_code == 401
    got = np.array(json.loads(answered.content)["outputs"][0]["data"]).reshape(3, -1)
    assert np.allclose(got, predict(inputs))
    assert status.model == "m"
    events = [r for _, r in records(place.folder / "log") if isinstance(r, Event)]
    assert sorted((e.principal, e.status, e.rows) for e in events) == [("ann", 200, 3), ("unauthenticated", 401, 0)]
    report = verify(place.folder / "log")
    assert report.integrity.outcome == "pass"
    assert report.completeness.outcome != "fail"


def test_the_lifespan_starts_and_stops_it(place):
    async def play():
        app = Wellhead(model, place.config())
        inbox, said = asyncio.Queue(), []
        task = asyncio.create_task(app({"type": "lifespan"}, inbox.get, lambda m: _note(said, m)))
        await inbox.put({"type": "lifespan.startup"})
        while not said:
            await asyncio.sleep(0.01)
        started = app._control is not None
        await inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(task, 10)
        return started, said, app._control

    async def _note(said, message):
        said.append(message["type"])

    started, said, control = asyncio.run(play())
    assert started and control is None
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_thief_over_asgi_is_closed(place):
    place.fit()
    token = place.token("thief")

    async def play():
        app = Wellhead(model, place.config())
        async with client(app) as c:
            statuses = []
            for _ in range(60):
                answer = await post(c, token, RNG.normal(size=(16, WIDTH)))
                statuses.append(answer.status_code)
                await asyncio.sleep(0.01)
        await app.stop()
        return statuses, answer.text

    statuses, last = asyncio.run(play())
    assert "clone" not in last and "thief" not in last
    refused = [r for _, r in records(place.folder / "log") if isinstance(r, Event) and r.status == 429]
    assert refused and all("clone reproduces" in e.reason for e in refused)
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert set(statuses) == {200, 429}


def test_a_new_key_works_without_a_restart(place, monkeypatch):
    monkeypatch.setattr("wellhead.serve.app.KEYS_EVERY_S", 0.02)

    async def play():
        app = Wellhead(model, place.config())
        async with client(app) as c:
            await post(c, "wh_no_such", np.ones(WIDTH))
            token = place.token("late")
            for _ in range(200):
                last = (await post(c, token, np.ones(WIDTH))).status_code
                if last == 200:
                    break
                await asyncio.sleep(0.02)
        await app.stop()
        return last == 200

    assert asyncio.run(play())


def test_two_gates_cannot_share_a_log(place):
    async def play():
        first = Wellhead(model, place.config())
        with pytest.raises(AuditError):
            Wellhead(model, place.config())
        await first.start()
        await first.stop()

    asyncio.run(play())


def test_a_config_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="wellhead init"):
        Wellhead(model, tmp_path / "none.toml")


class Flat(BaseHTTPRequestHandler):
    """Another model server, which knows nothing: every class is as likely."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["inputs"][0]["shape"][0]
        out = {"name": "p", "shape": [rows, CLASSES], "datatype": "FP64", "data": [1 / CLASSES] * rows * CLASSES}
        body = json.dumps({"model_name": "m", "outputs": [out]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said):
        """Quiet."""


@pytest.fixture
def flat():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flat)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def watched(name):
    at_us = int(time.time() * 1e6)
    return Decision(
        uid="D-1", principal=name, stance=int(Stance.WATCH), reason="why", origin="test", start_us=at_us,
        expires_us=at_us + 10**10,
    )  # fmt: skip


def test_a_watched_caller_is_answered_by_another_model(place, flat):
    ann, bob = place.token("ann"), place.token("bob")
    config = place.config(f'[stances.watch]\nupstream = "{flat}"\n')

    async def play():
        app = Wellhead(model, config)
        app.worker.gate.decide(watched("bob"))
        async with client(app) as c:
            told = [json.loads((await post(c, t, np.ones(WIDTH))).content) for t in (ann, bob)]
        await app.stop()
        return [t["outputs"][0]["data"] for t in told]

    best, small = asyncio.run(play())
    assert np.allclose(best, predict(np.ones(WIDTH))[0])
    assert small == [1 / CLASSES] * CLASSES


def test_listed_records_are_answered_to_nobody_and_secrets_are_redacted(place):
    np.save(place.folder / "records.npy", np.full((1, WIDTH), 0.5))
    records_file = place.folder / "records.npy"
    config = place.config(
        f"""
        [disclosure]
        records = ["{records_file}"]
        [[disclosure.rules]]
        name = "planted"
        patterns = ["^m$"]
        """
    )
    token = place.token("ann")

    async def play():
        app = Wellhead(model, config)
        async with client(app) as c:
            answers = [await post(c, token, np.full((2, WIDTH), v)) for v in (0.5, 0.25)]
        await app.stop()
        return answers

    refused, answered = asyncio.run(play())
    assert (refused.status_code, "not answered" in refused.text) == (403, True)
    assert json.loads(answered.content)["model_name"] == "[redacted]"
    events = [r for _, r in records(place.folder / "log") if isinstance(r, Event)]
    assert [(e.status, e.defence, e.reason) for e in events] == [
        (403, "", "a record that is not answered"),
        (200, "answer_rule.planted", ""),
    ]


@pytest.mark.parametrize(
    "mistake",
    [
        'records = ["nowhere.csv"]',
        '[[disclosure.rules]]\nname = "a"\npatterns = ["("]',
        '[[disclosure.rules]]\nname = "a"',
    ],
)
def test_a_mistake_in_what_is_not_told_is_found_before_anything_is_said_or_written(place, capsys, mistake):
    config = msgspec.structs.replace(place.config(f"[disclosure]\n{mistake}\n"), mode="enforce")
    with pytest.raises(ConfigError):
        Wellhead(model, config)
    assert capsys.readouterr() == ("", "") and not (place.folder / "log").exists()


def test_a_listed_record_is_answered_to_nobody_however_its_zeros_are_written(place):
    row = np.full(WIDTH, 0.5)
    row[::2] = 0.0
    np.save(place.folder / "records.npy", row[None])
    config = place.config(f'[disclosure]\nrecords = ["{place.folder}/records.npy"]\n')
    token = place.token("ann")

    async def play():
        app = Wellhead(model, config)
        async with client(app) as c:
            answers = [await post(c, token, asked) for asked in (row, np.where(row == 0, -0.0, row), row + 0.001)]
        await app.stop()
        return [r.status_code for r in answers]

    assert asyncio.run(play()) == [403, 403, 200]


def test_a_watched_partner_is_told_no_more_than_its_plan_allows(place):
    config = place.config(
        '[plans.partner.exposure]\nanswers = ["label_only"]\n[stances.watch]\nanswers = ["round:6"]\n'
    )
    token = place.token("bob", plan="partner")

    async def play():
        app = Wellhead(model, config)
        app.worker.gate.decide(watched("bob"))
        async with client(app) as c:
            answer = await post(c, token, np.ones(WIDTH))
        await app.stop()
        return json.loads(answer.content)["outputs"][0]["data"]

    assert asyncio.run(play()) == np.eye(CLASSES)[predict(np.ones(WIDTH))[0].argmax()].tolist()


@pytest.mark.parametrize(
    "cut",
    [
        '[exposure]\nexposure = "label"',
        '[plans.partner.exposure]\nexposure = "top_k"',
        "[exposure]\ndecimals = 2",
        '[stances.watch]\nexposure = "label"',
        '[stances.watch]\nanswers = ["round:2"]',
    ],
)
def test_what_cannot_be_read_is_refused_where_something_would_be_cut(place, cut):
    token = place.token("bob", plan="partner")

    async def play(text):
        app = Wellhead(model, place.config(f'{text}\n[paths]\nunreadable = "open"\n'))
        app.worker.gate.decide(watched("bob"))
        async with client(app) as c:
            headers = {"x-api-key": token, "content-type": "text/plain"}
            answer = await c.post(PATH, content=body_of(np.ones(WIDTH)), headers=headers)
        await app.stop()
        return answer.status_code

    assert asyncio.run(play("")) == 200
    assert asyncio.run(play(cut)) == 415


def test_a_challenged_caller_is_answered_once_it_has_worked(place):
    token = place.token("bob")
    config = place.config("[stances.challenge]\nchallenge_bits = 3\n")
    standing = msgspec.structs.replace(watched("bob"), stance=int(Stance.CHALLENGE))

    async def play():
        app = Wellhead(model, config)
        app.worker.gate.decide(standing)
        async with client(app) as c:
            first = await post(c, token, np.ones(WIDTH))
            headers = {"x-api-key": token, "content-type": "application/json"}
            headers["wellhead-solution"] = solve(first.headers["wellhead-challenge"].encode()).decode()
            second = await c.post(PATH, content=body_of(np.ones(WIDTH)), headers=headers)
            other = await c.post(PATH, content=body_of(np.zeros(WIDTH)), headers=headers)
        await app.stop()
        return first, second, other

    first, second, other = asyncio.run(play())
    assert [r.status_code for r in (first, second, other)] == [429, 200, 429]
    assert "puzzle" in first.text and "why" not in first.text
    assert np.allclose(json.loads(second.content)["outputs"][0]["data"], predict(np.ones(WIDTH))[0])
