import threading

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellhead.audit.entries import records
from wellhead.audit.log import Log
from wellhead.core.batch import from_events
from wellhead.core.codec import pack
from wellhead.core.errors import AuditError, StoreError
from wellhead.core.event import Coded, Event, Gap
from wellhead.store import history as module
from wellhead.store.history import History, rebuild

CODES = np.arange(4, dtype=np.int8)


def event(i, **changed):
    made = {
        "request": f"r{i:05d}",
        "time_us": 1_000_000 * i,
        "principal": f"p{i % 3}",
        "model": "m",
        "rows": 1,
        "status": 200,
        "given": 3,
        "asked": 3,
        "classes": 2,
        "organisation": f"o{i % 2}",
        "fingerprints": pack(np.array([i], "<u8")),
        "codes": pack(CODES + i % 9),
        "profile": "f1",
        "top1": (i % 2,),
        "confidence_pm": (i % 1000,),
        "scores": pack(np.array([[i % 100, 3]], np.int8)),
    }
    return Event(**made | changed)


def same(a, b):
    for field in a.__struct_fields__:
        x, y = getattr(a, field), getattr(b, field)
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y, err_msg=field)
            assert x.dtype == y.dtype
        else:
            assert x == y, field


def twin(stored, principals, since_s):
    """What rows_of means, without files: filter, sort, columns."""
    late = {(r.request, r.part): r for r in stored if isinstance(r, Coded)}
    found = []
    for e in stored:
        if not isinstance(e, Event) or e.principal not in principals or e.time_us < since_s * 1e6:
            continue
        if e.status == 200 and e.given > 0:
            c = None if e.codes else late.get((e.request, e.part))
            found.append(msgspec.structs.replace(e, codes=c.codes, profile=c.profile) if c else e)
    return from_events(sorted(found, key=lambda e: (e.time_us, e.request, e.part)))


ANY = st.one_of(
    st.builds(
        event,
        st.integers(0, 40),
        part=st.integers(0, 1),
        status=st.sampled_from([200, 200, 429]),
        given=st.sampled_from([3, 3, 0]),
        agent=st.text(st.characters(codec="utf-8"), max_size=5),
        codes=st.sampled_from(["", pack(CODES)]),
        values=st.sampled_from([(), ("1.5",)]),
    ).map(lambda e: e if e.codes else msgspec.structs.replace(e, profile="")),
    st.builds(
        Coded,
        request=st.sampled_from(["r00003", "r00004"]),
        part=st.just(0),
        profile=st.just("f1"),
        codes=st.just(pack(CODES)),
    ),
    st.just(Gap(time_us=1, since_us=0, events=1, reason="x")),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(ANY, max_size=25, unique_by=lambda r: (r.request, r.part) if isinstance(r, Event) else id(r)),
    st.sets(st.integers(0, 25)),
)
def test_files_and_tail_answer_as_the_twin_wherever_the_seals_fall(tmp_path_factory, stored, seals):
    history = History(tmp_path_factory.mktemp("h"))
    for i, record in enumerate(stored):
        history.append([record])
        if i in seals:
            history.seal()
    for principals in (["p0"], ["p1", "p2", "p1"], [], ["nobody"]):
        same(history.rows_of(principals, 12.0), twin(stored, principals, 12.0))
    history.close()


def test_before_and_after_a_rebuild_from_the_log(tmp_path):
    log = Log.open(tmp_path / "log", "example.com/log", tmp_path / "key", 1)
    history = History(tmp_path / "history")
    for lo in range(0, 400, 50):
        uncoded = {"codes": "", "profile": ""} if lo < 100 else {}
        batch = [event(i, **uncoded, status=429 if i % 10 == 0 else 200) for i in range(lo, lo + 50)]
        history.append(batch, log.append(batch))
        log.append([Gap(time_us=1, since_us=1, events=0, reason="x")])
        if lo == 150:
            coded = [Coded(request=f"r{i:05d}", part=0, profile="f1", codes=pack(CODES + i % 9)) for i in range(100)]
            history.append(coded, log.append(coded))
            history.seal()
    log.close(2)
    live = history.rows_of(["p0", "p2"], 30.0)
    history.close()
    made = rebuild(records(tmp_path / "log"), tmp_path / "history")
    same(live, made.rows_of(["p0", "p2"], 30.0))
    assert len(live) > 100
    assert made.size == log.size
    assert made.rows_of(["p0"], 0.0).codes.any(axis=1).all()
    made.close()


