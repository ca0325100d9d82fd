"""What stands between client and model in the inline benchmark, and the model that answers behind all of it."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.load import Aim, Server, free_port, serving, wait_until

PATH = "/v2/models/m/infer"
CHAT = "/v1/chat/completions"
INPUTS, CLASSES = 96, 40
BODIES, KEYS, ANSWERS = 2000, 50, 64
QUERY_BYTES, ANSWER_BYTES = 1072, 1000
_MANY = 1_000_000_000

_NGINX = """
daemon off; master_process off; pid {home}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_buffer_size 256k; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
  uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
  {inside}
}}
"""
_MODEL = """
  split_clients "$connection-$connection_requests" $answer {{
{answers}
  }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location /v2/ {{ return 200 $answer; }}
    location /v1/ {{ return 200 '{chat}'; }} }}
"""
_HOP = """
  upstream model {{ server 127.0.0.1:{model}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
"""
_WELLHEAD = """
mode = "enforce"
[listen]
port = {port}
[upstream]
url = "http://127.0.0.1:{model}"
[model]
name = "m"
profile = "{home}/profile"
[access]
keys = "{keys}"
[limits]
rows_per_minute = {many}
burst_rows = {many}
rows_per_day = {many}
global_rows_per_minute = {many}
max_unread_rows = {many}
[exposure]
decimals = {decimals}
[valve]
allow = [{principals}]
[audit]
directory = "{home}/log"
key = "{home}/log.key"
"""


def query_bodies(rng: np.random.Generator) -> list[str]:
    """Requests of 96 floats, QUERY_BYTES each; `#######` stands where the load writes a number never sent before."""
    head, tail = '{"inputs":[{"name":"x","shape":[1,96],"datatype":"FP32","data":[', "]}]}"
    negative = QUERY_BYTES - len(head) - len(tail) - INPUTS * 10 + 1
    bodies = []
    for _ in range(BODIES):
        sizes = np.minimum(np.abs(rng.normal(size=INPUTS)), 9.9)
        texts = [f"{v:.7f}" for v in sizes[:-1]] + ["0.#######"]
        for i in rng.choice(INPUTS, negative, replace=False):
            texts[i] = "-" + texts[i]
        bodies.append(head + ",".join(texts) + tail)
    return bodies


def inputs_of(bodies: list[str]) -> np.ndarray:
    """(n, 96) float32 inputs in these requests."""
    return np.array([json.loads(b.replace("#" * 7, "5000000"))["inputs"][0]["data"] for b in bodies], np.float32)


def victim(rng: np.random.Generator, inputs: np.ndarray) -> np.ndarray:
    """(n, 40) probabilities of a random softmax model."""
    logits = inputs @ rng.normal(size=(INPUTS, CLASSES))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def answer_body(probabilities: np.ndarray) -> str:
    """An answer of ANSWER_BYTES with 40 probabilities that sum to 1."""
    head = '{"model_name":"m","outputs":[{"name":"probabilities","shape":[1,40],"datatype":"FP64","data":['
    digits = (ANSWER_BYTES - len(head) - 4 - (CLASSES - 1)) // CLASSES - 2
    body = head + ",".join(f"{p:.{digits}f}" for p in probabilities) + "]}]}"
    return body[:-1] + " " * (ANSWER_BYTES - len(body)) + body[-1]


def chat_body(i: int) -> str:
    """A chat request; `#######` as in query_bodies."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": f"{i:04d} ####### " + "well " * 190}]})


def _chat_answer() -> str:
    message = {"role": "assistant", "content": "water " * 110}
    usage = {"prompt_tokens": 200, "completion_tokens": 110, "total_tokens": 310}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps({**head, "choices": [choice], "usage": usage})


