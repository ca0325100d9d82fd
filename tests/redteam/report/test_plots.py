import xml.etree.ElementTree as ET

import pytest
from studies import exact, failed, hostile, leaky, regressor, stolen

from wellhead.redteam.report.plots import fidelity, roc


@pytest.mark.parametrize("make", (stolen, failed), ids=("stolen", "failed"))
@pytest.mark.parametrize("draw", (fidelity, roc), ids=("fidelity", "roc"))
def test_what_was_measured_or_not_is_drawn_twice_alike(make, draw):
    text = draw(make())
    assert ET.fromstring(text).tag.endswith("svg") and text == draw(make())  # noqa: S314 - our own
    assert "<script" not in text and 'href="http' not in text


def test_the_curves_name_their_attacks_the_baseline_and_guessing():
    text = fidelity(stolen())
    assert all(word in text for word in ("uncertainty", "random (baseline)", "guessing", "2,000"))
    assert "the model itself" in fidelity(exact())
    assert "R²" in fidelity(regressor())


def test_a_roc_shows_where_the_sample_ends():
    assert all(word in roc(leaky()) for word in ("lira_online", "too few non-members to tell", "0.1 %"))


def test_a_name_is_no_mathematics_and_no_markup():
    assert "&lt;script&gt;alert" in fidelity(hostile())
