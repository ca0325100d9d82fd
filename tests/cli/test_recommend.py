import re
import shutil
import subprocess

import msgspec
import pytest
from validations import VALIDATION, policy, taken

from wellhead.config import parse
from wellhead.redteam.outcome import Mark, Outcome, Study
from wellhead.redteam.report.validated import as_json
from wellhead.redteam.validation import UNDEFENDED

CONFIG = """\
# ours
mode = "enforce"

[limits]
rows_per_day = 20000 # a lot

[plans.paid.exposure]
exposure = "probabilities"
"""
GOAL = ("--goal", "fidelity below 0.9", "--honest-rows", "5")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wellhead.toml").write_text(CONFIG)
    (tmp_path / "wellhead-validate").mkdir()
    (tmp_path / "wellhead-validate" / "study.json").write_text(as_json(VALIDATION))
    return tmp_path


@pytest.fixture
def recommend(here, wellhead):
    """Recommends for a config and a study: the code, the config that follows, and the words."""

    def run(config=CONFIG, study=VALIDATION, argv=GOAL):
        (here / "wellhead.toml").write_text(config)
        (here / "wellhead-validate" / "study.json").write_text(as_json(study))
        code, out, err = wellhead("recommend", *argv)
        assert err == ""
        diff, _, words = out.partition("\n\n- ")
        return code, parse(patched(config, diff)), words

    return run


def attacked(task="classifier"):
    """A study of `wellhead attack`."""
    marks = (Mark(rows=100, fidelity=0.7, low=0.65, high=0.75), Mark(rows=900, fidelity=0.95, low=0.93, high=0.97))
    outcome = Outcome(attack="random", room="extract", paper="", atlas=(), state="ok", marks=marks)
    return Study(target="t", time_us=0, seed=0, judges=100, chance=0.1, outcomes=(outcome,), task=task)


def quotas(config):
    """Rows a day on each plan."""
    return {name: (plan.limits or config.limits).rows_per_day for name, plan in config.plans.items()}


def only(*tried):
    return msgspec.structs.replace(VALIDATION, tried=tried)


def patched(before, diff):
    """The file that a unified diff makes of one whose every line it shows or leaves."""
    lines, out, at = before.splitlines(), [], 0
    for line in diff.splitlines():
        start = re.match(r"@@ -(\d+)", line)
        if start:
            out += lines[at : int(start[1]) - 1]
            at = int(start[1]) - 1
        elif line.startswith(("+++", "---")):
            continue
        elif line[:1] == "+":
            out.append(line[1:])
        elif line[:1] in (" ", "-"):
            assert lines[at] == line[1:]
            out += [] if line[0] == "-" else [line[1:]]
            at += 1
    return "\n".join(out + lines[at:]) + "\n"


def test_the_diff_makes_a_config_that_serves_what_was_measured_best(here, recommend):
    code, config, words = recommend()
    assert config.exposure.answers == ("label_only",) and config.limits.rows_per_day == 9
    assert [g.stance for g in config.grades] == ["delay"] and config.grades[0].drawn < config.valve.max_drawn <= 0.8
    assert quotas(config) == {"paid": 9}
    assert code == 0 and words.startswith("Serve label_only: through it 90.0 % takes a thief at least 300 answers")
    assert "none 200 to 300" in words and "Reached once this is served, as far as was measured." in words
    assert "changed for none of 500 honest questions" in words and "The grades are a convention" in words


def test_comments_stay(here, wellhead):
    _, out, _ = wellhead("recommend", *GOAL)
    after = patched(CONFIG, out.partition("\n\n- ")[0])
    assert "# ours" in after and "rows_per_day = 9 # a lot" in after


def test_a_config_that_observes_promises_nothing(recommend, monkeypatch):
    code, config, words = recommend(CONFIG.replace("enforce", "observe"))
    assert code == 0 and config.mode == "enforce" and "none of this holds until `mode` is set" in words
    code, config, words = recommend(CONFIG.replace('mode = "enforce"\n', ""))
    assert code == 0 and config.mode == "enforce"
    monkeypatch.setenv("WELLHEAD__MODE", "observe")
    code, config, words = recommend()
    assert code == 3 and "Not reached: nothing is enforced." in words and "environment" in words


def test_a_price_that_cannot_do_it_is_said_with_numbers(here, wellhead):
    code, out, _ = wellhead("recommend", "--value", "2000000", "--price", "0.002")
    assert code == 3 and "Not reached, as far as was measured, for: whoever has no plan, paid." in out
    assert "at least 1 account" in out and "at least 3 UTC days" in out and "more than 6,666.66 a row" in out


def test_a_deposit_that_does_it_is_reached(here, wellhead):
    code, out, _ = wellhead("recommend", "--value", "20", "--account-price", "9", "--honest-rows", "1")
    assert code == 0 and "Reached once" in out and "needs at least 4 accounts" in out and "above 20.00" in out


