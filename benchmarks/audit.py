"""How many events a second one core logs and verifies, beside the bare hash chain that proves far less."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.results import Figure, write
from wellhead.audit.log import Log
from wellhead.audit.verify import verify
from wellhead.core.codec import encode, encode_lines
from wellhead.core.event import Event
from wellhead.store.history import History

EVENTS = 131_072
BATCH = 512
ROUNDS = 5
SEAL_S = 1.0


def noise(n: int) -> str:
    return base64.b64encode(os.urandom(n)).decode()


def events() -> list[Event]:
    """What a classifier with two classes and codes of 64 numbers leaves behind: about 700 bytes each."""
    return [
        Event(
            request=f"{i:026d}",
            time_us=1_795_230_000_000_000 + 37 * i,
            principal=f"acct-{i % 5000:05d}",
            model="tip",
            rows=1,
            status=200,
            key="k-12345678",
            organisation=f"org-{i % 400}",
            plan="pro",
            created_day="2026-01-01",
            address=noise(12),
            network=noise(12),
            agent=noise(12),
            endpoint="/v2/models/tip/infer",
            latency_us=2345,
            fingerprints=noise(8),
            codes=noise(64),
            profile="0123456789ab",
            asked=3,
            given=3,
            classes=2,
            top1=(1,),
            confidence_pm=(873,),
            scores=noise(2),
        )
        for i in range(EVENTS)
    ]


def chain(made: list[Event], place: Path) -> int:
    """The peer: JSON lines, each with the hash of what came before, synced once a second. No proof, no signature."""
    last, due = bytes(32), time.perf_counter() + SEAL_S
    with place.open("wb", buffering=1 << 20) as f:
        for event in made:
            line = encode(event)
            last = hashlib.sha256(last + line).digest()
            f.write(line + b"\t" + last.hex().encode() + b"\n")
            if time.perf_counter() > due:
                f.flush()
                os.fsync(f.fileno())
                due += SEAL_S
        f.flush()
        os.fsync(f.fileno())
    return len(made)


def plain(made: list[Event], place: Path) -> int:
    """The floor: the same lines written, nothing hashed."""
    with place.open("wb") as f:
        for lo in range(0, len(made), BATCH):
            f.write(encode_lines(made[lo : lo + BATCH]))
        f.flush()
        os.fsync(f.fileno())
    return len(made)


def appended(made: list[Event], place: Path) -> int:
    """Encoded, hashed, in the tree, written, synced, and under a signed checkpoint."""
    log = Log.open(place, "example.com/log", place.with_suffix(".key"), 1)
    due = time.perf_counter() + SEAL_S
    for lo in range(0, len(made), BATCH):
        log.acknowledge(BATCH)
        log.append(made[lo : lo + BATCH])
        if time.perf_counter() > due:
            log.seal(lo)
            due += SEAL_S
    log.close(2)
    return log.size


def verified(place: Path) -> int:
    report = verify(place)
    if report.failed:
        raise SystemExit(f"the log just written does not verify: {report.integrity.line}")
    return report.entries


def chain_verified(place: Path) -> int:
    """The peer's verification: the chain recomputed and every line parsed."""
    last, lines, decoder = bytes(32), 0, msgspec.json.Decoder(Event)
    with place.open("rb") as f:
        for stored in f:
            line, _, said = stored.rstrip(b"\n").partition(b"\t")
            last = hashlib.sha256(last + line).digest()
            decoder.decode(line)
            lines += last.hex().encode() == said
    return lines


def projected(made: list[Event], place: Path) -> int:
    history = History(place)
    for lo in range(0, len(made), BATCH):
        history.append(made[lo : lo + BATCH], lo)
    history.close()
    return len(made)


def rate(work: Callable[[], int]) -> tuple[float, float]:
    """(things a wall second, CPU microseconds a thing)."""
    wall, cpu = time.perf_counter(), time.process_time()
    n = work()
    return n / (time.perf_counter() - wall), (time.process_time() - cpu) / n * 1e6


def once(made: list[Event], root: Path) -> dict[str, tuple[float, float]]:
    """Every measurement once, side by side, so that all see the same machine."""
    found = {
        "plain": rate(lambda: plain(made, root / "plain")),
        "chain": rate(lambda: chain(made, root / "chain")),
        "append": rate(lambda: appended(made, root / "log")),
        "chain_verify": rate(lambda: chain_verified(root / "chain")),
        "verify": rate(lambda: verified(root / "log")),
        "history": rate(lambda: projected(made, root / "history")),
    }
    stored = sum(p.stat().st_size for p in (root / "log").rglob("*") if p.is_file())
    return found | {"bytes": (stored / len(made), 0.0)}


def rows() -> list[Figure]:
    """The log's figures: medians over the rounds."""
    made = events()
    runs = []
    for _ in range(ROUNDS):
        root = Path(tempfile.mkdtemp(prefix="audit-"))
        try:
            runs.append(once(made, root))
        finally:
            shutil.rmtree(root)

    def middle(name: str, which: int = 0) -> float:
        return statistics.median(run[name][which] for run in runs)

    beside = f"hash chain over JSON lines: {middle('chain'):,.0f}/s; plain lines: {middle('plain'):,.0f}/s"
    verifying = f"hash chain: {middle('chain_verify'):,.0f}/s"
    stored = f"the event as JSON: {len(encode(made[0])):,} bytes"
    return [
        Figure("audit_appends_per_s", middle("append"), "sealed events/s", beside, "higher"),
        Figure("audit_verify_per_s", middle("verify"), "leaves/s", verifying, "higher"),
        Figure("audit_append_cpu_us", middle("append", 1), "us/event", f"hash chain: {middle('chain', 1):.2f} us"),
        Figure(
            "audit_verify_cpu_us", middle("verify", 1), "us/leaf", f"hash chain: {middle('chain_verify', 1):.2f} us"
        ),
        Figure("audit_bytes", middle("bytes"), "bytes/event", stored),
        Figure("history_cpu_us", middle("history", 1), "us/event"),
    ]


def main() -> None:
    """Write the log's figures."""
    write("audit", rows())


if __name__ == "__main__":
    main()
