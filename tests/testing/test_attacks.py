from typing import ClassVar

import msgspec
import numpy as np
import pytest

from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Result, answered
from wellhead.redteam.extract.pool import Pool
from wellhead.testing.attacks import ContractError, check_attack


def model(inputs):
    return np.full((len(inputs), 2), 0.5)


class Good(msgspec.Struct, frozen=True):
    """Asks zeros."""

    name: ClassVar[str] = "good"
    paper: ClassVar[str] = "none"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False
    field: object = 1

    @classmethod
    def suit(cls, known):
        return cls()

    def run(self, rng):
        for _ in range(3):
            answer = yield self.inputs(rng)
            if not answered(answer).any():
                break
        return Result()

    def inputs(self, rng):
        return np.zeros((4, 2), np.float32)


class Stubborn(Good, frozen=True):
    """Never listens."""

    def run(self, rng):
        while True:
            yield self.inputs(rng)


class Whole(Good, frozen=True):
    """Asks whole numbers."""

    def inputs(self, rng):
        return np.zeros((4, 2), int)


class Unfit(Good, frozen=True):
    """Cannot be configured."""

    suit = None


class Nothing(Good, frozen=True):
    """Asks nothing."""

    def inputs(self, rng):
        return np.zeros((0, 2), np.float32)


class Nan(Good, frozen=True):
    """Asks NaN."""

    def inputs(self, rng):
        return np.full((1, 2), np.nan, np.float32)


class Dicing(Good, frozen=True):
    """Ignores its generator."""

    def inputs(self, rng):
        return np.random.default_rng().normal(size=(4, 2)).astype(np.float32)


class Forgetful(Good, frozen=True):
    """Returns nothing."""

    def run(self, rng):
        yield self.inputs(rng)


class Misnamed(Good, frozen=True):
    """Bad name."""

    name: ClassVar[str] = "Mis-named"


class Unmapped(Good, frozen=True):
    """Bad ATLAS id."""

    atlas: ClassVar[tuple[str, ...]] = ("T24",)


class Thawed(msgspec.Struct):
    """Not frozen."""


def test_a_good_attack_passes():
    check_attack(Good(), model)


@pytest.mark.parametrize("pick", ["random", "uncertainty"])
def test_pool_passes(pick):
    inputs = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    attack = Pool(inputs=inputs, rows=40, per_round=10, pick=pick)
    check_attack(attack, lambda x: np.stack([x[:, 0] > 0, x[:, 0] <= 0], axis=1).astype(float))
    check_attack(attack, lambda x: (x[:, 0] > 0).astype(int))
    check_attack(attack, lambda x: x[:, 0] * 2.0)


def test_pool_of_texts_passes():
    check_attack(Pool(inputs=[f"text {i}" for i in range(30)], rows=20, per_round=5), model)


class Gaps(Nan, frozen=True, kw_only=True):
    """Leaves features out, and says so."""

    missing: bool = True


def test_an_attack_may_leave_features_out_if_it_says_so():
    check_attack(Gaps(), model)


@pytest.mark.parametrize(
    ("attack", "rule"),
    [
        (Stubborn(), "Result"),
        (Whole(), "floats"),
        (Unfit(), "suit"),
        (Nothing(), "at least one input"),
        (Nan(), "finite"),
        (Dicing(), "same seed"),
        (Forgetful(), "Result"),
        (Misnamed(), "snake_case"),
        (Unmapped(), "ATLAS"),
        (Thawed(), "frozen"),
        (Good(field=model), "holds no model"),
    ],
)
def test_each_broken_rule_is_named(attack, rule):
    with pytest.raises(ContractError, match=rule):
        check_attack(attack, model)


def test_the_checks_stand_in_the_package():
    import wellhead.testing

    assert wellhead.testing.check_attack is check_attack
    assert all(callable(getattr(wellhead.testing, name)) for name in wellhead.testing.__all__)
    with pytest.raises(AttributeError, match="check_nothing"):
        _ = wellhead.testing.check_nothing
