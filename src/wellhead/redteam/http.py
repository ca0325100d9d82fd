"""An API as target: every account has its own keep-alive connection."""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import msgspec

from wellhead.core.arrays import Inputs
from wellhead.core.errors import ConfigError, ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.redteam.oracle import Clock, Line, Reply, Wall


class Account(msgspec.Struct, frozen=True):
    """One customer of the API. token: sent as bearer token; never printed or recorded.  headers: sent as they are."""

    name: str
    token: str = ""
    headers: dict[str, str] = {}

    def check(self) -> None:
        """Raise ConfigError where a token or header cannot be sent; it does not say what is in them."""
        for text in (self.token, *self.headers, *self.headers.values()):
            if not (text.isascii() and (text.isprintable() or not text)):
                raise ConfigError(f"expected printable ASCII in the token and headers of account {self.name!r}")

    def __repr__(self) -> str:
        return f"Account({self.name!r})"

    __str__ = __repr__


class Wording(Protocol):
    """The client's half of an API family; see `wellhead.protocols`."""

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body."""
        ...

    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer; raises BadAnswer."""
        ...


@dataclass
class Http:
    """A model behind HTTP, asked in the words of `protocol` through all `accounts` at once.

    url: scheme, host, port and any path prefix.  path: instead of the protocol's own.
    asked: the most that each query asks for.  rows_per_call: rows of one request.
    authorised, owner: an attack on a host other than this one needs both; the owner is recorded.
    Raises ConfigError for a URL that is not http(s) or may hold secrets, for a remote host without authorisation, and
    without accounts.
    Redirects are not followed: they may lead to a host that nobody authorised.
    """

    url: str
    protocol: Wording
    spec: ModelSpec = field(default_factory=ModelSpec)
    accounts: Sequence[Account] = (Account("anonymous"),)
    path: str = ""
    asked: Exposure = Exposure.PROBABILITIES
    rows_per_call: int = 64
    timeout_s: float = 20.0
    max_answer_bytes: int = 16_777_216
    target: str = ""
    authorised: bool = False
    owner: str = ""
    clock: Clock = field(default_factory=Wall)
    concurrent: bool = True

    def __post_init__(self) -> None:
        parts = check_url(self.url)
        if not is_loopback(parts.hostname or "") and not (self.authorised and self.owner):
            raise ConfigError(
                f"expected a target on this host, got {parts.hostname}",
                "attack another host only with its owner's consent: set authorised and name the owner",
            )
        if len({a.name for a in self.accounts}) != len(self.accounts) or not self.accounts:
            raise ConfigError("expected one or more accounts with different names")
        for account in self.accounts:
            account.check()
        self.target = self.target or f"{self.url.rstrip('/')}#{self.spec.name}"
        self.lines: tuple[Line, ...] = tuple(_Wire(self, account, parts) for account in self.accounts)


