"""What scanning history costs beside a hand-written loop, all on one thread, CPU time.

    events      JSON lines as a gateway writes them, about 200 B each, 20,000 principals with Zipf volumes
    coded       the same with what Wellhead's own log has beside: codes, traits, scores, several fields more

naive: json.loads and a dict of sets, the five plain aggregates.  Each measurement is a process of its own.
    python -m benchmarks scan [events in millions, 5] [coded events in millions, 5]
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.results import Figure, write
from wellhead.capture.importers.registry import named
from wellhead.core.codec import strongest
from wellhead.core.event import Answer, Event, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.meter.fit import fit
from wellhead.meter.profile import Profile
from wellhead.meter.traits import traits
from wellhead.serve.scan import scan
from wellhead.serve.scan_quick import aggregates
from wellhead.serve.scan_words import Question
from wellhead.store.columns import columns_of, connect

PRINCIPALS, INPUTS, CLASSES = 20_000, 32, 10
START_S = 1_767_225_600.0
CHUNK = 100_000
COPIES = (5, 10)
"""Of one file of coded events, between which memory must not grow."""


def principals(rng: np.random.Generator, n: int) -> Any:
    """(n,) which principal asks: Zipf over PRINCIPALS."""
    weights = 1.0 / np.arange(1, PRINCIPALS + 1)
    return rng.choice(PRINCIPALS, n, p=weights / weights.sum())


def columns(rng: np.random.Generator, n: int, at: float) -> dict[str, list[Any]]:
    """One chunk of plain events: a fifth of the inputs repeat, each caller has three addresses."""
    who = principals(rng, n)
    repeat = rng.random(n) < 0.2
    inputs = np.where(repeat, who * 64 + rng.integers(0, 64, n), rng.integers(1 << 40, 1 << 62, n))
    home = (who * 2_654_435_761 + rng.integers(0, 3, n) * 40_503) % (1 << 24)
    confidence = np.round(np.minimum(0.35 + rng.gamma(4.0, 0.15, n), 1.0), 4)
    stamp = at + np.sort(rng.random(n)) * n * 0.1
    return {
        "time": [f"{t:.3f}" for t in stamp.tolist()],
        "principal": [f"acct-{w:06d}" for w in who.tolist()],
        "input": [f"{i:016x}" for i in inputs.tolist()],
        "ip": [f"10.{h >> 16}.{h >> 8 & 255}.{h & 255}" for h in home.tolist()],
        "confidence": confidence.tolist(),
        "label": rng.integers(0, CLASSES, n).tolist(),
        "request": [f"r{int(at * 10) + i:016x}" for i in range(n)],
    }


def write_events(path: Path, events: int) -> None:
    """JSON lines."""
    rng = np.random.default_rng(7)
    with path.open("w", encoding="ascii") as f:
        for start in range(0, events, CHUNK):
            n = min(CHUNK, events - start)
            c = columns(rng, n, START_S + start * 0.1)
            f.writelines(
                f'{{"time":{t},"request":"{r}","principal":"{p}","ip":"{a}","path":"/v2/models/m/infer","method":"POST",'
                f'"status":200,"input":"{i}","label":{y},"confidence":{s}}}\n'
                for t, r, p, a, i, y, s in zip(
                    c["time"],
                    c["request"],
                    c["principal"],
                    c["ip"],
                    c["input"],
                    c["label"],
                    c["confidence"],
                    strict=True,
                )
            )


def profile_of() -> Profile:
    """A profile of a random softmax model."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1000, INPUTS)).astype(np.float32)
    scores = np.exp(x @ rng.normal(size=(INPUTS, CLASSES)))
    return fit(x, Answer(Exposure.PROBABILITIES, scores / scores.sum(1, keepdims=True)), ModelSpec(name="m"), rng)