def test_a_rebuild_from_a_bad_log_leaves_history_as_it_was(tmp_path):
    history = History(tmp_path / "h")
    history.append([event(1)])
    history.close()

    def broken():
        yield 0, event(2)
        raise AuditError("torn")

    with pytest.raises(AuditError):
        rebuild(broken(), tmp_path / "h")
    again = History(tmp_path / "h")
    assert [e.request for e in again.events_of(None)] == ["r00001"]
    again.close()
    rebuild([], tmp_path / "h").close()


def test_a_new_process_catches_up_from_the_log(tmp_path):
    log = Log.open(tmp_path / "log", "example.com/log", tmp_path / "key", 1)
    history = History(tmp_path / "h")
    for lo in (0, 10, 20):
        history.append(batch := [event(i) for i in range(lo, lo + 10)], log.append(batch))
        if lo == 10:
            history.seal()
    log.close(1)
    again = History(tmp_path / "h")
    assert (again.size, len(again.rows_of(None))) == (20, 20)
    again.catch_up(records(tmp_path / "log", again.size))
    same(again.rows_of(None), history.rows_of(None))
    with pytest.raises(StoreError, match="wellhead rebuild"):
        again.append([event(1)], 7)
    history.close()
    again.close()


def test_rows_of_one_profile_only(tmp_path):
    history = History(tmp_path / "h")
    wide = np.arange(9, dtype=np.int8)
    history.append([event(0, codes="", profile=""), event(3), event(6, codes=pack(wide), profile="f2")])
    assert history.rows_of(["p0"], profile="f1").codes.tolist() == [(CODES + 3).tolist()]
    assert history.rows_of(["p0"], profile="f2").codes.tolist() == [wide.tolist()]
    assert history.rows_of(["p0"]).codes.tolist() == [[0] * 9, [0] * 9, wide.tolist()]
    assert len(history.rows_of(["p0"], profile="f9")) == 0
    history.close()


def test_the_tail_seals_itself_when_full(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TAIL", 10)
    history = History(tmp_path / "h")
    for lo in range(0, 25, 5):
        history.append([event(i) for i in range(lo, lo + 5)])
    assert history.waiting == 5
    assert sorted(p.name for p in (tmp_path / "h").iterdir()) == [
        "events-000000000000000-000000000000010.parquet",
        "events-000000000000010-000000000000020.parquet",
    ]
    assert len(history.rows_of(None)) == 25
    history.close()


def test_a_seal_that_fails_loses_nothing(tmp_path):
    history = History(tmp_path / "h")
    history.append([event(1)])
    (tmp_path / "h").rename(tmp_path / "away")
    with pytest.raises(StoreError, match="cannot write"):
        history.seal()
    (tmp_path / "away").rename(tmp_path / "h")
    history.append([event(4)])
    assert [e.request for e in history.events_of(["p1"])] == ["r00001", "r00004"]
    history.close()
    assert len(History(tmp_path / "h").rows_of(["p1"])) == 2


def test_asking_while_another_thread_seals_sees_every_row_once(tmp_path):
    history = History(tmp_path / "h")
    history.append([event(i) for i in range(300)])
    stop = threading.Event()

    def write():
        for i in range(300, 340):
            history.append([event(i)])
            history.seal()
        stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not stop.is_set():
        found = [e.request for e in history.events_of(None)]
        assert len(found) == len(set(found)) >= 300
    thread.join()
    history.close()


def test_sql(tmp_path):
    history = History(tmp_path / "it's")
    assert history.query("SELECT count(*) AS n FROM events, coded") == (["n"], [(0,)])
    history.append([event(i) for i in range(9)])
    history.append([Coded(request="r00001", part=0, profile="f", codes="")])
    names, rows = history.query("SELECT principal, count(*) AS n FROM events GROUP BY 1 ORDER BY 1")
    assert (names, rows) == (["principal", "n"], [("p0", 3), ("p1", 3), ("p2", 3)])
    with pytest.raises(StoreError, match="cannot read history") as e:
        history.query("SELEKT")
    assert "\n" not in str(e.value)
    history.close()


def test_damaged_files_are_told_in_one_line(tmp_path):
    history = History(tmp_path / "h")
    history.append([event(1)])
    history.close()
    (file,) = (tmp_path / "h").iterdir()
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(StoreError, match="wellhead rebuild") as e:
        History(tmp_path / "h").rows_of(["p1"])
    assert "\n" not in str(e.value)
    file.rename(file.with_name("events-of-mine.parquet"))
    with pytest.raises(StoreError, match="events-FIRST-END"):
        History(tmp_path / "h")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot use"):
        History(tmp_path / "file" / "h")
