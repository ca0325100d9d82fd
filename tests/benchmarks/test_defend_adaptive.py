import numpy as np
from benchmarks.defend_adaptive import THIEVES, Row, Thief, config, figures, theft

POOL = np.zeros((10, 4))


def test_the_policy_is_one_that_the_gate_accepts(tmp_path):
    assert config(tmp_path).grades[0].stance == "reduce"


def test_accounts_are_asked_from_in_turn_or_left_one_after_the_other():
    turns = [r.caller.principal for r in theft(Thief("a", 2), POOL)]
    assert turns[:3] == ["account-1", "account-2", "account-1"] and len(turns) == 10
    left = [r.caller.principal for r in theft(Thief("b", 3, each=2), POOL)]
    assert left == ["account-1", "account-1", "account-2", "account-2", "account-3", "account-3"]


def test_accounts_at_one_desk_share_what_others_do_not():
    alike, apart = ({r.caller.address for r in theft(Thief("", 4, alike), POOL)} for alike in (True, False))
    assert len(alike) == 1 and len(apart) == 4


def row(thief, fidelity, unchanged):
    return Row(thief, 1, 100, 10, fidelity, 0.8, 0.9, 1000, unchanged, 0)


def test_the_best_thief_and_the_worst_day_are_told():
    rows = [row(t.name, 0.8 + i / 100, 1 - i / 1000) for i, t in enumerate(THIEVES)]
    told = {f.figure: round(f.value, 6) for f in figures(rows)}
    last = len(THIEVES) - 1
    assert told == {
        "adaptive_honest_unchanged": round(1 - last / 1000, 6),
        "adaptive_best_thief_minus_label_only": float(last),
    }
