import math

import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.redteam.attack import Membership
from wellhead.redteam.known import Known
from wellhead.redteam.membership.leak import auc
from wellhead.redteam.membership.lira import Lira, Side
from wellhead.redteam.membership.thresholds import Threshold
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(0)
RECIPE = Recipe(hidden=(32,), epochs=30, batch=20, rate=3e-3)
CENTRES = RNG.integers(2, size=(10, 40))
LABELS = RNG.integers(10, size=400)
ROWS = (CENTRES[LABELS] ^ (RNG.random((400, 40)) < 0.25)).astype(np.float32)
MEMBERS = np.isin(np.arange(400), RNG.permutation(400)[:200])
TARGET = train(ROWS, LABELS, RECIPE, np.random.default_rng(7), MEMBERS[None])


def attack(**changes):
    return Lira(**({"candidates": ROWS, "labels": LABELS, "train_rows": 200, "network": RECIPE} | changes))


def area(attack):
    return auc(finish(run(attack, InProcess(TARGET.predict_proba))).result.scores, MEMBERS)


@pytest.mark.parametrize("changes", [{}, {"online": False}, {"views": 2}])
def test_the_contract(changes):
    few = {"candidates": ROWS[:30], "labels": LABELS[:30], "network": Recipe(hidden=(4,), epochs=1), "shadows": 2}
    check_attack(attack(**few, **changes), TARGET.predict_proba)


def test_members_are_found_better_than_by_the_loss():
    loss = area(Threshold(candidates=ROWS, labels=LABELS))
    online = area(attack())
    assert online > loss + 0.03 and online > 0.75
    assert area(attack(online=False)) > 0.65
    assert area(attack(variance="fixed")) > loss


FEW = {"network": Recipe(hidden=(8,), epochs=3, batch=20, rate=3e-3), "shadows": 4}


