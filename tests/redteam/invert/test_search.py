import msgspec
import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.core.exposure import Exposure
from wellhead.redteam.invert.search import Search
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

replace = msgspec.structs.replace


def ask(attack, model):
    last = finish(run(attack, InProcess(model, rows_per_call=10**6)))
    assert last.state == "ok"
    return last.result, last.spent


def test_evolution_finds_every_class_without_a_gradient(known, digits):
    result, spent = ask(Search.suit(known), digits.model)
    assert (result.confidence >= 0.95).all() and digits.recognised(result) >= 0.9
    assert spent.rows < 4_000 and np.allclose(digits.own(result), result.confidence, atol=1e-6)


def test_repulsion_needs_nothing_but_labels(known, digits):
    attack = Search.suit(replace(known, exposure=Exposure.LABEL, rows=15_000))
    result, spent = ask(attack, digits.hard)
    assert attack.score == "label" and spent.rows <= 15_000
    assert np.median(digits.own(result)) > 0.8 and digits.recognised(result) >= 0.9
    assert (digits.hard(result.inputs) == result.classes).all() and np.isnan(result.confidence).all()


def test_a_class_that_never_shows_is_said_to_be_missing(known, digits):
    attack = Search.suit(replace(known, exposure=Exposure.LABEL, rows=3_000))
    result, _ = ask(attack, lambda x: np.minimum(digits.hard(x), 7))
    assert result.classes.tolist() == list(range(8)) and "2 classes never met" in result.detail


def test_a_plateau_ends_the_search(known):
    _, spent = ask(Search.suit(known), lambda x: np.full((len(x), 10), 0.1))
    assert spent.calls < 120


@pytest.mark.parametrize("exposure", [Exposure.PROBABILITIES, Exposure.LABEL])
def test_the_contract_is_kept(exposure, known, digits):
    check_attack(Search.suit(replace(known, exposure=exposure, rows=2_000)), digits.model)


def test_a_configuration_that_makes_no_sense_is_refused(known):
    with pytest.raises(ConfigError, match="score"):
        replace(Search.suit(known), score="luck")
    with pytest.raises(Unsuited, match="queries"):
        Search.suit(replace(known, rows=100))
