import argparse
import re
from pathlib import Path

import pytest

from wellhead.capture.keys import Keys
from wellhead.cli import keys as command
from wellhead.core.errors import ConfigError


def run(*argv):
    top = argparse.ArgumentParser()
    command.register(top.add_subparsers(required=True))
    arguments = top.parse_args(["keys", *argv])
    return arguments.run(arguments)


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "keys.json")


def test_a_token_is_shown_exactly_once(file, capsys):
    assert run("add", "--file", file, "--owner", "alice", "--plan", "gold", "--expires", "2999-12-31") == 0
    shown = capsys.readouterr()
    token = shown.out.strip()
    assert re.fullmatch(r"wh_[0-9a-f]{12}_[\w-]{43}", token) and "shown once" in shown.err
    assert Keys.load(file).lookup(token.encode(), 0.0).principal == "alice"
    assert run("list", "--file", file) == 0
    listed = capsys.readouterr().out
    assert token[16:] not in listed
    assert re.search(rf"{token[3:15]} +alice +gold +\d{{4}}-\d\d-\d\d +2999-12-31 +valid", listed)


def test_a_revoked_key_is_listed_as_such(file, capsys):
    run("add", "--file", file)
    token = capsys.readouterr().out.strip()
    assert run("revoke", token[3:15], "--file", file) == 0
    run("list", "--file", file)
    assert "revoked" in capsys.readouterr().out
    assert Keys.load(file).lookup(token.encode(), 0.0) is None


def test_an_expired_key_is_listed_as_such(file, capsys):
    run("add", "--file", file, "--expires", "2001-01-31")
    capsys.readouterr()
    run("list", "--file", file)
    assert re.search(r"2001-01-31 +expired", capsys.readouterr().out)


def test_the_config_names_the_file(tmp_path, monkeypatch, capsys):
    config = tmp_path / "w.toml"
    config.write_text(f'[access]\nkeys = "{tmp_path / "named.json"}"\n')
    run("add", "-c", str(config))
    assert (tmp_path / "named.json").exists()
    monkeypatch.chdir(tmp_path)
    run("add")
    assert (tmp_path / "wellhead-keys.json").exists()


@pytest.mark.parametrize("owner", ["", "  "])
def test_an_empty_owner_is_a_mistake_and_makes_no_key(file, owner, capsys):
    with pytest.raises(SystemExit):
        run("add", "--file", file, "--owner", owner)
    assert "expected the name of an account" in capsys.readouterr().err
    assert not Path(file).exists()


def test_mistakes_are_config_errors(file):
    with pytest.raises(ConfigError, match="keys add"):
        run("list", "--file", file)
    with pytest.raises(ConfigError, match="2027-01-31"):
        run("add", "--file", file, "--expires", "tomorrow")
    with pytest.raises(ConfigError, match="config file"):
        run("list", "-c", "absent.toml")