def check_url(url: str) -> SplitResult:
    """The parts of a URL; raises ConfigError, which repeats no secret, for one that is not http(s) or may hold any."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or "?" in url or "#" in url:
        raise ConfigError(
            "expected a URL without user, password, query and fragment: it is printed and recorded",
            "send secrets with --header 'NAME: $VAR', which takes them from the environment",
        )
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"expected an http or https URL, got {url!r}")
    return parts


def is_loopback(host: str) -> bool:
    """True for loopback addresses and `localhost`; any other name may lead anywhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def retry_after(value: str | None, date: str | None) -> float:
    """Seconds asked by a Retry-After header (RFC 9110, 10.2.3), 0 where absent or unreadable.

    An HTTP date counts from the response's own Date, so that the clocks need not agree.
    """
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        until, now = (email.utils.parsedate_to_datetime(v or "") for v in (value, date))
        return max((until - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return 0.0


def read_body(response: http.client.HTTPResponse, most: int, deadline_s: float) -> bytes:
    """The body, at least one byte more than `most` where it is longer.

    Raises TimeoutError where it trickles past the deadline (monotonic seconds), IncompleteRead where it ends early.
    """
    parts: list[bytes] = []
    size = 0
    while size <= most and response.length != 0:
        if time.monotonic() > deadline_s:
            raise TimeoutError
        part = response.read1(min(most + 1 - size, 65_536))
        if not part:
            break
        parts.append(part)
        size += len(part)
    if size <= most:
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        response.read()  # nothing is left, but only this lets the connection be used again
    return b"".join(parts)


def _tells(header: str) -> bool:
    """True for response headers that name software or versions."""
    name = header.lower()
    return name in ("server", "via", "x-powered-by") or "version" in name or "model" in name


class _Wire:
    """One account's connection, opened when first used and after every failure."""

    def __init__(self, oracle: Http, account: Account, parts: SplitResult) -> None:
        self.account = account.name
        self._oracle = oracle
        self._secrets = (account.token, *account.headers.values())
        self._prefix = parts.path.rstrip("/")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=oracle.timeout_s)
        self._headers = {"Accept": "application/json", **account.headers}
        if account.token:
            self._headers["Authorization"] = f"Bearer {account.token}"

    def send(self, inputs: Inputs, timeout_s: float) -> Reply:
        oracle = self._oracle
        query = Query(model=oracle.spec.name, inputs=inputs, rows=len(inputs), asked=oracle.asked)
        reply, response, answer = self._post(*oracle.protocol.write_query(query, oracle.spec), timeout_s)
        return reply if response is None else self._read(reply, response, answer, query)

    def spoiled(self, inputs: Inputs, spoil: Callable[[str, bytes], tuple[str, bytes]], timeout_s: float) -> Reply:
        """What a malformed request gets, its first text as detail. spoil: from content type and body to others."""
        oracle = self._oracle
        query = Query(model=oracle.spec.name, inputs=inputs, rows=len(inputs), asked=oracle.asked)
        path, content_type, body = oracle.protocol.write_query(query, oracle.spec)
        reply, _, answer = self._post(path, *spoil(content_type, body), timeout_s)
        reply.detail = reply.detail or self._without_secrets(answer[:200].decode("utf-8", "replace"))
        return reply

    def _post(
        self, path: str, content_type: str, body: bytes, timeout_s: float
    ) -> tuple[Reply, http.client.HTTPResponse | None, bytes]:
        """The reply as far as it is known without reading the body."""
        start = time.perf_counter()
        try:
            response, answer = self._exchange(self._prefix + (self._oracle.path or path), content_type, body, timeout_s)
        except (OSError, http.client.HTTPException) as e:
            self._connection.close()
            reply = Reply(0, None, len(body), 0, time.perf_counter() - start, detail=type(e).__name__)
            return reply, None, b""
        reply = Reply(response.status, None, len(body), len(answer), time.perf_counter() - start)
        reply.told = tuple(f"{name}: {value}"[:120] for name, value in response.getheaders() if _tells(name))
        return reply, response, answer

    def _exchange(
        self, path: str, content_type: str, body: bytes, timeout_s: float
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self._connection
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        connection.request("POST", path, body, {**self._headers, "Content-Type": content_type})
        response = connection.getresponse()
        answer = read_body(response, self._oracle.max_answer_bytes, time.monotonic() + timeout_s)
        if not response.isclosed():
            connection.close()  # longer than we read: the rest must not be taken for the next answer
        return response, answer

    def _read(self, reply: Reply, response: http.client.HTTPResponse, body: bytes, query: Query) -> Reply:
        oracle = self._oracle
        if response.status != 200:
            reply.retry_after_s = retry_after(response.getheader("Retry-After"), response.getheader("Date"))
            reply.detail = self._without_secrets(body[:200].decode("utf-8", "replace"))
            if response.status == 404:
                reply.detail += f" (for model {oracle.spec.name[:60]!r}: see --model-name and --path)"
        elif len(body) > oracle.max_answer_bytes:
            reply.detail = f"expected an answer of at most {oracle.max_answer_bytes} bytes"
        else:
            try:
                reply.answer = oracle.protocol.read_answer(
                    body, response.getheader("Content-Type", ""), query, oracle.spec
                )
            except ProtocolError as e:
                reply.detail = str(e)
        return reply

    def _without_secrets(self, text: str) -> str:
        """Some servers repeat the credentials that they refuse."""
        for secret in filter(None, self._secrets):
            text = text.replace(secret, "***")
        return text

    def close(self) -> None:
        self._connection.close()
