import numpy as np
import pytest
from metering import inputs, number_model, softmax_model

from wellhead.core.errors import ProfileError
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.meter.fit import fit, probabilities


def answers(x, kind=Exposure.PROBABILITIES):
    scores = softmax_model(x)
    return Answer(kind, labels=scores.argmax(1)) if kind == Exposure.LABEL else Answer(kind, scores=scores)


class Nearest:
    """One nearest neighbour: a learner that needs no library."""

    def __init__(self, x, targets, seed):
        self.x, self.targets = np.asarray(x).reshape(len(x), -1), targets

    def predict(self, x):
        far = ((np.asarray(x).reshape(len(x), 1, -1) - self.x) ** 2).sum(axis=2)
        found = self.targets[far.argmin(axis=1)]
        return found.argmax(1) if found.ndim == 2 else found


def fitted(x, answer, spec=ModelSpec(), **kw):  # noqa: B008
    return fit(x, answer, spec, np.random.default_rng(0), **kw)


def test_without_learners_the_profile_says_so():
    profile = fitted(inputs(200), answers(inputs(200)))
    assert not profile.check.checked and "unchecked" in str(profile.check)
    assert (profile.kind, profile.dimension, profile.classes) == ("vector", 128, 3)
    assert profile.floor < profile.attainable <= 1.0 and len(profile.reference) == 200


def test_with_learners_the_profile_states_its_error():
    x = inputs(200)
    profile = fitted(x, answers(x), learners={"nearest": Nearest}, check_rows=100)
    check = profile.check
    assert check.checked and max(n for n, _, _ in check.points) == 100 and len(check.points) == 6
    misses = [100 * (own - real) for _, own, real in check.points]
    assert check.error == pytest.approx(np.abs(misses).mean()) and check.bias == pytest.approx(np.mean(misses))
    assert profile.attainable >= max(real for _, _, real in check.points)


def test_the_same_sample_and_seed_give_the_same_profile():
    x = inputs(100)
    assert fitted(x, answers(x)).to_bytes() == fitted(x, answers(x)).to_bytes()


def test_labels_alone_will_do():
    x = inputs(100)
    profile = fitted(x, answers(x, Exposure.LABEL), ModelSpec(classes=("a", "b", "c", "d")))
    assert profile.classes == 4


def test_a_codebook_is_fitted_where_the_answers_are_probabilities_and_nowhere_else():
    x = inputs(100)
    book = fitted(x, answers(x)).codebook
    assert book.classes == 3 and len(book.entries) and book.covered > 0.9
    assert fitted(x, answers(x, Exposure.LABEL)).codebook is None
    number = Answer(Exposure.VALUE, values=number_model(x))
    assert fitted(x, number, ModelSpec(task="regressor")).codebook is None
    only = Answer(Exposure.PROBABILITIES, scores=np.ones((100, 1)))
    assert fitted(x, only).codebook is None


def test_images_in_colour_and_texts():
    pictures = np.random.default_rng(0).random((60, 40, 50, 3)).astype(np.float32)
    assert fitted(pictures, answers(pictures)).kind == "image"
    texts = [
        f"please {verb} the {noun} number {i}" for i in range(20) for verb in ("pay", "stop") for noun in ("b", "c")
    ]
    labels = np.array(["pay" in t for t in texts]).astype(int)
    profile = fitted(texts, Answer(Exposure.LABEL, labels=labels), learners={"word": Word})
    assert profile.kind == "text" and profile.check.checked and profile.code(["unseen words"]).dtype == np.int8


class Word:
    def __init__(self, x, targets, seed):
        assert all(isinstance(t, str) for t in x)

    def predict(self, x):
        return np.array(["pay" in t for t in x]).astype(int)


def test_regressors():
    x = inputs(200)
    answer = Answer(Exposure.VALUE, values=number_model(x))
    profile = fitted(x, answer, ModelSpec(task="regressor"), learners={"nearest": Nearest})
    assert profile.regressor and profile.floor == 0.0 and profile.check.checked
    assert profile.location == pytest.approx(number_model(x).mean())


def test_logits_are_made_probabilities():
    logits = np.array([[2.0, 0.0], [-5.0, 5.0]])
    assert np.allclose(probabilities(logits).sum(1), 1.0)
    assert (probabilities(probabilities(logits)) == probabilities(logits)).all()


@pytest.mark.parametrize(
    ("x", "answer", "task", "word"),
    [
        (inputs(10), answers(inputs(10)), "classifier", "at least 20"),
        (inputs(30), answers(inputs(29)), "classifier", "29 answers"),
        (inputs(30), answers(inputs(30)), "regressor", "model.task"),
        (np.zeros(30, np.float32), answers(inputs(30)), "classifier", "expected"),
    ],
)
def test_samples_that_will_not_do(x, answer, task, word):
    with pytest.raises(ProfileError, match=word):
        fitted(x, answer, ModelSpec(task=task))
