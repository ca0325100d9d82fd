"""From what a user names to what can be attacked: a URL, a Python object, a model file, or recorded answers."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.redteam.estimators import open_object, packages
from wellhead.redteam.opened import Opened, brief

_OBJECT = re.compile(r"([\w./\\-]+?(?:\.py)?):([A-Za-z_][\w.]*)")
_KINDS = (".onnx", ".skops", ".json", ".ubj", ".txt", ".pt", ".pt2")
_PICKLES = (".pkl", ".pickle", ".joblib", ".sav", ".dill", ".pth")


def is_url(text: str) -> bool:
    """True for what is asked over HTTP."""
    return text.startswith(("http://", "https://"))


def open_local(text: str) -> tuple[Opened, str]:
    """The model that a file or `module:object` names, and the name of the target: it changes when the model does.

    Raises ConfigError for what cannot be read, MissingExtra where a package lacks.
    """
    if "://" in text:
        raise ConfigError("expected an http or https URL, got another scheme", "such as http://127.0.0.1:8000")
    file = Path(text)
    if file.suffix.lower() in _PICKLES:
        raise ConfigError(
            f"expected a model file that runs no code when read, got {file.name}",
            "load it yourself in a module and name it as module:object, or save it as .onnx or .skops",
        )
    found = _OBJECT.fullmatch(text)
    if found and not file.exists():
        held, source = _object(found[1], found[2])
        return open_held(held, text), f"{text}#{_digest(source)}" if source else text
    if not file.is_file() and file.suffix.lower() in _KINDS:
        raise ConfigError(f"expected a model file at {file}, got no such file", "check its path")
    if not file.is_file():
        raise ConfigError(
            f"expected a URL, a model file or module:object, got {text!r}",
            "such as http://127.0.0.1:8000, model.onnx or my_package.models:classifier",
        )
    return _reader(file)(file), f"{file.name}#{_digest(file)}"


def open_held(held: Any, name: str) -> Opened:
    """The model in a Python object; see `estimators.open_object`."""
    if "torch" in packages(held) and hasattr(held, "state_dict"):
        from wellhead.redteam.torch_models import module

        return module(held)
    return open_object(held, name)


def _digest(file: Path) -> str:
    with file.open("rb") as held:
        return hashlib.file_digest(held, "sha256").hexdigest()[:12]


def _object(module: str, path: str) -> tuple[Any, Path | None]:
    """The object, and the file that defines its module."""
    held: Any = _from_file(Path(module)) if module.endswith(".py") else _from_package(module)
    source = getattr(held, "__file__", None)
    for name in path.split("."):
        if not hasattr(held, name):
            raise ConfigError(f"expected {name!r} in {module}, got no such name")
        held = getattr(held, name)
    return held, Path(source) if source else None


def _from_package(module: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    except ImportError as e:
        raise ConfigError(f"expected a module {module!r}, got: {e}", "run where it can be imported from") from e


def _from_file(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"wellhead_target_{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise ConfigError(f"expected a Python file at {file}, got none")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _reader(file: Path) -> Callable[[Path], Opened]:
    """What reads files of this kind."""
    kinds = (_onnx, _skops, _xgboost, _xgboost, _lightgbm, _torch, _torch)
    readers: dict[str, Callable[[Path], Opened]] = dict(zip(_KINDS, kinds, strict=True))
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise ConfigError(f"expected a model in {', '.join(readers)}, .npz or .jsonl, got {file.name}")
    return reader


def _need(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as e:
        raise MissingExtra(f"this model file needs {package!r}", "try: pip install 'wellhead[models]'") from e


def _torch(file: Path) -> Opened:
    from wellhead.redteam.torch_models import load

    return load(file)


def _onnx(file: Path) -> Opened:
    from wellhead.redteam.onnx_models import load

    return load(file, _need("onnxruntime", "onnxruntime"))


def _skops(file: Path) -> Opened:
    """A skops file, unless it holds types that are not trusted by default."""
    io = _need("skops.io", "skops")
    try:
        strange = io.get_untrusted_types(file=file)
        if strange:
            raise ConfigError(
                f"expected trusted types only in {file}, got {', '.join(strange[:5])}",
                "load it yourself in a module and name it as module:object",
            )
        held = io.load(file)
    except ConfigError:
        raise
    except Exception as e:  # a damaged archive fails in many ways
        raise ConfigError(f"expected a skops file at {file}, got: {type(e).__name__}: {brief(e)}") from e
    return open_object(held, str(file))


def _xgboost(file: Path) -> Opened:
    xgboost = _need("xgboost", "xgboost")
    held = xgboost.Booster()
    try:
        held.load_model(str(file))
    except Exception as e:  # XGBoost raises its own errors, and JSON's
        raise ConfigError(f"expected an XGBoost model in {file}, got: {brief(e)}") from e
    return open_object(held, str(file))


def _lightgbm(file: Path) -> Opened:
    """A LightGBM model; any other text file is no model."""
    with file.open("rb") as held:
        if not held.read(64).startswith(b"tree"):
            raise ConfigError(f"expected a LightGBM model in {file}, got another text file")
    lightgbm = _need("lightgbm", "lightgbm")
    try:
        return open_object(lightgbm.Booster(model_file=str(file)), str(file))
    except Exception as e:  # LightGBM raises its own errors
        raise ConfigError(f"expected a LightGBM model in {file}, got: {brief(e)}") from e
