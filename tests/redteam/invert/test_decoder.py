import msgspec
import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.redteam.invert.decoder import Decoder
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

replace = msgspec.structs.replace


def test_answers_on_public_inputs_show_every_class(known, digits):
    last = finish(run(Decoder.suit(known), InProcess(digits.model)))
    assert last.state == "ok" and last.spent.rows == len(known.pool) + 100
    assert (last.result.confidence >= 0.9).all() and digits.recognised(last.result) >= 0.9
    assert np.allclose(digits.own(last.result), last.result.confidence, atol=1e-6)


def test_a_linear_world_is_decoded_exactly(known):
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(10, 10)) * 0.3
    pool = rng.uniform(0, 1, (200, 10)).astype(np.float32)

    def model(inputs):
        powers = np.exp(np.asarray(inputs, np.float64) @ mixing)
        return powers / powers.sum(axis=1, keepdims=True)

    box = {"shape": (10,), "low": np.zeros(10), "high": np.ones(10), "pool": pool}
    result = finish(run(Decoder.suit(replace(known, **box)), InProcess(model))).result
    plain = np.diag(model(np.tile(pool.mean(axis=0), (10, 1))))
    assert (result.confidence > plain + 0.02).all()


def test_what_does_not_suit(known):
    with pytest.raises(Unsuited, match="pool"):
        Decoder.suit(replace(known, pool=known.pool[:5]))
    with pytest.raises(Unsuited, match="120 queries"):
        Decoder.suit(replace(known, rows=100))


def test_the_contract_is_kept(known, digits):
    check_attack(Decoder.suit(known), digits.model)
