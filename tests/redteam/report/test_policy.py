import msgspec
from studies import marks, outcome, stolen

from wellhead.redteam.report.page import as_html, as_markdown
from wellhead.redteam.report.policy import policy
from wellhead.redteam.report.words import verdict


def rehearsed():
    study = stolen()
    first, second, *rest = [o for o in study.outcomes if o.marks]
    first = msgspec.structs.replace(
        first, guarded=outcome(first.attack, marks=marks(0.6, (50, 100)), rows=100, state="blocked", reason="closed")
    )
    second = msgspec.structs.replace(second, guarded=outcome(second.attack, rows=0, state="blocked", reason="closed"))
    return msgspec.structs.replace(study, policy="wellhead.toml", outcomes=(first, second, *rest))


def test_each_rehearsed_attack_stands_with_and_without_the_policy():
    table = policy(rehearsed())
    assert table.title == "What wellhead.toml changes" and len(table.rows) == 2
    assert table.rows[0][0] == rehearsed().outcomes[0].attack and table.rows[0][3] == "100"
    assert table.rows[1][4] == "no clone" and table.rows[1][5] == "every account was blocked"
    assert all(len(row) == len(table.head) for row in table.rows)


def test_the_verdict_and_the_pages_say_what_is_left():
    study = rehearsed()
    assert "Through wellhead.toml the best of 2 attacks" in verdict(study)
    nothing = tuple(msgspec.structs.replace(o, guarded=None) for o in study.outcomes[:1])
    bare = msgspec.structs.replace(study, outcomes=(*nothing, *study.outcomes[1:]))
    assert "no attack got answers enough" in verdict(bare)
    for page in (as_html(study), as_markdown(study)):
        assert "What wellhead.toml changes" in page


def test_without_a_policy_nothing_is_said_of_one():
    assert not policy(stolen()).rows
    assert "hrough" not in verdict(stolen()) and "fidelity left" not in as_html(stolen())
