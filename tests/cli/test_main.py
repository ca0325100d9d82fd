import json
import subprocess
import sys

import pytest

from wellhead.cli import main as module
from wellhead.cli.main import COMMANDS, main, parser
from wellhead.core.errors import ConfigError

HEAVY = (
    "numpy",
    "duckdb",
    "sklearn",
    "scipy",
    "matplotlib",
    "cryptography",
    "uvicorn",
    "rich",
    "datasketches",
    "jinja2",
)
LOOK = """
import json, sys
from wellhead.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def test_help_lists_every_command_and_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    modules = json.loads(done.stderr)
    assert not [m for m in HEAVY if m in modules]
    for command in COMMANDS:
        assert f"    {command} " in done.stdout or f"    {command}\n" in done.stdout


def test_commands_stand_in_the_order_of_a_first_day():
    listed = list(parser()._subparsers._group_actions[0].choices)
    assert listed == list(COMMANDS)
    assert COMMANDS[:4] == ("init", "serve", "status", "top")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps(command, wellhead):
    code, out, err = wellhead(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: wellhead {command}")


def test_the_version_is_said(wellhead):
    assert wellhead("--version")[1].startswith("wellhead 0.")


def test_a_user_error_is_one_line_and_no_traceback(tmp_path):
    argv = [sys.executable, "-m", "wellhead", "status", "-c", str(tmp_path / "none.toml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellhead: expected a config file at ")
    assert done.stderr.count("\n") == 1
    assert "wellhead init" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError("no"), 2), (BrokenPipeError(), 1), (KeyboardInterrupt(), 130)]
)
def test_what_ends_a_command_is_its_exit_code(monkeypatch, error, code):
    def fail(_):
        raise error

    monkeypatch.setattr("wellhead.cli.status.run", fail)
    assert module.main(["status"]) == code


def test_no_command_is_a_usage_error(wellhead):
    code, _, err = wellhead()
    assert code == 2
    assert "COMMAND" in err


def test_a_command_that_returns_nothing_succeeded(monkeypatch):
    monkeypatch.setattr("wellhead.cli.status.run", lambda _: None)
    assert main(["status"]) == 0
