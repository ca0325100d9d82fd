import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.ground import keep, told, uniform
from wellhead.redteam.known import Known
from wellhead.redteam.outcome import Probed


def known_of(pool, **more):
    return Known(shape=(4,), low=np.full(4, -1.0), high=np.full(4, 2.0), pool=pool, **more)


def test_judges_out_of_the_pool_leave_it(pool):
    labels = np.arange(2000)
    kept = keep(known_of(pool, labels=labels), None, None, 1000, 0)
    assert len(kept.held) == 100 and len(kept.known.pool) == 1900
    assert np.array_equal(pool[kept.labels], kept.held) and np.array_equal(pool[kept.known.labels], kept.known.pool)
    assert not set(kept.labels) & set(kept.known.labels)


def test_judges_of_their_own_leave_the_pool_alone(pool):
    kept = keep(known_of(pool[:10]), pool[10:], None, 1000, 0)
    assert len(kept.held) == 100 and len(kept.known.pool) == 10


def test_uniform_inputs_stay_in_the_box(pool):
    kept = keep(known_of(pool[:0]), None, None, 100, 0)
    assert kept.warnings and len(kept.spread) == 0
    assert (kept.held >= -1).all() and (kept.held <= 2).all() and kept.held.dtype == np.float32
    assert uniform(Known(), 5, np.random.default_rng(0)).shape[0] == 0
    with pytest.raises(ConfigError, match="give --pool"):
        keep(Known(), None, None, 100, 0)


def test_what_was_probed_is_known():
    found = told(Known(), Probed(exposure="value", decimals=3, missing=True))
    assert (found.task, found.exposure, found.decimals, found.missing) == ("regressor", Exposure.VALUE, 3, True)
