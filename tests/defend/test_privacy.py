import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.defend.privacy import Run, Steps, check, epsilon_in_the_limit, epsilon_of, run_of, steps_of

# Noise, rate and steps, and what Opacus 1.6.0 says of them at delta 1e-5: its RDP and its PRV accountant.
OPACUS = [
    (1.1, 256 / 60_000, 14_100, 2.600, 2.395),
    (0.8, 0.01, 1_000, 3.695, 3.151),
    (2.0, 0.05, 500, 2.769, 2.542),
    (1.0, 0.001, 20_000, 0.910, 0.696),
    (4.0, 0.2, 1_000, 8.317, 7.728),
    (10.0, 0.5, 2_000, 12.349, 11.531),
    (1.0, 0.0005, 5_000, 0.621, 0.166),
    (0.5, 0.0005, 1_000, 3.549, 2.228),
    (3.0, 0.01, 100, 0.143, 0.122),
]


def verdicts(**changed):
    made = {
        "history": ((1.1, 256 / 60_000, 14_100),), "delta": 1e-5, "epsilon": 2.6, "max_grad_norm": 1.0,
        "rows": 60_000, "poisson_sampling": True,
    }  # fmt: skip
    return {r.check: r.verdict for r in check(Run(**made | changed))[1]}


@pytest.mark.parametrize(("noise", "rate", "steps", "rdp", "prv"), OPACUS)
def test_opacus_lies_between_the_limit_and_the_bound(noise, rate, steps, rdp, prv):
    held = [Steps(noise, rate, steps)]
    assert epsilon_in_the_limit(held, 1e-5) <= prv * 1.01
    assert prv <= epsilon_of(held, 1e-5) <= rdp * 1.05


def test_one_full_batch_step_is_near_the_exact_gaussian():
    # Balle and Wang, ICML 2018, theorem 8: the exact epsilon of noise 1 at delta 1e-5 is 4.377.
    assert 4.377 <= epsilon_of([Steps(1.0, 1.0, 1)], 1e-5) <= 4.377 * 1.1
    assert epsilon_in_the_limit([Steps(1.0, 1.0, 1)], 1e-5) == pytest.approx(4.377, abs=0.001)


@given(st.floats(0.5, 5.0), st.floats(0.001, 0.5), st.integers(1, 2000))
def test_more_steps_less_noise_and_more_sampling_cost_more(noise, rate, steps):
    base = epsilon_of([Steps(noise, rate, steps)], 1e-5)
    assert base <= epsilon_of([Steps(noise, rate, 2 * steps)], 1e-5)
    assert base <= epsilon_of([Steps(noise * 0.9, rate, steps)], 1e-5)
    assert base <= epsilon_of([Steps(noise, rate * 1.5, steps)], 1e-5)


def test_parts_add():
    halves = [Steps(1.1, 0.01, 300), Steps(1.1, 0.01, 700)]
    assert epsilon_of(halves, 1e-5) == pytest.approx(epsilon_of([Steps(1.1, 0.01, 1000)], 1e-5))


@pytest.mark.parametrize("noise", [0.0, 1e-170, 1e-4])
def test_without_noise_there_is_no_bound(noise):
    assert epsilon_of([Steps(noise, 0.01, 1)], 1e-5) == epsilon_in_the_limit([Steps(noise, 0.01, 1)], 1e-5) == math.inf
    assert verdicts(history=((noise, 0.01, 1),))["epsilon recorded"] == "fail"


@pytest.mark.parametrize("noise", [2e-3, 1e6])
def test_odd_noise_has_numbers_too(noise):
    assert 0.0 <= epsilon_in_the_limit([Steps(noise, 1.0, 1)], 1e-5) <= epsilon_of([Steps(noise, 1.0, 1)], 1e-5)


def test_a_sound_run_passes_everything():
    assert set(verdicts().values()) == {"pass"}


def test_a_claim_that_only_an_exact_accountant_could_make_is_left_open():
    assert verdicts(epsilon=2.39)["epsilon recorded"] == "unknown"
    assert verdicts(epsilon=2.39, mechanism="rdp")["epsilon recorded"] == "fail"


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"epsilon": 1.2}, "epsilon recorded"),
        ({"epsilon": None}, "epsilon recorded"),
        ({"epsilon": 20.0}, "epsilon says something"),
        ({"rows": 200_000}, "delta"),
        ({"max_grad_norm": 0.0}, "gradients clipped"),
        ({"poisson_sampling": False}, "Poisson sampling"),
        ({"runs": 12}, "other runs"),
    ],
)
def test_each_fault_is_named(changed, failing):
    assert [c for c, v in verdicts(**changed).items() if v == "fail"] == [failing]


def test_what_is_not_recorded_is_unknown():
    said = verdicts(rows=None, max_grad_norm=None, poisson_sampling=None)
    assert [c for c, v in said.items() if v == "unknown"] == ["delta", "gradients clipped", "Poisson sampling"]


def test_an_opacus_state_is_read():
    run = run_of(b'{"history": [[1.1, 0.01, 100]], "mechanism": "rdp", "delta": 1e-5}')
    assert steps_of(run) == (Steps(1.1, 0.01, 100),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"history": [[1.1, 2.0, 5]], "delta": 1e-5}',
        b'{"history": [[1, 0.1]], "delta": 1e-5}',
        b'{"history": [[1.1, 0.1, 5]], "delta": 2}',
        b'{"history": [], "delta": 1e-5}',
        b'{"history": [[1e200, 0.1, 5]], "delta": 1e-5}',
        b'{"history": [[1.1, 0.1, 5]], "delta": 0.1, "epsilom": 1}',
    ],
)
def test_anything_else_is_refused(data):
    with pytest.raises(ConfigError, match="expected"):
        steps_of(run_of(data))
