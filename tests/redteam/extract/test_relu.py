from itertools import pairwise

import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Extraction
from wellhead.redteam.extract.relu import Relu
from wellhead.redteam.http import Http
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack


def network(sizes, seed, told="probabilities"):
    """A random ReLU network."""
    rng = np.random.default_rng(seed)
    layers = [(rng.normal(size=(a, b)) * 1.4 / np.sqrt(a), 0.3 * rng.normal(size=b)) for a, b in pairwise(sizes)]

    def answer(inputs):
        x = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
        for weights, bias in layers[:-1]:
            x = np.maximum(x @ weights + bias, 0)
        x = x @ layers[-1][0] + layers[-1][1]
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        ways = {
            "probabilities": lambda: powers / powers.sum(axis=1, keepdims=True),
            "logits": lambda: Answer(Exposure.LOGITS, scores=x),
            "value": lambda: x[:, 0],
            "sigmoid": lambda: np.hstack([1 - 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-x))]),
        }
        return ways[told]()

    return answer


def attack(features, **settings):
    return Relu(**{"low": -np.ones(features), "high": np.ones(features), "shape": (features,), **settings})


def inputs(features, n=1000):
    return np.random.default_rng(9).uniform(-1, 1, (n, features))


@pytest.mark.parametrize("box", [True, False])
@pytest.mark.parametrize("sizes", [(10, 4, 3), (20, 16, 5), (64, 8, 10)])
def test_random_networks_are_rebuilt_exactly(sizes, box):
    model = network(sizes, 1)
    last = finish(run(attack(sizes[0], box=box), InProcess(model)))
    fresh = inputs(sizes[0])
    clone = last.result.clone
    assert last.state == "ok" and last.result.detail.startswith(f"exact: {sizes[1]} neurons")
    assert np.array_equal(clone.predict(fresh), model(fresh).argmax(axis=1))
    assert np.abs(clone.predict_proba(fresh) - model(fresh)).max() < 1e-9
    assert last.spent.calls <= 30 and last.spent.rows < (sizes[0] + 1) * (1.5 * sizes[1] + 3) + 1500


def test_the_promised_counts_of_a_network_of_32_neurons():
    model = network((64, 32, 10), 2)
    last = finish(run(attack(64), InProcess(model)))
    assert last.spent.rows <= 9000 and last.spent.calls <= 60
    assert np.array_equal(last.result.clone.predict(inputs(64)), model(inputs(64)).argmax(axis=1))


@pytest.mark.parametrize(("sizes", "told"), [((30, 20, 4), "logits"), ((20, 16, 1), "value"), ((20, 12, 1), "sigmoid")])
def test_logits_values_and_sigmoids_too(sizes, told):
    model = network(sizes, 2, told)
    clone = finish(run(attack(sizes[0]), InProcess(model))).result.clone
    truth = model(inputs(sizes[0]))
    if told == "value":
        assert np.abs(clone.predict(inputs(sizes[0])) - truth).max() < 1e-7
    elif told == "logits":
        assert np.abs(clone.scores(inputs(sizes[0])) - truth.scores).max() < 1e-7
    else:
        assert np.abs(clone.predict_proba(inputs(sizes[0])) - truth).max() < 1e-7


def test_it_keeps_to_the_box_and_leaves_a_constant_feature_alone():
    model, low, high = network((6, 5, 3), 0), np.array([0, -2, 5, 0, 1, -1.0]), np.array([1, 2, 9, 0, 3, 1.0])
    result = finish(run(Relu(low=low, high=high, shape=(2, 3)), InProcess(model))).result
    asked = result.inputs.reshape(-1, 6)
    assert (asked >= low - 1e-12).all() and (asked <= high + 1e-12).all() and result.inputs.dtype == np.float64
    fresh = np.random.default_rng(1).uniform(low, high, (500, 6)).reshape(-1, 2, 3)
    assert np.abs(result.clone.predict_proba(fresh) - model(fresh)).max() < 1e-8


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda p, x: p.astype(np.float32), "answers are float32"),
        (lambda p, x: np.ones((len(x), 1)), "one class only"),
        (lambda p, x: p.round(4), "rounded to 4 decimals"),
        (lambda p, x: p.round(9), "rounded to 9 decimals"),
        (lambda p, x: np.abs(np.sin(7 * x[:, :5])) + 0.1, "not piecewise linear"),
        (lambda p, x: np.where(x[:, :5] > 0, 0.1234567890123456, 0.7654321098765432), "piecewise constant"),
    ],
)
def test_what_is_not_such_a_network_is_told_in_one_small_batch(spoil, reason):
    model, asked = network((20, 16, 5), 1), []

    def spoilt(inputs):
        asked.append(len(inputs))
        return spoil(model(inputs), inputs)

    try:
        last = finish(run(attack(20), InProcess(spoilt)))
        assert last.state == "unsupported" and reason in last.reason
    except Unsuited as e:
        assert reason in str(e)
    assert sum(asked) < 100


