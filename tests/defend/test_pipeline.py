import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from wellhead.core.arrays import Flat
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage
from wellhead.defend.pipeline import Faults, Pipeline, softmax
from wellhead.defend.top_k import TopK

P = np.array([[0.52, 0.30, 0.18], [0.10, 0.30, 0.60]])
ALLOWED = [e for e in Exposure if e is not Exposure.NONE]

shapes = st.tuples(st.integers(1, 5), st.integers(2, 12))
# To three decimals: logits that differ by less than float64 holds after exp are ties, and their order is lost.
logits = shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(-40, 40).map(lambda x: round(x, 3))))


class Faulty(msgspec.Struct, frozen=True):
    """Does what it is told, and promises more."""

    what: object
    name: str = "faulty"
    stage: Stage = Stage.PERTURB
    guarantees: Guarantees = Guarantees(argmax=Argmax.WEAK)

    def shape(self, scores, context):
        return self.what(scores)


def answer(kind=Exposure.PROBABILITIES, scores=P, **kwargs):
    return Answer(kind, scores=scores, **kwargs)


def distinct(scores):
    return int((scores > 0).sum(axis=1).max())


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (answer(), Exposure.PROBABILITIES),
        (answer(), Exposure.LOGITS),
        (answer(), Exposure.VALUE),
        (answer(Exposure.LOGITS), Exposure.LOGITS),
        (answer(Exposure.TOP_K), Exposure.PROBABILITIES),
        (Answer(Exposure.LABEL, labels=np.array([1])), Exposure.LABEL),
        (Answer(Exposure.VALUE, values=np.array([1.5])), Exposure.LABEL),
    ],
)
def test_what_may_leave_is_the_same_object(given, allowed):
    pipeline = Pipeline()
    shaped, name = pipeline.shape(given, allowed)
    assert shaped is given and name == "" and pipeline.failures == 0


@given(logits, st.sampled_from(ALLOWED), st.integers(-1, 4), st.integers(1, 4))
def test_no_more_than_allowed_leaves(x, allowed, decimals, top_k):
    for kind, scores in ((Exposure.LOGITS, x), (Exposure.PROBABILITIES, softmax(x))):
        kept = scores.copy()
        pipeline = Pipeline()
        shaped, _ = pipeline.shape(answer(kind, scores), allowed, decimals, top_k)
        assert np.array_equal(scores, kept) and pipeline.failures == 0
        assert shaped.kind <= allowed and shaped.values is None
        top = scores.argmax(axis=1)
        assert (shaped.scores[np.arange(len(top)), top] == shaped.scores.max(axis=1)).all() or shaped.kind is kind
        if shaped.kind < Exposure.LOGITS:
            assert np.allclose(shaped.scores.sum(axis=1), 1.0)
        if shaped.kind is Exposure.TOP_K:
            assert distinct(shaped.scores) <= top_k
        if shaped.kind is Exposure.LABEL:
            assert set(np.unique(shaped.scores)) <= {0.0, 1.0}
        if decimals >= 0:
            assert np.allclose(np.round(shaped.scores, decimals), shaped.scores, atol=1e-12)


@given(logits, st.sampled_from(ALLOWED), st.integers(-1, 3))
def test_a_row_does_not_depend_on_its_batch(x, allowed, decimals):
    together, _ = Pipeline().shape(answer(Exposure.LOGITS, x), allowed, decimals)
    for i in range(len(x)):
        alone, _ = Pipeline().shape(answer(Exposure.LOGITS, x[i : i + 1]), allowed, decimals)
        assert np.array_equal(alone.scores[0], together.scores[i])


@given(logits, st.sampled_from(ALLOWED), st.integers(-1, 3))
def test_shaping_twice_gives_away_no_more(x, allowed, decimals):
    once, _ = Pipeline().shape(answer(Exposure.LOGITS, x), allowed, decimals)
    twice, _ = Pipeline().shape(once, allowed, decimals)
    assert twice.kind == once.kind and np.allclose(twice.scores, once.scores, atol=1e-12)


@given(logits)
def test_the_label_thief_reads_the_same_from_label_only_as_from_everything(x):
    shaped, name = Pipeline().shape(answer(Exposure.LOGITS, x), Exposure.LABEL)
    assert np.array_equal(shaped.labels, x.argmax(axis=1)) and name == "label_only"


def test_names_say_what_was_done():
    assert Pipeline().shape(answer(), Exposure.TOP_K, 1, 2)[1] == "top_k+round"
    assert Pipeline().shape(answer(), Exposure.PROBABILITIES, 1)[1] == "round"
    assert Pipeline().shape(answer(Exposure.LOGITS), Exposure.PROBABILITIES)[1] == "probabilities"
    assert Pipeline([Faulty(np.copy)]).shape(answer(), Exposure.LOGITS)[1] == "faulty"


