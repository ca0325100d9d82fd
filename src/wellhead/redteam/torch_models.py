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
from wellhead.redteam.opened import Opened

_REMEDY = "try: pip install 'wellhead[torch]'"


def _torch() -> Any:
    try:
        import torch  # type: ignore[import-not-found, unused-ignore]
    except ImportError as e:
        raise MissingExtra("torch models need 'torch'", _REMEDY) from e
    return torch


def module(held: Any) -> Opened:
    """A module in evaluation mode. Its outputs are taken as they are: (n, 1) or (n,) are a regressor's values."""
    torch = _torch()
    if hasattr(held, "eval"):
        held.eval()
    kind = next((p.dtype for p in held.parameters()), torch.float32)

    def model(inputs: Inputs) -> Answer:
        with torch.no_grad():
            told = held(torch.from_numpy(np.ascontiguousarray(inputs)).to(kind))
        return _answer(told.detach().cpu().numpy())

    return Opened(model, versions=(f"torch {torch.__version__}",))


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
            return module(torch.export.load(str(file)).module())
        return module(torch.jit.load(str(file), map_location="cpu"))
    except Exception as e:  # a damaged archive fails in many ways
        said = (str(e).strip().splitlines() or ["no reason"])[0]
        raise ConfigError(
            f"expected TorchScript or an exported program in {file}, got: {said[:120]}",
            "save with torch.jit.save or torch.export.save, or name a loaded module as module:object",
        ) from e
