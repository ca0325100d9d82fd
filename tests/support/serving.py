"""A small softmax model behind the Open Inference Protocol, and a config that guards it in a fresh folder."""

import json
from pathlib import Path

import numpy as np

from wellhead.capture.keys import Holder, Keys
from wellhead.config import parse
from wellhead.core.event import Answer, Caller, Exchange, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.meter.fit import fit

WIDTH, CLASSES = 6, 4
WEIGHTS = np.random.default_rng(3).normal(size=(WIDTH, CLASSES)) * 2
NOW = 1_800_000_000.0


def predict(inputs):
    """(n, CLASSES) probabilities."""
    logits = np.asarray(inputs, np.float64).reshape(-1, WIDTH) @ WEIGHTS
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def body_of(inputs):
    """An Open Inference Protocol request."""
    inputs = np.asarray(inputs, np.float64).reshape(-1, WIDTH)
    tensor = {"name": "x", "shape": list(inputs.shape), "datatype": "FP64", "data": inputs.ravel().tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


async def model(scope, receive, send):
    """The model as an ASGI application; it has no lifespan."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            kind = message["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    tensor = json.loads(body)["inputs"][0]
    p = predict(tensor["data"])
    out = {"name": "p", "shape": list(p.shape), "datatype": "FP64", "data": p.ravel().tolist()}
    reply = json.dumps({"model_name": "m", "outputs": [out]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(reply)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now_s=NOW):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


class Place:
    """A folder with keys and a config; its path is short enough for a Unix socket."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.keys = Keys.open(self.folder / "keys.json")

    def config(self, extra="", mode="enforce"):
        return parse(
            f'mode = "{mode}"\n[model]\nname = "m"\n[access]\nkeys = "{self.folder}/keys.json"\n'
            f'[audit]\ndirectory = "{self.folder}/log"\nkey = "{self.folder}/log.key"\n{extra}'
        )

    def token(self, owner, **holder):
        return self.keys.add(Holder(owner=owner, **holder), NOW - 86_400)

    def fit(self, rows=400):
        """A profile on disk, fitted on the model's own answers."""
        from wellhead.serve import profiles

        inputs = np.random.default_rng(0).normal(size=(rows, WIDTH)).astype(np.float32)
        answers = Answer(Exposure.PROBABILITIES, predict(inputs))
        profile = fit(inputs, answers, ModelSpec(name="m"), np.random.default_rng(0))
        profiles.save(self.config(), profile)
        return profile


def exchange(principal, inputs, request, **caller):
    inputs = np.asarray(inputs, np.float32).reshape(-1, WIDTH)
    query = Query("m", inputs, len(inputs), Exposure.PROBABILITIES)
    answer = Answer(Exposure.PROBABILITIES, predict(inputs))
    return Exchange(Caller(principal=principal, **caller), query, answer, int(NOW * 1e6), 200, request)