class Stacks:
    """Starts each stack in a folder of its own; every method is a context that yields where to aim, and the server."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        rng = np.random.default_rng(seed)
        bodies = query_bodies(rng)
        self.bodies = _lines(home / "bodies", bodies)
        self.inputs = inputs_of(bodies)
        self.answers = victim(rng, self.inputs)
        self.keys = _lines(home / "keys", self._make_keys())
        self.chats = _lines(home / "chats", [chat_body(i) for i in range(100)])
        self.model = free_port()

    def _make_keys(self) -> list[str]:
        from wellhead.capture.keys import Holder, Keys

        keys = Keys.open(self.home / "keys.json")
        return [keys.add(Holder(owner=f"caller-{i:02d}"), time.time()) for i in range(KEYS)]

    def aim(self, port: int) -> Aim:
        """The load on a stack."""
        return Aim(f"http://127.0.0.1:{port}{PATH}", self.bodies, self.keys, "x-api-key: ")

    def _nginx(self, name: str, inside: str, port: int) -> contextlib.AbstractContextManager[Server]:
        home = _folder(self.home / name)
        conf = home / "nginx.conf"
        conf.write_text(_NGINX.format(home=home, inside=inside))
        return serving(name, [str(peers.nginx()), "-p", str(home), "-c", str(conf)], port, home / "out")

    @contextlib.contextmanager
    def upstream(self) -> Iterator[Server]:
        """The model server: nginx with 64 different answers."""
        share = 100 / ANSWERS
        shares = [f"{share:.2f}%" for _ in range(ANSWERS - 1)] + ["*"]
        rows = "\n".join(f"    {s} '{answer_body(p)}';" for s, p in zip(shares, self.answers, strict=False))
        inside = _MODEL.format(answers=rows, port=self.model, chat=_chat_answer())
        with self._nginx("model", inside, self.model) as server:
            yield server

    @contextlib.contextmanager
    def nginx(self) -> Iterator[Server]:
        """nginx as a proxy with connections kept alive."""
        port = free_port()
        with self._nginx("nginx", _HOP.format(model=self.model, port=port), port) as server:
            yield server

    @contextlib.contextmanager
    def envoy(self, binary: Path) -> Iterator[Server]:
        """A bare Envoy hop with one worker."""
        home, port = _folder(self.home / "envoy"), free_port()
        conf = home / "envoy.json"
        conf.write_text(json.dumps(envoy_config(port, self.model)))
        command = [str(binary), "-c", str(conf), "--concurrency", "1", "-l", "warn", "--use-dynamic-base-id"]
        with serving("envoy", command, port, home / "out") as server:
            yield server

    @contextlib.contextmanager
    def litellm(self, binary: Path) -> Iterator[tuple[Server, Aim]]:
        """The LiteLLM proxy before an OpenAI-like model: one worker, a master key, no database."""
        home, port, key = _folder(self.home / "litellm"), free_port(), "sk-" + secrets.token_hex(32)
        parameters = {"model": "openai/m", "api_base": f"http://127.0.0.1:{self.model}/v1", "api_key": "none"}
        models = [{"model_name": "m", "litellm_params": parameters}]
        conf = home / "litellm.yaml"
        conf.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": key}}))
        command = f"{binary} --config {conf} --host 127.0.0.1 --port {port} --num_workers 1".split()
        aim = Aim(f"http://127.0.0.1:{port}{CHAT}", self.chats, _lines(home / "keys", [key]), "authorization: Bearer ")
        quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
        with serving("litellm", command, port, home / "out", **quiet) as server:
            yield server, aim

    def config(self, name: str, port: int, decimals: int) -> Path:
        """Wellhead's file with everything on and limits that nothing reaches; the profile is fitted beside it."""
        home = _folder(self.home / name)
        self._fit(home / "profile")
        principals = ", ".join(f'"caller-{i:02d}"' for i in range(KEYS))
        path = home / "wellhead.toml"
        path.write_text(
            _WELLHEAD.format(
                port=port, model=self.model, home=home, many=_MANY, decimals=decimals, principals=principals,
                keys=self.home / "keys.json",
            )
        )  # fmt: skip
        return path

    def _fit(self, path: Path) -> None:
        from wellhead.core.event import Answer, ModelSpec
        from wellhead.core.exposure import Exposure
        from wellhead.meter.fit import fit

        n = 1000
        answers = Answer(Exposure.PROBABILITIES, scores=self.answers[:n])
        path.write_bytes(fit(self.inputs[:n], answers, ModelSpec(name="m"), np.random.default_rng(1)).to_bytes())

    @contextlib.contextmanager
    def wellhead(self, name: str, decimals: int) -> Iterator[Server]:
        """`wellhead serve -c`."""
        port = free_port()
        config = self.config(name, port, decimals)
        command = [str(Path(sys.executable).with_name("wellhead")), "serve", "-c", str(config)]
        with serving(name, command, port, config.parent / "out") as server:
            yield server

    @contextlib.contextmanager
    def in_process(self, name: str, guarded: bool) -> Iterator[Server]:
        """An ASGI model that answers at once, bare or inside `Wellhead(app, config)`."""
        port = free_port()
        config = self.config(name, port, -1)
        options = "--http httptools --ws none --no-proxy-headers --no-access-log --log-level warning --lifespan on"
        command = [sys.executable, "-m", "uvicorn", "--factory", f"benchmarks.echo:{'guarded' if guarded else 'bare'}"]
        command += [*options.split(), "--port", str(port)]
        (config.parent / "answers").write_text("\n".join(answer_body(p) for p in self.answers[:ANSWERS]))
        with serving(name, command, port, config.parent / "out", BENCH_HOME=str(config.parent)) as server:
            yield server

    def drained(self, name: str, sealed: bool = True) -> None:
        """Wait until everything that was answered is metered and logged, and under a checkpoint if `sealed`."""
        from wellhead.serve.control import ask
        from wellhead.serve.status import Ask

        directory = str(self.home / name / "log")

        def idle() -> bool:
            status = ask(directory, Ask(ask="status", top=0)).status
            return status is not None and status.waiting == 0

        wait_until(idle, f"{name} to have metered what it answered")
        if sealed:
            time.sleep(1.2)  # the next checkpoint signs what the last batches wrote


def envoy_config(port: int, model: int) -> dict[str, object]:
    """One listener, one cluster, nothing between."""
    kind = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "r", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}
    hosts = [{"name": "m", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "model"}}]}]
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "i",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [router],
    }
    chain = {"filters": [{"name": "h", "typed_config": manager}]}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(model)}}]}
    cluster = {
        "name": "model",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "model", "endpoints": [endpoint]},
    }
    listener = {"name": "l", "address": _address(port), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _lines(path: Path, lines: list[str]) -> Path:
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path
