import numpy as np
import pytest

from wellhead.core.errors import ConfigError, StoreError
from wellhead.redteam.known import Known
from wellhead.redteam.outcome import Probed
from wellhead.redteam.plan import Plan, Start, digest, load, save


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = Plan(arguments="a", seed=3, probed=Probed(exposure="label"))
    plan.starts.append(Start(attack="pool", spent=5, rows=9))
    save(tmp_path / "plan.json", plan)
    again = load(tmp_path / "plan.json", "a", 3)
    assert again == plan and again.start("pool").rows == 9 and again.start("other") is None
    assert load(tmp_path / "none.json", "b", 1) == Plan(arguments="b", seed=1)


def test_another_study_and_another_file_are_refused(tmp_path):
    save(tmp_path / "plan.json", Plan(arguments="a", seed=3))
    for arguments, seed in (("b", 3), ("a", 4)):
        with pytest.raises(ConfigError, match="arguments of the study"):
            load(tmp_path / "plan.json", arguments, seed)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(StoreError, match="expected the plan"):
        load(tmp_path / "plan.json", "a", 3)


def test_the_digest_tells_inputs_apart():
    pool = np.ones((3, 2), np.float32)
    assert digest(Known(pool=pool), "x") == digest(Known(pool=pool.copy()), "x")
    others = [
        digest(Known(pool=pool.reshape(2, 3)), "x"),
        digest(Known(pool=pool), "y"),
        digest(Known(pool=2 * pool), "x"),
    ]
    assert len({digest(Known(pool=pool), "x"), *others}) == 4
