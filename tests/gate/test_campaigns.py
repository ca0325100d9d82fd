import msgspec
from serving import NOW

from wellhead.config import parse
from wellhead.core.finding import Alert, Decide, Evidence, Review
from wellhead.detect.link.campaign import Campaign
from wellhead.gate.campaigns import Campaigns
from wellhead.gate.cases import Cases
from wellhead.gate.policy import compile_policy
from wellhead.meter.reading import Reading

CAMPAIGN = Campaign(
    members=("a", "b", "c"),
    scores=(9.0, 8.0, 7.0),
    edges=(),
    kinds=("inputs", "novelty"),
    reasons=("one source of inputs", "they never repeat each other"),
    evidence=(Evidence(name="source", kind="inputs", said="one source of inputs"),),
    rows=300,
    p_value=1e-6,
    p_random=0.002,
    comparison="of 499 random groups none was as alike",
)
READING = Reading(rows=384, replication=0.7, attainable=0.9, floor=0.1, bits=120.5, by="scores", within=0.7)


def campaigns(toml=""):
    return Campaigns(Cases(compile_policy(parse(f'mode = "enforce"\n{toml}'))))


def grown(*more):
    return msgspec.structs.replace(CAMPAIGN, members=(*CAMPAIGN.members, *more))


def closed(actions):
    return [a.decision.principal for a in actions if isinstance(a, Decide)]


def test_a_campaign_says_who_why_how_sure_and_what_was_drawn_together():
    actions = campaigns().judge([(CAMPAIGN, READING)], 1e-3, NOW)
    finding = actions[0].finding
    assert finding.members == ("a", "b", "c") and closed(actions) == ["a", "b", "c"]
    assert finding.detail == (
        "3 principals act as one: one source of inputs; they never repeat each other; with the 384 answers that they "
        "got together, a clone reproduces an estimated 70.0 % of the model (of 90.0 % attainable)"
    )
    assert finding.sure == (
        "by the model of honest principals they crowd so by chance with p = 1/1,000,000 at most in a look (a bound "
        "under that model and no promised rate; p = 1/1,000 is accepted); of 499 random groups none was as alike"
    )
    assert finding.evidence == CAMPAIGN.evidence


def test_it_is_said_again_only_when_it_has_grown():
    found = campaigns()
    assert found.judge([(CAMPAIGN, None)], 1e-3, NOW)
    assert found.judge([(CAMPAIGN, None)], 1e-3, NOW + 300) == []
    assert closed(found.judge([(grown("d"), None)], 1e-3, NOW + 600)) == ["d"]
    assert found.of("d") is not None and found.of("z") is None


def test_a_campaign_that_goes_on_after_its_closing_is_closed_again_and_one_that_stopped_is_not():
    found, more = campaigns(), msgspec.structs.replace(CAMPAIGN, rows=400)
    (alert, *_) = found.judge([(CAMPAIGN, None)], 1e-3, NOW)
    over_s = NOW + found._cases.policy.closed_for_s + 1
    assert found.judge([(more, None)], 1e-3, NOW + 60) == []
    assert found.judge([(CAMPAIGN, None)], 1e-3, over_s) == []
    assert closed(found.judge([(more, None)], 1e-3, over_s)) == ["a", "b", "c"]
    assert found.judge([(more, None)], 1e-3, over_s + 60) == []
    honest, told = campaigns(), campaigns('[detect]\nresponse = "alert"')
    honest.restore(alert.finding)
    honest._cases.restore(Review(finding=alert.finding.uid, time_us=0, verdict="honest"))
    assert honest.judge([(more, None)], 1e-3, over_s) == []
    assert told.judge([(CAMPAIGN, None)], 1e-3, NOW)
    assert told.judge([(more, None)], 1e-3, over_s) == []


def test_a_campaign_that_chance_can_make_is_shown_and_not_accused():
    found = campaigns()
    likely = msgspec.structs.replace(CAMPAIGN, p_value=0.01)
    assert found.judge([(likely, None)], 1e-3, NOW) == []
    assert found.of("a") == likely


def test_the_response_is_what_the_config_says():
    actions = campaigns('[detect]\nresponse = "alert"').judge([(CAMPAIGN, None)], 1e-3, NOW)
    assert [type(a) for a in actions] == [Alert]


def test_what_an_earlier_run_found_is_not_found_again():
    first, again = campaigns(), campaigns()
    (alert, *_) = first.judge([(CAMPAIGN, None)], 1e-3, NOW)
    again.restore(alert.finding)
    assert again.judge([(CAMPAIGN, None)], 1e-3, NOW) == []


GRADED = '[stances.watch]\nanswers = ["label_only"]\n[[grades]]\nstance = "watch"\ndrawn = 0.7\n'


def graded(actions):
    return [a.decision.principal for a in actions if isinstance(a, Decide) and a.decision.origin == "grade"]


def test_the_members_of_a_campaign_are_graded_by_what_they_drew_together():
    found = campaigns(GRADED)
    actions = found.judge([(CAMPAIGN, READING)], 1e-3, NOW)
    assert graded(actions) == ["a", "b", "c"] and isinstance(actions[3], Alert)
    assert "3 principals together (one source of inputs) drew 75.0 %" in actions[0].decision.reason
    assert found.judge([(CAMPAIGN, READING)], 1e-3, NOW + 300) == []
    assert (
        graded(campaigns(GRADED).judge([(msgspec.structs.replace(CAMPAIGN, p_value=0.01), READING)], 1e-3, NOW)) == []
    )
    assert graded(campaigns(GRADED).judge([(CAMPAIGN, None)], 1e-3, NOW)) == []


def test_a_campaign_that_people_found_honest_is_not_graded():
    found = campaigns(GRADED)
    alert = next(a for a in found.judge([(CAMPAIGN, None)], 1e-3, NOW) if isinstance(a, Alert))
    found._cases.restore(Review(finding=alert.finding.uid, time_us=0, verdict="honest"))
    assert found.judge([(CAMPAIGN, READING)], 1e-3, NOW) == []
