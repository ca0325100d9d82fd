import argparse

import pytest

from wellhead.cli.ask import add_config, ask_gate, until
from wellhead.core.errors import ConfigError
from wellhead.serve.status import Ask, Reply


def arguments(*argv):
    parser = argparse.ArgumentParser()
    add_config(parser)
    return parser.parse_args(list(argv))


def test_the_gate_of_the_config_file_is_asked(running):
    running.reply = Reply(done="yes")
    assert ask_gate(arguments(), Ask(ask="status", top=3)) == Reply(done="yes")
    assert running.heard == [Ask(ask="status", top=3)]


def test_a_refused_question_is_a_clear_error(running):
    running.reply = Reply(error="expected a principal, got `zoe`")
    with pytest.raises(ConfigError, match="got `zoe`"):
        ask_gate(arguments("-c", "wellhead.toml"), Ask(ask="explain"))


def test_no_gate_running_says_how_to_start_one(place):
    with pytest.raises(ConfigError, match="wellhead serve"):
        ask_gate(arguments(), Ask(ask="status"))


def test_a_time_is_read_in_utc():
    assert until(1_700_000_000_000_000) == "2023-11-14 22:13 UTC"
    assert until(0) == "-"
