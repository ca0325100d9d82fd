import json
import subprocess
import sys

import numpy as np
import pytest

from wellhead.core.errors import StoreError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.budget import Spent
from wellhead.redteam.oracle import Reply
from wellhead.redteam.transcript import Transcript, keys

SCORES = Answer(Exposure.PROBABILITIES, scores=np.array([[0.1, 0.9], [1 / 3, 2 / 3]]))
LABELS = Answer(Exposure.LABEL, labels=np.array([3, 4]))
VALUES = Answer(Exposure.VALUE, values=np.array([1e-300, -0.1]))


def exchange(transcript, names, reply, attempt=1, time_us=0):
    transcript.got(transcript.sent("a", attempt, names, time_us), reply, time_us)


@pytest.mark.parametrize("answer", [SCORES, LABELS, VALUES])
def test_answers_come_back_exactly_after_reopening(record, answer):
    exchange(record(), ["x", "y"], Reply(200, answer))
    found, row = record().find("y")
    assert row == 1 and found.kind == answer.kind
    for column in ("scores", "labels", "values"):
        assert np.array_equal(getattr(found, column), getattr(answer, column))


def test_counts_are_the_same_after_reopening(record):
    first = record()
    first.opened("t", "", 1_000_000)
    exchange(first, ["x", "y"], Reply(429), time_us=2_000_000)
    exchange(first, ["x", "y"], Reply(200, SCORES), attempt=2, time_us=3_000_000)
    exchange(first, ["z"], Reply(0), time_us=4_000_000)
    exchange(first, ["u"], Reply(200, detail="garbage"), time_us=5_000_000)
    first.opened("t", "", 100_000_000)
    first.sent("a", 1, ["v", "w"], 101_000_000)
    assert first.spent == Spent(rows=6, calls=4, retries=1, seconds=5.0)
    again = record()
    assert again.spent == first.spent and again.digest == first.digest
    assert [again.find(n) is None for n in "xyzuvw"] == [False, False, True, True, True, True]


def test_a_cut_last_line_is_dropped_and_its_attempt_stays_spent(record, tmp_path):
    file = tmp_path / "transcript.jsonl"
    exchange(record(), ["x", "y"], Reply(200, SCORES))
    whole = file.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        file.write_bytes(whole[:cut])
        again = record()
        assert again.find("x") is None and again.spent.rows == 2
        exchange(again, ["x", "y"], Reply(200, SCORES))
        assert record().find("x") is not None
        assert [json.loads(line)["number"] for line in file.read_text().splitlines()] == [1, 2, 2]


@pytest.mark.parametrize(
    "text", ["hello\n", '{"kind":"got","number":7,"time_us":0}\n', '{"kind":"other"}\n', "[]\n", "hello"]
)
def test_a_file_that_is_no_transcript_is_refused_and_left_alone(record, tmp_path, text):
    file = tmp_path / "transcript.jsonl"
    file.write_text(text)
    with pytest.raises(StoreError, match=r"transcript\.jsonl:1"):
        record()
    assert file.read_text() == text


def test_a_place_that_cannot_be_written_is_named(record, tmp_path):
    with pytest.raises(StoreError, match="expected a transcript that can be written"):
        record(tmp_path / "no" / "such" / "place")


def test_keys_tell_inputs_and_targets_apart():
    inputs = np.array([[1, 2], [1, 3], [1, 2]], np.float32)
    a, b, c = keys("model", inputs)
    assert a == c != b
    assert keys("other", inputs)[0] != a
    assert keys("model", inputs.astype(np.float64)) == [a, b, c]
    assert keys("model", ["x", "y"])[0] != keys("model", ["x", "y"])[1]


def test_a_transcript_without_a_file_remembers_while_it_lives():
    transcript = Transcript()
    exchange(transcript, ["x", "y"], Reply(200, LABELS))
    assert transcript.find("x")[1] == 0
    transcript.close()


def test_a_transcript_in_use_by_another_process_is_refused(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "t.jsonl"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match="no other process"):
        Transcript(path)
    holder.communicate("")
    Transcript(path).close()


HOLD = """
import sys
from wellhead.redteam.transcript import Transcript
held = Transcript(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_is_read_without_a_lock_or_a_write(tmp_path):
    path = tmp_path / "t.jsonl"
    with pytest.raises(StoreError, match="expected a transcript"):
        Transcript.read(path)
    first = Transcript(path)
    first.opened("a#1", "", 5)
    first.opened("b#1", "", 6)
    before = path.read_bytes()
    assert Transcript.read(path).targets == ["a#1", "b#1"]
    first.close()
    assert path.read_bytes() == before
