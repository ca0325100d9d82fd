import xml.etree.ElementTree as ET

import pytest
from studies import STUDIES, failed, stolen

from wellhead.redteam.report.junit import junit


@pytest.mark.parametrize("make", STUDIES.values(), ids=STUDIES)
def test_every_attack_is_a_case(make):
    study = make()
    suite = ET.fromstring(junit(study))  # noqa: S314 - our own
    assert len(suite.findall("testcase")) == int(suite.get("tests")) == len(study.outcomes)


def test_nothing_that_did_not_run_passes():
    suite = ET.fromstring(junit(failed()))  # noqa: S314 - our own
    assert (suite.get("errors"), suite.get("skipped")) == ("2", "1")
    assert "403 banned" in suite.find("testcase/error").get("message")
    assert ET.fromstring(junit(stolen())).get("skipped") == "2"  # noqa: S314 - our own
