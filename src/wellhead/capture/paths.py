"""Which requests are inference calls: one reading of the raw path, everything ambiguous refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from wellhead.config import Model
from wellhead.core.errors import Refusal
from wellhead.protocols.base import Called

MAX_URL_BYTES = 8_192
_ROUTES_KEPT = 1_024
_PRINTABLE = bytes(range(0x21, 0x7F))
_HEX = frozenset(b"0123456789abcdefABCDEF")


class Route(NamedTuple):
    """Where a request goes. path: decoded.  model: the guarded one, None where the request passes unread."""

    path: str
    model: str | None


class Router:
    """Routes raw paths. match: of the Protocol.  model: the one that paths may name.  allow: paths that pass unread."""

    def __init__(self, match: Callable[[str, str], Called | None], model: Model, allow: tuple[str, ...] = ()) -> None:
        self._match = match
        self._model = model
        self._allow = frozenset(allow)
        self._known: dict[tuple[str, bytes], Route] = {}

    def route(self, method: str, raw_path: bytes, query_string: bytes) -> Route:
        """The Route of a request; raises Refusal 400 (ambiguous path), 404 (unknown) or 414 (too long)."""
        if len(raw_path) + len(query_string) > MAX_URL_BYTES:
            raise Refusal(
                414, f"expected a URL of at most {MAX_URL_BYTES} bytes, got {len(raw_path) + len(query_string)}"
            )
        # b"" is left where every byte is printable ASCII: anything else could end the request line upstream.
        if query_string and query_string.translate(None, _PRINTABLE):
            raise Refusal(400, "expected printable ASCII in the query string, got other bytes")
        route = self._known.get((method, raw_path))
        if route is None:
            route = self._found(method, raw_path)
            if len(self._known) >= _ROUTES_KEPT:
                self._known.clear()
            self._known[method, raw_path] = route
        return route

    def _found(self, method: str, raw_path: bytes) -> Route:
        path = decode_path(raw_path)
        called = self._match(method, path)
        if called is not None:
            self._check(called)
            return Route(path, self._model.name)
        if path in self._allow and method in ("GET", "HEAD"):
            return Route(path, None)
        raise Refusal(404, "expected a path of the guarded API, got another", "list it under [paths] allow to pass it")

    def _check(self, called: Called) -> None:
        """Raise Refusal 404 where the path names anything but the guarded model: it has no meter, and spoils ours."""
        expected = Called(self._model.name, self._model.version)
        if called.model and called != expected:
            raise Refusal(404, f"expected {_spelt(expected)}, got {_spelt(called)}")


def _spelt(called: Called) -> str:
    version = f"version {called.version[:80]!r}" if called.version else "no version"
    return f"model {called.model[:80]!r} with {version} in the path"


def raw_path_of(path: str, raw_path: bytes | None) -> bytes:
    """The raw path, rebuilt from the decoded one for servers that give none."""
    return raw_path if raw_path is not None else quote_from_bytes(path.encode(), safe="/:").encode("ascii")


def decode_path(raw: bytes) -> str:
    """The path that every parser reads from these bytes; raises Refusal 400 where two could differ."""
    if raw[:1] != b"/" or raw.translate(None, _PRINTABLE) or any(c in raw for c in (b"\\", b";", b"//", b"?", b"#")):
        raise _ambiguous()
    _check_escapes(raw)
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _ambiguous() from None
    if any(segment in (".", "..") for segment in path.split("/")) or not path.isprintable():
        raise _ambiguous()
    if any(c in path for c in "\\;%?#") or path.count("/") != raw.count(b"/"):
        raise _ambiguous()
    return path


def _check_escapes(raw: bytes) -> None:
    for part in raw.split(b"%")[1:]:
        if len(part) < 2 or part[0] not in _HEX or part[1] not in _HEX:
            raise _ambiguous()


def _ambiguous() -> Refusal:
    return Refusal(400, "expected a plain absolute path, got one that servers read differently")