def test_logits_may_be_rounded_as_they_are():
    shaped, name = Pipeline().shape(answer(Exposure.LOGITS, np.array([[-3.1415, 2.7182]])), Exposure.LOGITS, 1)
    assert (shaped.kind, shaped.scores.tolist(), name) == (Exposure.LOGITS, [[-3.1, 2.7]], "round")


def test_a_label_answer_with_scores_behind_it_is_cut():
    shaped, _ = Pipeline().shape(answer(Exposure.LABEL, P), Exposure.LABEL)
    assert shaped.scores.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_the_models_own_label_wins_over_the_argmax():
    shaped, _ = Pipeline().shape(answer(labels=np.array([1, 2])), Exposure.LABEL)
    assert shaped.labels.tolist() == [1, 2] and shaped.scores.argmax(axis=1).tolist() == [1, 2]


def test_a_regressors_number_loses_only_decimals():
    value = Answer(Exposure.VALUE, values=np.array([3.14159, -2.5]))
    shaped, name = Pipeline().shape(value, Exposure.LABEL, 2)
    assert (shaped.kind, shaped.values.tolist(), name) == (Exposure.VALUE, [3.14, -2.5], "round")
    assert value.values[0] == 3.14159


def test_a_number_hides_no_scores():
    shaped, _ = Pipeline().shape(Answer(Exposure.VALUE, scores=P, values=np.array([1.0, 2.0])), Exposure.LABEL)
    assert shaped.scores is None and shaped.values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("given", [answer(), Answer(Exposure.VALUE, values=np.ones(1)), Answer(Exposure.NONE)])
def test_nothing_allowed_means_nothing(given):
    assert Pipeline().shape(given, Exposure.NONE)[0] in (Answer(Exposure.NONE), given)
    assert Pipeline().shape(given, Exposure.NONE)[0].kind is Exposure.NONE


@pytest.mark.parametrize(
    "scores",
    [
        np.array([[0.0, 0.0, 0.0]]),
        np.array([[0.9, 0.8, 0.7]]),
        np.array([[np.nan, 0.2, 0.8]]),
        np.array([[np.inf, 0.0, 0.0]]),
        np.array([[-0.1, 0.6, 0.5]]),
        np.array([0.2, 0.8]),
        np.zeros((2, 0)),
    ],
)
def test_what_is_no_probability_closes_to_labels(scores):
    pipeline = Pipeline()
    shaped, name = pipeline.shape(answer(scores=scores), Exposure.PROBABILITIES, 2)
    assert shaped.kind <= Exposure.LABEL and name == "label_only"
    assert pipeline.failures == 1 and pipeline.last_failure
    if shaped.scores is not None:
        assert set(np.unique(shaped.scores)) <= {0.0, 1.0}


@pytest.mark.parametrize("as_flat", [False, True])
@pytest.mark.parametrize(("off", "failures"), [(9e-7, 0), (-9e-7, 0), (1.1e-6, 1), (-1.1e-6, 1), (5e-4, 1), (-5e-4, 1)])
def test_probabilities_that_miss_the_sum_of_1_by_more_than_a_millionth_close_to_labels(off, failures, as_flat):
    scores = np.array([[0.25, 0.5 + off, 0.25], [0.5, 0.25, 0.25]])
    for pipeline, decimals in ((Pipeline(), 2), (Pipeline([TopK(2)]), -1)):
        given = Answer(Exposure.PROBABILITIES, flat(scores) if as_flat else scores)
        shaped, _ = pipeline.shape(given, Exposure.PROBABILITIES, decimals)
        assert pipeline.failures == failures
        assert shaped.kind is (Exposure.LABEL if failures else Exposure.PROBABILITIES)


def explode(scores):
    raise ZeroDivisionError("boom")


@pytest.mark.parametrize(
    "what",
    [explode, lambda s: s[:, ::-1], lambda s: s * 2, lambda s: s[:1], lambda s: s * np.nan, lambda s: None],
    ids=["raises", "argmax", "sum", "rows", "nan", "none"],
)
def test_a_faulty_defence_fails_closed_and_is_counted(what):
    pipeline = Pipeline([Faulty(what)])
    shaped, name = pipeline.shape(answer(), Exposure.PROBABILITIES)
    assert (shaped.kind, name, pipeline.failures) == (Exposure.LABEL, "label_only", 1)
    assert shaped.scores.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_a_failure_where_there_is_no_label_leaves_nothing():
    pipeline = Pipeline()
    shaped, _ = pipeline.shape(Answer(Exposure.VALUE, values=np.array(["x"])), Exposure.VALUE, 2)
    assert shaped == Answer(Exposure.NONE) and pipeline.failures == 1


def flat(scores):
    return Flat(scores.reshape(-1).tolist(), scores.shape)


