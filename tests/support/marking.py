"""A gate that marks answers, in a folder of its own, and what was drawn through it."""

import hashlib
import shutil
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np

from wellhead.config import load
from wellhead.core.event import Caller
from wellhead.redteam.gated import Gated
from wellhead.serve import ownership
from wellhead.serve.assemble import assemble
from wellhead.serve.fitting import Fitting

CLASSES = ("a", "b", "c", "d")
WEIGHTS = np.random.default_rng(3).normal(size=(6, len(CLASSES))) * 2
INPUTS = np.random.default_rng(4).normal(size=(900, 6)).astype(np.float32)


def softmax(inputs):
    """(n, 4) probabilities."""
    powers = np.exp(np.asarray(inputs, np.float64) @ WEIGHTS)
    return powers / powers.sum(axis=1, keepdims=True)


class House:
    """Folder, config and gate. model: answers inputs with (n, k) probabilities."""

    def __init__(self, model=softmax, classes=CLASSES, own='plans = ["agreed"]\nshare = 0.1', more="", flip=True):
        self.folder = Path(tempfile.mkdtemp(prefix="wh-"))
        self.model = model
        self.write(classes, own, more, flip)
        self.worker = None
        self.secrets = (hashlib.sha256(bytes([i])).digest() for i in range(256))

    def write(self, classes=CLASSES, own='plans = ["agreed"]\nshare = 0.1', more="", flip=True):
        limits = "rows_per_minute = 0\nrows_per_day = 0\nmax_unread_rows = 0"
        names = ", ".join(f'"{c}"' for c in classes)
        self.file = self.folder / "wellhead.toml"
        self.file.write_text(
            f'mode = "enforce"\n[model]\nname = "m"\nclasses = [{names}]\n[limits]\n{limits}\n'
            f'[audit]\ndirectory = "{self.folder}/log"\nkey = "{self.folder}/log.key"\n'
            f"[exposure]\nflip_labels = {'true' if flip else 'false'}\n[plans.agreed]\n[ownership]\n{own}\n{more}\n"
        )
        self.config = load(self.file)

    @property
    def key(self):
        """Of the fingerprints: the same in every run, so that so many are marked each time."""
        path = self.folder / "log" / "fingerprint.key"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(range(32)))
        return path.read_bytes()

    def on(self):
        with mock.patch("wellhead.serve.ownership.secrets.token_bytes", lambda n: next(self.secrets)[:n]):
            return self._on()

    def _on(self):
        return ownership.switch_on(self.config, ownership.model_of(self.config), self.key, ownership.now_us())

    def off(self):
        return ownership.switch_off(self.config, ownership.now_us())

    def start(self):
        self.worker = assemble(self.config, time.time)
        # what judges principals has nothing to do here, and a profile takes seconds to fit
        self.worker.aides = self.worker.aides[3:]
        self.worker.fitting = Fitting(None)
        return self

    def stop(self):
        if self.worker is not None:
            self.worker.stop()
        self.worker = None

    def ask(self, inputs, principal="eve", plan="agreed"):
        """(n, k) scores as served."""
        worker = self.worker

        def observe(exchange):
            worker.put(exchange)
            worker.turn()

        oracle = Gated(worker.gate, [Caller(principal=principal, plan=plan)], self.model, observe)
        (line,) = oracle.lines
        parts = [line.send(inputs[i : i + 100], 9.0) for i in range(0, len(inputs), 100)]
        assert all(p.answer is not None for p in parts), parts[0]
        return np.concatenate([p.answer.scores for p in parts])

    def serve(self, inputs, principal="eve", plan="agreed"):
        """Start, ask, stop."""
        self.start()
        try:
            return self.ask(inputs, principal, plan)
        finally:
            self.stop()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
