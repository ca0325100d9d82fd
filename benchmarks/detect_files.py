"""Files of many kinds found on any machine, and the production model that names them: Magika 1.0.3."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.detect_world import CACHE

FOLDERS = ("/usr/share", "/usr/lib", "/usr/include", "/usr/bin", "/etc")
SIDE = 1024
PADDING = 256
_MOST_OF_A_KIND = 500
_HEAD = 64

_SERVER = """
import glob, struct, sys
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
model = glob.glob(sys.argv[1] + "/lib/python3*/site-packages/magika/models/*/model.onnx")[0]
session = onnxruntime.InferenceSession(model, options)
name = session.get_inputs()[0].name
while head := sys.stdin.buffer.read(4):
    rows = struct.unpack("<I", head)[0]
    tokens = np.frombuffer(sys.stdin.buffer.read(rows * 4096), np.uint16).reshape(rows, 2048).astype(np.int32)
    told = session.run(None, {name: tokens})[0].astype(np.float32)
    sys.stdout.buffer.write(struct.pack("<I", told.shape[1]) + told.tobytes())
    sys.stdout.buffer.flush()
"""


class Magika:
    """The model in an environment of its own, asked through a pipe."""

    def __init__(self, home: Path) -> None:
        command = [str(home / "bin" / "python"), "-W", "ignore", "-c", _SERVER, str(home)]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._known: dict[int, Any] = {}

    @classmethod
    def started(cls) -> Magika | None:
        """The model; None, with a line, where it cannot be installed."""
        python = peers.environment("magika", "magika==1.0.3")
        return None if python is None else cls(python.parent.parent)

    def answer(self, inputs: Any) -> Any:
        """(n, 214) probabilities of tokens (n, 2048), 0..256."""
        tokens = np.clip(np.rint(inputs), 0, PADDING).astype(np.uint16)
        held = [self._known.get(_key(t)) for t in tokens]
        new = np.array([i for i, h in enumerate(held) if h is None], np.int64)
        told = [self._asked(tokens[new[i : i + 256]]) for i in range(0, new.size, 256)]
        for i, row in zip(new.tolist(), np.concatenate(told) if told else (), strict=True):
            held[i] = row
        return np.stack(held)  # type: ignore[arg-type]

    def remember(self, blocks: Sequence[Any]) -> None:
        """Ask all of these now; what was asked by an earlier run is read from disk, since 2 ms a file add up."""
        tokens = np.concatenate(blocks)
        path = CACHE / "magika.npz"
        if path.exists():
            held = np.load(path)
            self._known = dict(zip(held["keys"].tolist(), held["truth"], strict=True))
        missing = [t for t in tokens if _key(t) not in self._known]
        if missing:
            self._known |= dict(zip(map(_key, missing), self.answer(np.stack(missing)), strict=True))
            CACHE.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(path, keys=list(self._known), truth=np.stack(list(self._known.values())))

    def _asked(self, tokens: Any) -> Any:
        put, get = self._server.stdin, self._server.stdout
        if put is None or get is None:
            raise RuntimeError("expected pipes to the model")
        put.write(len(tokens).to_bytes(4, "little") + tokens.tobytes())
        put.flush()
        classes = int.from_bytes(get.read(4), "little")
        return np.frombuffer(get.read(4 * classes * len(tokens)), np.float32).reshape(len(tokens), classes)


def _key(tokens: Any) -> int:
    return int.from_bytes(hashlib.blake2b(tokens.tobytes(), digest_size=7).digest(), "big")


def collected(count: int) -> Any:
    """(count or fewer, 2048) uint16 tokens of files and parts of files, at most some hundred of each ending."""
    rng = np.random.default_rng(9)
    kinds: dict[str, list[Path]] = {}
    for path in _files():
        held = kinds.setdefault(path.suffix.lower(), [])
        if len(held) < 4 * _MOST_OF_A_KIND:
            held.append(path)
    chosen = [p for paths in kinds.values() for p in _few(paths, rng)]
    rng.shuffle(chosen)  # type: ignore[arg-type]
    tokens: dict[bytes, Any] = {}
    while len(tokens) < count and chosen:
        size = len(tokens)
        for path in chosen:
            row = _tokens(_part(path, rng))
            tokens[row.tobytes()] = row
            if len(tokens) == count:
                break
        if len(tokens) - size < 0.02 * count:
            break
    return np.stack(list(tokens.values()))


def _files() -> Iterator[Path]:
    for folder in (*FOLDERS, str(Path(np.__file__).parent.parent)):
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def _few(paths: list[Path], rng: Any) -> list[Path]:
    return [paths[i] for i in rng.permutation(len(paths))[:_MOST_OF_A_KIND]]


def _part(path: Path, rng: Any) -> bytes:
    """The file, or, for one time in two, what begins at one of its lines."""
    try:
        with path.open("rb") as file:
            content = file.read(1 << 18)
    except OSError:
        return b"unreadable"
    if rng.random() < 0.5 and len(content) > SIDE:
        start = content.find(b"\n", int(rng.integers(len(content) - SIDE // 2)))
        content = content[max(start + 1, 0) :]
        content = content[: int(rng.integers(SIDE // 4, 1 << 14))]
    return content


def _tokens(content: bytes) -> Any:
    """(2048,) uint16: the first and the last 1,024 bytes of the stripped content, padded with 256."""
    row = np.full(2 * SIDE, PADDING, np.uint16)
    head, tail = content.lstrip()[:SIDE], content.rstrip()[-SIDE:]
    row[: len(head)] = np.frombuffer(head, np.uint8)
    if tail:
        row[-len(tail) :] = np.frombuffer(tail, np.uint8)
    return row


def sight(inputs: Any) -> Any:
    """(n, 321) float32: how often each byte occurs, and the first 64: what a thief's learner sees."""
    tokens = np.asarray(inputs, np.int64)
    n = len(tokens)
    counts = np.bincount((np.arange(n)[:, None] * 257 + tokens).ravel(), minlength=n * 257).reshape(n, 257)
    return np.hstack([np.sqrt(counts / tokens.shape[1]), tokens[:, :_HEAD] / PADDING]).astype(np.float32)
