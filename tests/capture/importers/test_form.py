import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.importers.form import SHOWN, form_of


def test_the_form_tells_keys_and_shapes_and_no_values():
    line = b'{"time": "17/Mar/2024 10:02", "user": null, "api_key": "hunter2", "n": 35, "odd-1": [true, "x"]}'
    shown = '{"time": "00/xxx/0000 00:00", "user": null, "api_key": "xxxxxx0", "n": 00, "xxx-0": [true, "x"]}'
    assert form_of(line) == shown
    assert form_of("half a lïne\t5".encode()) == "xxxx x xxxx\t0"


SECRET = "Zq7-wellspring"
LINES = [
    {"time": 1, "key": SECRET},
    {"time": 1, "headers": {"Authorization": f"Bearer {SECRET}", "x": [SECRET, {SECRET: 1}]}},
    {SECRET: 1, "time": f'"key":"{SECRET}"'},
    [SECRET, {"a": SECRET}],
    SECRET,
]


@pytest.mark.parametrize("line", LINES)
def test_no_part_of_a_value_is_shown_however_the_line_is_cut(line):
    text = json.dumps(line)
    cuts = [text[i:j] for i in range(len(text)) for j in (len(text), len(text) - 2, i + 30)]
    for cut in [*cuts, text.replace('"', "'"), text.replace("Z", "\\u005a")]:
        shown = form_of(cut.encode(), {"key", "time"}).lower()
        assert "zq" not in shown
        assert "7" not in shown
        assert "well" not in shown
        assert "spring" not in shown


def test_keys_that_could_be_credentials_are_shown_only_where_they_are_known():
    line = b'{"sk-abcdefghijklmnopqrstu": {"downstream_remote_address": 1}}'
    assert form_of(line) == '{"xx-xxxxxxxx…": {"xxxxxxxx…_xxxxxx_xxxxxxx": 0}}'
    assert '"downstream_remote_address"' in form_of(line, {"downstream_remote_address"})


def test_of_a_line_that_is_no_json_known_keys_alone_are_shown():
    assert form_of(b'{"time": 5, "other": "a', {"time"}) == '{"time": 0, "xxxxx": "x'


@given(st.binary(max_size=400))
def test_any_bytes_have_a_form(line):
    shown = form_of(line)
    assert len(shown) <= SHOWN
    assert not any(c.isdigit() and c != "0" for c in shown)


def test_a_long_line_is_not_read_whole():
    assert len(form_of(b'{"a": "' + b"5" * 100_000 + b'"}')) <= 40
    assert form_of(b"[" * 5000 + b"7") == "[" * SHOWN
