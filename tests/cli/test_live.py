import io

import pytest

from wellhead.cli import live
from wellhead.core.errors import ConfigError
from wellhead.redteam.budget import Spent
from wellhead.redteam.results import idle
from wellhead.redteam.zoo import Progress


def progress(**more):
    given = {
        "attack": "random",
        "number": 1,
        "attacks": 2,
        "rows": 50,
        "cap": 100,
        "spent": Spent(rows=70, calls=3, money=0.14),
    }
    return Progress(**given | more)


def test_where_a_study_stands():
    said = live._now(progress(fidelity=0.91, eta_s=300.0))
    for part in ("[1/2] random", "50 of 100 rows", "91.0 %", "70 rows, 3 calls", "0.14", "5 min to go"):
        assert part in said
    assert "to go" not in live._now(progress())
    assert [live._duration(s) for s in (5, 600, 7200)] == ["5 s", "10 min", "2.0 h"]


def test_a_terminal_is_drawn_on(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with pytest.raises(ConfigError, match="expected a study"):
        live.show([progress(), progress(outcome=idle("random", "failed", "why"))])
    assert "random: failed, 0 rows: why" in screen.getvalue()