def test_what_is_served_richer_than_label_only_is_reduced_by_grades(recommend):
    _, config, _ = recommend(
        study=only(*VALIDATION.tried[:1]), argv=("--goal", "days to clone above 2", "--honest-rows", "1")
    )
    assert [g.stance for g in config.grades] == ["reduce", "delay"] and config.exposure.answers == ()


def test_plans_are_held_to_the_goal_that_was_asked_for(recommend):
    rich = CONFIG + "answers = []\n"
    code, config, words = recommend(rich, argv=("--goal", "days to clone above 45", "--honest-rows", "1"))
    # 300 of labels over 46 days, 200 of probabilities; a clone of 90 % may be made of 200 to 300 of them
    assert (config.limits.rows_per_day, quotas(config)) == (6, {"paid": 4})
    assert code == 0 and "rows_per_day = 4 for plan paid (answers: none)" in words
    assert "A thief for plan paid needs at least 2 accounts" in words


def test_a_plan_for_which_no_quota_is_safe_breaks_it_and_is_named(recommend):
    first = policy(UNDEFENDED, taken("soft", 0.95, 0.96, 0.97), l1=(0, 0))
    code, config, words = recommend(CONFIG + "answers = []\n", only(first, VALIDATION.tried[1]))
    assert code == 3 and "Not reached, as far as was measured, for: paid." in words
    assert quotas(config) == {"paid": 5} and "no quota is called safe" in words


def test_larger_limits_of_a_plan_are_lowered_and_smaller_ones_kept(recommend):
    plans = "[plans.big.limits]\nrows_per_day = 1000000\n[plans.big]\nmax_drawn = 1.0\n"
    plans += "[plans.free.limits]\nrows_per_day = 0\n[plans.small]\nmax_drawn = 0.1\n"
    plans += "[plans.small.limits]\nrows_per_day = 2\n"
    tight = ("--goal", "fidelity below 0.7", "--honest-rows", "2")
    code, config, words = recommend(f"{CONFIG}answers = []\n{plans}", argv=tight)
    assert quotas(config) == {"paid": 2, "big": 3, "free": 3, "small": 2}
    assert config.plans["big"].max_drawn == config.valve.max_drawn == 0.71 and config.plans["small"].max_drawn == 0.1
    assert "rows_per_day = 2 for plan small (answers: label_only), as it is" in words
    assert code == 3 and "for: paid." in words


def test_every_plan_reads_the_curve_of_its_own_answers(recommend):
    word = '[plans.labels.exposure]\nexposure = "label"\n[plans.odd.exposure]\nanswers = ["top_k:4"]\n'
    _, config, words = recommend(f"{CONFIG}answers = []\n{word}")
    assert "for plan labels (answers: label_only)" in words and "for plan odd (answers: none)" in words
    assert quotas(config) == {"paid": 6, "labels": 9, "odd": 6}


def test_nothing_stricter_is_loosened(recommend):
    strict = """\
mode = "enforce"
[limits]
rows_per_day = 3
[valve]
max_drawn = 0.2
[exposure]
answers = ["label_only"]
"""
    richer = policy("round:2", taken("soft", 0.1, 0.2, 0.3), answers=("round:2",))
    code, config, words = recommend(
        strict, only(*VALIDATION.tried[:2], richer), ("--goal", "fidelity below 0.9", "--honest-rows", "100")
    )
    assert config.limits.rows_per_day == 3 and config.valve.max_drawn == 0.2
    assert config.exposure.answers == ("label_only",)
    assert (
        code == 0
        and words.startswith("Keep label_only")
        and "rows_per_day = 3 (answers: label_only), as it is" in words
    )


def test_grades_are_proposed_and_spoken_of_only_where_there_are_none(recommend):
    own = CONFIG + '[[grades]]\nstance = "throttle"\ndrawn = 0.5\n'
    _, config, words = recommend(own)
    assert [g.stance for g in config.grades] == ["throttle"] and "convention" not in words
    _, config, words = recommend(CONFIG + "[stances.delay]\ndelay_s = [1, 2]\n")
    assert config.grades == () and "convention" not in words


def test_what_was_seen_to_flip_or_declared_to_is_not_proposed(recommend):
    lucky = policy("mad:0.05", taken("soft", 0.1, 0.1, 0.1), answers=("mad:0.05",))
    study = only(*VALIDATION.tried[:2], lucky)
    code, config, _ = recommend(study=study)
    assert code == 0 and config.exposure.answers == ("label_only",)
    short = ("--goal", "fidelity below 0.75", "--honest-rows", "1")
    _, config, _ = recommend('mode = "enforce"\n[exposure]\nflip_labels = true\n', study, short)
    assert config.exposure.answers == ("mad:0.05",)


def test_a_defence_that_waits_for_a_profile_is_said_to(recommend):
    waits = policy("modelguard_s", taken("soft", 0.1, 0.1, 0.1), answers=("modelguard_s",))
    _, config, words = recommend(study=only(VALIDATION.tried[0], waits))
    assert config.exposure.answers == ("modelguard_s",)
    assert "modelguard_s waits for a profile" in words and "only labels leave" in words
    assert "waits" not in recommend()[2]


