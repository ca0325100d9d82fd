"""`wellhead serve` as a real process before a real model server, asked over real sockets."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler

import numpy as np
from serving import WIDTH, body_of, predict

PATH = "/v2/models/m/infer"


class ModelHandler(BaseHTTPRequestHandler):
    """An ordinary model server; the first input number chooses how it behaves."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        data = json.loads(body)["inputs"][0]["data"]
        mood = self.server.mood
        if mood == "garbage":
            return self._send(b"\x00\xff not json")
        if mood == "lies":
            self.send_response(200)
            self.send_header("content-length", "5000")
            self.end_headers()
            self.wfile.write(b"{}")
            self.close_connection = True
            return None
        if mood == "slow":
            time.sleep(3)
        p = predict(data)
        out = {"name": "p", "shape": list(p.shape), "datatype": "FP64", "data": p.ravel().tolist()}
        return self._send(json.dumps({"model_name": "m", "outputs": [out]}).encode())

    def _send(self, body):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Gate:
    """A `wellhead serve` process."""

    def __init__(self, place, upstream_port, extra=""):
        self.place, self.port = place, free_port()
        self.file = place.folder / "wellhead.toml"
        self.file.write_text(
            f'mode = "enforce"\n[listen]\nport = {self.port}\n[upstream]\nurl = "http://127.0.0.1:{upstream_port}"\n'
            f'read_timeout_s = 1.0\n[model]\nname = "m"\n[access]\nkeys = "{place.folder}/keys.json"\n'
            f'[audit]\ndirectory = "{place.folder}/log"\nkey = "{place.folder}/log.key"\n{extra}'
        )
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "wellhead", "serve", "-c", str(self.file)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.05)
        raise AssertionError("the gate does not listen")

    def post(self, token, inputs=None, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        body = body_of(np.ones(WIDTH) if inputs is None else inputs) if body is None else body
        connection.request("POST", PATH, body, {"x-api-key": token, "content-type": "application/json", **headers})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, answer

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=30)
        return said
