"""The protocol that the config names."""

from __future__ import annotations

from wellhead.config import Config
from wellhead.plugins import find
from wellhead.protocols.base import Protocol


def protocol_of(config: Config) -> Protocol:
    """The API family of `model.protocol`; raises ConfigError for an unknown name, with the nearest known one."""
    kind = find("protocols", config.model.protocol)
    protocol: Protocol = kind(config.model.pointers) if config.model.protocol == "generic" else kind()
    return protocol
