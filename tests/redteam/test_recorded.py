import numpy as np
import pytest

from wellhead.core.errors import ConfigError, StoreError
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered
from wellhead.redteam.extract.active import Random
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.recorded import open_recorded
from wellhead.redteam.run import finish, run


def test_recorded_rows_are_answered_and_others_are_not(tmp_path, asker, softmax, pool):
    np.savez(tmp_path / "a.npz", inputs=pool[:50], probabilities=softmax(pool[:50]))
    oracle, opened = open_recorded(tmp_path / "a.npz")
    assert opened.shape == (4,) and np.array_equal(opened.pool, pool[:50])
    talk = asker(oracle)
    answer = talk.ask(pool[40:60])
    assert answered(answer).tolist() == [True] * 10 + [False] * 10
    assert np.array_equal(answer.scores[:10], softmax(pool[40:50]))
    assert talk.spent.rows == 10


@pytest.mark.parametrize(
    ("column", "kind"),
    [("labels", Exposure.LABEL), ("logits", Exposure.LOGITS), ("values", Exposure.VALUE)],
)
def test_every_column_is_known(tmp_path, asker, pool, column, kind):
    told = np.zeros((9, 3)) if column == "logits" else np.arange(9)
    np.savez(tmp_path / "a.npz", inputs=pool[:9], **{column: told})
    assert asker(open_recorded(tmp_path / "a.npz")[0]).ask(pool[:9]).kind is kind


def test_a_transcript_is_a_target_and_stays_as_it_was(tmp_path, record, asker, softmax, pool):
    transcript = record()
    finish(run(Random(inputs=pool[:100], rows=60), InProcess(softmax), transcript=transcript, seed=1))
    transcript.close()
    file = tmp_path / "transcript.jsonl"
    before = file.read_bytes()
    oracle, opened = open_recorded(file)
    assert opened.pool is None
    answer = asker(oracle).ask(pool[:100])
    assert answered(answer).sum() == 60
    heard = answered(answer)
    assert np.array_equal(answer.scores[heard], softmax(pool[:100])[heard])
    assert file.read_bytes() == before


def test_what_is_no_record_is_said(tmp_path, pool):
    with pytest.raises(ConfigError, match="no such file"):
        open_recorded(tmp_path / "none.npz")
    np.savez(tmp_path / "a.npz", inputs=pool[:3])
    with pytest.raises(ConfigError, match="expected probabilities"):
        open_recorded(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", inputs=pool[:3], probabilities=np.ones((2, 2)))
    with pytest.raises(ConfigError, match="as many answers"):
        open_recorded(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", inputs=pool[:3], probabilities=np.ones(3))
    with pytest.raises(ConfigError, match="shape"):
        open_recorded(tmp_path / "c.npz")
    (tmp_path / "t.jsonl").write_text("{}\n")
    with pytest.raises(StoreError, match="transcript line"):
        open_recorded(tmp_path / "t.jsonl")
