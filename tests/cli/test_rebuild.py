import shutil

import numpy as np
import pytest
from serving import WIDTH, Clock, Place, exchange

from wellhead.cli.main import main
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


def test_it_refuses_while_a_gate_writes(past, capsys):
    folder, config, _, _ = past
    worker = assemble(Place(folder).config(), Clock())
    assert main(["rebuild", "-c", str(config)]) == 2
    assert "stop `wellhead serve` first" in capsys.readouterr().err
    worker.stop()
