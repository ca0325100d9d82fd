"""Who asked, as far as it can be proved."""

from __future__ import annotations

from collections.abc import Mapping

from wellhead.capture.jwt import Tokens
from wellhead.capture.keys import PREFIX, Keys
from wellhead.capture.peers import Peers
from wellhead.config import Access, Identity
from wellhead.core.errors import ConfigError, Refusal
from wellhead.core.event import Caller

MAX_CREDENTIAL_BYTES = 8_192
_MAX_NAME = 256
_MAX_AGENT = 256
_BEARER = b"bearer "


class Identify:
    """Recognises callers: Wellhead's key, an edge's identity header, client certificate, JWT, bearer token, nobody.

    A Wellhead key's principal is its owner, else the key's id. Others carry where they come from: `edge:`,
    `certificate:`, `jwt:`, `bearer:` (a keyed hash). All unauthenticated traffic is one principal, `anonymous`.
    A bearer token is not checked here: the model server must refuse the ones it does not know.
    Raises ConfigError for a header of the edge without networks to believe it from.
    """

    def __init__(self, identity: Identity, access: Access, keys: Keys) -> None:
        _check_edge(identity)
        self.keys = keys
        self.peers = Peers(identity.trusted_proxies)
        self._edge = tuple(
            (name.lower().encode("ascii"), kind)
            for name, kind in ((identity.header, "edge"), (identity.certificate_header, "certificate"))
            if name
        )
        self._tokens = Tokens(identity) if identity.jwks else None
        self._bearer = identity.bearer
        self._pool = access.unauthenticated == "pool"

    def reload(self) -> None:
        """Take up changed keys; call it off the path of requests. Raises ConfigError and keeps what it has."""
        self.keys.reload()
        if self._tokens is not None:
            self._tokens.reload()

    def caller(self, headers: Mapping[bytes, bytes], peer: str, now_s: float) -> Caller:
        """The Caller of a request. headers: lower-case names, each once.  peer: the socket's address, "" if none.

        Raises Refusal 401 where nothing is proved and the policy is to refuse, or where a credential is wrong.
        """
        token = headers.get(b"x-api-key")
        authorization = headers.get(b"authorization")
        if authorization is not None or token is None or not token.startswith(PREFIX):
            token = _own_token(token, authorization)
        address = self.peers.address(peer, headers.get(b"x-forwarded-for"))
        agent = headers.get(b"user-agent", b"")[:_MAX_AGENT].decode("latin-1")
        if token is None:
            return self._vouched(headers, peer, now_s, (address, agent))
        caller = self.keys.lookup(token, now_s)
        if caller is None:
            raise unauthorised("expected a valid Wellhead key, got one that is malformed, unknown, expired or revoked")
        return _placed(caller, address, agent)

    def _vouched(self, headers: Mapping[bytes, bytes], peer: str, now_s: float, place: tuple[str, str]) -> Caller:
        """The Caller by anybody's word but a Wellhead key's."""
        if self._edge and self.peers.trusts(peer):
            for name, kind in self._edge:
                if name in headers:
                    return _placed(Caller(principal=f"{kind}:{_name(headers[name])}"), *place)
        bearer = _bearer_token(headers.get(b"authorization"))
        if bearer is not None and self._tokens is not None and (bearer.count(b".") == 2 or not self._bearer):
            return _placed(self._tokens.verify(bearer, now_s), *place)
        if bearer is not None and self._bearer:
            return _placed(Caller(principal=f"bearer:{self.keys.pseudonym(bearer)}"), *place)
        if self._pool:
            return _placed(Caller(principal="anonymous"), *place)
        raise unauthorised("expected a Wellhead key in x-api-key or `Authorization: Bearer`, got none")


def _check_edge(identity: Identity) -> None:
    for key in ("header", "certificate_header"):
        if getattr(identity, key) and not identity.trusted_proxies:
            raise ConfigError(
                f"expected identity.trusted_proxies beside identity.{key}, got none",
                "list the edge's network, such as 10.0.0.0/8: the header is believed from nobody else",
            )


def _own_token(token: bytes | None, authorization: bytes | None) -> bytes | None:
    """The Wellhead key in the two headers, None where there is none; two different ones are refused."""
    bearer = _bearer_token(authorization)
    own = [t for t in (token, bearer) if t is not None and t.startswith(PREFIX)]
    if len(own) == 2 and own[0] != own[1]:
        raise unauthorised("expected one Wellhead key, got two")
    return own[0] if own else None


def _bearer_token(authorization: bytes | None) -> bytes | None:
    if authorization is None or authorization[:7].lower() != _BEARER:
        return None
    token = authorization[7:].strip()
    if not token or len(token) > MAX_CREDENTIAL_BYTES or not token.isascii():
        raise unauthorised("expected a bearer token in ASCII, got an empty or absurd one")
    return token


def _name(value: bytes) -> str:
    text = value.strip().decode("latin-1")
    if not text or len(text) > _MAX_NAME or not text.isascii() or not text.isprintable():
        raise unauthorised("expected a name in printable ASCII from the edge, got an empty or absurd one")
    return text


def _placed(who: Caller, address: str, agent: str) -> Caller:
    """The same Caller at this address; written out because a generic copy costs three times as much."""
    return Caller(
        principal=who.principal,
        key=who.key,
        organisation=who.organisation,
        email=who.email,
        plan=who.plan,
        use=who.use,
        created_day=who.created_day,
        address=address,
        agent=agent,
    )


def unauthorised(message: str) -> Refusal:
    """A 401 in one line."""
    return Refusal(401, message)
