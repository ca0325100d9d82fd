import importlib.util
import json
import re
import subprocess
import sys
import typing
from pathlib import Path

import msgspec
import pytest
from benchmarks import results
from benchmarks.results import Figure

from wellhead.cli.main import COMMANDS
from wellhead.config import Config

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "generate.py"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_of(hint, place):
    """(heading, struct) of the table that a key holds, one or several; None for a key that holds a value."""
    inner = (*typing.get_args(hint), None, None)
    for kind, heading in (
        (hint, place),
        (inner[1] if typing.get_origin(hint) is dict else None, f"{place}.NAME"),
        (inner[0] if typing.get_origin(hint) is tuple else None, f"[{place}]"),
    ):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return heading, kind
    return None


def tables_in(struct, path):
    hints = typing.get_type_hints(struct).items()
    return {key: table_of(hint, f"{path}.{key}" if path else key) for key, hint in hints}


def sections(struct, path=""):
    """(path, struct) of every table of the file."""
    yield path, struct
    for table in tables_in(struct, path).values():
        if table is not None:
            yield from sections(table[1], table[0])


def test_both_pages_are_up_to_date():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_a_stale_page_is_named_and_left_alone(generate, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert generate.main() == 1
    assert "docs/configuration.md is stale" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("path", "struct"), list(sections(Config)), ids=lambda x: x if isinstance(x, str) else "")
def test_every_key_is_documented_in_its_section_with_a_meaning(generate, path, struct):
    title = f"## [{path}]" if path else "## At the top"
    text = generate.configuration().split(f"\n{title}\n")[1].split("\n## ")[0]
    for key, table in tables_in(struct, path).items():
        if table is None:
            assert re.search(rf"^\| `{key}` \|[^|]+\|[^|]+\| [^|]{{10,}} \|$", text, re.MULTILINE), key


def test_types_and_ranges_are_those_of_the_code(generate):
    text = generate.configuration()
    assert "| `port` | integer, 0 to 65535 | `8787` |" in text
    assert "| `max_drawn` | number, 0 to 1 | that of the whole |" in text
    assert '| `mode` | `observe`, `enforce` | `"observe"` |' in text


def test_every_command_is_documented(generate):
    text = generate.commands()
    for command in COMMANDS:
        assert f"### wellhead {command}\n" in text


def test_every_promise_stands_among_the_figures_and_whatever_is_missed_is_named_first(generate):
    text = generate.figures()
    first = text.split("\n## ")[0]
    stored = [json.loads(p.read_text()) for p in sorted(results.RESULTS.glob("*.json"))]
    rows = [r for rows in stored if isinstance(rows, list) for r in rows if r.get("figure") in results.TARGETS]
    for name in results.TARGETS:
        assert f"`{name}`" in text
    for row in rows:
        figure = Figure(**{k: row[k] for k in Figure.__struct_fields__})
        assert (f"`{figure.figure}`" in first) or results.verdict(figure) == "met"


def test_figures_stand_under_their_benchmark_missed_met_or_not_measured(generate, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "TARGETS", {"low": 2.0, "high": 10.0, "gone": 3.0})
    low, high = Figure("low", 1.5, "us", "a | b"), Figure("high", 9.0, "1/s", "", "higher")
    (tmp_path / "meter.json").write_bytes(msgspec.json.encode([low, Figure("other", 1.0, "us")]))
    (tmp_path / "inline.json").write_bytes(msgspec.json.encode([low, high]))
    (tmp_path / "meter_rows.json").write_text('[{"scenario": "low"}]')
    first, inline, meter, absent = generate.figures().split("\n## ")
    assert first.endswith("**Missed**, by benchmark:\n\n- inline: `high`\n")
    assert "| `high` | 9 1/s | at least 10 | **missed** |  |" in inline and "low" not in inline
    assert "| `low` | 1.5 us | at most 2 | **met** | a &#124; b |" in meter and "other" not in meter
    assert absent.startswith("Not measured\n") and absent.endswith("- `gone`: 3\n")
    monkeypatch.setattr(results, "TARGETS", {"low": 2.0})
    assert "None is missed.\n" in generate.figures() and "Not measured" not in generate.figures()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), f"{page.name} links to {target}"
