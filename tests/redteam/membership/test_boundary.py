import msgspec
import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.ask import spread
from wellhead.redteam.known import Known
from wellhead.redteam.membership.boundary import Boundary, Robust
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(3)
D = 12
NORMAL = RNG.normal(size=D)
NORMAL /= np.linalg.norm(NORMAL)
MIDDLE = 0.5 * NORMAL.sum()
INPUTS = RNG.uniform(0.3, 0.7, (40, D)).astype(np.float32)


def model(inputs):
    """A half-space through the middle of the unit cube."""
    return (inputs.reshape(len(inputs), -1) @ NORMAL > MIDDLE).astype(np.int64)


def known(**changed):
    base = Known(
        rows=10**6,
        shape=(D,),
        low=np.zeros(D),
        high=np.ones(D),
        classes=2,
        candidates=INPUTS,
        candidate_labels=model(INPUTS),
        exposure=Exposure.LABEL,
    )
    return msgspec.structs.replace(base, **changed)


def ask(attack, reply=model):
    last = finish(run(attack, InProcess(reply, rows_per_call=10**9)))
    return last.result, last.spent


def test_on_a_half_space_the_score_is_the_distance_to_the_plane():
    result, spent = ask(Boundary.suit(known()))
    exact = np.abs(INPUTS.astype(np.float64) @ NORMAL - MIDDLE)
    assert (result.scores >= exact * (1 - 1e-6)).all()
    assert np.median(result.scores / exact) < 1.05 and (result.scores / exact).max() < 1.3
    assert spent.rows <= 40 * Boundary.suit(known()).cost(6)


def test_calls_do_not_grow_with_the_candidates():
    calls = [
        ask(Boundary.suit(known(candidates=INPUTS[:n], candidate_labels=model(INPUTS[:n]))))[1].calls for n in (10, 40)
    ]
    assert calls[0] == calls[1] <= 40


def test_distances_are_in_units_of_the_box():
    scale, shift = 7.0, -3.0
    attack = Boundary.suit(
        known(low=np.full(D, shift), high=np.full(D, shift + scale), candidates=INPUTS * scale + shift)
    )
    result, _ = ask(attack, lambda x: model((x - shift) / scale))
    assert np.median(result.scores / np.abs(INPUTS.astype(np.float64) @ NORMAL - MIDDLE)) < 1.05


def test_a_wrong_record_scores_nothing_and_one_without_boundary_scores_the_most():
    labels = model(INPUTS)
    labels[0] = 1 - labels[0]
    result, _ = ask(Boundary.suit(known(candidate_labels=labels)))
    assert result.scores[0] == 0 and (result.scores[1:] > 0).all()
    result, spent = ask(Boundary.suit(known(candidate_labels=np.zeros(40, int))), lambda x: np.zeros(len(x), int))
    assert np.array_equal(result.scores, np.full(40, np.sqrt(D))) and "40 without a boundary" in result.detail
    assert spent.rows == 40 + 40 * 100


def test_where_candidates_share_a_label_uniform_points_find_the_other_one():
    ones = model(INPUTS) == 1
    result, _ = ask(Boundary.suit(known(candidates=INPUTS[ones], candidate_labels=np.ones(ones.sum(), int))))
    exact = np.abs(INPUTS[ones].astype(np.float64) @ NORMAL - MIDDLE)
    assert np.median(result.scores / exact) < 1.1


@pytest.mark.parametrize("rows", [400, 5_000, 20_000, 10**6])
def test_a_small_budget_means_fewer_rounds_then_fewer_candidates(rows):
    attack = msgspec.structs.replace(Boundary.suit(known()), rows=rows)
    result, spent = ask(attack)
    assert spent.rows <= rows
    assert np.isfinite(result.scores).sum() == attack.plan()[0]


def test_a_boundary_between_categories_has_no_distance():
    with pytest.raises(Unsuited, match="noise_robustness"):
        Boundary.suit(known(arities=np.full(D, 2)))
    with pytest.raises(Unsuited, match="needs 15720 queries for 40 candidates"):
        Boundary.suit(known(rows=15719))
    assert Boundary.suit(known(rows=15720)).plan() == (40, 1)
    with pytest.raises(Unsuited, match="true labels"):
        Robust.suit(known(candidate_labels=None))


def test_the_share_that_survives_noise_grows_with_the_distance():
    result, spent = ask(Robust.suit(known()))
    exact = np.abs(INPUTS.astype(np.float64) @ NORMAL - MIDDLE)
    assert np.corrcoef(np.argsort(np.argsort(result.scores)), np.argsort(np.argsort(exact)))[0, 1] > 0.9
    assert spent.calls == 1 and spent.rows == 40 * 200
    result, spent = ask(Robust.suit(known(rows=120)))
    assert spent.rows == 120 and np.isfinite(result.scores).sum() == 24


@pytest.mark.parametrize("changed", [{}, {"arities": np.array([3, *[0] * (D - 1)])}])
def test_bits_are_flipped_and_categories_swapped(changed):
    bits = RNG.integers(0, 2, (30, D)).astype(np.float32)
    bits[:, 0] = 2 if changed else bits[:, 0]
    high = np.array([2.0 if changed else 1.0, *[1.0] * (D - 1)])
    attack = Robust.suit(known(candidates=bits, high=high, **changed))
    told = next(attack.run(np.random.default_rng(0)))
    assert set(np.unique(told[:, 1:])) == {0, 1}
    copies = told.reshape(30, 200, D)
    flipped = (copies != bits[:, None]).mean(axis=(0, 2)).reshape(-1, 5).mean(axis=0)
    assert np.allclose(flipped, attack.strengths, atol=0.01)
    assert set(np.unique(told[:, 0])) == ({0, 1, 2} if changed else {0, 1})


@pytest.mark.parametrize("attack", [Boundary.suit(known()), Robust.suit(known())])
def test_the_contract_is_kept(attack):
    check_attack(attack, model)


def test_answers_that_stop_leave_what_was_found_so_far():
    calls = []

    def closing(inputs):
        calls.append(len(inputs))
        return Answer(Exposure.LABEL, labels=model(inputs)) if len(calls) < 12 else spread(len(inputs), [])

    talk = Boundary.suit(known()).run(np.random.default_rng(0))
    inputs = next(talk)
    try:
        while True:
            inputs = talk.send(closing(inputs))
    except StopIteration as stop:
        assert np.isfinite(stop.value.scores).all() and len(calls) == 12
