import msgspec

from wellhead.serve.status import Reply, Standing, Status

STATUS = Status("observe", "digits", "", 1, 2, 3, 0, 1, 0, 0, 5, 0, 0, 0, (Standing("ann", 3, 1.0),))


def test_as_many_looks_as_asked_for(running, wellhead):
    running.reply = Reply(status=STATUS)
    code, out, _ = wellhead("top", "--looks", "2", "--interval", "0", "-n", "7")
    assert code == 0
    assert [(a.ask, a.top) for a in running.heard] == [("status", 7)] * 2
    assert "ann" in out


def test_names_are_never_cut(running, wellhead, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    running.reply = Reply(status=msgspec.structs.replace(STATUS, standings=(Standing("x" * 39, 1, 1.0),)))
    assert "x" * 39 in wellhead("top", "--looks", "1")[1]


def test_a_gate_that_went_away_is_one_line(place, wellhead):
    code, _, err = wellhead("top", "--looks", "1")
    assert code == 2
    assert err.strip().count("\n") == 0
    assert "wellhead serve" in err
