"""Request headers as one agreed reading: everything on which two HTTP parsers could disagree is refused.

The rules follow RFC 9110, RFC 9112 and what common servers let through (trailers of a chunked body, for one, reach an
ASGI application as headers, so that a second identity header must never win).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wellhead.core.errors import Refusal

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
_REMEMBERED, _REMEMBERED_BYTES = 1_024, 2_048

Pair = tuple[bytes, bytes]

_ONCE, _FORWARD, _NOTE, _LIST, _RARE, _SECRET = 1, 2, 4, 8, 16, 32
_OWN_KEY = b"wh_"
_RULES: dict[bytes, int] = {
    **dict.fromkeys((b"authorization", b"x-api-key"), _ONCE | _NOTE | _FORWARD | _SECRET),
    b"content-type": _ONCE | _NOTE | _FORWARD,
    **dict.fromkeys((b"host", b"content-length", b"content-encoding"), _ONCE | _NOTE),
    **dict.fromkeys((b"transfer-encoding", b"expect"), _ONCE | _NOTE | _RARE),
    b"connection": _LIST | _NOTE | _RARE,
    b"x-forwarded-for": _LIST | _NOTE,
    b"user-agent": _NOTE | _FORWARD,
    b"wellhead-solution": _ONCE | _NOTE,
    b"upgrade": _NOTE | _RARE,
    # Dropped: they speak of one hop, of an answer that is rewritten, or claim what only Wellhead knows.
    **dict.fromkeys(
        (
            b"keep-alive", b"te", b"trailer", b"http2-settings", b"proxy-connection", b"proxy-authorization",
            b"accept-encoding", b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since",
            b"if-unmodified-since", b"forwarded", b"x-real-ip", b"x-forwarded-host", b"x-forwarded-port",
            b"x-http-method-override", b"x-original-url", b"x-rewrite-url", b"inference-header-content-length",
            # They pick another model behind a SageMaker endpoint, or attributions beside the answer.
            b"x-amzn-sagemaker-target-model", b"x-amzn-sagemaker-target-variant",
            b"x-amzn-sagemaker-target-container-hostname", b"x-amzn-sagemaker-inference-component",
            b"x-amzn-sagemaker-enable-explanations",
        ),
        0,
    ),
}  # fmt: skip
_PLAIN_CONNECTION = (b"keep-alive", b"Keep-Alive", b"close")
_VERSIONS = ("1.1", "1.0", "2", "3")

_KEPT_OF_ANSWER = frozenset(
    (b"content-type", b"cache-control", b"retry-after", b"www-authenticate", b"vary", b"x-request-id", b"allow")
)
_HOP_BY_HOP = frozenset(
    (
        b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade", b"http2-settings",
        b"proxy-connection", b"server", b"date", b"x-powered-by", b"via",
    )
)  # fmt: skip


class Head:
    """What the rest needs of a request's headers.

    named: the headers that mean something here, each once, names in lower case.
    forward: what goes on to the model, without host, lengths, hop-by-hop headers and address claims.
    length: declared bytes of the body, -1 where it is not declared.  chunked: body of unknown length.
    One Head may serve many requests: nobody writes to it.
    """

    __slots__ = ("chunked", "forward", "length", "named")

    def __init__(self, named: dict[bytes, bytes], forward: list[Pair], length: int, chunked: bool) -> None:
        self.named = named
        self.forward = forward
        self.length = length
        self.chunked = chunked


class HeadReader:
    """Reads headers; identity: names (lower case) that a declared edge asserts, guarded like credentials."""

    def __init__(self, identity: Iterable[str] = ()) -> None:
        self.identity = tuple(name.lower().encode("ascii") for name in identity if name)
        self._rules = _RULES | dict.fromkeys(self.identity, _ONCE | _NOTE)
        self._known: dict[tuple[tuple[Pair, ...], str], Head] = {}

    def read(self, raw: Sequence[Pair], http_version: str) -> Head:
        """The Head of these headers, the same object as for equal ones before; raises Refusal 400, 417 or 431."""
        key = (tuple(raw), http_version)
        try:
            head = self._known.get(key)
        except TypeError:  # a server that gives its pairs as lists
            return self._read(raw, http_version)
        return head or self._remembered(key)

    def _remembered(self, key: tuple[tuple[Pair, ...], str]) -> Head:
        head = self._read(*key)
        if sum(len(name) + len(value) for name, value in key[0]) <= _REMEMBERED_BYTES:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = head
        return head

    def _read(self, raw: Sequence[Pair], http_version: str) -> Head:
        named: dict[bytes, bytes] = {}
        forward: list[Pair] = []
        rules, size, count, seen = self._rules, 0, 0, 0
        for pair in raw:
            name, value = pair
            count += 1
            size += len(name) + len(value)
            rule = rules.get(name)
            if rule is None:
                # CGI-style servers merge `_` and `-`: x_api_key would become a second x-api-key.
                if b"_" not in name:
                    forward.append(pair)
                continue
            seen |= rule
            if rule & _NOTE:
                if name in named:
                    value = _again(name, named[name], value, rule)
                named[name] = value
            # The model has no use for a key of ours.
            if rule & _FORWARD and not (rule & _SECRET and _OWN_KEY in value):
                forward.append(pair)
        if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
            raise Refusal(
                431, f"expected at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all, got {count} of {size}"
            )
        if http_version not in _VERSIONS:
            raise Refusal(400, "expected HTTP/1.1, got another version on an HTTP/1 line")
        if not named.get(b"host"):
            raise Refusal(400, "expected exactly one Host header, got none")
        if seen & _RARE:
            forward = self._without_rare(raw, named, forward, http_version)
        return Head(named, forward, _length(named), b"transfer-encoding" in named)

    def _without_rare(
        self, raw: Sequence[Pair], named: dict[bytes, bytes], forward: list[Pair], http_version: str
    ) -> list[Pair]:
        """What may go on of a request that speaks of its connection; raises Refusal where framing is in doubt."""
        if b"upgrade" in named:
            raise Refusal(400, "expected no Upgrade header: this connection stays HTTP/1.1")
        if named.get(b"expect", b"100-continue").lower() != b"100-continue":
            raise Refusal(417, "expected `Expect: 100-continue`, got another expectation")
        if b"transfer-encoding" in named:
            _check_chunked(raw, named, http_version)
        connection = named.get(b"connection", b"close")
        return forward if connection in _PLAIN_CONNECTION else self._without_listed(connection, forward)

    def _without_listed(self, connection: bytes, forward: list[Pair]) -> list[Pair]:
        """Drop the headers that Connection names (RFC 9110, 7.6.1); it must not name one that means something here."""
        listed = {name.strip().lower() for name in connection.split(b",")} - {b"close", b"keep-alive", b""}
        guarded = listed & {name for name, rule in self._rules.items() if rule & _ONCE}
        if guarded:
            raise Refusal(400, f"expected Connection to name hop-by-hop headers, got {sorted(guarded)[0].decode()}")
        return [pair for pair in forward if pair[0] not in listed]


def _again(name: bytes, first: bytes, second: bytes, rule: int) -> bytes:
    if rule & _ONCE:
        raise Refusal(400, f"expected one {name.decode()} header, got two", "send it once, and not as a trailer")
    return first + b", " + second if rule & _LIST else first


def _check_chunked(raw: Sequence[Pair], named: dict[bytes, bytes], http_version: str) -> None:
    if named[b"transfer-encoding"] != b"chunked" or http_version != "1.1":
        raise Refusal(400, "expected `Transfer-Encoding: chunked` on HTTP/1.1, got another transfer coding or version")
    if b"content-length" in named:
        raise Refusal(400, "expected Content-Length or Transfer-Encoding, got both")
    # A trailer looks like a header, and the last hop of this list is the one that is believed.
    if sum(name == b"x-forwarded-for" for name, _ in raw) > 1:
        raise Refusal(400, "expected one x-forwarded-for header beside a chunked body, got two")


def _length(named: dict[bytes, bytes]) -> int:
    text = named.get(b"content-length")
    if text is None:
        return -1
    if not text.isdigit() or len(text) > 15:
        raise Refusal(400, "expected Content-Length in digits, got something else")
    return int(text)


def kept_of_answer(headers: Iterable[Pair]) -> list[Pair]:
    """The headers of a model's answer that may leave: a short allow-list, so that none can carry scores or versions."""
    return [p for p in headers if p[0] in _KEPT_OF_ANSWER or p[0][:15] == b"access-control-"]


def end_to_end(headers: Iterable[Pair]) -> list[Pair]:
    """The headers of an unread answer without hop-by-hop ones and server versions."""
    return [p for p in headers if p[0] not in _HOP_BY_HOP]