def write_coded(path: Path, events: int, profile: Profile) -> None:
    """Wellhead's own log, one row an event: fingerprints, codes, traits, top-1, confidence, scores."""
    import base64

    rng = np.random.default_rng(8)
    weights = np.random.default_rng(2).normal(size=(INPUTS, CLASSES))
    centres = rng.normal(size=(PRINCIPALS, 4)) @ rng.normal(size=(4, INPUTS)) * 0.4

    def packed(array: Any) -> list[str]:
        return [base64.b64encode(row).decode() for row in np.ascontiguousarray(array)]

    with path.open("w", encoding="ascii") as f:
        for start in range(0, events, CHUNK):
            n = min(CHUNK, events - start)
            c = columns(rng, n, START_S + start * 0.1)
            who = np.array([int(p[5:]) for p in c["principal"]])
            x = (centres[who] + rng.normal(size=(n, INPUTS)) * 0.7).astype(np.float32)
            powers = np.exp(x @ weights)
            p = powers / powers.sum(1, keepdims=True)
            codes, residue = profile.code_map.measure(x)
            hashes = np.array([int(i, 16) for i in c["input"]], np.uint64)[:, None]
            rows = zip(
                packed(codes), packed(hashes), packed(strongest(p)[0]), packed(traits(x, residue)),
                (p.max(1) * 1000).astype(int).tolist(), p.argmax(1).tolist(),
                c["time"], c["principal"], c["request"], c["ip"],
                strict=True,
            )  # fmt: skip
            f.writelines(
                f'{{"agent":"","asked":3,"classes":{CLASSES},"codes":"{k}","confidence_pm":[{s}],"endpoint":"/v2/models/m/infer",'
                f'"fingerprints":"{h}","given":3,"kind":"event","method":"POST","model":"m","network":"{a}","principal":"{w}",'
                f'"profile":"{profile.id}","request":"{r}","rows":1,"scores":"{q}","status":200,'
                f'"time_us":{int(float(t) * 1e6)},'
                f'"top1":[{y}],"traits":"{u}","v":1}}\n'
                for k, h, q, u, s, y, t, w, r, a in rows
            )


def naive(path: Path, own: bool = False) -> dict[str, Any]:
    """The loop that one writes first; own: over Wellhead's own records."""
    found: dict[str, Any] = {}
    with path.open("rb") as f:
        for line in f:
            e = json.loads(line)
            if own:
                who, asked, address, sure = (
                    e["principal"],
                    e["fingerprints"],
                    e["network"],
                    e["confidence_pm"][0] / 1000,
                )
            else:
                who, asked, address, sure = e["principal"], e["input"], e["ip"], e["confidence"]
            s = found.get(who)
            if s is None:
                s = found[who] = [0, set(), set(), 0.0, 0]
            s[0] += 1
            s[1].add(asked)
            s[2].add(address)
            s[3] += sure
            s[4] += sure >= 0.9895
    return {w: (n, len(i), len(a), t / n, full) for w, (n, i, a, t, full) in found.items()}


def _naive(path: Path, own: bool) -> Any:
    return len(naive(path, own))


def _quick(path: Path, _: bool) -> Any:
    return len(aggregates(named("json"), [path]))


def _full(path: Path, _: bool) -> Any:
    profile = path.with_name("profile.wellhead")
    question = Question(
        logs=(str(path),), profile=Profile.from_bytes(profile.read_bytes()) if profile.exists() else None
    )
    found = scan(question)
    return {"rows": found.rows, "findings": len(found.findings), "stages": found.stages}


def _folder(several: Path, _: bool) -> Any:
    profile = Profile.from_bytes((several / "profile.wellhead").read_bytes())
    logs = tuple(str(p) for p in sorted(several.glob("*.parquet")))
    return scan(Question(logs=logs, profile=profile)).rows


def _measured(job: Any, path: Path, own: bool) -> tuple[float, float, Any]:
    import duckdb  # noqa: F401  # starting up is no part of what an event costs

    begun = time.process_time()
    said = job(path, own)
    spent = time.process_time() - begun
    return spent, _peak(), said


def _peak() -> float:
    """MiB; of this program alone, which getrusage would mix with that of who started it."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def apart(job: Any, path: Path, own: bool = False) -> tuple[float, float, Any]:
    """(CPU seconds, peak MiB, what it said), in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (job, path, own))  # type: ignore[no-any-return]


