import dataclasses

import pytest


def test_a_guard_is_fixed_once_made(unserved):
    from wellhead.config import Config

    guard = unserved.guard(Config()).guard
    assert guard.body_timeout_s == 5.0 and guard.config == Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        guard.gate = None
