import msgspec
import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.ask import spread
from wellhead.redteam.invert.aim import Aim
from wellhead.redteam.invert.miface import ExtractInvert, Miface, ascend
from wellhead.redteam.network import Networks
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

replace = msgspec.structs.replace


def ask(attack, model):
    last = finish(run(attack, InProcess(model, rows_per_call=10**6)))
    assert last.state == "ok"
    return last.result, last.spent


@pytest.mark.parametrize("gamma", [0.5, 0.1, 0.03])
def test_it_stops_once_the_confidence_is_reached_and_not_before(gamma, known, digits):
    result, spent = ask(replace(Miface.suit(known), gamma=gamma), digits.model)
    assert (result.confidence >= 1 - gamma).all() and "10 of 10" in result.detail
    assert np.allclose(result.confidence, digits.own(result), atol=1e-6)
    assert spent.rows < 6_000 and digits.recognised(result) == 1.0


def test_it_stops_on_a_plateau_and_returns_the_best_point_seen(known, digits):
    def capped(inputs):
        return 0.6 * digits.model(inputs) + 0.04

    result, spent = ask(Miface.suit(known), capped)
    assert "10 ended on a plateau" in result.detail and spent.rows < 20_000 - 410
    assert (result.confidence > 0.5).all() and (result.confidence <= 0.64).all()
    flat, spent = ask(Miface.suit(known), lambda x: np.full((len(x), 10), 0.1))
    assert spent.calls <= 1 + Miface.suit(known).patience and np.allclose(flat.confidence, 0.1)


def test_the_rows_are_never_overrun(known, digits):
    result, spent = ask(Miface.suit(replace(known, rows=1_000)), digits.model)
    assert spent.rows <= 1_000 and "when the queries were spent" in result.detail
    with pytest.raises(Unsuited, match="820 queries"):
        Miface.suit(replace(known, rows=819))


def test_extract_then_invert_needs_a_tenth_of_the_queries_at_equal_confidence(known, digits):
    bare = replace(known, pool=known.pool[:0], shape=(64,))
    direct, direct_spent = ask(replace(Miface.suit(bare), gamma=0.1, directions=64, weight=0.0), digits.model)
    clone, clone_spent = ask(replace(ExtractInvert.suit(replace(bare, rows=350)), hidden=((),)), digits.model)
    assert np.median(clone.confidence) >= 0.9 and (direct.confidence >= 0.89).all()
    assert 10 * clone_spent.rows <= direct_spent.rows
    assert np.allclose(clone.confidence, digits.own(clone), atol=1e-6)


def test_with_a_pool_three_hundred_queries_show_every_digit(known, digits):
    result, spent = ask(ExtractInvert.suit(replace(known, rows=300)), digits.model)
    assert spent.rows <= 300 and spent.calls == 2
    assert (result.confidence >= 0.85).all() and digits.recognised(result) == 1.0


def test_labels_are_enough_for_a_clone(known, digits):
    result, _ = ask(ExtractInvert.suit(replace(known, rows=1_500)), digits.hard)
    assert np.isnan(result.confidence).all() and digits.recognised(result) >= 0.9
    assert (digits.hard(result.inputs) == result.classes).mean() >= 0.9


def test_on_a_linear_clone_the_ascent_ends_where_the_penalty_meets_the_slope(known, digits):
    linear = Networks((digits.weights[None],), (digits.offsets[None, None],), np.zeros(64), np.ones(64), "classifier")
    aim = Aim.of(known)
    wide = replace(aim, box=replace(aim.box, low=np.full(64, -50.0), high=np.full(64, 50.0)))
    wide = replace(wide, middle=(aim.middle + 50) / 100, basis=aim.basis / 100)
    z = ascend(linear, wide, np.array([0.1]), steps=800)[0]
    slope = (np.eye(10) - linear.predict_proba(wide.inputs(z))) @ digits.weights.T @ aim.basis.T
    assert np.abs(slope - 0.1 * z).max() < 0.01


@pytest.mark.parametrize("attack", [Miface, ExtractInvert])
def test_the_contract_is_kept(attack, known, digits):
    check_attack(attack.suit(replace(known, rows=1_000)), digits.model)


def test_a_likeness_that_stays_unconfirmed_is_returned_all_the_same(known, digits):
    talk = ExtractInvert.suit(replace(known, rows=300)).run(np.random.default_rng(0))
    asked = talk.send(Answer(Exposure.PROBABILITIES, scores=digits.model(next(talk))))
    with pytest.raises(StopIteration) as end:
        talk.send(spread(len(asked), []))
    assert len(end.value.value.inputs) == 10 and np.isnan(end.value.value.confidence).all()
