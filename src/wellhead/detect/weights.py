"""How much each detector's evidence counts: learnt once from rehearsed attacks, shipped, the same for everybody."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

FILE = "weights.toml"


@cache
def weights() -> Mapping[str, Mapping[str, tuple[float, float]]]:
    """Of each voice, and each detector that has any, the weights of its high and low side, >= 0; see weights.toml.

    They are fixed before anybody's traffic is seen, so that a promise's thresholds hold whatever they are.
    """
    text = (resources.files("wellhead.detect") / FILE).read_text(encoding="utf-8")
    return {voice: {name: _sides(of) for name, of in named.items()} for voice, named in tomllib.loads(text).items()}


def _sides(of: Mapping[str, float]) -> tuple[float, float]:
    return float(of.get("high", 0.0)), float(of.get("low", 0.0))
