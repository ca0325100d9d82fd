"""Everything that Wellhead raises on purpose.

WellheadError
├── ConfigError          the TOML file or a command line is wrong
├── MissingExtra         a part needs a package that is not installed
├── ProfileError         a profile is absent, damaged, or belongs to another model
├── AuditError           the log cannot be written, read or trusted
├── StoreError           history or state cannot be read or written
├── ProtocolError        an oracle or importer met bytes that its protocol does not allow
│   └── BadAnswer        the upstream's answer cannot be read (502 to the client)
├── Unsuited             an attack that does not fit its target
└── Refusal              a request that is answered with an HTTP status instead of being forwarded
"""

from __future__ import annotations


def _printable(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


class WellheadError(Exception):
    """What was expected, what came, and the remedy, in one line."""

    def __init__(self, message: str, remedy: str = "") -> None:
        text = f"{message}; {remedy}" if remedy else message
        # what came may hold a line end or a terminal's escape codes, and this is printed
        super().__init__(text if text.isprintable() else "".join(map(_printable, text)))
        self.message = message
        self.remedy = remedy


class ConfigError(WellheadError):
    """A configuration that cannot be used."""


class MissingExtra(WellheadError):
    """A component whose optional packages are not installed."""


class ProfileError(WellheadError):
    """A profile that is absent, damaged, or fitted for another model."""


class AuditError(WellheadError):
    """A log that cannot be written, read or trusted."""


class StoreError(WellheadError):
    """History or state that cannot be read or written."""


class ProtocolError(WellheadError):
    """Bytes that the API family does not allow."""


class BadAnswer(ProtocolError):
    """An upstream answer that cannot be read."""


class Unsuited(WellheadError):
    """An attack that does not fit what is known of its target; the message is the reason for the report."""


class Refusal(WellheadError):
    """A request that is answered with `status` instead of being forwarded.

    status: 400..504.  retry_after_s: seconds, 0 when waiting does not help.
    challenge: the puzzle whose solution lets the request pass, empty for none.
    """

    def __init__(
        self, status: int, message: str, remedy: str = "", *, retry_after_s: float = 0.0, challenge: bytes = b""
    ) -> None:
        super().__init__(message, remedy)
        self.status = status
        self.retry_after_s = retry_after_s
        self.challenge = challenge
