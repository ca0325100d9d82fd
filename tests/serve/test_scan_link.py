import numpy as np
from metering import answered, classifier

from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looking
from wellhead.meter.sketch import Sketches
from wellhead.serve import scan_link


def test_those_with_most_rows_are_linked_against_the_population(monkeypatch):
    profile, seen = classifier(), []
    monkeypatch.setattr(scan_link, "link", lambda views, population: seen.append((views.names, population)) or [])
    looking = Looking(Detectors(), Sketches(profile.space), 30.0)
    for seed, rows in enumerate((40, 20, 5)):
        looking.fold(answered(profile, rows, seed, principals=[f"p{seed}"] * rows, time_s=1.7e9 + np.arange(rows)))
    assert scan_link.campaigns(looking, "population") == []
    assert seen == [(("p0", "p1"), "population")]
