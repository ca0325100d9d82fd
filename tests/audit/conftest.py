import pytest

from wellhead.audit.log import Log
from wellhead.core.event import Event


def _event(i, **changed):
    made = {"request": f"r{i}", "time_us": 1_795_230_000_000_000 + i, "principal": f"p{i % 7}", "model": "m", "rows": 1}
    return Event(**made | {"status": 200} | changed)


class Place:
    """Where one log of a test lives."""

    def __init__(self, root):
        self.directory = root / "log"
        self.key = root / "log.key"
        self.anchor = root / "anchor.jsonl"

    def open(self, now_us=10, anchor=True):
        return Log.open(self.directory, "example.com/log", self.key, now_us, self.anchor if anchor else "")

    def filled(self, n, every=100):
        """A closed log of n events with a checkpoint after each `every`."""
        log = self.open()
        for lo in range(0, n, every):
            log.append([_event(i) for i in range(lo, min(n, lo + every))])
            log.seal(1_000_000 * (lo + every))
        log.close(1_000_000 * (n + 1))
        return self

    @property
    def files(self):
        """Every file and folder here but the lock, and what is in it."""
        return {p: p.is_file() and p.read_bytes() for p in self.directory.parent.rglob("*") if p.name != "lock"}

    @property
    def vkey(self):
        return (self.directory / "log.vkey").read_text()

    @property
    def segment(self):
        return self.directory / "entries" / "000000.jsonl"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="session")
def event():
    return _event


@pytest.fixture(scope="session")
def made():
    return Place
