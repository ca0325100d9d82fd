"""The secret keys of marks, and whether the gate may use them: nothing is marked before its key is committed to."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from pathlib import Path

import msgspec

from wellhead.audit.log import Log
from wellhead.config import Config, Ownership
from wellhead.core.errors import ConfigError, WellheadError
from wellhead.defend.mark import LEAST_CLASSES, SECOND
from wellhead.defend.own.commitment import Committed, MarkPolicy, Opening, Withdrawn
from wellhead.serve.notes import note, standing, stands

_SECRET_BYTES = 32


class Keyring(msgspec.Struct, frozen=True):
    """The file of openings. on: answers are marked under the last of them."""

    openings: tuple[Opening, ...] = ()
    on: bool = False

    @property
    def current(self) -> Opening | None:
        """What answers are marked under, None where none are."""
        return self.openings[-1] if self.on and self.openings else None


def path_of(config: Config) -> Path:
    """Where the keys lie: `ownership.key`, or beside the log."""
    return Path(config.ownership.key or log_of(config) / "ownership.json")


def marks_path(config: Config) -> Path:
    """Where marked answers are kept: beside the log."""
    return log_of(config) / "marks.jsonl"


def log_of(config: Config) -> Path:
    """The log's directory."""
    return Path(config.audit.directory)


def fingerprint_key(config: Config) -> bytes:
    """The secret of the input fingerprints; raises ConfigError where the gate has made none."""
    path = log_of(config) / "fingerprint.key"
    try:
        return path.read_bytes()
    except OSError as e:
        raise ConfigError(f"expected the fingerprint key at {path}, got: {e.strerror}", "restore it") from e


def load(config: Config) -> Keyring:
    """The keys; none where the file is absent. Raises ConfigError where it cannot be read."""
    path = path_of(config)
    if not path.exists():
        return Keyring()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Keyring)
    except (OSError, msgspec.MsgspecError) as e:
        raise ConfigError(
            f"expected the keys of marks in {path}, got: {e}", "restore it from a backup, or move it away"
        ) from e


def save(config: Config, ring: Keyring) -> None:
    """Write the keys, mode 0600; what was there stays until the new file is whole. Raises ConfigError."""
    path = path_of(config)
    new = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(msgspec.json.encode(ring))
            f.flush()
            os.fsync(f.fileno())
        new.replace(path)
    except OSError as e:
        raise ConfigError(f"cannot write the keys of marks to {path}: {e.strerror}", "set ownership.key") from e


def policy_of(config: Config, fingerprints: str) -> MarkPolicy:
    """The policy that a config asks for; raises ConfigError where no mark could prove anything.

    fingerprints: SHA-256 (hex) of their key.
    """
    own = config.ownership
    policy = MarkPolicy(
        share=own.share,
        variant=own.variant,
        never_from=indices(config, own.never_from, "never_from"),
        never_to=indices(config, own.never_to, "never_to"),
        plans=own.plans,
        stance=own.stance,
        fingerprints=fingerprints,
        classes=config.model.classes,
    )
    _check(config, policy)
    return policy


def indices(config: Config, words: tuple[str, ...], key: str) -> tuple[int, ...]:
    """Classes by name, or by index where they have no names."""
    names = config.model.classes
    found = []
    for word in words:
        if word in names:
            found.append(names.index(word))
        elif not names and word.isdecimal():
            found.append(int(word))
        else:
            raise ConfigError(f"expected classes of model.classes in ownership.{key}, got {word!r}")
    return tuple(found)


def _check(config: Config, policy: MarkPolicy) -> None:
    if config.model.task != "classifier":
        raise ConfigError("expected a classifier to mark the answers of, got a regressor", "remove [ownership]")
    strange = sorted(set(policy.plans) - set(config.plans))
    if strange:
        raise ConfigError(f"expected plans of the config in ownership.plans, got {strange[0]!r}", "add [plans.NAME]")
    if not (policy.plans or policy.stance):
        raise ConfigError("expected ownership.plans or ownership.stance to say who is marked, got neither")
    _check_labels(config, policy)
    opening = Opening.of(bytes(_SECRET_BYTES), b"", "", policy)
    opening.marking.among(len(config.model.classes) or max(LEAST_CLASSES, len(policy.never_to) + LEAST_CLASSES))


def _check_labels(config: Config, policy: MarkPolicy) -> None:
    """Raises ConfigError unless whoever is marked may be served another best class."""
    agreed = {name: plan.exposure or config.exposure for name, plan in config.plans.items()}
    reached = agreed | {"": config.exposure} if policy.stance else {p: agreed[p] for p in policy.plans}
    for name, exposed in reached.items():
        if policy.variant != SECOND and not exposed.flip_labels:
            where = f"[plans.{name}.exposure]" if name else "[exposure]"
            raise ConfigError(
                f"expected flip_labels = true in {where}, got false: {policy.share:.2%} of the answers will be wrong",
                'set it, or ownership.variant = "second"',
            )


