import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.defend.guarantees import Argmax, Context, Stage, broken
from wellhead.defend.mark import FIRST, SECOND, VISIBLE, KeyedMark, Marking, label_for, marks_of
from wellhead.defend.own.chance import band
from wellhead.defend.rounding import Rounding
from wellhead.defend.top_k import TopK
from wellhead.testing.defences import check_defence

KEY = bytes(range(32))
VARIANTS = pytest.mark.parametrize("variant", [FIRST, SECOND])


def rows(n, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(classes, 0.5), n), rng.integers(0, 2**64, n, dtype=np.uint64)


def shaped(marking, scores, fingerprints, principal="eve"):
    return KeyedMark(marking).shape(scores, Context(fingerprints, principal))


def slowly(marking, scores, fingerprint, principal):
    """One row by the words of the scheme: (served, rival), or None."""
    own = hmac.new(marking.key, principal.encode(), hashlib.sha256).digest()
    d = hmac.new(own, int(fingerprint).to_bytes(8, "little"), hashlib.sha256).digest()
    if int.from_bytes(d[:8], "big") / 2**64 >= marking.share:
        return None
    choice, order = int.from_bytes(d[8:16], "big"), sorted(range(len(scores)), key=lambda c: -scores[c])
    if marking.variant == FIRST:
        top = order[0]
        return (top + 1 + choice % (len(scores) - 1)) % len(scores), top
    if scores[order[1]] - scores[order[2]] < VISIBLE:
        return None
    pair = sorted(order[1:3])
    return pair[choice % 2], pair[1 - choice % 2]


@VARIANTS
@given(st.integers(3, 12), st.integers(0, 2**32), st.text(max_size=8))
def test_every_row_is_what_the_scheme_says_in_words(variant, classes, seed, principal):
    scores, prints = rows(40, classes, seed)
    marking = Marking(KEY, 0.3, variant)
    found = marks_of(marking, scores, principal, prints)
    told = {int(r): (int(s), int(v)) for r, s, v in zip(found.rows, found.served, found.rival, strict=True)}
    assert told == {i: m for i in range(40) if (m := slowly(marking, scores[i].tolist(), prints[i], principal))}


@VARIANTS
def test_the_served_class_comes_before_its_rival_and_nothing_else_moves(variant):
    scores, prints = rows(400)
    before = scores.copy()
    marking = Marking(KEY, 0.3, variant)
    found, after = marks_of(marking, scores, "eve", prints), shaped(marking, scores, prints)
    assert np.array_equal(scores, before)
    assert (after[found.rows, found.served] > after[found.rows, found.rival]).all()
    changed = np.flatnonzero((after != scores).any(axis=1))
    assert set(changed) <= set(found.rows.tolist())
    assert np.array_equal(np.sort(after, axis=1), np.sort(scores, axis=1))
    assert broken(KeyedMark(marking).guarantees, scores, after) == ""
    if variant == FIRST:
        assert np.array_equal(after.argmax(axis=1)[found.rows], found.served)


def test_the_second_variant_keeps_the_best_class_and_orders_the_next_two_by_key():
    scores, prints = rows(600)
    marking = Marking(KEY, 0.5, SECOND)
    found, after = marks_of(marking, scores, "eve", prints), shaped(marking, scores, prints)
    assert np.array_equal(after.argmax(axis=1), scores.argmax(axis=1))
    assert KeyedMark(marking).guarantees.argmax is Argmax.STRICT
    second = np.argsort(-after, axis=1)[:, 1]
    assert np.array_equal(second[found.rows], found.served)
    moved = (after != scores).any(axis=1)[found.rows].mean()
    assert 0.35 < moved < 0.65


@pytest.mark.parametrize("share", [0.005, 0.05, 0.5])
def test_the_share_of_marked_rows_lies_in_its_band(share):
    scores, prints = rows(20_000)
    low, high = band(20_000, share)
    assert low <= marks_of(Marking(KEY, share), scores, "eve", prints).rows.size <= high
    drawn, _ = Marking(KEY, share, SECOND).draws("eve", prints)
    assert low <= drawn.sum() <= high
    # where the order of the second and third class cannot be seen there is no mark
    assert marks_of(Marking(KEY, share, SECOND), scores, "eve", prints).rows.size < drawn.sum()


