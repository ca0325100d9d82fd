import msgspec

from wellhead.core.finding import Evidence
from wellhead.detect.link.campaign import Campaign, Edge


def test_a_campaign_is_data():
    edge = Edge(a="x", b="y", kinds=("inputs", "novelty"), reasons=("they ask alike", "they never repeat"))
    campaign = Campaign(
        members=("x", "y", "z"), scores=(9.0, 8.0, 7.0), edges=(edge,), kinds=edge.kinds, reasons=edge.reasons,
        evidence=(Evidence(name="link_inputs", kind="inputs", said="s"),), rows=96, p_value=1e-6, p_random=0.002,
        comparison="of 499 none",
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(campaign), type=Campaign) == campaign
