import argparse

import pytest

from wellhead.cli.rules import read_file, register
from wellhead.core.errors import ConfigError

OWN = """
name = "night_shift"
why = "why"
honest = "nobody"
[[conditions]]
field = "volume_3600s"
op = ">"
value = 5
[[hit]]
rows = 32
volume_3600s = {hit}
[[miss]]
rows = 32
volume_3600s = 5
"""


def main(argv):
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    arguments = parser.parse_args(argv)
    return arguments.run(arguments)


@pytest.fixture
def own(tmp_path):
    def write(hit=6):
        path = tmp_path / "own.toml"
        path.write_text(OWN.format(hit=hit))
        return str(path)

    return write


def test_list_says_what_why_and_who_else(capsys):
    assert main(["rules", "list"]) == 0
    said = capsys.readouterr().out
    assert "unique_ratio (medium; AML.T0024.002)" in said
    assert "when    unique_ratio >= 0.98, from 32 rows on" in said
    assert "honest" in said


def test_test_passes_with_the_shipped_and_own_rules(capsys, own):
    assert main(["rules", "test", own()]) == 0
    assert capsys.readouterr().out.startswith("8 rules, ")


def test_test_fails_on_a_wrong_example(capsys, own):
    assert main(["rules", "test", own(hit=5)]) == 1
    assert "night_shift: expected a hit on View(" in capsys.readouterr().out


def test_the_rules_of_a_config(capsys, own, tmp_path):
    config = tmp_path / "wellhead.toml"
    config.write_text(f'[rules]\nfiles = ["{own()}"]\ndisabled = ["volume"]\n')
    assert main(["rules", "list", "-c", str(config)]) == 0
    said = capsys.readouterr().out
    assert "night_shift" in said and "volume (" not in said


def test_a_missing_file_is_one_line():
    with pytest.raises(ConfigError, match=r"expected a rule file at nowhere\.toml"):
        main(["rules", "test", "nowhere.toml"])


def test_read_file_refuses_what_is_no_text(tmp_path):
    path = tmp_path / "rule.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="expected a rule file"):
        read_file(str(path))