def test_each_principal_and_each_key_has_marks_of_its_own():
    scores, prints = rows(2000)

    def found(key, principal):
        return set(marks_of(Marking(key, 0.1), scores, principal, prints).rows.tolist())

    sets = [found(KEY, "eve"), found(KEY, "bob"), found(KEY[::-1], "eve")]
    for i, one in enumerate(sets):
        for other in sets[i + 1 :]:
            # two independent tenths share about a hundredth
            assert len(one & other) < 50
    assert found(KEY, "eve") == sets[0]


@given(st.permutations(range(30)), st.integers(0, 2**32))
def test_a_row_depends_on_no_other(order, seed):
    scores, prints = rows(30, seed=seed)
    marking = Marking(KEY, 0.4)
    whole = shaped(marking, scores, prints)
    order = np.array(order)
    assert np.array_equal(shaped(marking, scores[order], prints[order]), whole[order])
    assert np.array_equal(np.vstack([shaped(marking, scores[i : i + 1], prints[i : i + 1]) for i in range(30)]), whole)


@VARIANTS
def test_excluded_classes_are_never_touched(variant):
    scores, prints = rows(3000)
    marking = Marking(KEY, 0.5, variant, never_from=(1,), never_to=(3,))
    found, after = marks_of(marking, scores, "eve", prints), shaped(marking, scores, prints)
    assert found.rows.size > 200
    assert 1 not in scores.argmax(axis=1)[found.rows]
    assert 3 not in found.served
    if variant == SECOND:
        assert np.array_equal(after[:, 3], scores[:, 3])
    kept = scores.argmax(axis=1) == 1
    assert np.array_equal(after[kept], scores[kept])
    assert marking.among(5) == (3 if variant == FIRST else 2)


def test_no_class_is_served_oftener_than_one_in_among():
    scores, prints = rows(40_000, 4)
    marking = Marking(KEY, 0.5, never_to=(0,))
    found = marks_of(marking, scores, "eve", prints)
    for guess in range(4):
        asked = found.rival != guess
        assert (found.served[asked] == guess).mean() <= 1 / marking.among(4) + 0.02


def test_rows_without_an_order_are_not_marked():
    prints = np.arange(400, dtype=np.uint64)
    tied = np.tile([0.4, 0.4, 0.2], (400, 1))
    assert not marks_of(Marking(KEY, 0.5), tied, "eve", prints).rows.size
    for row in ([0.5, 0.25, 0.25], [0.4, 0.4, 0.2], [0.5, 0.254, 0.246]):
        assert not marks_of(Marking(KEY, 0.5, SECOND), np.tile(row, (400, 1)), "eve", prints).rows.size


def test_the_mark_outlives_what_follows_it():
    scores, prints = rows(500, 6)
    marking = Marking(KEY, 0.5)
    found = marks_of(marking, scores, "eve", prints)
    after = shaped(marking, scores, prints)
    for step in (TopK(2), Rounding(4)):
        after = step.shape(after, Context())
    assert np.array_equal(after.argmax(axis=1)[found.rows], found.served)
    assert KeyedMark(marking).stage is Stage.MARK < TopK(2).stage


@given(st.integers(0, 9), st.integers(0, 2**64 - 1))
def test_the_class_served_is_another_one(top, choice):
    served = label_for(np.array([top]), np.array([choice], np.uint64), 10)[0]
    assert served == (top + 1 + choice % 9) % 10 != top


def test_two_classes_are_impossible_and_the_reason_is_said():
    with pytest.raises(ConfigError, match=r"impossible with 2 classes.*forced.*remove \[ownership\].*--classes 3"):
        Marking(KEY).among(2)
    with pytest.raises(ConfigError, match="impossible"):
        shaped(Marking(KEY), np.array([[0.5, 0.5]]), np.array([1], np.uint64))
    with pytest.raises(ConfigError, match="never_to"):
        Marking(KEY, never_to=(0, 1)).among(4)


@pytest.mark.parametrize(
    "wrong", [{"key": b"short"}, {"share": 0.0}, {"share": 0.6}, {"share": float("nan")}, {"variant": "third"}]
)
def test_what_cannot_be_used_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        Marking(**({"key": KEY} | wrong))


def test_without_fingerprints_there_is_no_mark():
    with pytest.raises(ConfigError, match="fingerprints"):
        KeyedMark(Marking(KEY)).shape(rows(3)[0], Context())


def test_the_key_is_not_shown():
    assert "key" not in repr(KeyedMark(Marking(KEY)))


@VARIANTS
def test_the_contract_of_defences_is_kept(variant):
    check_defence(KeyedMark(Marking(KEY, 0.3, variant)), sizes=(3, 10, 40))
