"""A log of many principals over some days, written in a moment, for tests of what is made from the past."""

import numpy as np

from wellhead.audit.log import Log
from wellhead.core.codec import pack
from wellhead.core.event import Event, Mark

BEGAN = 1_700_006_400.0
DAY = 86_400.0


def event(i, principal, time_s, rows=16, **changed):
    """One request of `rows` rows, answered with probabilities of two classes."""
    inputs = np.random.default_rng(i).integers(0, 2**40, rows)
    made = {
        "request": f"r{i:06d}",
        "time_us": int(time_s * 1e6),
        "principal": principal,
        "model": "m",
        "rows": rows,
        "status": 200,
        "given": 3,
        "asked": 3,
        "classes": 2,
        "endpoint": "/v2/models/m/infer",
        "fingerprints": pack(inputs.astype("<u8")),
        "top1": tuple(int(x) % 2 for x in inputs),
        "confidence_pm": tuple(500 + int(x) % 500 for x in inputs),
        "scores": pack(np.stack([inputs % 100, inputs % 7], axis=1).astype(np.int8)),
    }
    return Event(**made | changed)


def traffic(principals, days, requests=3, prefix="p", **changed):
    """Events of so many principals, each at its own times, in the order of time."""
    rng = np.random.default_rng(len(prefix) + principals)
    times = np.sort(rng.uniform(0, days * DAY, (principals, requests)), axis=1)
    events = [
        event(p * requests + r, f"{prefix}{p}", BEGAN + times[p, r], **changed)
        for p in range(principals)
        for r in range(requests)
    ]
    return sorted(events, key=lambda e: e.time_us)


def write_log(folder, records, days):
    """A sealed log of these records that lasts so many days; returns the text of its config."""
    log = Log.open(folder / "log", "o", folder / "log.key", int(BEGAN * 1e6))
    log.append([Mark(time_us=int(BEGAN * 1e6), what="start")])
    log.append(records)
    log.append([Mark(time_us=int((BEGAN + days * DAY) * 1e6), what="stop")])
    log.close(int((BEGAN + days * DAY) * 1e6))
    return f'[model]\nname = "m"\n[audit]\ndirectory = "{folder}/log"\nkey = "{folder}/log.key"\n'
