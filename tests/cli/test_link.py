import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from bygone import event, write_log

from wellhead.cli import link
from wellhead.cli.past import survey_of
from wellhead.config import load
from wellhead.core.codec import pack
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.meter.fit import fit
from wellhead.serve import profiles, promises

BEGAN, DAY = 1_800_000_000.0, 86_400.0
D = 8


def command(*argv):
    top = argparse.ArgumentParser()
    link.register(top.add_subparsers())
    arguments = top.parse_args(["link", *argv])
    return arguments.run(arguments)


class Place:
    """A log of 400 tenants, each with its own kind of inputs, and one thief's work list dealt to two dozen accounts."""

    def __init__(self, folder, thieves=8):
        self.rng = rng = np.random.default_rng(0)
        self.centres = rng.normal(0, 2, (12, D))
        self.config = folder / "wellhead.toml"
        x = self.pool(600)
        scores = self.scores(x)
        answer = Answer(Exposure.PROBABILITIES, scores)
        self.profile = fit(x.astype(np.float32), answer, ModelSpec(name="m"), np.random.default_rng(1))
        self.events = []
        for i in range(400):
            self.tenant(f"t{i}", rng.dirichlet(np.full(12, 0.3)), 4, repeats=0.3)
        for i in range(thieves):
            self.tenant(f"thief{i}", np.full(12, 1 / 12), 4, repeats=0.0)
        self.events.sort(key=lambda e: e.time_us)
        self.config.write_text(write_log(folder, self.events, 20))
        profiles.save(load(self.config), self.profile)

    def pool(self, n, weights=None):
        return self.centres[self.rng.choice(12, n, p=weights)] + self.rng.normal(0, 0.5, (n, D))

    def scores(self, x):
        z = np.tanh(x[:, :3]) * 3
        return np.exp(z) / np.exp(z).sum(1, keepdims=True)

    def tenant(self, name, weights, requests, repeats):
        x = self.pool(requests * 16, weights)
        again = np.flatnonzero(self.rng.random(len(x)) < repeats)
        x[again] = x[again // 2]
        codes, scores = self.profile.code(x.astype(np.float32)), self.scores(x)
        prints = np.array([hash(row.tobytes()) & (2**63 - 1) for row in x], "<u8")
        for r, time_s in enumerate(np.sort(self.rng.uniform(0, 19 * DAY, requests))):
            rows = slice(16 * r, 16 * r + 16)
            changed = {
                "codes": pack(codes[rows]),
                "profile": self.profile.id,
                "fingerprints": pack(prints[rows]),
                "classes": 3,
                "top1": tuple(scores[rows].argmax(1).tolist()),
                "confidence_pm": tuple((1000 * scores[rows].max(1)).astype(int).tolist()),
                "scores": pack((10 * np.log(scores[rows])).astype(np.int8)),
            }
            self.events.append(event(len(self.events), name, BEGAN + time_s, **changed))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Beside the log lie the honest principals of another one, as `wellhead calibrate` would have kept them."""
    clean, made = (Place(tmp_path_factory.mktemp("link"), n) for n in (0, 24))
    config = load(clean.config)
    survey = survey_of(Path(config.audit.directory))
    population, said = link.honest(None, link.seen(config, clean.profile, survey, 30)[1], survey, {})
    assert "wellhead calibrate" in said
    promises.population_of(load(made.config)).write_bytes(population.to_bytes())
    return made


def test_names_the_thieves_and_what_they_drew_together(place, capsys):
    assert command("-c", str(place.config), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    found = said["campaigns"][0]
    members = found["campaign"]["members"]
    assert sum(m.startswith("thief") for m in members) >= 20
    assert sum(not m.startswith("thief") for m in members) <= 4
    assert len(found["campaign"]["kinds"]) >= 2
    assert found["reading"]["rows"] == 64 * len(members)
    assert said["note"] == ""


def test_says_so_in_words(place, capsys):
    assert command("-c", str(place.config)) == 0
    said = capsys.readouterr().out
    assert "Campaign 1: " in said
    assert "they can reproduce an estimated" in said
    assert "random groups of" in said
    assert "what they ask comes from one source" in said


def test_a_shorter_window_sees_less(place, capsys):
    assert command("-c", str(place.config), "--days", "0.5") == 0
    assert "No campaign among" in capsys.readouterr().out


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "1e9"])
def test_days_must_be_some(place, days):
    said = "--days above 0, and at most 36,500, got .*; without it the last 30 days are looked at"
    with pytest.raises(ConfigError, match=said):
        command("-c", str(place.config), "--days", days)


def test_few_principals_cannot_be_compared(place):
    survey = survey_of(Path(load(place.config).audit.directory))
    population, said = link.honest(None, None, survey, {})
    assert population is None
    assert "Nothing to compare with" in said


def test_without_a_profile_there_is_nothing_to_compare(place, tmp_path):
    bare = tmp_path / "bare.toml"
    bare.write_text(place.config.read_text() + "\n")
    bare.write_text(bare.read_text().replace('name = "m"', f'name = "m"\nprofile = "{tmp_path}/none"'))
    with pytest.raises(Exception, match="profile"):
        command("-c", str(bare))
