"""Model objects as targets: scikit-learn, XGBoost, LightGBM, torch, or any callable."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import BadAnswer, ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.opened import Opened
from wellhead.redteam.oracle import Model


def open_object(held: Any, name: str) -> Opened:
    """The model in a Python object; raises ConfigError where it can answer nothing."""
    base = packages(held)
    if type(held).__name__ == "Booster" and base & {"xgboost", "lightgbm"}:
        return xgboost_booster(held) if "xgboost" in base else lightgbm_booster(held)
    if hasattr(held, "predict") and not isinstance(held, type):
        return estimator(held)
    if callable(held) and not isinstance(held, type):
        return function(held)
    raise ConfigError(
        f"expected a model at {name}, got {type(held).__name__}",
        "name a fitted estimator, a torch module, or a function of (n, ...) inputs that returns (n, k) probabilities",
    )


def function(held: Callable[..., Any]) -> Opened:
    """A callable. Labels in words are indices in the order of its attribute `classes` or `classes_`."""
    named = getattr(held, "classes_", getattr(held, "classes", None))
    if not isinstance(named, list | tuple | np.ndarray):
        return Opened(held)
    names = tuple(map(str, named))

    def model(inputs: Inputs) -> Any:
        told = held(inputs)
        words = np.asarray(told) if isinstance(told, list | tuple | np.ndarray) else None
        if words is None or words.ndim != 1 or words.dtype.kind not in "UO":
            return told
        strange = next((str(w) for w in words if str(w) not in names), None)
        if strange is not None:
            raise BadAnswer(f"expected labels among {', '.join(names)}, got {strange[:40]!r}")
        return np.array([names.index(str(w)) for w in words], np.int64)

    return Opened(model, classes=names)


def packages(held: Any) -> set[str]:
    """Top-level packages of an object's class and its ancestors."""
    return {kind.__module__.partition(".")[0] for kind in type(held).__mro__}


def flat(inputs: Inputs) -> Any:
    """(n, d) float64; texts as they are, since pipelines read them themselves."""
    if isinstance(inputs, list):
        return inputs
    return np.asarray(inputs, np.float64).reshape(len(inputs), math.prod(inputs.shape[1:]))


def columns(scores: Array) -> Array:
    """(n, k): the probability of the second of two classes becomes two columns."""
    table = np.asarray(scores)
    if table.ndim == 1:
        table = table[:, None]
    return np.hstack([1 - table, table]) if table.shape[1] == 1 else table


def _margins(scores: Array) -> Array:
    """(n, k) logits of decision values; one column becomes two."""
    table = np.asarray(scores, np.float64)
    return np.column_stack([np.zeros(table.size), table]) if table.ndim == 1 else table


def estimator(held: Any) -> Opened:
    """Anything with scikit-learn's methods. Labels are indices in the order of `classes_`."""
    names = getattr(held, "classes_", None)
    width = getattr(held, "n_features_in_", 0)
    return Opened(
        _answers(held, None if names is None else np.asarray(names)),
        shape=(int(width),) if width else (),
        classes=() if names is None else tuple(map(str, names)),
        versions=tuple(f"{package} {version}" for package, version in _versions(held)),
    )


def _versions(held: Any) -> list[tuple[str, str]]:
    import importlib.metadata

    found = []
    for package in sorted(packages(held) & {"sklearn", "xgboost", "lightgbm"}):
        name = {"sklearn": "scikit-learn"}.get(package, package)
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _answers(held: Any, names: Array | None) -> Model:
    """What the estimator tells at most: probabilities, else decision values, else labels or values."""
    if hasattr(held, "predict_proba"):
        return lambda inputs: Answer(
            Exposure.PROBABILITIES, scores=np.asarray(columns(held.predict_proba(flat(inputs))), np.float64)
        )
    if names is not None and hasattr(held, "decision_function"):
        return lambda inputs: Answer(Exposure.LOGITS, scores=_margins(held.decision_function(flat(inputs))))
    if names is not None:
        return lambda inputs: Answer(Exposure.LABEL, labels=_indices(held.predict(flat(inputs)), names))
    return lambda inputs: Answer(
        Exposure.VALUE, values=np.asarray(held.predict(flat(inputs)), np.float64).reshape(len(inputs))
    )


def _indices(labels: Array, names: Array) -> Array:
    order = np.argsort(names)
    return np.asarray(order[np.searchsorted(names, np.asarray(labels), sorter=order)], np.int64)


def booster(predict: Callable[[Array], Array], classify: bool) -> Model:
    """A booster's raw prediction function: probabilities of a classifier, values of a regressor."""

    def model(inputs: Inputs) -> Answer:
        told = np.asarray(predict(flat(inputs)), np.float64)
        if classify:
            return Answer(Exposure.PROBABILITIES, scores=columns(told))
        return Answer(Exposure.VALUE, values=told.reshape(len(inputs)))

    return model


def xgboost_booster(held: Any) -> Opened:
    """A Booster of XGBoost; `multi:softmax` tells labels, other objectives probabilities or values."""
    import json

    import xgboost

    objective = json.loads(held.save_config())["learner"]["objective"]["name"]
    names = held.feature_names

    def predict(table: Array) -> Array:
        return np.asarray(held.predict(xgboost.DMatrix(table, feature_names=names)))

    opened = Opened(
        booster(predict, objective in ("binary:logistic", "multi:softprob")),
        shape=(int(held.num_features()),),
        versions=(f"xgboost {xgboost.__version__}",),
    )
    if objective == "multi:softmax":
        return opened._replace(model=lambda x: Answer(Exposure.LABEL, labels=predict(flat(x)).astype(np.int64)))
    if objective in ("binary:logitraw", "binary:hinge"):
        return opened._replace(model=lambda x: _binary(predict(flat(x)), objective == "binary:hinge"))
    return opened


def _binary(told: Array, labels: bool) -> Answer:
    """The two binary objectives that tell no probabilities."""
    if labels:
        return Answer(Exposure.LABEL, labels=told.astype(np.int64))
    return Answer(Exposure.LOGITS, scores=_margins(told))


def lightgbm_booster(held: Any) -> Opened:
    """A Booster of LightGBM."""
    import lightgbm

    objective = next((line for line in held.model_to_string(num_iteration=1).splitlines() if "objective=" in line), "")
    classify = any(word in objective for word in ("binary", "multiclass", "cross_entropy"))
    return Opened(
        booster(held.predict, classify),
        shape=(int(held.num_feature()),),
        versions=(f"lightgbm {lightgbm.__version__}",),
    )
