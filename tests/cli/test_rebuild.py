import shutil

import numpy as np
import pytest
from serving import WIDTH, Clock, Place, exchange

from wellhead.audit.log import Log
from wellhead.cli.main import main
from wellhead.config import load
from wellhead.core.event import Mark
from wellhead.meter.ledger import Ledger
from wellhead.serve.assemble import assemble
from wellhead.store.history import History


@pytest.fixture
def past(tmp_path):
    """A log of a thief and a customer, and the ledger that was live when it was closed."""
    place, clock, rng = Place(tmp_path), Clock(), np.random.default_rng(2)
    profile = place.fit()
    worker = assemble(place.config(mode="observe"), clock)
    for i in range(12):
        worker.put(exchange("thief", rng.normal(size=(32, WIDTH)), f"t{i}"))
        worker.put(exchange("ann", np.ones(WIDTH), f"a{i}"))
        worker.turn()
    live = worker.observer.meter.ledger(("thief",), clock())
    worker.stop()
    config = tmp_path / "wellhead.toml"
    config.write_text(
        f'[model]\nname = "m"\n[audit]\ndirectory = "{tmp_path}/log"\nkey = "{tmp_path}/log.key"\n'
        f'[access]\nkeys = "{tmp_path}/keys.json"\n'
    )
    return tmp_path, config, profile, live


def test_a_ledger_rebuilt_from_the_log_equals_the_live_one(past, capsys):
    folder, config, profile, live = past
    shutil.rmtree(folder / "log" / "history")
    assert main(["rebuild", "-c", str(config)]) == 0
    history = History(folder / "log" / "history")
    rebuilt = Ledger.from_batch(profile, history.rows_of(("thief",), 0.0, profile.id))
    history.close()
    assert rebuilt.rows == live.rows == 12 * 32
    for one, other in zip(rebuilt.scored, live.scored, strict=True):
        assert np.allclose(one, other, rtol=1e-9)
    said = capsys.readouterr().out
    assert "396 rows of 2 principals" in said
    assert "thief: 384 rows, replication" in said


def test_an_edited_log_is_not_rebuilt_from(past, capsys):
    folder, config, _, _ = past
    segment = next((folder / "log" / "entries").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b'"principal"', b'"princ1pal"', 1))
    assert main(["rebuild", "-c", str(config)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def edited(segment):
    segment.write_bytes(segment.read_bytes().replace(b'"principal":"ann"', b'"principal":"eve"', 1))


def cut(segment):
    segment.write_bytes(segment.read_bytes()[:-5000])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("change", "said"), [(edited, "integrity: the entries are not those"), (cut, "completeness: cut: ")]
)
def test_a_log_that_fails_its_check_is_rebuilt_from_only_by_force(past, capsys, change, said):
    folder, config, _, _ = past
    change(folder / "log" / "entries" / "000000.jsonl")
    before = contents(folder / "log" / "history")
    assert main(["rebuild", "-c", str(config)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert said in told.err and "--force" in told.err
    assert contents(folder / "log" / "history") == before
    assert main(["rebuild", "-c", str(config), "--force"]) == 0
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1
    assert "Rebuilt history" in told.out


def test_a_log_cut_back_to_an_older_checkpoint_is_seen_by_the_anchor(past, capsys):
    folder, config, _, _ = past
    config.write_text(config.read_text().replace("[audit]", f'[audit]\nanchor = "{folder}/anchor"'))
    kept = {path: path.read_bytes() for path in (folder / "log").glob("*/*.jsonl")}
    kept |= {path: path.read_bytes() for path in (folder / "log" / "checkpoint", folder / "log" / "state")}
    log = Log.open(folder / "log", load(config).audit.origin, folder / "log.key", 9, folder / "anchor")
    log.append([Mark(time_us=9, what="x")])
    log.close(10)
    for path, data in kept.items():
        path.write_bytes(data)
    assert main(["rebuild", "-c", str(config)]) == 2
    assert "completeness: cut: an anchor knows" in capsys.readouterr().err


def test_a_log_after_a_crash_is_rebuilt_from(past, capsys):
    folder, config, _, _ = past
    log = Log.open(folder / "log", load(config).audit.origin, folder / "log.key", 9)
    log.append([Mark(time_us=9, what="x")])
    log.abandon()
    with (folder / "log" / "entries" / "000000.jsonl").open("ab") as f:
        f.write(b'{"kind":"ma')
    assert main(["rebuild", "-c", str(config)]) == 0
    told = capsys.readouterr()
    assert "396 rows of 2 principals" in told.out
    assert told.err == ""


def test_it_refuses_while_a_gate_writes(past, capsys):
    folder, config, _, _ = past
    worker = assemble(Place(folder).config(), Clock())
    assert main(["rebuild", "-c", str(config)]) == 2
    assert "stop `wellhead serve` first" in capsys.readouterr().err
    worker.stop()
