import numpy as np
import pytest

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.redteam.known import Known
from wellhead.redteam.membership.leak import auc
from wellhead.redteam.membership.qmia import Qmia
from wellhead.redteam.membership.thresholds import Threshold
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(2400, 4)).astype(np.float32)
LABELS = RNG.integers(2, size=2400)
MEMBERS = np.arange(2400) < 300
BOOST = {row.tobytes(): 1.5 for row in ROWS[MEMBERS]}
LABEL_OF = {row.tobytes(): int(y) for row, y in zip(ROWS, LABELS, strict=True)}


def model(inputs):
    """Surer where the first feature is large, and a little surer still of what it has seen."""
    rows = [np.asarray(row, np.float32) for row in inputs]
    sure = np.array([3 * row[0] + np.sin(40 * row[1]) + BOOST.get(row.tobytes(), 0.0) for row in rows])
    own = np.array([LABEL_OF.get(row.tobytes(), 0) for row in rows])
    p = 1 / (1 + np.exp(-sure))
    return np.where(own[:, None] == np.arange(2), p[:, None], 1 - p[:, None])


KNOWN = Known(rows=3000, candidates=ROWS[:600], candidate_labels=LABELS[:600], pool=ROWS[600:], labels=LABELS[600:])


def parts(**changes):
    attack = Qmia.suit(KNOWN)
    return Qmia(**({field: getattr(attack, field) for field in attack.__struct_fields__} | changes))


def test_the_contract():
    few = {"outsiders": ROWS[600:760], "outsider_labels": LABELS[600:760]}
    check_attack(parts(**few), model)


@pytest.mark.parametrize("by", ["margin", "hinge"])
def test_what_is_sure_for_its_kind_is_found(by):
    result = finish(run(parts(by=by), InProcess(model))).result
    loss = finish(run(Threshold(candidates=ROWS[:600], labels=LABELS[:600]), InProcess(model))).result
    assert auc(result.scores, MEMBERS[:600]) > 0.8 > auc(loss.scores, MEMBERS[:600])
    assert "1350 non-members" in result.detail and "of 225 others" in result.detail


def test_the_line_is_checked_on_rows_that_did_not_set_it():
    result = finish(run(parts(alpha=0.2), InProcess(model))).result
    assert "as promised" in result.detail


def test_the_line_keeps_its_promise_where_regressors_are_too_sure():
    rng = np.random.default_rng(4)
    rates = []
    for _ in range(8):
        rows, labels = rng.normal(size=(1200, 12)).astype(np.float32), rng.integers(2, size=1200)
        sure = rng.normal(size=1200) + rows[:, 0]
        attack = parts(
            candidates=rows[:400], labels=labels[:400], outsiders=rows[400:], outsider_labels=labels[400:], alpha=0.1
        )
        conversation = attack.run(rng)
        next(conversation)
        p = 1 / (1 + np.exp(-sure))
        shares = np.where(labels[:, None] == np.arange(2), p[:, None], 1 - p[:, None])
        with pytest.raises(StopIteration) as end:
            conversation.send(as_answer(shares))
        rates.append((end.value.value.scores > 0).mean())
    assert 0.06 < np.mean(rates) < 0.12


def test_inputs_that_tell_nothing_are_no_use():
    conversation = parts().run(np.random.default_rng(0))
    inputs = next(conversation)
    with pytest.raises(Unsuited, match="all the same"):
        conversation.send(as_answer(np.full((len(inputs), 2), 0.5)))


def test_what_it_needs():
    with pytest.raises(Unsuited, match="100 labelled rows"):
        Qmia.suit(Known(candidates=ROWS, candidate_labels=LABELS, rows=10_000))
    with pytest.raises(ConfigError, match="alpha"):
        parts(alpha=1.0)