def to_parquet(source: Path, target: Path, order: str = "", group: int = 122_880) -> None:
    """The same events as a column store holds them; order: what rows are sorted by.  group: rows of a row group."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as c:
        c.execute(
            f"COPY (FROM read_json('{source}', format='newline_delimited') {order}) TO '{target}' (FORMAT "
            f"parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group})"
        )


def plain(folder: Path, events: int) -> list[Figure]:
    """The five plain aggregates, by loop and by one query."""
    lines = folder / "events.jsonl"
    table, unsorted, large = (folder / f"{name}.parquet" for name in ("sorted", "unsorted", "large"))
    write_events(lines, events)
    to_parquet(lines, table, "ORDER BY time // 100000, principal, time")
    to_parquet(lines, unsorted)
    to_parquet(lines, large, group=1 << 20)
    slow, peak, _ = apart(_naive, lines)
    found = [Figure("scan_events", events, "events", f"{lines.stat().st_size / events:.0f} B a line", "")]
    found.append(
        Figure("scan_naive_events_per_s", round(events / slow), "events/s/core", f"exact; {peak:.0f} MiB", "higher")
    )
    for name, path, said in (
        ("json", lines, ""),
        ("parquet", table, "every million rows sorted by principal; "),
        ("parquet_unsorted", unsorted, "in order of time; "),
        ("parquet_large", large, "in order of time, row groups of 1,048,576 rows, of DuckDB's 122,880 before; "),
    ):
        spent, most, _ = apart(_quick, path)
        ratio = round(slow / spent, 2)
        found.append(
            Figure(
                f"scan_aggregates_vs_naive_{name}",
                ratio,
                "times",
                f"{said}different ones estimated; {most:.0f} MiB",
                "higher",
            )
        )
    return found


def memory(folder: Path, events: int) -> list[Figure]:
    """What a full scan's peak of memory grows by from five times so many coded events to ten times as many."""
    lines, table = folder / "coded.jsonl", folder / "once.parquet"
    kinds = ", ".join(f"{name}: '{kind}'" for name, kind in columns_of(Event).items())
    with connect() as c:
        c.execute(
            f"COPY (FROM read_json('{lines}', format='newline_delimited', columns={{{kinds}}}) LIMIT {events}) "
            f"TO '{table}' (FORMAT parquet)"
        )
    peaks = []
    for copies in COPIES:
        several = folder / f"several-{copies}"
        several.mkdir()
        for i in range(copies):
            (several / f"{i}.parquet").hardlink_to(table)
        (several / "profile.wellhead").hardlink_to(folder / "profile.wellhead")
        peaks.append(apart(_folder, several)[1])
    few, many = (copies * events / 1e6 for copies in COPIES)
    grown = (peaks[1] - peaks[0]) / (many - few)
    said = f"{peaks[0]:.0f} MiB at {few:g} million events, {peaks[1]:.0f} at {many:g} million"
    return [Figure("scan_full_memory_growth", round(grown, 2), "MiB/million events", said, "lower")]


def full(folder: Path, events: int) -> list[Figure]:
    """Everything: all detectors, rules and ledgers, over events that carry codes and scores."""
    lines, profile = folder / "coded.jsonl", profile_of()
    (folder / "profile.wellhead").write_bytes(profile.to_bytes())
    write_coded(lines, events, profile)
    slow, peak, _ = apart(_naive, lines, True)
    spent, full_peak, said = apart(_full, lines)
    stages = [
        Figure(f"scan_stage_{name.replace(' ', '_')}_us", round(s / events * 1e6, 3), "us/event", "", "")
        for name, s in said["stages"].items()
    ]
    return [
        Figure("scan_coded_events", events, "events", f"{lines.stat().st_size / events:.0f} B a line", ""),
        Figure("scan_coded_naive_events_per_s", round(events / slow), "events/s/core", f"{peak:.0f} MiB", "higher"),
        Figure("scan_full_events_per_s", round(events / spent), "events/s/core", f"{full_peak:.0f} MiB", "higher"),
        Figure("scan_full_vs_naive", round(slow / spent, 2), "times", "scan_coded_naive_events_per_s", "higher"),
        *stages,
    ]


def rows(events: int, coded: int) -> list[Figure]:
    """The figures of scanning."""
    with tempfile.TemporaryDirectory(prefix="wellhead-scan-") as name:
        folder = Path(name)
        return [*plain(folder, events), *full(folder, coded), *memory(folder, min(coded, 2_000_000))]


def main() -> None:
    """Write the figures of scanning."""
    millions = [float(a) for a in sys.argv[1:]]
    write(
        "scan", rows(int((millions[0] if millions else 5) * 1e6), int((millions[1] if len(millions) > 1 else 5) * 1e6))
    )


if __name__ == "__main__":
    main()
