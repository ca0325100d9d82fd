"""Detection: honest tenants, thieves and look-alikes against real models, beside published detectors.

`--quick` plays one victim with one development seed and some hundred tenants; `--victims A,B`, `--seeds 1,2` and
`--development` choose otherwise. What was found of a victim and seed is kept in build/bench-detect, so that a stopped
run goes on; `--afresh` forgets it. Results: detect.json, detect_scenarios.json, detect_details.json, docs/benchmark.md.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import sys
import time
from pathlib import Path

import msgspec

from benchmarks import detect_report, results
from benchmarks.detect_cell import Cell, cell_of
from benchmarks.detect_gangs import QUICKLY, REQUIRED, Gang, gangs
from benchmarks.detect_rows import Found, details, figures, rows
from benchmarks.detect_stage import FULL, QUICK, Size, stage
from benchmarks.detect_victims import NAMES, victim
from benchmarks.detect_world import CACHE, DEVELOPMENT_SEED, TEST_SEEDS
from benchmarks.results import RESULTS

CELL, GANGS = "cell", "gangs"


def _path(part: str, name: str, seed: int, size: Size) -> Path:
    return CACHE / f"{part}_{name}_{seed}_{size.calibration}_{size.test}.json"


def play(job: tuple[str, tuple[int, ...], bool, tuple[str, ...]]) -> list[Found]:
    """One victim with these seeds. job: name, seeds, quick, parts."""
    name, seeds, quick, parts = job
    size = QUICK if quick else FULL
    if not all(_path(part, name, seed, size).exists() for part in parts for seed in seeds):
        start = time.perf_counter()
        guarded = victim(name)
        if guarded is None:
            return []
        print(f"{name}: {len(guarded.table)} inputs, {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            missing = [part for part in parts if not _path(part, name, seed, size).exists()]
            print(f"  {name}, seed {seed}", file=sys.stderr, flush=True)
            played = stage(guarded, seed, size) if missing else None
            for part in missing:
                wanted = QUICKLY if quick else () if seed == seeds[0] else REQUIRED
                found = cell_of(played, seed, size) if part == CELL else gangs(played, seed, wanted)
                _path(part, name, seed, size).write_bytes(msgspec.json.encode(found))
    return [_found(name, seed, size) for seed in seeds if _path(CELL, name, seed, size).exists()]


def _found(name: str, seed: int, size: Size) -> Found:
    campaigns = _path(GANGS, name, seed, size)
    return Found(
        cell=msgspec.json.decode(_path(CELL, name, seed, size).read_bytes(), type=Cell),
        gangs=msgspec.json.decode(campaigns.read_bytes(), type=tuple[Gang, ...]) if campaigns.exists() else (),
    )


def main() -> None:
    """Play everything and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="one victim, one seed, hundreds of tenants; writes nothing"
    )
    parser.add_argument("--victims", default=",".join(NAMES))
    parser.add_argument("--seeds", default=",".join(map(str, TEST_SEEDS)))
    parser.add_argument("--development", action="store_true", help="a development seed; writes nothing")
    parser.add_argument("--part", choices=(CELL, GANGS), help="single accounts or campaigns only; writes nothing")
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    start = time.perf_counter()
    draft = args.quick or args.development or args.part is not None
    parts = (CELL, GANGS) if args.part is None else (args.part,)
    seeds = (DEVELOPMENT_SEED,) if args.quick or args.development else tuple(map(int, args.seeds.split(",")))
    names = (args.victims.split(",")[0],) if args.quick else tuple(args.victims.split(","))
    for path in [*CACHE.glob("cell_*"), *CACHE.glob("gangs_*")] if args.afresh else []:
        path.unlink()
    jobs = [(name, seeds, args.quick, parts) for name in names]
    if len(jobs) == 1 or args.processes == 1:
        found = [f for job in jobs for f in play(job)]
    else:
        with concurrent.futures.ProcessPoolExecutor(args.processes) as pool:
            found = [f for of in pool.map(play, sorted(jobs, key=lambda j: j[0] == "adult")) for f in of]
    report(found, draft)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


def report(found: list[Found], draft: bool) -> None:
    """Print the figures, and write them and the page unless it was a draft."""
    if draft:
        results.show("detect, draft", figures(found))
        for r in rows(found):
            late = "never" if r.rows is None else f"{r.rows:.0f}"
            print(f"{r.victim:8s} {r.scenario:4s}{r.title:28s} found {r.found:.2f} at {late:>6s} {r.note}")
        return
    RESULTS.mkdir(exist_ok=True)
    for name, kept in (("detect_scenarios", rows(found)), ("detect_details", details(found))):
        text = msgspec.json.format(msgspec.json.encode(kept), indent=1)
        (RESULTS / f"{name}.json").write_bytes(text + b"\n")
    results.write("detect", figures(found))
    detect_report.write()


if __name__ == "__main__":
    main()
