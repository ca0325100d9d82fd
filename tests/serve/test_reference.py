import numpy as np
from serving import WIDTH, Place, exchange

from wellhead.serve.reference import EVERY_S, FEWEST, Filling, truth_of


def offer(filling, profile, name, rows, now_s, rng):
    x = exchange(name, rng.normal(size=(rows, WIDTH)), "r")
    filling.see([x], [profile.code(x.query.inputs)], now_s)


def test_it_is_renewed_at_doublings_and_fixed_when_full(tmp_path):
    profile, rng = Place(tmp_path).fit(), np.random.default_rng(0)
    filling, sizes = Filling(np.random.default_rng(1)), []
    for i in range(80):
        offer(filling, profile, f"p{i}", 60, i * EVERY_S, rng)
        renewed = filling.renewed(profile)
        if renewed is not None:
            assert renewed.id == profile.id
            sizes.append(len(renewed.reference))
    assert filling.full
    assert sizes[0] >= FEWEST
    assert sizes == sorted(sizes) and sizes[-1] == 1000


def test_one_principal_cannot_fill_it(tmp_path):
    profile, rng = Place(tmp_path).fit(), np.random.default_rng(0)
    filling = Filling(np.random.default_rng(1))
    for i in range(50):
        offer(filling, profile, "poisoner", 100, i * EVERY_S, rng)
    assert filling.renewed(profile) is None


def test_it_looks_once_a_second(tmp_path):
    profile, rng = Place(tmp_path).fit(), np.random.default_rng(0)
    filling = Filling(np.random.default_rng(1))
    for i in range(100):
        offer(filling, profile, f"p{i}", 60, 5.0, rng)
    assert filling.renewed(profile) is None


def test_the_true_answer_counts_not_the_served_one():
    x = exchange("ann", np.ones((1, WIDTH)), "r")
    assert truth_of(x.answer).tolist() == x.answer.top1.tolist()
    assert truth_of(None) is None
