import numpy as np
import pytest
from metering import classifier, inputs, softmax_model

from wellhead.capture.importers.own import Own
from wellhead.core.batch import from_events, visits_of
from wellhead.core.codec import encode_lines
from wellhead.core.event import Answer, Caller, Coded, Exchange, Mark, Query
from wellhead.core.exposure import Exposure
from wellhead.gate.record import Recorder
from wellhead.store.history import History

NOW = 1.7e9


def exchange(i, rows, who="ann", status=200, scores=True):
    x = inputs(rows, seed=i)
    p = softmax_model(x)
    answer = Answer(Exposure.PROBABILITIES, p) if scores else Answer(Exposure.LABEL, labels=p.argmax(1))
    return Exchange(
        Caller(principal=who, organisation="acme", plan="pro", address="10.1.2.3", agent="curl"),
        Query("m", x, rows, Exposure.PROBABILITIES),
        answer if status == 200 else None,
        int((NOW + i) * 1e6),
        status,
        f"r{i}",
        endpoint="/v2/models/m/infer",
    )


def events(profile, exchanges):
    recorder = Recorder("m", b"k" * 32, lambda field, value: f"{field[:2]}{value}" if value else "")
    return [e for group in recorder.record(exchanges, profile).events for e in group]


def some(profile=None):
    made = [exchange(i, 1 + i % 3, f"p{i % 4}") for i in range(30)]
    made += [exchange(40, 70, "p1"), exchange(41, 1, "p2", status=429), exchange(42, 2, "p3", scores=False)]
    return events(profile or classifier(), made)


def read(reader, path):
    blocks = list(reader.read(path))
    assert len(blocks) == 1
    return blocks[0]


def same(ours, theirs):
    """Equal but for the order of names."""
    who = [ours.names[i] for i in ours.principal]
    assert who == [theirs.names[i] for i in theirs.principal]
    pairs = dict(zip(ours.names, ours.attributes, strict=True))
    assert {n: pairs[n] for n in theirs.names} == dict(zip(theirs.names, theirs.attributes, strict=True))
    for field in ours.__struct_fields__:
        if field not in ("names", "principal", "attributes"):
            np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)


def test_the_log_reads_as_its_events_do(tmp_path):
    made = some()
    log = tmp_path / "000000.jsonl"
    log.write_bytes(encode_lines([Mark(time_us=1, what="start"), *made]))
    found = read(Own(classifier(), NOW + 100), log)
    same(found.batch, from_events([e for e in made if e.status == 200]))
    wanted = visits_of(made)
    assert found.visits.endpoint == wanted.endpoint
    np.testing.assert_array_equal(found.visits.status, wanted.status)
    assert found.answered == 33


def test_history_reads_as_the_log_does(tmp_path):
    made = some()
    history = History(tmp_path / "history")
    history.append(made)
    history.close()
    path = next((tmp_path / "history").glob("events-*.parquet"))
    found = read(Own(classifier(), NOW + 100), path)
    in_order = sorted((e for e in made if e.status == 200), key=lambda e: (e.principal, e.time_us, e.request, e.part))
    same(found.batch, from_events(in_order))


def test_codes_of_another_profile_are_no_codes(tmp_path):
    log = tmp_path / "000000.jsonl"
    log.write_bytes(encode_lines(some()))
    assert read(Own(None, NOW + 100), log).batch.codes.shape[1] == 0


def test_codes_that_came_after_their_events_are_found(tmp_path):
    profile = classifier()
    coded = some()
    bare = events(None, [exchange(i, 1 + i % 3, f"p{i % 4}") for i in range(30)])
    late = [Coded(request=e.request, part=e.part, profile=e.profile, codes=e.codes) for e in coded[:30]]
    log = tmp_path / "000000.jsonl"
    log.write_bytes(encode_lines([*bare, *late]))
    found = read(Own(profile, NOW + 100, late=(log,)), log)
    np.testing.assert_array_equal(found.batch.codes, from_events(coded[:30]).codes)


def test_lines_that_are_none_are_counted_and_shown(tmp_path):
    log = tmp_path / "000000.jsonl"
    log.write_bytes(encode_lines(some()) + b'{"kind":"event","half\nrubbish\n\n' + encode_lines(some()))
    reader = Own(classifier(), NOW + 100)
    found = read(reader, log)
    assert (reader.told.bad, found.twice) == (2, len(some()))
    assert reader.told.sample == ['{"kind":"xxxxx","xxxx', "xxxxxxx"]


@pytest.mark.parametrize("damage", ["AAAA", "!!!", ""])
def test_damaged_columns_are_unknown_and_the_rest_stays(tmp_path, damage):
    made = some()
    text = encode_lines(made).replace(made[5].codes.encode(), damage.encode(), 1)
    log = tmp_path / "000000.jsonl"
    log.write_bytes(text)
    batch = read(Own(classifier(), NOW + 100), log).batch
    wanted = from_events([e for e in made if e.status == 200])
    np.testing.assert_array_equal(batch.scores, wanted.scores)
    rows = (batch.codes != wanted.codes).any(axis=1)
    assert 0 < rows.sum() <= made[5].rows
    assert not batch.codes[rows].any()