def test_a_study_of_attacks_will_do(here, wellhead):
    (here / "report.json").write_bytes(msgspec.json.encode(attacked()))
    code, out, _ = wellhead("recommend", "--study", ".", "--goal", "fidelity below 0.9", "--honest-rows", "2")
    assert code == 0 and "Keep none" in out and "rows_per_day = 3 (answers: none):" in out
    assert "best class changes for honest customers was not measured" in out and "changed for" not in out


@pytest.mark.parametrize("told", ["study", "config", "both"])
def test_of_a_regressor_limits_alone_are_proposed(here, wellhead, told):
    text = 'mode = "enforce"\n' + '[model]\ntask = "regressor"\n' * (told != "study")
    (here / "wellhead.toml").write_text(text)
    (here / "report.json").write_bytes(msgspec.json.encode(attacked("classifier" if told == "config" else "regressor")))
    code, out, _ = wellhead("recommend", "--study", ".", *GOAL[:2], "--honest-rows", "2")
    config = parse(patched(text, out.partition("\n\n- ")[0]))
    assert code == 0 and config.limits.rows_per_day == 3 and config.exposure.answers == () and config.grades == ()
    assert config.valve.max_drawn == 0.8 and "R² 0.9" in out and "90.0 %" not in out and "convention" not in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--goal", "be safe"), "known: cost to clone above value"),
        ((), "--value"),
        (("--value", "5", "--study", "nowhere"), "wellhead validate"),
        (("--value", "5", "--fidelity", "2"), "--fidelity"),
        (("--value", "5", "--fidelity", "nan"), "got nan; give another --fidelity"),
        (("--value", "5", "--honest-rows", "0"), "got 0; give another --honest-rows"),
        (("--value", "5", "--honest-rows", "9" * 40), "--honest-rows"),
        (("--value", "inf"), "at most 1e+15, got inf"),
        (("--value", "1e400"), "at most 1e+15, got inf"),
        (("--value", "1e300", "--account-price", "1e-300"), "at most 1e+15, got 1e+300"),
        (("--value", "1e9", "--account-price", "1e-300"), "got 1e-300; give another --account-price"),
        (("--value", "5", "--price", "inf"), "got inf; give another --price"),
        (("--value", "5", "--price", "nan"), "got nan; give another --price"),
        (("--value", "5", "--price=-1"), "got -1; give another --price"),
        (("--value", "5", "-c", "none.toml"), "config file"),
    ],
)
def test_user_errors_are_one_line(here, wellhead, argv, said):
    code, out, err = wellhead("recommend", *argv)
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [('"v": 1', '"v": 99', "version 1, got 99"), ('"rows": 100', '"rows": 0', "at least 1 row, got 0")],
)
def test_a_study_that_cannot_be_right_is_one_line(here, wellhead, old, new, said):
    file = here / "wellhead-validate" / "study.json"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    code, out, err = wellhead("recommend", *GOAL)
    assert code == 2 and said in err and "; run `wellhead validate`" in err and out == ""


def test_extreme_prices_that_are_allowed_are_counted_with(here, wellhead):
    code, _, err = wellhead("recommend", "--value", "1e15", "--account-price", "1e-9", "--price", "1e-9")
    assert code == 3 and err == ""


def test_what_cannot_be_changed_line_by_line_is_to_be_set_by_hand(here, wellhead):
    (here / "wellhead.toml").write_text('mode = "enforce"\nexposure = { answers = ["round:1"] }\n')
    code, out, err = wellhead("recommend", *GOAL)
    assert code == 0 and err == "" and 'Set them by hand:\n\n[exposure]\nanswers = ["label_only"]\n\n- ' in out
    assert "Serve label_only" in out and "+rows_per_day = 9" in out


def test_a_config_that_needs_no_change_is_said_to(here, wellhead):
    _, out, _ = wellhead("recommend", *GOAL)
    (here / "wellhead.toml").write_text(patched(CONFIG, out.partition("\n\n- ")[0]))
    code, out, _ = wellhead("recommend", *GOAL)
    assert code == 0 and out.startswith("Nothing to change.\n\n- Keep label_only")


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the program patch")
@pytest.mark.parametrize("text", [CONFIG, CONFIG.rstrip("\n"), CONFIG.replace("\n", "\r\n")])
@pytest.mark.parametrize("name", ["wellhead.toml", "my conf.toml"])
def test_the_program_patch_takes_the_whole_output(here, wellhead, name, text):
    (here / name).write_bytes(text.encode())
    code, out, _ = wellhead("recommend", "-c", name, *GOAL)
    subprocess.run(["patch", "-p0"], input=out.encode(), cwd=here, check=True, capture_output=True)
    after = (here / name).read_bytes().decode()
    assert (
        code == 0 and quotas(parse(after)) == {"paid": 9} and after.count("\r\n") == after.count("\n") * ("\r" in text)
    )