def contrast(inputs):
    """Linear but for a neuron that wakes only where neighbouring features move together."""
    x = np.asarray(inputs, np.float64)
    logits = x @ np.random.default_rng(0).normal(size=(40, 3))
    logits[:, 0] += 9 * np.maximum(x[:, :20].mean(axis=1) - x[:, 20:].mean(axis=1) - 1.1, 0)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_a_neuron_that_sleeps_on_random_inputs_is_found():
    last = finish(run(attack(40), InProcess(contrast)))
    assert last.result.detail.startswith("exact: 1 neurons")
    awake = np.concatenate([np.full((1, 20), 0.9), np.full((1, 20), -0.9)], axis=1)
    assert np.abs(last.result.clone.predict_proba(awake) - contrast(awake)).max() < 1e-9


def test_the_sentence_tells_what_was_checked():
    model, pool = network((10, 4, 3), 1), inputs(10, 500)
    assert "on 800 fresh inputs of the box" in finish(run(attack(10), InProcess(model))).result.detail
    detail = finish(run(attack(10, pool=pool), InProcess(model))).result.detail
    assert "on 300 fresh inputs of the box and 100 of the pool" in detail


def test_saturated_answers_do_not_count_as_errors():
    logit = network((12, 10, 1), 3, "value")

    def model(x):
        wide = 12 * logit(x)
        return np.stack([1 - 1 / (1 + np.exp(-wide)), 1 / (1 + np.exp(-wide))], axis=1)

    told = model(inputs(12))
    assert (told.min(axis=1) < 1e-11).any()
    last = finish(run(attack(12), InProcess(model)))
    assert (
        last.result.detail.startswith("exact")
        and np.abs(last.result.clone.predict_proba(inputs(12)) - told).max() < 1e-6
    )


def test_it_goes_on_while_lines_show_more_and_then_says_what_to_do():
    detail = finish(run(attack(20, lines=1), InProcess(network((20, 64, 5), 1)))).result.detail
    assert "after 1 lines" in detail and "a pool of inputs" in detail
    detail = finish(run(attack(20, rows=700), InProcess(network((20, 16, 5), 1)))).result.detail
    assert "not exact" in detail and "allow more" in detail


def test_a_deeper_network_is_given_up():
    result = finish(run(attack(20), InProcess(network((20, 16, 16, 5), 1)))).result
    assert result.clone is None and "not one hidden layer" in result.detail


def test_few_rows_end_it_without_a_clone():
    last = finish(run(attack(20, rows=300), InProcess(network((20, 16, 5), 1))))
    assert last.result.clone is None and last.spent.rows <= 300


def test_it_works_over_a_socket_with_json(server, wording):
    # The server's model is a softmax regression: a network without hidden neurons.
    oracle = Http(server.url, wording, rows_per_call=512)
    last = finish(run(attack(4), oracle))
    assert isinstance(last.result, Extraction) and last.result.detail.startswith("exact: 0 neurons")
    assert last.spent.calls == server.requests and last.spent.rows == server.rows_answered


def test_a_network_is_rebuilt_over_a_socket_with_json(server, wording):
    hidden = network((4, 6, 3), 5)
    server.model = hidden
    last = finish(run(attack(4), Http(server.url, wording, rows_per_call=512)))
    assert np.abs(last.result.clone.predict_proba(inputs(4)) - hidden(inputs(4))).max() < 1e-9


def test_suit_names_what_does_not_fit():
    fits = {"shape": (4,), "low": -np.ones(4), "high": np.ones(4)}
    assert Relu.suit(Known(**fits)).rows == 2000
    for wrong in ({"decimals": 3}, {"single": True}, {"exposure": Exposure.TOP_K}, {"rows": 100}, {"shape": ()}):
        with pytest.raises(Unsuited):
            Relu.suit(Known(**{**fits, **wrong}))


def test_the_contract():
    check_attack(attack(6), network((6, 4, 3), 1))
