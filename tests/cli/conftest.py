import asyncio
import threading

import pytest

from wellhead.cli.main import main
from wellhead.serve.control import serve_control


class Gate:
    """A control socket that answers every Ask with `reply` and remembers what it was asked."""

    def __init__(self, directory):
        self.directory, self.reply, self.heard = directory, None, []
        self.loop, self.ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.serve(),))

    async def answer(self, question):
        self.heard.append(question)
        return self.reply

    async def serve(self):
        self.done = asyncio.Event()
        server = await serve_control(str(self.directory), self.answer)
        self.ready.set()
        await self.done.wait()
        server.close()
        await server.wait_closed()

    def stop(self):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with a config file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "wellhead.toml").write_text('[audit]\ndirectory = "log"\n')
    return tmp_path


@pytest.fixture
def running(place):
    """A gate of that directory that answers as it is told."""
    gate = Gate(place / "log")
    gate.thread.start()
    assert gate.ready.wait(10)
    yield gate
    gate.stop()


@pytest.fixture
def wellhead(capsys):
    """Run a command line; returns its exit code, output and errors."""

    def run(*argv):
        try:
            code = main(list(argv))
        except SystemExit as e:
            code = e.code
        return code, *capsys.readouterr()

    return run
