"""From config to working parts: the log is opened, what it tells is taken up, and the worker stands ready."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from wellhead.audit.entries import records
from wellhead.audit.log import Log
from wellhead.config import Config
from wellhead.core.batch import from_events, visits_of
from wellhead.core.errors import ConfigError
from wellhead.core.event import Event, Mark
from wellhead.core.finding import Finding, Review
from wellhead.core.verdict import Decision
from wellhead.defend.pipeline import Pipeline
from wellhead.detect.detectors import Detectors
from wellhead.detect.parts import Part, answered
from wellhead.detect.replication import Replication
from wellhead.detect.rules import Rules
from wellhead.gate.gate import Gate
from wellhead.gate.observe import Observer
from wellhead.gate.policy import compile_policy
from wellhead.gate.quota import DAY_S
from wellhead.gate.record import Recorder
from wellhead.meter.profile import Profile
from wellhead.serve import ownership, profiles, promises
from wellhead.serve.fitting import Fitting
from wellhead.serve.keeping import Keeping
from wellhead.serve.linking import Linking
from wellhead.serve.marking import marker_of
from wellhead.serve.refit import Refitting
from wellhead.serve.worker import Aide, Books, Worker
from wellhead.store.history import History, rebuild
from wellhead.store.personal import Personal

_KEY_BYTES = 32


def secret(path: Path) -> bytes:
    """A random secret that stays the same as long as its file lives; mode 0600."""
    if path.exists():
        key = path.read_bytes()
        if len(key) != _KEY_BYTES:
            raise ConfigError(f"expected {_KEY_BYTES} bytes in {path}, got {len(key)}", "restore it from a backup")
        return key
    key = secrets.token_bytes(_KEY_BYTES)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
        f.write(key)
    return key


def rules_of(config: Config) -> Rules:
    """The rules that the config names; raises ConfigError where a file of them cannot be read."""
    files = {}
    for name in config.rules.files:
        try:
            files[name] = Path(name).read_text(encoding="utf-8")
        except OSError as e:
            raise ConfigError(f"expected a rule file at {name}, got: {e.strerror}", "see rules.files") from e
    return Rules(files, config.rules.disabled)


def assemble(config: Config, clock: Callable[[], float], background: bool = True) -> Worker:
    """The gate with its memory restored from the log, and the worker behind it, not yet started.

    background: with a live linker, refits, and a promise that is taken up again, and said, when its file changes.
    """
    folder = Path(config.audit.directory)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise ConfigError(f"expected a folder at {folder}, got: {e.strerror}", "see audit.directory") from e
    profile = profiles.load(config)
    spec = profiles.spec_of(config)
    now_us = int(clock() * 1e6)
    log = Log.open(folder, config.audit.origin, config.audit.key, now_us, anchor=config.audit.anchor)
    key = secret(folder / "fingerprint.key")
    config, opening = ownership.prepare(config, log if background else None, key, profile.classes if profile else 0)
    policy = compile_policy(config)
    history = _history(folder, log.size)
    limit = Replication(config.valve.max_drawn, config.valve.max_drawn_group)
    looking = promises.looking_of(config, profile, _origin_s(config, folder, now_us))
    observer = Observer(policy, looking, rules_of(config), limit, history.rows_of)
    gate = Gate(policy, Pipeline(), key)

    def equip(fitted: Profile) -> Detectors:
        worker.post(gate.give, {"codebook": fitted.codebook})
        return promises.detectors_of(config, fitted)

    observer.equip = equip
    if opening is not None:
        gate.give({"marking": opening.marking})
    books = Books(
        log,
        history,
        Recorder(spec.name, key, Personal(folder / "personal.jsonl").token),
        lambda fitted: profiles.save(config, fitted),
        config.audit.checkpoint_every_s,
    )
    fitting = Fitting(None if profile else lambda inputs, answers: profiles.fit_profile(inputs, answers, spec))
    worker = Worker(gate, observer, books, fitting, clock)
    keeping = Keeping(config, observer, lambda mark: log.append([mark]), quiet=not background)
    keeping.replay(clock())
    said = restore(worker, folder, profile.id if profile else "")
    log.append(
        [Mark(time_us=now_us, what="start", detail=f"mode {config.mode}, profile {profile.id if profile else 'none'}")]
    )
    if profile is None and policy.enforce:
        warning = (
            "enforce mode without a profile: what is drawn has no limit until 1,000 distinct queries have fitted one"
        )
        print(f"wellhead: {warning}; `wellhead profile fit` does it before", file=sys.stderr, flush=True)
    if profile is not None:
        worker.perform(observer.fitted(profile, clock()))
    worker.perform(keeping.begin(clock(), said))
    if background:
        worker.aides = [keeping, *_background(config, observer), *marker_of(config, opening, key, log.append)]
    return worker


def _background(config: Config, observer: Observer) -> list[Aide]:
    """The linker, and the refits where they are wanted."""
    budget, every_s = promises.budget_of(config), config.detect.link_every_s
    linking = Linking(observer, budget, every_s, lambda: promises.load_population(config))
    return [linking, Refitting(observer)] if config.detect.refit else [linking]


def _origin_s(config: Config, folder: Path, now_us: int) -> float:
    """When the first period began: that of the promise, or the log's own beginning, which is now where it is empty."""
    promise = promises.load(config)
    if promise is not None and promise.origin_s:
        return promise.origin_s
    first = next((r.time_us for _, r in records(folder) if isinstance(r, Mark | Event)), now_us)
    return first / 1e6


def _history(folder: Path, size: int) -> History:
    """History as far as the log goes; built anew where a crash of the machine left it ahead of the log."""
    history = History(folder / "history")
    if history.size > size:
        return rebuild(records(folder), folder / "history")
    history.catch_up(records(folder, history.size))
    return history


def restore(worker: Worker, folder: Path, profile: str) -> str:
    """Take up from the log what an earlier run knew: sketches, rule hits, quotas, findings, reviews, decisions.

    profile: id of the one in force; only its codes say where rows lie, those of an older one have another width.
    Returns what was said of the promise last.
    """
    observer, part = worker.observer, Part()
    period_of, today = observer.looking.period_of, int(worker.clock() // DAY_S)
    decisions: list[Decision] = []
    said = ""

    def fold() -> None:
        nonlocal part
        done, part = part, part.next()
        if done.events:
            told = [e for e in done.events if answered(e)]
            held = [e if e.profile == profile else msgspec.structs.replace(e, codes="") for e in told]
            observer.observe(from_events(held), done.now_s, visits_of(done.events))

    for _, record in records(folder):
        if isinstance(record, Event):
            period = period_of(record.time_us / 1e6)
            if part.ends(record, period):
                fold()
            part.add(record, period)
            if answered(record) and record.time_us // 1_000_000 // DAY_S == today:
                worker.gate.spent(record.principal, today, record.rows)
        elif isinstance(record, Finding | Review | Decision):
            fold()
            observer.restore(record)
            if isinstance(record, Decision):
                decisions.append(record)
        elif isinstance(record, Mark) and record.what == "promise":
            said = record.detail
    fold()
    now_us = int(worker.clock() * 1e6)
    worker.take_up([d for d in decisions if d.expires_us > now_us])
    return said
