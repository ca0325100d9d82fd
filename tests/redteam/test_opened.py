import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.opened import Opened


def test_a_target_without_a_model_of_its_own_cannot_be_asked_directly():
    with pytest.raises(ConfigError, match="oracle"):
        Opened().model(["x"])
