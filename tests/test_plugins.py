import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from wellhead import plugins
from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.protocols.mlflow import MLflow


def entry(value, name="x"):
    return EntryPoint(name, value, "wellhead.protocols")


@pytest.fixture
def only(monkeypatch):
    """Let these be the only entry points."""

    def let(*entries):
        monkeypatch.setattr(
            plugins, "entry_points", lambda group, name=None: [e for e in entries if name is None or e.name == name]
        )

    return let


def test_find_gives_the_component():
    assert plugins.find("protocols", "mlflow") is MLflow
    assert "generic" in plugins.names("protocols")


def test_the_others_are_not_imported():
    code = "import sys; from wellhead.plugins import find; find('protocols', 'open_inference'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "wellhead.protocols.open_inference" in loaded
    assert not {"wellhead.protocols.torchserve", "wellhead.protocols.generic", "sklearn", "duckdb"} & set(loaded)


def test_an_unknown_name():
    with pytest.raises(ConfigError, match=r"name of a protocol, got 'mlfow'; did you mean `mlflow`\?"):
        plugins.find("protocols", "mlfow")
    with pytest.raises(ConfigError, match=r"known: .*torchserve"):
        plugins.find("protocols", "qqqqq")
    with pytest.raises(ConfigError, match="known: none"):
        plugins.find("nothings", "x")


def test_a_missing_extra_names_package_and_command(only, monkeypatch, tmp_path):
    monkeypatch.setattr(plugins, "requires", lambda owner: ["Some_Package>=2; extra == 'demo'", "numpy"])
    (tmp_path / "needs_a_package.py").write_text("import some_package.part")
    monkeypatch.syspath_prepend(tmp_path)
    only(entry("needs_a_package:Thing"))
    with pytest.raises(MissingExtra) as missing:
        plugins.find("protocols", "x")
    assert str(missing.value) == "protocol 'x' needs 'some_package'; try: pip install 'wellhead[demo]'"


def test_a_package_that_no_extra_brings(only, monkeypatch, tmp_path):
    (tmp_path / "needs_another.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    only(entry("needs_another:Thing"))
    with pytest.raises(MissingExtra, match="pip install 'no_such_package'"):
        plugins.find("protocols", "x")
    assert plugins.extra_of("numpy", "no-such-owner") == ""
    assert plugins.extra_of("scikit-learn") == "profile"


def test_a_component_that_is_gone(only):
    only(entry("wellhead.no_such_module:Thing"))
    with pytest.raises(ConfigError, match="reinstall"):
        plugins.find("protocols", "x")


def test_two_of_one_name(only):
    only(entry("a:A"), entry("b:B"))
    with pytest.raises(ConfigError, match="expected one protocol 'x', got a:A, b:B"):
        plugins.find("protocols", "x")
