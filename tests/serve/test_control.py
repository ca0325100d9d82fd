import asyncio
import stat
import threading

import pytest

from wellhead.core.errors import ConfigError
from wellhead.serve.control import ask, serve_control, socket_path
from wellhead.serve.status import Ask, Reply


@pytest.fixture
def running(tmp_path, monkeypatch):
    """A control socket answered on another thread; returns its directory and the Asks that came."""
    monkeypatch.chdir(tmp_path)
    heard, loop, ready = [], asyncio.new_event_loop(), threading.Event()

    async def answer(question):
        heard.append(question)
        if question.ask == "explode":
            raise ConfigError("expected something else")
        return Reply(done=question.ask)

    async def main():
        server = await serve_control(str(tmp_path), answer)
        ready.set()
        async with server:
            await server.serve_forever()

    task = loop.create_task(main())
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.gather(task, return_exceptions=True)))
    thread.start()
    assert ready.wait(5)
    yield tmp_path, heard
    loop.call_soon_threadsafe(task.cancel)
    thread.join(5)
    loop.close()


def test_question_and_answer(running):
    directory, heard = running
    assert ask(str(directory), Ask(ask="status", top=3)).done == "status"
    assert heard[0].top == 3


def test_an_error_reaches_whoever_asked_as_one_line(running):
    directory, _ = running
    with pytest.raises(ConfigError, match="expected something else"):
        ask(str(directory), Ask(ask="explode"))


def test_only_the_owner_can_open_the_socket(running):
    directory, _ = running
    assert stat.S_IMODE(socket_path(str(directory)).stat().st_mode) == 0o600


def test_no_gate_running_is_said_with_the_remedy(tmp_path):
    with pytest.raises(ConfigError, match="wellhead serve"):
        ask(str(tmp_path), Ask(ask="status"))


def test_a_path_too_long_for_a_socket_is_said(tmp_path):
    with pytest.raises(ConfigError, match="bytes"):
        socket_path(str(tmp_path / ("x" * 120)))
