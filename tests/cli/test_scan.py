import argparse
import csv
import io
import json

import numpy as np
import pytest
from bygone import BEGAN, DAY, event, traffic, write_log
from serving import WIDTH, Place

from wellhead.cli import calibrate, scan
from wellhead.config import load
from wellhead.core.codec import pack
from wellhead.core.errors import ConfigError
from wellhead.serve import promises


def run(*words):
    parser = argparse.ArgumentParser()
    scan.register(parser.add_subparsers())
    arguments = parser.parse_args(["scan", *words])
    return arguments.run(arguments)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    lines = [
        {"time": 1.7e9 + i, "principal": "=thief" if i % 2 else f"p{i % 60}", "input": str(i)} for i in range(2000)
    ]
    path.write_text("".join(json.dumps(e) + "\n" for e in lines) + "half a li\n")
    return str(path)


def test_findings_make_exit_code_1_and_no_findings_0(log, tmp_path, capsys):
    assert run(log, "--top", "3") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 malformed" in said
    assert "malformed: xxxx x xx" in said
    assert "=thief" in said
    assert "needs a fitted profile" in said
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert run(str(empty)) == 0
    assert "history is empty" in " ".join(capsys.readouterr().out.split())


def test_json_is_all_of_it(log, capsys):
    run(log, "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["bad"], found["formats"]["json"]) == (2000, 1, "nothing that is not in the file")
    assert found["findings"][0]["signal"] == "rule"


def test_csv_has_a_line_a_member_and_no_formulas(log, capsys):
    run(log, "--csv")
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert lines[0][:3] == ["uid", "signal", "principal"]
    assert any(line[2] == "'=thief" for line in lines[1:])


def test_quick_shows_plain_aggregates(log, capsys):
    assert run(log, "--quick", "--top", "1") == 0
    said = capsys.readouterr().out
    assert "=thief" in said
    assert "1,000" in said


def test_keys_of_the_mapping_can_be_replaced(log, capsys):
    run(log, "--json", "--principal", "/input", "--top", "0")
    assert json.loads(capsys.readouterr().out)["principals"] == 2000


def test_unknown_formats_and_absent_files_are_said(log):
    with pytest.raises(ConfigError, match="known: own"):
        run(log, "--format", "nginxx")
    with pytest.raises(ConfigError, match=r"absent\.wellhead"):
        run(log, "--profile", "absent.wellhead")


SECRET = "Zq7wellspring"
CUT = [
    ("envoy", '{"start_time": "2024-03-01T00:00:00Z", "response_code": 200, "principal": "p"}', "authorization"),
    ("kong", '{"started_at": 1700000000000, "latencies": {}, "request": {}, "client_ip": "1.2.3.4"}', "apikey"),
    ("litellm", '{"request_id": "1", "call_type": "x", "startTime": 1.7e9, "user": "u"}', "authorization"),
    ("json", '{"time": 1.7e9, "principal": "p"}', "/secret/0/key"),
    ("kserve", '{"id": "1", "specversion": "1.0", "type": "x.request", "time": 1.7e9, "data": {}}', "headers"),
    ("own", '{"kind":"event","v":1,"principal":"p","rows":1,"time_us":1700000000000000,"status":200}', "access"),
    ("combined", '1.2.3.4 - u [17/Mar/2024:00:00:00 +0000] "POST / HTTP/1.1" 200 1 "-" "-"', "access"),
]


@pytest.mark.parametrize(("form", "good", "key"), CUT)
@pytest.mark.parametrize("value", [SECRET, f"Bearer {SECRET}", f"Basic {SECRET}", f"sk-{SECRET}"])
def test_no_credential_of_a_malformed_line_is_shown(tmp_path, capsys, form, good, key, value):
    path = tmp_path / "log.jsonl"
    if form == "combined":
        bad = [f"1.2.3.4 {value} nothing", f"{value}", f'1.2.3.4 - - [x] "GET /p?key={value} HTTP/1.1"']
    else:
        bad = [json.dumps({key: value}), f'{{"{key}": "{value}', f'{value}", "time": 5}}', json.dumps([{"x": [value]}])]
    path.write_text(good + "\n" + "".join(line + "\n" for line in bad))
    for shape in ((), ("--json",), ("--quick",)):
        options = () if form in ("kserve", "own", "combined") else ("--principal", "/principal")
        if "--quick" not in shape or form not in ("kserve", "own", "combined"):
            run(str(path), "--format", form, *options, *shape)
            said = capsys.readouterr()
            assert "wellspring" not in said.out + said.err
            if "--json" in shape:
                assert json.loads(said.out)["bad"] >= 2


@pytest.mark.parametrize(
    ("option", "remedy"), [("--promise", "calibrate"), ("--population", "calibrate"), ("--profile", "profile fit")]
)
def test_a_wrong_file_is_named_with_what_makes_a_right_one(log, tmp_path, option, remedy):
    wrong = tmp_path / "wrong.file"
    for content in (b"rubbish", b"", b"{}"):
        wrong.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"{option} .*wrong\.file: .*`wellhead {remedy}` writes one"):
            run(log, option, str(wrong))
    with pytest.raises(ConfigError, match=rf"{option}: expected a file at absent, got.*`wellhead {remedy}` writes one"):
        run(log, option, "absent")


