import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.boxes import Domain
from wellhead.redteam.extract.splits import Pairs, Splits, bisect, one_feature, refine
from wellhead.redteam.extract.survey import Survey

DOMAIN = Domain(np.zeros(6), np.array([1.0, 1, 1, 1, 1, 2]), np.array([0, 0, 0, 0, 0, 3]))


def model(inputs):
    x = np.asarray(inputs)
    return Answer(Exposure.VALUE, values=(x[:, 3] > 0.3141).astype(float) + 10 * (x[:, 5] == 2))


def put(asking):
    rows = 0
    try:
        inputs = next(asking)
        while True:
            rows += len(inputs)
            inputs = asking.send(model(inputs))
    except StopIteration as stop:
        return stop.value, rows


def found(ones, others, rows=1000):
    survey, splits = Survey((6,), rows), Splits(DOMAIN, np.full(6, 1e-3))
    ids, _ = put(survey.ask(ones))
    pairs, halving = put(
        one_feature(survey, Pairs(ones, others, ids, np.full(len(ones), -1)), np.random.default_rng(0))
    )
    _, bisecting = put(bisect(survey, splits, pairs))
    return survey, splits, pairs, halving, bisecting


def test_one_change_is_found_in_the_logarithms_of_features_and_range():
    _, splits, pairs, halving, bisecting = found(np.full((1, 6), 0.0), np.full((1, 6), 1.0))
    assert pairs.feature.tolist() == [3] and halving <= 3 and bisecting <= 10
    (bracket,) = splits.brackets[3]
    assert bracket.low <= 0.3141 < bracket.high <= bracket.low + 1e-3 and splits.count == 1


def test_a_category_is_found_without_bisecting():
    others = np.full((1, 6), 0.0)
    others[0, 5] = 2
    _, splits, _, _, bisecting = found(np.zeros((1, 6)), others)
    assert splits.categories[5] == {0, 2} and bisecting == 0 and splits.count == 0


def test_a_known_threshold_is_found_again_for_two_questions():
    survey, splits, _, _, _ = found(np.zeros((1, 6)), np.eye(6)[3:4])
    ones = np.tile([0.2, 0.2, 0.2, 0.1, 0.2, 0.0], (1, 1))
    others = np.tile([0.2, 0.2, 0.2, 0.9, 0.2, 0.0], (1, 1))
    ids, _ = put(survey.ask(ones))
    _, asked = put(bisect(survey, splits, Pairs(ones, others, ids, np.array([3]))))
    assert asked == 2 and splits.count == 1


def test_of_two_brackets_around_one_threshold_the_narrower_stays():
    splits, point = Splits(DOMAIN, np.full(6, 1e-3)), np.zeros(6)
    for low, high in ((0.2, 0.4), (0.3, 0.35), (0.1, 0.5), (0.6, 0.7)):
        splits.add(point + low * np.eye(6)[3], point + high * np.eye(6)[3], 3)
    assert splits.ends(3).tolist() == [0.3, 0.35, 0.6, 0.7]
    assert splits.cuts(3).tolist() == [np.mean([0.3, 0.35]), np.mean([0.6, 0.7])]


def test_refining_sharpens_thresholds_while_questions_last():
    survey, splits, _, _, _ = found(np.zeros((1, 6)), np.eye(6)[3:4])
    put(refine(survey, splits, 1e-7))
    assert abs(splits.cuts(3)[0] - 0.3141) < 1e-7
    survey, splits, _, _, _ = found(np.zeros((1, 6)), np.eye(6)[3:4], rows=25)
    width = np.ptp(splits.ends(3))
    left = survey.left
    assert put(refine(survey, splits, 1e-12))[1] == left
    assert np.isclose(np.ptp(splits.ends(3)), width / 2**left)
