import shutil
import tempfile
import threading
from http.server import ThreadingHTTPServer

import pytest
from processes import Gate, ModelHandler
from serving import Clock, Place

from wellhead.cli.main import main


@pytest.fixture
def place():
    folder = tempfile.mkdtemp(prefix="wh-")
    yield Place(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def upstream():
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelHandler)
    server.daemon_threads = True
    server.mood = ""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gate(place, upstream):
    gate = Gate(place, upstream.server_port)
    yield gate
    if gate.process is not None and gate.process.poll() is None:
        gate.stop()


@pytest.fixture
def wellhead(capsys):
    """Run a command line; returns its exit code, output and errors."""

    def run(*argv):
        return main(list(argv)), *capsys.readouterr()

    return run
