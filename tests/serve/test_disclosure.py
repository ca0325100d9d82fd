import numpy as np
import pytest

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.gate.record import fingerprints
from wellhead.serve.disclosure import records_of, rules_of, undisclosed

KEY = b"k" * 32


def test_without_rules_nothing_is_screened():
    assert rules_of(parse("")) is None
    assert undisclosed(records_of(parse("")), KEY) == frozenset()


def test_rules_come_from_patterns_secrets_and_canaries(tmp_path):
    (tmp_path / "canaries.txt").write_text("plum (7)\n\n", encoding="utf-8")
    rules = rules_of(
        parse(
            f"""
            [[disclosure.rules]]
            name = "house"
            patterns = ["internal-[0-9]+"]
            canaries = "{tmp_path}/canaries.txt"
            [[disclosure.rules]]
            name = "secrets"
            secrets = true
            action = "refuse"
            """
        )
    )
    assert rules.screen(b'"internal-12, plum (7)"').body == b'"[redacted], [redacted]"'
    assert rules.screen(b'"AKIAABCDEFGHIJKLMNOP"') == (b"", ("secrets",), True)


def test_records_are_known_by_the_fingerprints_that_queries_have(tmp_path):
    rows = np.array([[1.5, 2.0], [3.0, 4.0]], np.float32)
    np.save(tmp_path / "records.npy", rows.astype(np.float64))
    found = undisclosed(records_of(parse(f'disclosure.records = ["{tmp_path}/records.npy"]')), KEY)
    assert found == set(fingerprints(rows, KEY).tolist())


@pytest.mark.parametrize(
    "text",
    [
        '[[disclosure.rules]]\nname = "a"',
        '[[disclosure.rules]]\nname = "a"\npatterns = ["("]',
        '[[disclosure.rules]]\nname = "a"\ncanaries = "/nowhere"',
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(text):
    with pytest.raises(ConfigError, match="expected"):
        rules_of(parse(text))


def test_a_file_of_records_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected"):
        records_of(parse(f'disclosure.records = ["{tmp_path}/none.csv"]'))
