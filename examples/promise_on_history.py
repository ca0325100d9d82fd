"""Make a log of honest customers and two thieves, calibrate a promise on its first months, and backtest on the rest.

Needs: pip install 'wellhead[redteam]'. Everybody is made up; the log, the promise and the commands are the real ones.
`--customers 2600` takes some minutes and can be promised 1 alarm per 1,000 customers.
"""

import argparse
import contextlib
import shlex
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from wellhead.audit.log import Log
from wellhead.cli.main import main as wellhead
from wellhead.core.event import Answer, Caller, Exchange, Mark, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.core.finding import Finding, Review
from wellhead.gate.record import Recorder
from wellhead.meter.fit import fit

DAY, MONTHS, DAYS = 86_400.0, 2, 75
BEGAN = 1_767_225_600.0  # 2026-01-01
CONFIG = """
[model]
name = "digits"
[audit]
directory = "{folder}/log"
key = "{folder}/log.key"
[detect]
alarm_budget = "1 per {per} principals per 30 days"
segments = ["use"]
"""

inputs, digits = load_digits(return_X_y=True)
inputs = (inputs / 16).astype(np.float32)
model = LogisticRegression(max_iter=2000).fit(inputs[:600], digits[:600])
public, theirs, private = inputs[600:1000], inputs[1000:], digits[1000:]


def varied(images, rng):
    """Other images of the same kind."""
    return np.clip(images + rng.normal(0, 0.03, images.shape), 0, 1).astype(np.float32)


def customer(rng, month):
    """What one customer asks in a month, and when: some kinds of digits, its own repeats, its own hours."""
    kinds = rng.choice(10, rng.integers(1, 5), replace=False)
    mine = theirs[np.isin(private, kinds)]
    rows = int(np.clip(rng.lognormal(4.2, 0.8), 16, 1500))
    images = varied(mine[rng.integers(0, len(mine), rows)], rng)
    again = rng.random(rows) < rng.uniform(0.1, 0.5)
    images[again] = images[rng.integers(0, rows, again.sum())]
    days = rng.integers(0, 30, rows) + 30 * month
    when = BEGAN + DAY * days + 3600 * rng.normal(13, 3, rows)
    return images, np.sort(when)


def crowd(customers, rng):
    """(name, use, images, times) of everybody, a month at a time; the last one is cut by the log's end."""
    for i in range(customers):
        seed, use = int(rng.integers(2**32)), "batch" if i % 6 == 0 else ""
        for month in range(3):
            # one customer has one kind of work, so its choices are made from one seed
            yield f"customer-{i}", use, *customer(np.random.default_rng(seed), month)
    for name, pool, day in (("thief-natural", public, 63.0), ("thief-noise", rng.random((400, 64)), 66.0)):
        images = np.concatenate([pool, varied(pool, rng)]).astype(np.float32)
        yield name, "", images, BEGAN + DAY * day + np.sort(rng.uniform(0, 3 * DAY, len(images)))


def exchanges(customers, rng):
    """Requests of up to 8 rows, in the order of time, until the log's end."""
    found = []
    for name, use, images, times in crowd(customers, rng):
        for start in range(0, len(images), 8):
            found.append((times[start], name, use, images[start : start + 8]))
    found.sort(key=lambda x: (x[0], x[1]))
    for i, (time_s, name, use, images) in enumerate(found):
        if BEGAN < time_s < BEGAN + DAYS * DAY:
            query = Query("digits", images, len(images), Exposure.PROBABILITIES)
            answer = Answer(Exposure.PROBABILITIES, model.predict_proba(images))
            caller = Caller(principal=name, use=use)
            yield Exchange(caller, query, answer, int(time_s * 1e6), 200, f"r{i}", endpoint="/v2/models/digits/infer")


def reviewed(uid, name, verdict):
    """A finding on a principal, and what people found when they looked (`wellhead findings close`)."""
    now_us = int((BEGAN + (DAYS - 1) * DAY) * 1e6)
    case = {"title": "Unlike honest principals", "signal": "guilt", "members": (name,), "detail": "made up"}
    unread = {"rows": 0, "replication_ppm": -1, "attainable_ppm": -1, "bits_milli": -1}
    return Finding(uid=uid, time_us=now_us, **case, **unread), Review(finding=uid, time_us=now_us, verdict=verdict)


def write(folder, customers):
    """A profile and a log, as a gate that guards the model would have written them."""
    rng = np.random.default_rng(7)
    sample = Answer(Exposure.PROBABILITIES, model.predict_proba(inputs[:600]))
    profile = fit(inputs[:600], sample, ModelSpec(name="digits"), rng)
    recorder = Recorder("digits", b"k" * 32, lambda _field, value: value)
    ends = [int((BEGAN + day * DAY) * 1e6) for day in (0, DAYS)]
    log = Log.open(folder / "log", "example", folder / "log.key", ends[0])
    log.append([Mark(time_us=ends[0], what="start")])
    held = list(exchanges(customers, rng))
    for start in range(0, len(held), 256):
        events = recorder.record(held[start : start + 256], profile).events
        log.append([event for of_one in events for event in of_one])
    log.append([*reviewed("F-1", "thief-natural", "theft"), *reviewed("F-2", "customer-1", "honest")])
    log.append([Mark(time_us=ends[1], what="stop")])
    log.close(ends[1])
    (folder / "log" / "profile.wellhead").write_bytes(profile.to_bytes())
    per = 1000 if customers > 2500 else 100
    (folder / "wellhead.toml").write_text(CONFIG.format(folder=folder, per=per))


def run(*command):
    print(f"\n$ wellhead {shlex.join(command)}", flush=True)
    wellhead([*command])


arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--customers", type=int, default=300)
arguments.add_argument("--folder", type=Path, help="kept; without it all is in a temporary folder")
chosen = arguments.parse_args()
with contextlib.ExitStack() as stack:
    folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, chosen.customers)
    config = ("-c", str(folder / "wellhead.toml"))
    run("calibrate", *config)
    run("backtest", "promise", *config)
    run("backtest", "unique_ratio", "--top", "5", *config)
    run("backtest", "unique>=0.95 and rows>=200", *config)
