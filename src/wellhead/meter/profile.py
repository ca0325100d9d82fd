"""A model's profile: how its inputs become features, and what a clone of it is judged on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Codes, Features, Inputs
from wellhead.core.errors import ProfileError
from wellhead.core.event import ModelSpec
from wellhead.meter import pack
from wellhead.meter.codebook import Codebook
from wellhead.meter.features import CodeMap, FeatureMap
from wellhead.meter.space import Space

TOLERANCE = 0.1
"""A regressor's answer counts as reproduced within this share of the answers' standard deviation."""


class Check(msgspec.Struct, frozen=True):
    """How well the reading agreed with real learners when the profile was fitted.

    error, bias: mean absolute and mean signed difference in points (reading - best learner); NaN unchecked.
    points: (rows, reading, best learner's fidelity) of each comparison.  reason: why there is no check, else empty.
    """

    error: float = float("nan")
    bias: float = float("nan")
    points: tuple[tuple[int, float, float], ...] = ()
    reason: str = "unchecked: no learners were given"

    @property
    def checked(self) -> bool:
        """True where the reading was compared with real learners."""
        return bool(self.points)

    def __str__(self) -> str:
        if not self.checked:
            return self.reason
        most = max(n for n, _, _ in self.points)
        return f"within {self.error:.1f} points of real learners (bias {self.bias:+.1f}) up to {most} rows"


class Reference(msgspec.Struct, frozen=True):
    """The private reference set: codes (m, d) and the model's true answers, labels or values (m,)."""

    codes: Codes
    truth: Array

    def __len__(self) -> int:
        return len(self.codes)


class Profile(msgspec.Struct, frozen=True, dict=True, kw_only=True):
    """What is known of one model version; ledgers of different profiles never add.

    classes: number of them, 0 for regressors.  location, scale: of a regressor's values.
    floor, attainable: replication by guessing, and by a clone with ten times the sample's rows; 0..1.
    space: where rows lie, for the sketches; it stays what it was fitted to when the reference is renewed.
    codebook: for the defence that answers from one; None where the sample's answers were no probabilities.
    """

    spec: ModelSpec
    code_map: CodeMap
    feature_map: FeatureMap
    reference: Reference
    space: Space
    classes: int
    location: float = 0.0
    scale: float = 1.0
    floor: float
    attainable: float
    check: Check = Check()
    codebook: Codebook | None = None

    @cached_property
    def id(self) -> str:
        """Hash of all that ledgers depend on; the reference set and the check may be renewed under it."""
        maps = [_fields(self.code_map), _fields(self.feature_map)]
        return pack.digest([_fields(self.spec), *maps, self.classes, self.location, self.scale])

    @property
    def kind(self) -> str:
        """vector, image or text."""
        return self.code_map.kind

    @property
    def dimension(self) -> int:
        """D."""
        return self.feature_map.dimension

    @property
    def regressor(self) -> bool:
        """True where the model answers numbers."""
        return self.spec.task == "regressor"

    def code(self, inputs: Inputs) -> Codes:
        """(n, d) int8, all that is kept of an input; raises ProfileError where kind or shape differ."""
        return self.code_map.code(inputs)

    def measure(self, inputs: Inputs) -> tuple[Codes, Array]:
        """Codes, and (n,) the share of each input's energy that they leave out; raises as `code` does."""
        return self.code_map.measure(inputs)

    def features(self, codes: Codes) -> Features:
        """phi, (n, D) float64; raises ProfileError where the codes are too narrow."""
        return self.feature_map.features(codes)

    def standardise(self, values: Array) -> Array:
        """A regressor's values in standard deviations of the sample."""
        return (values - self.location) / self.scale

    @cached_property
    def reference_features(self) -> Features:
        """phi of the reference set, (m, D)."""
        return self.features(self.reference.codes)

    def with_reference(self, codes: Codes, truth: Array) -> Profile:
        """The same profile judged on other rows: codes (m, d), true labels or values (m,)."""
        if not len(codes) or len(codes) != len(truth):
            raise ProfileError(f"expected as many truths as codes, got {len(truth)} and {len(codes)}")
        floor = 0.0 if self.regressor else majority(truth)
        return msgspec.structs.replace(self, reference=Reference(codes, truth), floor=floor)

    def to_bytes(self) -> bytes:
        """msgpack with raw arrays, schema version and digest; no pickle."""
        return pack.dump("profile", {"id": self.id, **_fields(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """The profile in these bytes; raises ProfileError where they were cut or edited."""
        record = pack.load("profile", data)
        fitted = record.pop("id")
        try:
            profile = cls(**{name: _PARTS.get(name, _same)(value) for name, value in record.items()})
        except (TypeError, KeyError) as e:
            raise ProfileError(f"expected a profile's fields, got {sorted(record)}", "fit it anew") from e
        if profile.id != fitted:
            raise ProfileError("the profile's id does not match its content", "fit it anew")
        return profile


def majority(labels: Array) -> float:
    """Share of the commonest label: what guessing reaches."""
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _fields(record: Any) -> dict[str, Any]:
    pairs = ((f, getattr(record, f)) for f in record.__struct_fields__)
    return {f: _fields(v) if isinstance(v, msgspec.Struct) else v for f, v in pairs}


def _same(value: Any) -> Any:
    return value


def _spec(value: Any) -> ModelSpec:
    return ModelSpec(**{**value, "classes": tuple(value["classes"])})


def _check(value: Any) -> Check:
    return Check(**{**value, "points": tuple(tuple(p) for p in value["points"])})


_PARTS: dict[str, Callable[[Any], Any]] = {
    "spec": _spec,
    "code_map": lambda v: CodeMap(**{**v, "shape": tuple(v["shape"])}),
    "feature_map": lambda v: FeatureMap(**v),
    "reference": lambda v: Reference(**v),
    "space": lambda v: Space(**v),
    "check": _check,
    "codebook": lambda v: None if v is None else Codebook(**v),
}