def test_absent_registrations_are_said(log):
    with pytest.raises(ConfigError, match="expected a file at absent.json, got none"):
        run(log, "--principals", "absent.json")


@pytest.mark.parametrize("option", ["--promise", "--population", "--profile", "--principals", "--rules"])
def test_what_quick_cannot_do_is_refused(log, option):
    with pytest.raises(ConfigError, match=f"expected --quick alone, got {option} too"):
        run(log, "--quick", option, "x")


@pytest.mark.parametrize("words", [("--ledgers", "-3"), ("--top", "-5"), ("--top", "1.5"), ("--ledgers", "x")])
def test_numbers_that_count_something_are_not_negative(log, words, capsys):
    with pytest.raises(SystemExit):
        run(log, *words)
    assert f"{words[0]}: expected a whole number of at least 0, got `{words[1]}`" in capsys.readouterr().err


def test_a_time_that_is_nowhere_is_named(log, capsys):
    assert run(log, "--time", "nope") == 2
    said = capsys.readouterr()
    assert "no time was found at nope" in " ".join(said.out.split())
    assert "see `time` and `time_format`, or --time" in said.err


@pytest.fixture
def calibrated(tmp_path):
    """A log with a burst of one principal in its last half day, and what `wellhead calibrate` wrote of it."""
    profile = Place(tmp_path).fit()
    codes = pack(profile.code(np.random.default_rng(1).normal(size=(16, WIDTH)).astype(np.float32)))
    coded = {"codes": codes, "profile": profile.id, "classes": 4, "scores": pack(np.zeros((16, 4), np.int8))}
    people = traffic(500, 2.5, requests=4, **coded)
    burst = [event(90_000 + i, "loud", BEGAN + 2.3 * DAY + i / 10, rows=64) for i in range(300)]
    config = tmp_path / "wellhead.toml"
    config.write_text(
        write_log(tmp_path, sorted([*people, *burst], key=lambda e: e.time_us), 2.5)
        + '[detect]\nalarm_budget = "1 per 100 principals per 1 day"\nsegments = ["use"]\n'
    )
    (tmp_path / "profile.wellhead").write_bytes(profile.to_bytes())
    top = argparse.ArgumentParser()
    calibrate.register(top.add_subparsers())
    arguments = top.parse_args(["calibrate", "-c", str(config)])
    arguments.run(arguments)
    return tmp_path, load(config)


def test_a_promise_that_was_calibrated_judges_the_log_by_its_own_periods_and_segments(calibrated, capsys):
    folder, config = calibrated
    capsys.readouterr()
    code = run(
        str(folder / "log"),
        "--promise",
        str(promises.path_of(config)),
        "--json",
        "--profile",
        str(folder / "profile.wellhead"),
    )
    found = json.loads(capsys.readouterr().out)
    guilty = {f["members"][0]: f for f in found["findings"] if f["signal"] == "guilt"}
    assert code == 1
    assert "1 per 100 principals per 1 day" in found["promise"]
    assert guilty["loud"]["segment"] == "use=none"
    assert guilty["loud"]["evidence"]
    assert found["clocks"] == 0
    # of 500 honest principals, 3 periods of 1 in 100 each
    assert len(guilty) <= 16


def test_campaigns_are_judged_against_the_population_that_was_calibrated(calibrated, capsys):
    folder, config = calibrated
    capsys.readouterr()
    profile = str(folder / "profile.wellhead")
    run(
        str(folder / "log"), "--profile", profile, "--population", str(promises.population_of(config)), "--json",
    )  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert (found["unsought"], found["coded"]) == ("", 32_000)
    run(str(folder / "log"), "--profile", profile)
    assert "Campaigns were not sought: no --population" in " ".join(capsys.readouterr().out.split())


def test_where_nothing_can_be_read_or_a_file_is_damaged_the_exit_code_is_2(log, tmp_path, capsys):
    assert run(log, "--format", "combined") == 2
    said = capsys.readouterr()
    assert "got 2,001 lines of which none can be read" in said.err
    assert "history is empty" not in said.out
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"no parquet")
    assert run(log, str(bad)) == 2
    said = capsys.readouterr()
    assert "2,000 requests" in " ".join(said.out.split()) and "=thief" in said.out
    assert "bad.parquet" in said.err
    assert run(log, "--quick", "--principal", "/nowhere") == 2


def test_an_unknown_file_in_a_folder_is_skipped_and_listed(log, tmp_path, capsys):
    (tmp_path / "error.log").write_text("[error] what is this\n")
    assert run(str(tmp_path)) == 1
    assert f"skipped, of no known format: {tmp_path}/error.log" in "".join(capsys.readouterr().out.split("\n"))
    with pytest.raises(ConfigError, match="known format"):
        run(log, str(tmp_path / "error.log"))


def test_a_pattern_that_is_none_is_said(log):
    with pytest.raises(ConfigError, match="--paths: expected a regular expression"):
        run(log, "--paths", "(")


def test_quick_honours_csv_and_json(log, capsys):
    run(log, "--quick", "--csv")
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert lines[0] == ["principal", "requests", "inputs", "addresses", "confidence", "full"]
    assert (lines[1][:2], lines[1][3:]) == (["'=thief", "1000"], ["", "", ""])
    assert len(lines) == 32
    run(log, "--quick", "--json")
    assert json.loads(capsys.readouterr().out)[0]["addresses"] is None
