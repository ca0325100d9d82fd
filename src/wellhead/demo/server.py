"""An ordinary model server: a digit classifier behind the Open Inference Protocol, knowing nothing of Wellhead.

Run as `python -m wellhead.demo.server PORT SEED`; prints `ready` when it serves.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import msgspec
import numpy as np

from wellhead.demo.data import Images, Split, split

MODEL = "digits"


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class _Request(msgspec.Struct):
    inputs: list[_Tensor]


class _Response(msgspec.Struct):
    model_name: str
    model_version: str
    outputs: list[_Tensor]


def train(parts: Split, seed: int) -> Any:
    """The owner's classifier, a perceptron with one hidden layer of 128."""
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPClassifier((128,), max_iter=40, random_state=seed).fit(parts.owner, parts.owner_digits)


def _metadata() -> bytes:
    tensor = {"name": "image", "datatype": "FP32", "shape": [-1, 784]}
    outputs = [{"name": "probabilities", "datatype": "FP64", "shape": [-1, 10]}]
    about = {"name": MODEL, "versions": ["3"], "platform": "sklearn", "inputs": [tensor], "outputs": outputs}
    return msgspec.json.encode(about)


class ModelServer:
    """ASGI: POST /v2/models/digits/infer, and the metadata that the protocol asks for."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._decode = msgspec.json.Decoder(_Request).decode

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, reply = self._reply(scope["method"], scope["path"], body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(reply)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": reply})

    def _reply(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if method == "GET" and path == f"/v2/models/{MODEL}":
            return 200, _metadata()
        if method == "GET" and path in ("/v2", "/v2/health/live", "/v2/health/ready"):
            return 200, b'{"name":"demo","version":"1","extensions":[]}'
        if method != "POST" or path != f"/v2/models/{MODEL}/infer":
            return 404, b'{"error":"not found"}'
        tensor = self._decode(body).inputs[0]
        images: Images = np.asarray(tensor.data, np.float32).reshape(tensor.shape)
        p = self._model.predict_proba(images)
        out = _Tensor("probabilities", list(p.shape), "FP64", p.reshape(-1).tolist())
        return 200, msgspec.json.encode(_Response(MODEL, "3", [out]))


def main(port: int, seed: int) -> None:
    """Train and serve until killed."""
    import uvicorn

    app = ModelServer(train(split(np.random.default_rng(seed)), seed))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="error", access_log=False, ws="none", lifespan="off"
    )
    print("ready", flush=True)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
