import json

import pytest

from wellhead.capture.importers.registry import formats, guess, named
from wellhead.core.errors import ConfigError


def test_all_formats_have_a_name_and_say_what_they_are():
    assert {"own", "kserve", "combined", "envoy", "kong", "aws_api_gateway", "litellm", "json"} == set(formats())
    assert all(m.about for m in formats().values())


def test_a_mapping_file_is_a_format(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ntime = "t"\nprincipal = "u"\n')
    assert named(str(path)).name == "mine"
    with pytest.raises(ConfigError, match="absent"):
        named("absent.toml")
    with pytest.raises(ConfigError, match="known: own"):
        named("apache")


def test_files_show_their_format(tmp_path):
    path = tmp_path / "log"
    path.write_text(json.dumps({"kind": "mark", "v": 1, "time_us": 1, "what": "start"}) + "\n")
    assert guess(path).name == "own"
    path.write_text("\n\n")
    assert guess(path) is None
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="known format"):
        guess(path)


def test_a_long_first_line_shows_its_format_too(tmp_path):
    path = tmp_path / "log"
    entries = [{"time": 1, "user": "u", "inputs": [0.5] * 40_000}] * 2
    path.write_text("".join(json.dumps(e) + "\n" for e in entries))
    assert guess(path).name == "json"
    path.write_text(json.dumps([{"request_id": str(i), "call_type": "c", "startTime": "t"} for i in range(5000)]))
    assert guess(path).name == "litellm"


def test_lines_of_rubbish_and_objects_of_others_do_not_hide_a_format(tmp_path):
    path = tmp_path / "log"
    line = '203.0.113.9 - - [05/Oct/2026:08:00:31 +0000] "GET / HTTP/1.1" 200 5\n'
    path.write_text("garbage\n" * 50 + '{"a": 1}\n' + line)
    assert guess(path).name == "combined"
