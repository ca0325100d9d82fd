import numpy as np
import pytest
from serving import WIDTH, Clock, Place, exchange

from wellhead.demo import tale
from wellhead.serve.assemble import assemble

THIEF = ["t0", "t1", "t2"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A log in which three accounts steal, and the profile that judged them."""
    place = Place(tmp_path_factory.mktemp("tale"))
    profile, clock, rng = place.fit(), Clock(), np.random.default_rng(1)
    worker = assemble(place.config(), clock)
    for turn in range(20):
        for name in THIEF:
            clock.now_s += 0.1
            x = exchange(name, rng.normal(size=(8, WIDTH)), f"{name}-{turn}", address="192.0.2.1")
            x.time_us = int(clock() * 1e6)
            if worker.gate.decision(name, clock()) is not None:
                x.answer, x.status = None, 429
            worker.put(x)
            worker.turn()
    worker.stop()
    return tale.tell(place.folder / "log"), profile


def test_the_alarm_and_what_followed(told):
    story, _ = told
    assert story.findings and story.decisions
    got = tale.answered(story, THIEF)
    assert tale.rows(tale.answered(story, THIEF, story.findings[0].time_us)) <= tale.rows(got) < 20 * 24
    moments = tale.timeline(story, THIEF)
    assert [t for t, _ in moments] == sorted(t for t, _ in moments)
    words = " ".join(what for _, what in moments)
    for part in ("alarm F-", "throttle of new inputs for t0", "first query", "last answer", "(429)"):
        assert part in words


def test_a_group_fills_faster_than_its_members(told):
    story, profile = told
    group = tale.filled(story, "all", THIEF, profile)
    alone = tale.filled(story, "t0", ["t0"], profile)
    assert group.rows[-1] == tale.rows(tale.answered(story, THIEF))
    assert group.replication[-1] >= alone.replication[-1]
    assert alone.replication[0] == profile.floor


def test_somebody_who_never_asked_has_an_empty_line(told):
    story, profile = told
    assert tale.filled(story, "nobody", ["nobody"], profile).rows == [0]