def _check_texts(config: Config) -> None:
    """Raises ConfigError where `mark` is written among answers: who is marked is part of what is committed to."""
    exposed = [config.exposure, *(p.exposure for p in config.plans.values() if p.exposure)]
    texts = [t for e in exposed for t in e.answers] + [t for s in config.stances.values() for t in s.answers or ()]
    if any(re.search(r"\bmark\b", text) for text in texts):
        raise ConfigError("expected marks to be asked for in [ownership], got `mark` among answers", "remove it there")


def switch_on(config: Config, model: str, fingerprint_key: bytes, now_us: int) -> Opening:
    """Commit to a key for the config's policy, or to the one that was made for it. model: digest or name."""
    ring, policy = load(config), policy_of(config, hashlib.sha256(fingerprint_key).hexdigest())
    last = ring.openings[-1] if ring.openings else None
    if last is None or (last.terms, last.model) != (policy, model):
        last = Opening.of(secrets.token_bytes(_SECRET_BYTES), secrets.token_bytes(_SECRET_BYTES), model, policy)
        ring = Keyring((*ring.openings, last))
    elif ring.on and stands(config.audit.directory, last.commitment):
        return last
    save(config, ring)  # before the log: a commitment whose key is lost proves nothing
    note(config, Committed(last.commitment), now_us)
    save(config, Keyring(ring.openings, on=True))
    return last


def switch_off(config: Config, now_us: int) -> bool:
    """Mark no more; the keys stay, since marks made with them are still out there. False where nothing was on.

    Without the keys too: what the log holds is withdrawn.
    """
    ring = load(config)
    begun = set(standing(config.audit.directory))
    if ring.current is not None:
        begun.add(ring.current.commitment)
    for commitment in sorted(begun):
        note(config, Withdrawn(commitment), now_us)
    if ring.on:
        save(config, Keyring(ring.openings))
    return bool(begun)


def model_of(config: Config, file: Path | None = None) -> str:
    """What a commitment says of the model: name and version, and the SHA-256 of its file where one is named."""
    named = f"{config.model.name}/{config.model.version}"
    if file is None:
        return named
    try:
        with file.open("rb") as held:
            return f"{named} sha256:{hashlib.file_digest(held, 'sha256').hexdigest()}"
    except OSError as e:
        raise ConfigError(f"expected the model's file at {file}, got: {e.strerror}", "see --model") from e


def opening_of(config: Config, fingerprint_key: bytes | None = None) -> Opening | None:
    """What answers may be marked under, None where they shall not be. fingerprint_key: None in a rehearsal.

    Raises ConfigError where `[ownership]`, the model or that key is not what was committed to.
    """
    current = load(config).current
    if current is None:
        return None
    named, terms = model_of(config), current.terms
    prints = hashlib.sha256(fingerprint_key).hexdigest() if fingerprint_key else terms.fingerprints
    same_model = current.model == named or current.model.startswith(f"{named} sha256:")
    if not same_model or terms != policy_of(config, prints):
        raise ConfigError(
            "expected [ownership] and [model] as they were committed to, got others", "run `wellhead mark on`, or off"
        )
    return current


def prepare(config: Config, log: Log | None, fingerprint_key: bytes, classes: int = 0) -> tuple[Config, Opening | None]:
    """The config as it holds while marks are on or off, and what to mark under.

    log: open, where the commitment must stand; None in a rehearsal. Raises ConfigError where it does not.
    classes: of the model, 0 while unknown. Raises ConfigError where they are too few.
    """
    try:
        return _prepared(config, log, fingerprint_key, classes)
    except WellheadError:
        if log is not None:  # a gate that does not start lets go of the log
            log.close(now_us())
        raise


def _prepared(config: Config, log: Log | None, key: bytes, classes: int) -> tuple[Config, Opening | None]:
    _check_texts(config)
    _check_wish(config, classes)
    opening = opening_of(config, key if log else None)
    if opening is None:
        _check_lost(config, log)
        return msgspec.structs.replace(config, ownership=Ownership()), None
    if log is not None and not stands(log.directory, opening.commitment, log.sealed):
        raise ConfigError(
            f"expected commitment {opening.commitment[:12]} under a checkpoint of the log in {log.directory}, got none",
            "run `wellhead mark on` for this log",
        )
    return config, opening


def _check_wish(config: Config, classes: int) -> None:
    """Raises ConfigError where `[ownership]` names somebody and could never mark, whether marks are on or not yet.

    classes: of the profile, 0 while there is none.
    """
    if config.ownership.plans or config.ownership.stance:
        policy = policy_of(config, "")
        if classes:
            Opening.of(bytes(_SECRET_BYTES), b"", "", policy).marking.among(classes)


def _check_lost(config: Config, log: Log | None) -> None:
    """Raises ConfigError where the log says that marks are made, and the keys are gone."""
    begun = standing(log.directory, log.sealed) if log is not None else []
    if begun and (config.ownership.plans or config.ownership.stance):
        raise ConfigError(
            f"expected the key of commitment {begun[-1][:12]}, which the log says is in force, in {path_of(config)}, "
            "got none that is on",
            "restore that file from a backup, or run `wellhead mark off`",
        )


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000
