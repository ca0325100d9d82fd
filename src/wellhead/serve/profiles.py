"""Profiles on disk: where they lie, how one is fitted with real learners, and whose model they belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wellhead.config import Config
from wellhead.core.arrays import Inputs
from wellhead.core.errors import MissingExtra, ProfileError
from wellhead.core.event import Answer, ModelSpec
from wellhead.meter.fit import fit
from wellhead.meter.profile import Profile
from wellhead.redteam.learner import Learner, for_task

_SEED = 20_240_024


def spec_of(config: Config) -> ModelSpec:
    """What the config says of the model."""
    return ModelSpec(name=config.model.name, task=config.model.task, classes=config.model.classes)


def path_of(config: Config) -> Path:
    """Where the profile lies: `model.profile`, or beside the log."""
    return Path(config.model.profile or Path(config.audit.directory) / "profile.wellhead")


def load(config: Config) -> Profile | None:
    """The profile on disk, None where there is none; raises ProfileError where it is another model's."""
    path = path_of(config)
    if not path.exists():
        if config.model.profile:
            raise ProfileError(f"expected a profile at {path}, got no such file", "fit one with `wellhead profile fit`")
        return None
    profile = Profile.from_bytes(path.read_bytes())
    spec = spec_of(config)
    for word in ("name", "task"):
        theirs, ours = getattr(profile.spec, word), getattr(spec, word)
        if theirs != ours:
            remedy = "fit one for this model with `wellhead profile fit`"
            raise ProfileError(f"expected a profile of model.{word} `{ours}`, got one of `{theirs}` at {path}", remedy)
    return profile


def save(config: Config, profile: Profile) -> Path:
    """Write the profile, whole or not at all, readable by its owner only: its reference set is private."""
    path = path_of(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_bytes(profile.to_bytes())
    new.replace(path)
    return path


def learners(task: str) -> dict[str, Learner]:
    """The real learners of the self-check; none where scikit-learn is not installed: the profile then says so."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return {}
    return for_task(task)


def fit_profile(inputs: Inputs, answers: Answer, spec: ModelSpec) -> Profile:
    """A profile fitted and checked against every learner that is there; the same inputs give the same profile."""
    try:
        checkers = learners(spec.task)
    except MissingExtra:
        checkers = {}
    return fit(inputs, answers, spec, np.random.default_rng(_SEED), learners=checkers)
