import msgspec
from validations import LEAK, VALIDATION, policy, taken

from wellhead.redteam.outcome import Prices
from wellhead.redteam.report.claims import CEILING, claim, claims, cost_words, failed, figure, honest


def test_a_claim_names_the_best_of_the_thieves_that_ran_and_both_yardsticks():
    assert claim(VALIDATION, VALIDATION.find("mad_argmax")) == (
        "With policy mad_argmax, at budget 300, the best of {soft, label-only, split soft} thieves we ran "
        "(label-only) reaches 80.0 % ± 0.4 fidelity, accuracy 79.0 % ± 0.0 (undefended 95.0 % ± 0.4, label-only "
        "80.0 % ± 0.4); top-1 answers unchanged on all 500 evaluation inputs; L1 <= 0.90."
    )


def test_what_is_not_so_is_not_claimed():
    flips, shut, late = (claim(VALIDATION, VALIDATION.find(p)) for p in ("mad<b>", "shut", "modelguard_s"))
    assert "changed on 497 of 500 evaluation inputs" in flips and "unchanged" not in flips
    assert "none of the thieves" in shut
    assert late == "modelguard_s was not tried: no codebook."
    assert len(claims(VALIDATION)) == len(VALIDATION.tried)
    bare = msgspec.structs.replace(VALIDATION, accuracy=-1.0, tried=(policy("p", taken("soft", 0.5)),))
    assert "accuracy" not in claims(bare)[0] and "undefended not measured" in claims(bare)[0]


def test_refused_customers_are_counted():
    tried = policy("p", taken("soft", 0.5))
    tried = msgspec.structs.replace(tried, notice=msgspec.structs.replace(tried.notice, refused=7))
    assert "7 honest questions were not answered" in claim(VALIDATION, tried)


def test_the_ceiling_is_said_where_it_was_measured():
    said = honest(VALIDATION)
    assert said[0].startswith(CEILING) and "80.0 % ± 0.4" in said[0] and "95.0 % ± 0.4" in said[0]
    assert not any(CEILING in text for text in honest(msgspec.structs.replace(VALIDATION, tried=VALIDATION.tried[2:])))


def test_what_an_adaptive_thief_undoes_is_named_and_nothing_else():
    (text,) = [t for t in honest(VALIDATION) if "adapts" in t]
    assert "mad_argmax (40.0 %, but 80.0 % by label-only)" in text and "none" not in text and "your config" not in text


def test_members_are_told_of_or_said_to_be_unmeasured():
    assert any("Under none it tells AUC 0.700, 8.0 % (6.0 to 10.0 %)" in text for text in honest(VALIDATION))
    nothing = msgspec.structs.replace(VALIDATION, tried=VALIDATION.tried[1:])
    assert any(text.startswith("Membership was not measured.") for text in honest(nothing))
    quiet = msgspec.structs.replace(LEAK, auc=0.51, auc_interval=(0.49, 0.53), tpr1_interval=(0.0, 0.02), p_value=0.4)
    told = msgspec.structs.replace(VALIDATION, tried=(policy("p", taken("soft", 0.5), by_labels=quiet),))
    assert any("about nothing" in text for text in honest(told))


def test_costs_are_bounds_where_the_goal_was_not_reached():
    assert cost_words(VALIDATION, VALIDATION.find("none")) == "300: 1.60"
    assert cost_words(VALIDATION, VALIDATION.find("label_only")) == "not reached in 300: at least 1.60"
    assert cost_words(VALIDATION, VALIDATION.find("shut")) == "no clone"
    assert cost_words(VALIDATION, VALIDATION.find("modelguard_s")) == "not measured"


def test_one_seed_has_no_spread():
    one = msgspec.structs.replace(taken("soft", 0.5), shares=(0.5,))
    assert figure(one) == "50.0 %" and figure(taken("soft")) == "no clone"
    assert figure(one, "accuracy") == "not measured"


def priced(*takings, goal=0.9, account=1.0):
    tried = policy("p", *takings)
    return cost_words(msgspec.structs.replace(VALIDATION, goal=goal, prices=Prices(row=0.002, account=account)), tried)


def test_the_smallest_measured_budget_is_an_upper_bound():
    assert priced(taken("soft", 0.95, 0.96)) == "at most 100: at most 1.20"
    # the lower end of the interval never gets there, and still 100 is the smallest that was measured
    assert priced(taken("soft", 0.905, 0.91)) == "at most 100 (100 to over 200): at most 1.20"
    assert priced(taken("soft", 0.5, 0.95)) == "200: 1.40"


def test_what_was_not_reached_costs_at_least_what_its_interval_allows():
    near = priced(taken("soft", 0.89, 0.89, 0.895))
    assert near == "not reached in 300; its interval allows it from 100: at least 1.20"
    assert priced(taken("soft", 0.1, 0.2), taken("split soft", 0.1, 0.2, 0.3, accounts=8)) == (
        "not reached in 300: at least 1.40"
    )
    assert priced(taken("soft", 0.1), taken("split soft", 0.1, 0.89, 0.89, accounts=8)) == (
        "not reached in 300; its interval allows it from 200: at least 1.20"
    )


def test_a_policy_whose_thieves_all_failed_is_not_praised():
    broken = msgspec.structs.replace(taken("soft", reason="RuntimeError: boom"), state="failed")
    tried = policy("p", broken, taken("recovery", reason="nothing to undo"))
    assert failed(tried) == "RuntimeError: boom"
    assert claim(VALIDATION, tried) == "p could not be tried: RuntimeError: boom."
    assert failed(policy("p", taken("soft", 0.5), broken)) == "" == failed(VALIDATION.find("shut"))
