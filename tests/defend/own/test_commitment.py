import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.defend.own.commitment import (
    Answered,
    Asked,
    Committed,
    Declaration,
    MarkPolicy,
    Opening,
    Withdrawn,
    comparisons,
    draw,
    faults,
    peeked,
    read,
    spelt,
    written,
)

POLICY = MarkPolicy(share=0.005, variant="first", plans=("agreed",))
OPENING = Opening.of(bytes(32), bytes(range(32)), "model/1", POLICY)
TEST = Declaration(uid="t", commitments=("c",), suspects=("s",), marks=20, beacon="a draw to come")
COMMITTED = (2, Committed("c"))
ORDER = (COMMITTED, (9, TEST))


def test_the_commitment_is_the_digest_of_all_its_parts():
    parts = [OPENING.key, OPENING.scheme.encode(), b"model/1", OPENING.policy.encode(), OPENING.nonce]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    assert OPENING.commitment == digest.hexdigest()


@pytest.mark.parametrize(
    "other", [{"key": bytes(31) + b"x"}, {"nonce": bytes(32)}, {"model": "model/2"}, {"scheme": "x"}, {"policy": "{}"}]
)
def test_a_commitment_changes_with_every_part(other):
    assert msgspec.structs.replace(OPENING, **other).commitment != OPENING.commitment


@given(st.text(), st.text())
def test_what_is_split_otherwise_is_another_commitment(one, other):
    moved = msgspec.structs.replace(OPENING, model=one + other, scheme="")
    assert moved.commitment == msgspec.structs.replace(OPENING, model=one, scheme=other).commitment or one + other
    if other:
        a = msgspec.structs.replace(OPENING, scheme=one, model=other)
        b = msgspec.structs.replace(OPENING, scheme=one + other, model="")
        assert a.commitment != b.commitment


def test_an_opening_gives_back_its_policy_and_hides_its_key():
    assert OPENING.terms == POLICY
    assert OPENING.marking.share == 0.005
    assert OPENING.commitment[:12] in repr(OPENING)
    assert "key" not in repr(OPENING)
    with pytest.raises(ConfigError, match="policy"):
        _ = msgspec.structs.replace(OPENING, policy="no").terms


@pytest.mark.parametrize(
    "entry", [Committed("c"), Withdrawn("c"), TEST, Asked("t", "s", "b", "m"), Answered("t", "s", "a")]
)
def test_entries_are_read_as_they_were_written(entry):
    assert read(written(entry)) == entry


def test_another_detail_is_no_entry():
    with pytest.raises(ConfigError, match="ownership"):
        read('{"type":"unheard"}')


@given(st.lists(st.text(min_size=1), min_size=1, max_size=30, unique=True), st.integers(1, 30), st.text())
def test_the_draw_is_that_of_the_beacon_whatever_the_order(names, n, beacon):
    picked = {names[i] for i in draw(names, n, beacon, "t")}
    assert len(picked) == min(n, len(names))
    backwards = names[::-1]
    assert {backwards[i] for i in draw(backwards, n, beacon, "t")} == picked


def test_another_beacon_draws_others():
    names = [str(i) for i in range(100)]
    assert set(draw(names, 50, "one", "t")) != set(draw(names, 50, "two", "t"))


def test_a_test_in_order_has_no_faults():
    assert faults(ORDER, 10, TEST, {"c": 3}) == []
    assert peeked(ORDER, TEST, "s", "b") == []


@pytest.mark.parametrize(
    ("found", "signed", "first", "said"),
    [
        ([COMMITTED], 10, 3, "not in the log under a checkpoint"),
        (ORDER, 9, 3, "declaration t is not in the log under"),
        ([(9, TEST)], 10, 3, "commitment c is not in the log"),
        (ORDER, 10, 1, "younger than a mark"),
        ([(2, TEST), (3, Committed("c"))], 10, 4, "younger than the declaration"),
        ([*ORDER, (11, msgspec.structs.replace(TEST, marks=5))], 12, 3, "more than once"),
        ([COMMITTED, (9, msgspec.structs.replace(TEST, alpha=1e-5))], 12, 3, "declaration t is not in the log"),
    ],
)
def test_a_test_out_of_order_is_told_why(found, signed, first, said):
    assert said in " ".join(faults(found, signed, TEST, {"c": first}))


@pytest.mark.parametrize(
    ("found", "suspect", "beacon", "said"),
    [
        ([COMMITTED, (5, Asked("earlier", "s", "b", "m")), (9, TEST)], "s", "b", "before the declaration"),
        ([*ORDER, (10, Asked("t", "s", "another", "m"))], "s", "b", "another beacon"),
        ([*ORDER, (10, Asked("t", "s", "b", "m")), (11, Answered("t", "s", "a"))], "s", "b", "second look"),
        (ORDER, "somebody", "b", "not among the declared"),
    ],
)
def test_who_has_looked_before_is_refused(found, suspect, beacon, said):
    assert said in " ".join(peeked(found, TEST, suspect, beacon))


def test_a_question_that_got_no_answer_may_be_put_again():
    assert peeked([*ORDER, (10, Asked("t", "s", "b", "m"))], TEST, "s", "b") == []


def test_bonferroni_counts_keys_suspects_and_every_look():
    assert comparisons(ORDER, TEST) == 2
    assert comparisons(ORDER, msgspec.structs.replace(TEST, commitments=("c", "d"), suspects=("s", "r"))) == 8
    asked = [(10, Asked("t", "s", "b", "m")), (11, Asked("u", "s", "b", "m")), (12, Asked("u", "s", "b", "m"))]
    assert comparisons([*ORDER, *asked], TEST) == 6


@pytest.mark.parametrize("spelled", ["s", "s/", "http://localhost:9101", "http://127.0.0.1:9101/"])
def test_no_spelling_of_a_suspect_makes_it_a_first_look(spelled):
    asked = [(10, Asked("u", "http://127.0.0.1:9101", "b", "m")), (11, Asked("v", "elsewhere", "b", "m"))]
    assert comparisons([*ORDER, *asked], msgspec.structs.replace(TEST, suspects=(spelled,))) == 12


def test_a_declared_earlier_test_is_no_peeking():
    earlier = msgspec.structs.replace(TEST, uid="u")
    found = [COMMITTED, (4, earlier), (5, Asked("u", "s", "b", "m")), (9, TEST)]
    assert peeked(found, TEST, "s", "b") == []
    assert peeked([COMMITTED, (5, Asked("u", "s", "b", "m")), (6, earlier), (9, TEST)], TEST, "s", "b")


@pytest.mark.parametrize("wrong", [{"marks": 0}, {"alpha": 0.05}, {"near": 1e-7}, {"panel": 5}, {"beacon": ""}])
def test_a_declaration_that_proves_too_little_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        msgspec.structs.replace(TEST, **wrong)


def test_an_order_of_classes_that_is_not_ours_costs_all_its_orders():
    turned = msgspec.structs.replace(TEST, classes=tuple("cabd"))
    assert comparisons((), turned) == 24 * comparisons((), TEST)


@pytest.mark.parametrize(
    ("said", "drawn"),
    [("04 08 15 16", "04081516"), ("Lottery 04-08-15-16", "04081516"), ("Block 12 aF", "block12af"), ("b", "b")],
)
def test_blanks_dashes_and_words_around_a_number_are_no_choice(said, drawn):
    assert spelt(said) == drawn