@given(logits, st.sampled_from(list(Exposure)), st.integers(-1, 13), st.sampled_from([0.0, 1e-7, 1e-5]))
def test_scores_that_are_no_array_yet_leave_as_the_same(x, allowed, decimals, off):
    scores = softmax(x)
    scores[-1, 0] += off
    for kind in (Exposure.PROBABILITIES, Exposure.LOGITS, Exposure.TOP_K):
        one, other = Pipeline(), Pipeline()
        shaped, name = one.shape(Answer(kind, flat(scores)), allowed, decimals)
        assert (shaped, name) == other.shape(Answer(kind, scores), allowed, decimals)
        assert one.failures == other.failures


@pytest.mark.parametrize("decimals", [-1, 0, 3, 12])
def test_what_is_no_array_yet_stays_none(decimals):
    shaped, _ = Pipeline().shape(Answer(Exposure.PROBABILITIES, flat(P)), Exposure.PROBABILITIES, decimals)
    assert shaped.flat is not None


def test_rounding_that_broke_its_promise_would_leave_a_label(monkeypatch):
    monkeypatch.setattr("wellhead.defend.pipeline.round_row", lambda row, decimals: [0.0, 0.0, 1.0])
    pipeline = Pipeline()
    shaped, name = pipeline.shape(Answer(Exposure.PROBABILITIES, flat(P)), Exposure.PROBABILITIES, 2)
    assert name == "label_only" and shaped.kind is Exposure.LABEL and shaped.scores[0].tolist() == [1.0, 0.0, 0.0]
    assert pipeline.failures == 1 and "argmax" in pipeline.last_failure


def swap(scores):
    return scores[:, ::-1].copy()


FLIPS = Guarantees(argmax=Argmax.NONE)


def test_a_cut_that_the_policy_asks_for_never_loses_the_best_class():
    """Of equals the cut keeps the first, which may be the wrong one; each step alone keeps its promise."""
    level = Faulty(lambda s: np.full(s.shape, 1 / s.shape[1]), name="level")
    for scores, failures in ((P[:1], 0), (P[1:], 1)):
        pipeline = Pipeline([level])
        shaped, name = pipeline.shape(answer(scores=scores), Exposure.TOP_K, top_k=1)
        assert pipeline.failures == failures and name == ("label_only" if failures else "level+top_k")
        assert shaped.scores.argmax(axis=1).tolist() == scores.argmax(axis=1).tolist()
    assert "level+top_k broke its promise: argmax" in pipeline.last_failure


def test_a_cut_that_the_policy_asks_for_stands_where_its_stage_is():
    rounds = Faulty(np.copy, name="rounds", stage=Stage.ROUND)
    assert Pipeline([Faulty(np.copy), rounds]).shape(answer(), Exposure.TOP_K, 2)[1] == "faulty+top_k+rounds+round"


def test_a_flipped_label_is_flipped_everywhere_and_nothing_else_is():
    labels = np.array([0, 1])
    pipeline = Pipeline([Faulty(swap, guarantees=FLIPS)])
    shaped, _ = pipeline.shape(answer(labels=labels), Exposure.PROBABILITIES)
    assert shaped.labels.tolist() == [2, 0] and labels.tolist() == [0, 1]
    own = Pipeline([Faulty(np.copy, guarantees=FLIPS)]).shape(answer(labels=labels), Exposure.PROBABILITIES)[0]
    assert own.labels.tolist() == [0, 1]


def test_labels_pass_defences_that_may_change_them_and_no_others():
    assert Pipeline([Faulty(explode)]).shape(answer(), Exposure.LABEL) == (Pipeline().shape(answer(), Exposure.LABEL))
    shaped, name = Pipeline([Faulty(swap, guarantees=FLIPS)]).shape(answer(), Exposure.LABEL, 2)
    assert (shaped.kind, shaped.scores.tolist(), name) == (Exposure.LABEL, [[0, 0, 1], [1, 0, 0]], "faulty+label_only")


def test_what_is_missing_leaves_labels_and_is_counted_with_the_others():
    faults = Faults()
    for n, kind in enumerate((Exposure.PROBABILITIES, Exposure.LOGITS), 1):
        shaped, name = Pipeline(missing="no codebook yet", faults=faults).shape(answer(kind), Exposure.LOGITS)
        assert (shaped.kind, name, faults.count) == (Exposure.LABEL, "label_only", n)
    assert faults.last == "WellheadError: no codebook yet"
    only = Answer(Exposure.LABEL, labels=np.array([1]))
    assert Pipeline(missing="no codebook yet", faults=faults).shape(only, Exposure.LABEL)[0] == only
    assert faults.count == 2


def test_defences_hear_who_asks():
    heard = []

    class Listening(Faulty, frozen=True):
        def shape(self, scores, context):
            heard.append(context)
            return scores

    Pipeline([Listening(None)]).shape(answer(), Exposure.LOGITS, context=Context(principal="ann", stance=3))
    assert [(c.principal, c.stance) for c in heard] == [("ann", 3)]
