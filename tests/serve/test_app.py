import asyncio
import json

import httpx
import numpy as np
import pytest
from serving import WIDTH, body_of, model, predict

from wellhead.audit.entries import records
from wellhead.audit.verify import verify
from wellhead.core.errors import AuditError, ConfigError
from wellhead.core.event import Event
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
