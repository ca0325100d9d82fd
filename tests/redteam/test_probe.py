import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.budget import Budget
from wellhead.redteam.desk import Desk
from wellhead.redteam.http import Http
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.patience import Patience
from wellhead.redteam.probe import probe
from wellhead.redteam.transcript import Transcript

LOW, HIGH = np.full(4, -3.0), np.full(4, 3.0)


def probed(oracle, inputs, largest=0, rows=1000):
    desk = Desk(oracle, Budget(rows=rows), Transcript(), Patience(attempts=1))
    texts = isinstance(inputs, list)
    return probe(desk, inputs, np.zeros(0) if texts else LOW, np.zeros(0) if texts else HIGH, largest), desk


def test_an_api_is_probed_and_every_row_is_counted(server, wording, pool):
    server.most_rows, server.refusal = 40, b"version 1.2 says no"
    told, desk = probed(Http(server.url, wording), pool, largest=64)
    assert (told.exposure, told.classes, told.decimals, told.single) == ("probabilities", 3, -1, False)
    assert told.deterministic and told.sums_to_one and told.batch_alone_gap < 1e-15
    assert told.most_rows == 32
    assert desk.spent.rows == server.rows_answered
    errors = {what: (status, text) for what, status, text in told.errors}
    assert errors["half a body"] == (400, "version 1.2 says no")
    assert set(errors) >= {"a missing feature", "a feature too few", "a word", "no body", "an unknown content type"}
    assert any(v.startswith("Server: ") for v in told.versions)
    assert [what for what, _, _ in told.odd] == ["blank", "noisy", "far out"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda p: np.round(p, 2), {"decimals": 2}),
        (lambda p: p.astype(np.float32), {"single": True}),
        (np.log, {"exposure": "logits", "sums_to_one": False}),
        (lambda p: p.argmax(axis=1), {"exposure": "label"}),
        (lambda p: p[:, 0], {"exposure": "value", "classes": 0}),
    ],
)
def test_what_answers_carry(softmax, pool, model, told):
    found, _ = probed(InProcess(lambda x: model(softmax(x))), pool)
    assert {name: getattr(found, name) for name in told} == told


def test_rounded_rows_that_miss_one_by_a_little_are_probabilities(pool, softmax):
    def model(inputs):
        scores = np.round(np.repeat(softmax(inputs), 4, axis=1) / 4, 2)
        simplex = np.allclose(scores.sum(axis=1), 1)
        return Answer(Exposure.PROBABILITIES if simplex else Exposure.LOGITS, scores=scores)

    found, _ = probed(InProcess(model), pool)
    assert (found.exposure, found.decimals, found.sums_to_one) == ("probabilities", 2, True)


def test_noise_is_noticed(softmax, pool):
    rng = np.random.default_rng(0)
    found, _ = probed(InProcess(lambda x: softmax(x) * rng.uniform(0.99, 1.01, (len(x), 3))), pool)
    assert not found.deterministic and found.batch_alone_gap > 1e-6


def test_missing_features_are_answered(softmax, pool):
    assert probed(InProcess(lambda x: softmax(np.nan_to_num(np.asarray(x, float)))), pool)[0].missing
    assert not probed(InProcess(softmax), pool)[0].missing


def test_texts(pool):
    def model(texts):
        return Answer(Exposure.LABEL, labels=np.array([len(t) % 2 for t in texts]))

    found, desk = probed(InProcess(model), ["one", "four", "three"])
    assert found.exposure == "label" and found.errors == () and desk.spent.rows == 14


def test_no_answer_at_all_is_an_error(server, wording, pool):
    server.misbehave = lambda account, number: (401, {})
    with pytest.raises(ConfigError, match="401"):
        probed(Http(server.url, wording), pool)


def test_the_budget_holds(server, wording, pool):
    probed(Http(server.url, wording), pool, largest=256, rows=17)
    assert server.rows_answered <= 17
