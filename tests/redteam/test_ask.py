import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.ask import Patience, spread
from wellhead.redteam.attack import answered, scored
from wellhead.redteam.oracle import InProcess


def counting(softmax, sizes):
    def model(inputs):
        sizes.append(len(inputs))
        return softmax(inputs)

    return InProcess(model)


def test_the_same_input_is_paid_once_within_a_batch_and_across(pool, softmax, asker):
    sizes = []
    talk = asker(counting(softmax, sizes))
    twice = np.concatenate([pool[:5], pool[:5]])
    assert np.array_equal(talk.ask(twice).scores, softmax(twice))
    talk.ask(pool[3:8])
    assert sizes == [5, 3]
    assert (talk.spent.rows, talk.spent.cached) == (8, 7)


def test_repeats_on_purpose_are_asked_again_and_resumed(pool, softmax, asker, record):
    sizes = []
    for _ in range(2):
        talk = asker(counting(softmax, sizes), transcript=record())
        talk.repeats = True
        for _ in range(3):
            talk.ask(pool[:4])
    assert sizes == [4, 4, 4]


def test_texts_are_asked_and_cached(asker):
    asked = []

    def model(texts):
        asked.extend(texts)
        return np.array([len(t) % 2 for t in texts])

    talk = asker(InProcess(model))
    assert talk.ask(["a", "bb", "a"]).labels.tolist() == [1, 0, 1]
    assert talk.ask(["bb"]).labels.tolist() == [0] and asked == ["a", "bb"]


def test_an_empty_batch_is_answered(pool, softmax, asker):
    assert asker(InProcess(softmax)).ask(pool[:0]).labels.size == 0


def test_rows_that_were_told_labels_only_are_marked(pool, softmax, asker):
    def model(inputs):
        scores = softmax(inputs)
        if inputs[0, 0] == pool[0, 0]:
            return Answer(Exposure.PROBABILITIES, scores=scores)
        # A label-only defence may leave one-hot scores behind; they are no scores.
        return Answer(Exposure.LABEL, scores=np.eye(3)[scores.argmax(axis=1)])

    answer = asker(InProcess(model, rows_per_call=4)).ask(pool[:8])
    assert scored(answer).tolist() == [True] * 4 + [False] * 4 and answered(answer).all()
    assert answer.labels.tolist() == softmax(pool[:8]).argmax(axis=1).tolist()


@given(st.lists(st.sampled_from(["none", "label", "scores"]), min_size=1, max_size=12))
def test_spread_puts_every_block_in_its_place(kinds):
    truth = np.random.default_rng(0).dirichlet(np.ones(3), len(kinds))
    blocks = []
    for row, kind in enumerate(kinds):
        if kind == "label":
            blocks.append((Answer(Exposure.LABEL, labels=truth[[row]].argmax(axis=1)), [row], [0]))
        if kind == "scores":
            blocks.append((Answer(Exposure.PROBABILITIES, scores=truth), [row], [row]))
    answer = spread(len(kinds), blocks)
    assert answered(answer).tolist() == [k != "none" for k in kinds]
    assert scored(answer).tolist() == [k == "scores" for k in kinds]
    assert all(answer.labels[r] == truth[r].argmax() for r, k in enumerate(kinds) if k != "none")


@given(st.integers(1, 10_000), st.floats(0, 100))
def test_waits_grow_are_bounded_and_heed_the_server(attempt, asked_s):
    patience = Patience(first_wait_s=0.1, longest_wait_s=5.0)
    wait = patience.wait_s(attempt, asked_s, np.random.default_rng(attempt))
    bound = min(0.1 * 2.0 ** min(attempt - 1, 60), 5.0)
    assert max(asked_s, bound / 2) <= wait <= max(asked_s, bound)


def test_failures_cost_attempts_and_simulated_time_only(pool, asker):
    from wellhead.redteam.oracle import Simulated

    def model(inputs):
        raise OSError

    patience = Patience(first_wait_s=10, longest_wait_s=10, give_up_after_s=1e6, attempts=4)
    talk = asker(InProcess(model, clock=Simulated()), patience=patience)
    talk.ask(pool[:1])
    assert (talk.spent.calls, talk.spent.retries, talk.spent.rows) == (1, 3, 0)
    assert 15 <= talk.spent.seconds <= 30 and talk.alive
    talk.ask(pool[:1])
    assert talk.spent.calls == 2


@pytest.mark.parametrize("seed", range(3))
def test_money_is_never_overrun(pool, softmax, asker, seed):
    from wellhead.redteam.budget import Budget

    budget = Budget(money=1.0, price_row=0.002, price_call=0.01)
    talk = asker(InProcess(softmax, rows_per_call=int(7 + seed * 13)), budget=budget)
    answer = talk.ask(pool)
    assert 0.98 < talk.spent.money <= 1.0 + 1e-9 and talk.exhausted == "money"
    assert answered(answer).sum() == talk.spent.rows
