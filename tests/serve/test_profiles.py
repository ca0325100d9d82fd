import stat

import msgspec
import numpy as np
import pytest
from serving import WIDTH, predict

from wellhead.core.errors import ProfileError
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.serve import profiles


def test_a_saved_profile_comes_back_and_is_private(place):
    profile = place.fit()
    config = place.config()
    assert profiles.load(config).id == profile.id
    assert stat.S_IMODE(profiles.path_of(config).stat().st_mode) == 0o600


def test_no_profile_is_none_unless_the_config_names_one(place):
    assert profiles.load(place.config()) is None
    named = place.config()
    named = msgspec.structs.replace(named, model=msgspec.structs.replace(named.model, profile=str(place.folder / "x")))
    with pytest.raises(ProfileError, match="wellhead profile fit"):
        profiles.load(named)


@pytest.mark.parametrize(("field", "value"), [("name", "other"), ("task", "regressor")])
def test_a_profile_of_another_model_is_refused_naming_both(place, field, value):
    place.fit()
    config = place.config()
    other = msgspec.structs.replace(config, model=msgspec.structs.replace(config.model, **{field: value}))
    with pytest.raises(ProfileError, match=value):
        profiles.load(other)


def test_a_damaged_profile_is_refused(place):
    place.fit()
    path = profiles.path_of(place.config())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ProfileError):
        profiles.load(place.config())


def test_fitting_is_checked_against_real_learners_and_repeatable():
    inputs = np.random.default_rng(0).normal(size=(240, WIDTH)).astype(np.float32)
    answers = Answer(Exposure.PROBABILITIES, predict(inputs))
    one, two = (profiles.fit_profile(inputs, answers, ModelSpec(name="m")) for _ in range(2))
    assert one.id == two.id
    assert one.check.checked
    assert 0 <= one.check.error < 20
