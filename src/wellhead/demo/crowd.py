"""Thirty honest customers with habits of their own, and what the gate did to their answers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from wellhead.demo.data import Images, Split, shifted
from wellhead.demo.server import MODEL

SAME = 1e-5
"""The model itself answers a row in a batch and a row alone this much apart: float32 sums in another order."""


class Habit(NamedTuple):
    """How one customer uses the model.

    queries: in all.  digits: the classes it meets.  repeats: share (0..1) of queries that it has asked before.
    batch: rows a request.  pause_s: between requests.  newcomer: signed up today, like the thief.  plan: agreed on.
    """

    name: str
    queries: int
    digits: tuple[int, ...]
    repeats: float
    batch: int = 1
    pause_s: float = 0.05
    newcomer: bool = False
    plan: str = ""


class Outcome(NamedTuple):
    """What one customer met: queries asked, answers changed (other than the model's own) or refused, seconds each."""

    name: str
    asked: int
    changed: int
    refused: int
    latencies_s: list[float]


def habits(rng: np.random.Generator) -> list[Habit]:
    """22 ordinary customers (six of them in bursts), two heavy ones, and six newcomers."""

    def digits(most: int) -> tuple[int, ...]:
        return tuple(sorted(rng.choice(10, rng.integers(1, most + 1), replace=False).tolist()))

    crowd = []
    for i in range(22):
        burst = i % 4 == 0
        repeats = float(rng.uniform(0.1, 0.6))
        queries = int(rng.integers(40, 140))
        crowd.append(
            Habit(f"customer-{i + 1:02d}", queries, digits(4), repeats, 8 if burst else 1, 0.6 if burst else 0.12)
        )
    for i in range(2):
        crowd.append(Habit(f"heavy-{i + 1}", 700, digits(3), 0.3, 4, 0.08, plan="heavy"))
    for i in range(6):
        crowd.append(
            Habit(f"newcomer-{i + 1}", int(rng.integers(20, 80)), digits(3), float(rng.uniform(0.1, 0.4)), 1, 0.2, True)
        )
    return crowd


def questions(habit: Habit, parts: Split, rng: np.random.Generator) -> Images:
    """(queries, 784): the images that one customer asks, its repeats included, in order."""
    mine = np.flatnonzero(np.isin(parts.customer_digits, habit.digits))
    fresh = shifted(parts.customers[rng.choice(mine, habit.queries)], rng)
    asked = np.arange(habit.queries)
    for i in range(1, habit.queries):
        if rng.random() < habit.repeats:
            asked[i] = asked[rng.integers(0, i)]
    return fresh[asked]


def body_of(images: Images) -> bytes:
    """An Open Inference Protocol request."""
    tensor = {"name": "image", "shape": list(images.shape), "datatype": "FP32", "data": images.reshape(-1).tolist()}
    return msgspec.json.encode({"inputs": [tensor]})


def post(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """One inference call: HTTP status, and (n, 10) probabilities or None."""
    connection.request("POST", f"/v2/models/{MODEL}/infer", body, {"content-type": "application/json", **headers})
    response = connection.getresponse()
    data = response.read()
    if response.status != 200:
        return response.status, None
    out = msgspec.json.decode(data)["outputs"][0]
    return 200, np.array(out["data"]).reshape(out["shape"])


def pauses(habit: Habit, requests: int, rng: np.random.Generator) -> list[float]:
    """Seconds between requests: people and their jobs wait now shorter, now longer."""
    return list((habit.pause_s * rng.uniform(0.4, 1.6, requests)).tolist())


def live(habit: Habit, images: Images, port: int, headers: dict[str, str], truth: Callable[[Images], Any]) -> Outcome:
    """Be one customer until all is asked. truth: the model's own answers, asked in process."""
    waits = pauses(habit, -(-len(images) // habit.batch), np.random.default_rng(len(images)))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    expected = truth(images)
    changed = refused = 0
    latencies = []
    for start in range(0, len(images), habit.batch):
        rows = slice(start, start + habit.batch)
        body = body_of(images[rows])
        begun = time.perf_counter()
        _, got = post(connection, body, headers)
        latencies.append(time.perf_counter() - begun)
        asked = len(images[rows])
        if got is None:
            refused += asked
            changed += asked
        else:
            changed += int((np.abs(got - expected[rows]) > SAME).any(axis=1).sum())
        time.sleep(waits[start // habit.batch])
    connection.close()
    return Outcome(habit.name, len(images), changed, refused, latencies)
