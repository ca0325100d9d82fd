import asyncio
import json

import httpx
import numpy as np

from wellhead.demo.crowd import body_of
from wellhead.demo.server import ModelServer

PATH = "/v2/models/digits/infer"


class Model:
    def predict_proba(self, images):
        return np.full((len(images), 10), 0.1)


def ask(method, path, content=b""):
    async def go():
        transport = httpx.ASGITransport(ModelServer(Model()))
        async with httpx.AsyncClient(transport=transport, base_url="http://m") as c:
            return await c.request(method, path, content=content)

    return asyncio.run(go())


def test_it_answers_inference_in_the_open_protocol():
    out = json.loads(ask("POST", PATH, body_of(np.zeros((2, 784), np.float32))).content)["outputs"][0]
    assert out["shape"] == [2, 10]
    assert out["data"] == [0.1] * 20


def test_it_tells_its_metadata_and_nothing_else():
    assert ask("GET", "/v2/models/digits").json()["inputs"][0]["shape"] == [-1, 784]
    assert ask("GET", "/v2/health/ready").status_code == 200
    assert ask("GET", "/elsewhere").status_code == 404
