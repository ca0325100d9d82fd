import subprocess
import sys

import pytest
from benchmarks import load
from benchmarks.load import Load

OUTPUT = """Running 2s test @ http://127.0.0.1:8080/v2/models/m/infer
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   402.11us  110.20us   5.01ms   90.11%
  113342 requests in 2.00s, 130.80MB read
{"wrk": {"requests": 113342, "seconds": 2.004389, "p50_us": 427.0, "p99_us": 2208.0, "refused": 3, "broken": 1}}
"""


def test_the_line_of_json_is_found_among_what_wrk_says():
    assert load.parse(OUTPUT) == Load(113342, 2.004389, 427.0, 2208.0, 3, 1)


def test_output_without_it_is_an_error():
    with pytest.raises(ValueError, match="expected a line of JSON from wrk"):
        load.parse("unable to connect to 127.0.0.1:1")


def test_a_tree_is_all_that_hang_from_its_root():
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 20: 1, 21: 20}
    assert load.descendants(10, parents) == {10, 11, 12}
    assert load.descendants(12, parents) == {12}


SPINS = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
FORKS = (
    f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPINS!r}])\nprint('done', flush=True)\ninput()\n"
)


def test_the_cpu_of_children_that_have_ended_counts():
    parent = subprocess.Popen([sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        parent.stdout.readline()
        assert load.cpu_s(parent.pid) >= 0.2
    finally:
        parent.communicate(b"\n")


LISTENS = "import socket, time\ns = socket.create_server(('127.0.0.1', {port}))\nwhile True: s.accept()\n"


def test_a_server_is_up_inside_and_gone_after(tmp_path):
    port = load.free_port()
    with load.serving("files", [sys.executable, "-c", LISTENS.format(port=port)], port, tmp_path / "out") as server:
        assert server.process.poll() is None
    assert server.process.poll() is not None


def test_a_server_that_ends_at_once_says_why(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such port')"]
    with (
        pytest.raises(RuntimeError, match="no such port"),
        load.serving("x", command, load.free_port(), tmp_path / "out"),
    ):
        pass