def answered(attack, spoil):
    """The result where the model is as unsure as can be of the true labels of the rows of `spoil`."""
    conversation = attack.run(np.random.default_rng(0))
    shares = TARGET.predict_proba(next(conversation))
    labels = np.tile(attack.labels, len(shares) // len(attack.labels))
    shares[spoil] = (1 - 1e-9) / 9
    shares[spoil, labels[spoil]] = 1e-9
    with pytest.raises(StopIteration) as end:
        conversation.send(as_answer(shares))
    return end.value.value


def test_offline_a_record_that_is_far_too_unsure_is_no_member():
    scores = answered(attack(online=False, **FEW), np.arange(20)).scores
    assert scores[:20].max() < np.quantile(scores[20:], 0.1)


def test_every_view_counts():
    plain, spoilt = (answered(attack(online=False, views=2, **FEW), rows).scores for rows in ([], 400 + np.arange(20)))
    assert (spoilt[:20] < plain[:20] - 1).all() and np.array_equal(spoilt[20:], plain[20:])


@pytest.mark.parametrize("online", [True, False])
def test_shadows_are_trained_on_as_many_rows_as_the_target(online):
    found = answered(attack(online=online, **(FEW | {"train_rows": 120})), [])
    assert "trained on 120 rows each" in found.detail and "target's" not in found.detail


def test_another_learner_makes_shadows_too():
    result = finish(run(attack(recipe="logistic", shadows=4), InProcess(TARGET.predict_proba))).result
    assert isinstance(result, Membership) and "recipe logistic trained on 200 rows" in result.detail
    assert auc(result.scores, MEMBERS) > 0.55


def normal(x, mean, deviation):
    return -0.5 * ((x - mean) / deviation) ** 2 - math.log(deviation * math.sqrt(2 * math.pi))


def student(x, mean, scale, freedom):
    gamma = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    z = (x - mean) / scale
    return gamma - 0.5 * math.log(freedom * math.pi) - math.log(scale) - (freedom + 1) / 2 * math.log1p(z * z / freedom)


MARGINS = RNG.normal(size=(6, 5)) * 2
CHOSEN = np.array([[1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0], [0, 0, 0, 1, 0, 0], [0] * 6]).T > 0


def own(i):
    return MARGINS[CHOSEN[:, i], i]


def pooled():
    """Each record's own mean is taken off before variances are pooled."""
    squares = sum(((own(i) - own(i).mean()) ** 2).sum() for i in range(4))
    return squares / sum(own(i).size - 1 for i in range(4))


@pytest.mark.parametrize("variance", ["fixed", "record", "student"])
def test_densities_are_those_of_the_text(variance):
    told = np.array([0.3, -2.0, 5.0, 1.0, 0.0])
    found = Side.of(MARGINS, CHOSEN).log_density(told, variance, 16.0)
    slow = []
    for i in range(3):
        n, mean, squares = own(i).size, own(i).mean(), ((own(i) - own(i).mean()) ** 2).sum()
        if variance == "student":
            scale = math.sqrt((16 * pooled() + squares) / (16 + n) * (1 + 1 / n))
            slow.append(student(told[i], mean, scale, 16 + n) + 0.5 * math.log(2 * math.pi))
        else:
            spread = pooled() if variance == "fixed" else squares / n
            slow.append(normal(told[i], mean, math.sqrt(spread)) + 0.5 * math.log(2 * math.pi))
    assert found[:3] == pytest.approx(slow) and np.isfinite(found).all()


def test_one_sided_shares_keep_their_order_far_up():
    from scipy import stats

    side, told = Side.of(MARGINS, CHOSEN), np.full(5, 0.7)
    found = side.log_cdf(told, "fixed", 16.0)
    slow = [stats.norm.logcdf(0.7, own(i).mean(), math.sqrt(pooled())) for i in range(4)]
    assert found[:4] == pytest.approx(slow)
    n, mean = own(0).size, own(0).mean()
    scale = math.sqrt((16 * pooled() + ((own(0) - mean) ** 2).sum()) / (16 + n) * (1 + 1 / n))
    assert side.log_cdf(told, "student", 16.0)[0] == pytest.approx(stats.t.logcdf(0.7, 16 + n, mean, scale))
    for variance in ("fixed", "student"):
        high = [side.log_cdf(np.full(5, x), variance, 16.0)[0] for x in (20.0, 25.0, 30.0)]
        assert high[0] < high[1] < high[2] <= 0


def test_means_lean_on_what_the_other_side_foretells():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=400)
    within = rng.random((16, 400)) < 0.25
    margins = truth + 2 * within + rng.normal(size=(16, 400))
    alone, other = Side.of(margins, within), Side.of(margins, ~within)
    leant = alone.leaning(other)
    seen = alone.models > 0
    errors = [np.mean((side.mean - truth - 2)[seen] ** 2) for side in (leant, alone)]
    assert errors[0] < 0.6 * errors[1]


def test_unsure_records_are_no_members_one_sided():
    side = Side.of(MARGINS, CHOSEN)
    low, middle = side.log_cdf(np.full(5, -9.0), "fixed", 16.0), side.log_cdf(np.full(5, 9.0), "fixed", 16.0)
    assert (low < middle).all()


def test_what_is_known_configures_it():
    known = Known(candidates=ROWS, candidate_labels=LABELS, pool=ROWS, labels=LABELS, train_rows=123, decimals=3)
    found = Lira.suit(known)
    assert (found.online, found.train_rows, found.decimals, len(found.pool)) == (True, 123, 3, 0)
    with pytest.raises(Unsuited, match="20"):
        Lira.suit(Known(candidates=ROWS[:5], candidate_labels=LABELS[:5]))


@pytest.mark.parametrize("wrong", [{"variance": "none"}, {"shadows": 1}, {"labels": LABELS[:3]}])
def test_what_cannot_be_asked_for(wrong):
    with pytest.raises(ConfigError, match="expected"):
        attack(**wrong)


@pytest.mark.parametrize(("worth", "low", "high"), [(4.0, 3.0, 5.5), (30.0, 22.0, 42.0), (1e9, 100.0, 1000.0)])
def test_the_prior_is_estimated_from_how_much_variances_differ(worth, low, high):
    rng = np.random.default_rng(5)
    variances = worth / rng.chisquare(worth, 4000)
    margins = rng.normal(size=(16, 4000)) * np.sqrt(variances)
    side = Side.of(margins, rng.random((16, 4000)) < 0.5)
    assert low < side.worth <= high


def test_too_few_records_fall_back_to_the_usual_prior():
    assert Side.of(np.zeros((4, 3)), np.ones((4, 3), bool)).worth == 16.0
