import pytest
from marking import House

from wellhead.audit.verify import PASS, verify
from wellhead.core.errors import ConfigError
from wellhead.core.event import Mark
from wellhead.defend.own.commitment import Committed, Withdrawn, read
from wellhead.serve import notes
from wellhead.serve.notes import entries, note, stands


@pytest.fixture
def house():
    house = House()
    yield house
    house.close()


def test_a_note_is_sealed_when_it_returns_and_found_among_other_marks(house):
    folder = house.folder / "log"
    house.write(own="")
    note(house.config, Committed("c"), 1)
    house.start().stop()
    note(house.config, Withdrawn("c"), 2)
    assert [e for _, e in entries(folder)] == [Committed("c"), Withdrawn("c")]
    first, last = (i for i, _ in entries(folder))
    assert (first, last) == (0, verify(folder).signed - 1)
    assert list(entries(folder, 1)) == [(last, Withdrawn("c"))]
    assert verify(folder).integrity.outcome == PASS


def test_a_commitment_stands_until_it_is_withdrawn(house):
    folder = house.folder / "log"
    assert not stands(folder, "c")
    for entry in (Committed("c"), Withdrawn("c"), Committed("c")):
        note(house.config, entry, 1)
    assert stands(folder, "c")
    assert not stands(folder, "other")
    assert [stands(folder, "c", end) for end in range(4)] == [False, True, False, True]


def test_a_running_gate_writes_the_note_itself(house, monkeypatch):
    told = []
    monkeypatch.setattr(notes, "ask", lambda directory, question: told.append((directory, question)))
    house.start()
    note(house.config, Committed("c"), 1)
    ((directory, question),) = told
    assert directory == house.config.audit.directory
    assert (question.ask, read(question.reason)) == ("note", Committed("c"))


def test_a_note_that_cannot_be_read_is_named(house):
    house.start()
    house.worker.books.log.append([Mark(time_us=1, what="ownership", detail="{}")])
    house.stop()
    with pytest.raises(ConfigError, match="expected an entry on ownership"):
        list(entries(house.folder / "log"))
