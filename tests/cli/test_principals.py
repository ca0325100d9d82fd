import argparse
import json
import stat
from pathlib import Path

import pytest

from wellhead.cli import principals as command
from wellhead.core.errors import ConfigError
from wellhead.store.personal import Personal
from wellhead.store.registry import Registry

DAY = 86_400


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*argv):
    top = argparse.ArgumentParser()
    command.register(top.add_subparsers(required=True))
    arguments = top.parse_args(["principals", *argv])
    return arguments.run(arguments)


def accounts(farm=12, honest=60):
    words = ("kai", "mo", "solveig", "thora", "wim", "xaver", "yusuf", "zoe", "quentin", "ulla")
    rows = ["user_id,created_at,email,signup_ip,plan,use"]
    for i in range(honest):
        mail = f"{words[i % 10]}.{words[(i // 3) % 10]}{'' if i % 2 else i}@example.com"
        rows.append(f"h{i},{1_700_000_000 + i * 3 * DAY},{mail},198.51.{i}.9,free,")
    for i in range(farm):
        rows.append(f"a{i},{1_705_000_000 + i * 600},lab.worker{i}@example.org,203.0.113.{i},free,reseller")
    return "\n".join(rows) + "\n"


def test_a_farm_is_listed_as_a_cohort(here, capsys):
    (here / "users.csv").write_text(accounts())
    assert run("import", "users.csv") == 0
    assert "72 principals taken: 72 new, 0 updated" in capsys.readouterr().out
    assert run("list") == 0
    shown = capsys.readouterr().out
    assert "72 principals, 72 with a sign-up time, 1 cohort" in shown
    assert "look-alike" in shown
    assert "a0, a1" in shown
    assert "evidence, no verdict" in shown
    cohort = Registry.load(here / "wellhead-log" / "principals.json").cohort
    assert min(cohort[f"a{i}"] for i in range(12)) > max(cohort[f"h{i}"] for i in range(60))


def test_no_mail_and_no_address_is_kept_in_clear(here):
    (here / "users.csv").write_text(accounts())
    run("import", "users.csv")
    folder = here / "wellhead-log"
    stored = (folder / "principals.json").read_text()
    assert "@" not in stored
    assert "203.0.113" not in stored
    for name in ("principals.json", "personal.jsonl"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    held = Registry.load(folder / "principals.json").principals["a3"]
    personal = Personal(folder / "personal.jsonl")
    assert personal.value(held.email) == "lab.worker3@example.org"
    assert personal.value(held.network) == "203.0.113.0/24"


def test_an_erased_person_still_lists(here, capsys):
    (here / "users.csv").write_text(accounts())
    run("import", "users.csv")
    assert Personal(here / "wellhead-log" / "personal.jsonl").erase("lab.worker3@example.org") == 1
    assert run("list") == 0
    assert "1 cohort" in capsys.readouterr().out


def test_importing_again_updates(here, capsys):
    (here / "one.csv").write_text("id,created,plan,email\nanna,2026-01-31,free,a@example.com\n")
    (here / "two.json").write_text(json.dumps([{"id": "anna", "plan": "gold"}, {"id": "ben"}]))
    run("import", "one.csv")
    run("import", "two.json")
    assert "2 principals taken: 1 new, 1 updated" in capsys.readouterr().out
    held = Registry.load(here / "wellhead-log" / "principals.json").principals
    assert (held["anna"].plan, held["anna"].created_day) == ("gold", "2026-01-31")
    assert held["anna"].email
    assert held["ben"].created_s is None


def test_bad_lines_are_counted_and_shown(here, capsys):
    bad = "".join(f"x{i},never\n" for i in range(7))
    (here / "users.csv").write_text("id,created\ngood,2026-01-31\n" + bad)
    assert run("import", "users.csv") == 0
    shown = capsys.readouterr().out
    assert "7 lines left out" in shown
    assert "line 3: expected a date" in shown
    assert "and 2 more" in shown
    (here / "worse.csv").write_text("id,created\n" + bad)
    assert run("import", "worse.csv") == 1


def test_everybody_the_most_suspicious_first(here, capsys):
    (here / "users.csv").write_text(accounts())
    run("import", "users.csv")
    capsys.readouterr()
    run("list", "--all")
    lines = [line for line in capsys.readouterr().out.splitlines() if "free" in line]
    assert len(lines) == 72
    assert "a0" in lines[0]
    assert "reseller" in lines[0]


def test_the_config_says_where(here, capsys):
    (here / "mine.toml").write_text('[detect]\nprincipals = "who.json"\n[audit]\ndirectory = "log"\n')
    (here / "users.csv").write_text("Kunde;Geboren\nanna;2026-01-31\n")
    run("import", "users.csv", "-c", "mine.toml", "--map", "principal=Kunde", "-m", "created=Geboren")
    assert "principal from 'Kunde', created from 'Geboren'" in capsys.readouterr().out
    assert Registry.load(here / "who.json").principals["anna"].created_day == "2026-01-31"


EXPORTS = sorted((Path(__file__).parents[1] / "golden" / "principals").iterdir())


@pytest.mark.parametrize("export", EXPORTS, ids=lambda path: path.name)
def test_exports_as_identity_providers_write_them(here, export, capsys):
    """Made-up accounts in the columns, nesting and dates of each provider's own export."""
    assert run("import", str(export)) == 0
    assert "left out" not in capsys.readouterr().out
    folder = here / "wellhead-log"
    held = Registry.load(folder / "principals.json").principals
    first = next(iter(held.values()))
    assert first.created_day == "2026-01-31"
    assert Personal(folder / "personal.jsonl").value(first.email).startswith("anna@")
    assert all(r.created_day for r in held.values())


def test_nobody_registered_is_no_cohort(capsys):
    assert run("list") == 0
    assert capsys.readouterr().out.startswith("0 principals")


@pytest.mark.parametrize("argv", [["none.csv"], ["users.csv", "--map", "created"], ["users.csv", "--map", "=x"]])
def test_mistakes_are_told(here, argv):
    (here / "users.csv").write_text("id\na\n")
    with pytest.raises(ConfigError, match="expected"):
        run("import", *argv)


def test_a_file_of_bytes_is_told(here):
    (here / "users.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        run("import", "users.csv")
