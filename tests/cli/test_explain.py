import json

import msgspec

from wellhead.cli.explain import sentences
from wellhead.serve.status import ALARMED, Acting, Explanation, Reply, Standing

QUIET = Explanation(Standing("ann", 12, 3.2), 0.5, (), (), (), 0.8)
THIEF = Explanation(
    Standing("key:7", 900, 60.0, 0.81, 0.94, 0.1, 0.85, 512.4, "throttle", "drawn 85 %", 1_700_000_000_000_000),
    0.99,
    ("full confidence asked of 900 rows",),
    ("key:8", "key:9"),
    ("campaign of three",),
    0.8,
)


def test_a_quiet_principal_in_plain_words():
    assert sentences(QUIET) == [
        "ann: 12 rows metered, 50.0 % of its inputs new when asked.",
        "No ledger has been read: too little was asked to need one, or there is no profile yet.",
        "No rule hit.",
        "Stance: allow.",
    ]


def test_a_thief_with_everything_that_speaks_against_it():
    said = sentences(THIEF)
    assert (
        "an estimated 81.0 % of the model (of 94.0 % attainable; guessing gives 10.0 %): 85.0 % of the way" in said[1]
    )
    assert "limit 80.0 %; 512 bits" in said[1]
    assert said[2] == "Rule hit: full confidence asked of 900 rows"
    assert said[3].endswith(": key:8, key:9")
    assert said[4] == "Finding: campaign of three"
    assert said[5] == "Stance: throttle until 2023-11-14 22:13 UTC (drawn 85 %)."


def test_a_member_of_a_campaign_is_told_what_all_have_drawn_together():
    acting = Acting(
        ("a", "ann", "b", "c"), 512, 0.8, 0.9, 300.0, 1e-6, "of 499 random groups none was as alike", ("one source",)
    )
    said = sentences(
        msgspec.structs.replace(QUIET, campaign=("a", "b", "c"), campaign_reasons=("one source",), acting=acting)
    )
    assert "Acts as one with a, b, c: one source." in said
    assert (
        "Together: a, ann, b and 1 more: 80.0 % of the model (of 90.0 % attainable), 300 bits, 512 rows; "
        "p = 1/1,000,000 at most, by the model of honest principals; of 499 random groups none was as alike."
    ) in said


def test_the_running_gate_is_asked_about_the_principal(running, wellhead):
    running.reply = Reply(explanation=QUIET)
    code, out, _ = wellhead("explain", "ann")
    assert (code, out.splitlines()) == (0, sentences(QUIET))
    assert (running.heard[0].ask, running.heard[0].principal) == ("explain", "ann")


def test_json_is_for_programs(running, wellhead):
    running.reply = Reply(explanation=THIEF)
    assert json.loads(wellhead("explain", "key:7", "--json")[1])["shares_with"] == ["key:8", "key:9"]


def test_an_unknown_principal_is_one_line(running, wellhead):
    running.reply = Reply(error="expected a principal that asked, got `zoe`")
    assert wellhead("explain", "zoe") == (2, "", "wellhead: expected a principal that asked, got `zoe`\n")


def test_no_explanation_is_a_failure(running, wellhead):
    running.reply = Reply()
    assert wellhead("explain", "zoe")[0] == 1


def test_guilt_and_company_are_said_with_what_speaks_for_them():
    standing = Standing(
        "eve", 64, 9.0, 0.5, 0.9, 0.1, 0.5, 99.0, p=1 / 329, segment="band=new", word=ALARMED, at_least=True
    )
    said = sentences(
        Explanation(
            standing, 0.9, (), (), (), 0.8, ("97 % of its inputs were new",), ("bob", "carl"), ("one work list",)
        )
    )
    assert "at least 50.0 % of the model" in said[1]
    assert said[2] == "Among honest principals like it (segment band=new): p = 1/329; guilt is established."
    assert said[3] == "Evidence: 97 % of its inputs were new"
    assert "Acts as one with bob, carl: one work list." in said


def test_a_segment_that_was_never_calibrated_does_not_look_ordinary():
    standing = Standing("new", 64, 9.0, segment="use=pen-test", word="nobody like it was calibrated")
    said = sentences(Explanation(standing, 0.9, (), (), (), 0.8, ("97 % of its inputs were new",)))
    line = "Among honest principals like it (segment use=pen-test): nobody like it was calibrated."
    assert line in said and "Evidence: 97 % of its inputs were new" in said
