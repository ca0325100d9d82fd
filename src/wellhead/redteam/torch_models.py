"""torch modules and TorchScript files as targets: the one place where torch is imported."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.opened import Opened, brief

_REMEDY = "try: pip install 'wellhead[torch]'"


def _torch() -> Any:
    try:
        import torch  # type: ignore[import-not-found, unused-ignore]
    except ImportError as e:
        raise MissingExtra("torch models need 'torch'", _REMEDY) from e
    return torch


def module(held: Any) -> Opened:
    """A module in evaluation mode. Its outputs are taken as they are: (n, 1) or (n,) are a regressor's values."""
    held.eval()
    return _opened(held)


def _opened(held: Any, rows: int = 0, shape: tuple[int, ...] = ()) -> Opened:
    """rows: of each call, the last one filled up; 0 for any number."""
    torch = _torch()
    kind = next((p.dtype for p in held.parameters()), torch.float32)

    def model(inputs: Inputs) -> Answer:
        table = torch.from_numpy(np.ascontiguousarray(inputs)).to(kind)
        with torch.no_grad():
            told = torch.cat([held(_filled(part, rows))[: len(part)] for part in table.split(rows or len(table))])
        return _answer(told.detach().cpu().numpy())

    return Opened(model, shape=shape, versions=(f"torch {torch.__version__}",))


def _filled(part: Any, rows: int) -> Any:
    """The rows, with the last one repeated where the program takes a fixed number."""
    lacking = rows - len(part)
    return _torch().cat([part, part[-1:].expand(lacking, *part.shape[1:])]) if lacking > 0 else part


def _exported(program: Any) -> Opened:
    """An exported program: it is in the mode that it was exported in, and takes the rows that it was exported for."""
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        raise ConfigError(f"expected a program of one input, got {len(names)}", "wrap it in a function: module:object")
    size = next(node.meta["val"].shape for node in program.graph.nodes if node.name == names[0])
    known = all(isinstance(n, int) for n in size[1:])
    return _opened(program.module(), size[0] if isinstance(size[0], int) else 0, tuple(size[1:]) if known else ())


def _answer(told: Any) -> Answer:
    if np.issubdtype(told.dtype, np.integer):
        return Answer(Exposure.LABEL, labels=told.reshape(len(told)).astype(np.int64))
    if told.ndim == 2 and told.shape[1] > 1:
        return Answer(Exposure.PROBABILITIES, scores=told.astype(np.float64))
    return Answer(Exposure.VALUE, values=told.astype(np.float64).reshape(len(told)))


def load(file: Path) -> Opened:
    """A TorchScript archive (.pt) or an exported program (.pt2); a pickled module is refused.

    Raises ConfigError where it is neither, MissingExtra without torch.
    """
    torch = _torch()
    try:
        if not zipfile.is_zipfile(file):
            raise ValueError("no zip archive")
        if file.suffix == ".pt2":
            return _exported(torch.export.load(str(file)))
        return module(torch.jit.load(str(file), map_location="cpu"))
    except ConfigError:
        raise
    except Exception as e:  # a damaged archive fails in many ways
        raise ConfigError(
            f"expected TorchScript or an exported program in {file}, got: {brief(e)}",
            "save with torch.jit.save or torch.export.save, or name a loaded module as module:object",
        ) from e
