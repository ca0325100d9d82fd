import msgspec
import pytest
from studies import STUDIES, defended, exact, failed, leak, leaky, outcome, regressor, stolen

from wellhead.redteam.outcome import Prices, Study
from wellhead.redteam.report.words import SILENT, STATES, headline, leak_sentence, state, verdict

replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (stolen, "1,600 queries buy a 95 % copy of this model"),
        (exact, "65 queries recover this model itself"),
        (defended, "800 queries bought a 77.6 % copy of this model"),
        (leaky, "29.1 % of the training rows can be recognised by the model's answers"),
        (failed, "Nothing was measured"),
        (regressor, "1,600 queries buy a copy of this model with R² 0.9"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_headline_is_the_one_thing_to_know(make, text):
    assert headline(make()) == text


def test_a_verdict_tells_fidelity_with_its_interval_and_what_guessing_gives():
    text = verdict(stolen())
    for part in ("99.3 % of 540 inputs", "95 % interval 98.1 to 99.7 %", "guessing gives 10.2 %", "95 % took 1,600"):
        assert part in text
    assert "0.04 % of the 60,000" in text and "4 accounts take 40 s" in text
    assert "told about nothing" in text and "Did not fit this target: relu_mlp, tree_paths." in text


def test_what_was_not_reached_is_said():
    assert "90 %, 95 % and 99 % were not reached within 800 queries" in verdict(defended())
    assert verdict(defended()).startswith("Read the warning above first.")


def test_a_recovered_model_is_told_with_the_rule_of_three():
    text = verdict(exact())
    assert "within 3e-14 on 10,000 held-out inputs" in text and "at most 0.03 % of such inputs differ" in text
    assert "lower bounds" not in text


def test_silence_is_no_safety():
    text = verdict(failed())
    assert "no sign of safety" in text and "Blocked by the target: random." in text and "Not run: uncertainty." in text


def test_a_clone_no_better_than_guessing_is_not_priced():
    poor = replace(defended(), chance=0.95, prices=Prices(row=1))
    assert headline(poor) == "No clone of this model was better than guessing"
    assert "No clone did better than guessing" in verdict(poor) and "cost" not in verdict(poor)


def test_leaks_are_told_by_what_the_sample_carries():
    assert "about nothing" in leak_sentence(leak(0.0), "loss")
    slight = msgspec.structs.replace(leak(0.0), auc_interval=(0.503, 0.52), tpr1=0.013, tpr1_interval=(0.011, 0.015))
    assert "about nothing: loss, the best, has" in leak_sentence(slight, "loss")
    assert "hardly above guessing" in leak_sentence(slight, "loss")
    assert "too few to say" in leak_sentence(leak(2.0, 90, 90), "loss")
    assert "accusing 1 % of strangers" in leak_sentence(leak(2.0), "loss")


def test_long_lists_are_cut_and_counted():
    many = tuple(outcome(f"a{i}", state="unsupported") for i in range(9))
    assert "a0, a1, a2, a3 and 5 more" in verdict(Study(target="t", time_us=0, seed=0, outcomes=many))


def test_one_account_is_one_account():
    one = replace(stolen(), prices=Prices(row=0.002, rows_per_s=10))
    assert "At 10 queries a second one account takes" in verdict(one)


@pytest.mark.parametrize("make", STUDIES.values(), ids=STUDIES)
def test_every_verdict_is_one_paragraph_of_whole_sentences(make):
    text = verdict(make())
    assert text.endswith(".") and "  " not in text.replace("\x1b", "").replace("\x00", "") and "None" not in text


def test_every_state_has_words():
    assert set(STATES) == set(SILENT) and state(outcome("x", state="odd")) == "odd"


def test_where_members_drift_nothing_is_claimed():
    drifting = replace(leaky(), warnings=("the attacks find is about drift, not leakage",))
    assert headline(drifting).endswith("may be drift, not leakage")
    assert "may be drift" in verdict(drifting) and "give away" not in verdict(drifting)


def test_the_warning_that_headlines_look_for_is_the_one_that_is_given():
    import numpy as np

    from wellhead.redteam.report.summary import may_be_drift
    from wellhead.redteam.results import drifted

    members = np.arange(200) < 100
    rows = np.random.default_rng(0).normal(size=(200, 3)) + 3 * members[:, None]
    assert may_be_drift(replace(leaky(), warnings=(drifted(rows, members, 0)[1],))) and not may_be_drift(leaky())


def test_a_copy_that_is_no_better_than_guessing_is_no_purchase():
    skewed = replace(stolen(), chance=0.9999)
    assert headline(skewed) == "No clone of this model was better than guessing"
    assert "No clone did better than guessing" in verdict(skewed)


def test_one_class_is_nothing_to_steal():
    assert headline(replace(exact(), classes=1)) == "Every answer was the same class: nothing to steal was seen"
    assert "recovered" not in verdict(replace(exact(), classes=1))
