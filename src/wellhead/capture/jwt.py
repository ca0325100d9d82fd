"""JSON Web Tokens (RFC 7519) against a JWKS file (RFC 7517); needs the `jwt` extra."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from wellhead.config import Identity
from wellhead.core.errors import ConfigError, MissingExtra, Refusal
from wellhead.core.event import Caller

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures only: a shared-secret algorithm would let a public key pass for the secret."""
_LEEWAY_S = 30.0
_KEPT = 4_096
_MAX_NAME = 200


class Tokens:
    """Verifies tokens by the keys of one file; a verified one is remembered by its hash until it expires."""

    def __init__(self, identity: Identity) -> None:
        try:
            import jwt
        except ImportError:
            raise MissingExtra("expected PyJWT for [identity] jwks", "pip install 'wellhead[jwt]'") from None
        self._jwt: Any = jwt
        self._identity = identity
        self._path = Path(identity.jwks)
        self._stamp = 0
        self._keys: dict[str, Any] = {}
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self.reload()

    def reload(self) -> None:
        """Read the file again where it changed; raises ConfigError and keeps the keys it has."""
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp == self._stamp:
                return
            keys = self._jwt.PyJWKSet.from_json(self._path.read_text(encoding="utf-8")).keys
        except OSError as e:
            raise ConfigError(f"expected a JWKS file at {self._path}, got: {e.strerror}") from e
        except (self._jwt.PyJWTError, ValueError, TypeError, AttributeError) as e:
            raise ConfigError(f"expected a JWKS file at {self._path}, got something else ({type(e).__name__})") from e
        signing = {key.key_id or "": key for key in keys if key.key_type != "oct"}
        if not signing:
            raise ConfigError(f"expected public signing keys in {self._path}, got none")
        self._keys, self._stamp = signing, stamp
        self._known.clear()

    def verify(self, token: bytes, now_s: float) -> Caller:
        """The Caller that a token names by its `sub`; raises Refusal 401."""
        digest = hashlib.blake2b(token, digest_size=32).digest()
        expires_s, caller = self._known.get(digest, (0.0, None))
        if caller is None or expires_s <= now_s:
            expires_s, caller = self._verified(token, now_s)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[digest] = (expires_s, caller)
        return caller

    def _verified(self, token: bytes, now_s: float) -> tuple[float, Caller]:
        try:
            claims = self._claims(token)
            expires_s, begins_s = float(claims["exp"]) + _LEEWAY_S, float(claims.get("nbf", 0)) - _LEEWAY_S
        except (self._jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
            raise Refusal(401, "expected a token signed by a known key for this service, got another") from None
        if not begins_s <= now_s < expires_s:
            raise Refusal(401, "expected a token that is valid now, got an expired or early one")
        texts = {name: _text(claims, name) for name in ("sub", "org", "email", "plan")}
        if not texts["sub"]:
            raise Refusal(401, "expected a `sub` in the token, got none")
        return expires_s, Caller(
            principal=f"jwt:{texts['sub']}", organisation=texts["org"], email=texts["email"], plan=texts["plan"]
        )

    def _claims(self, token: bytes) -> dict[str, Any]:
        """The claims of a token whose signature, audience and issuer are right."""
        header = self._jwt.get_unverified_header(token)
        key = self._keys[header.get("kid", "") if len(self._keys) > 1 else next(iter(self._keys))]
        identity = self._identity
        claims: dict[str, Any] = self._jwt.decode(
            token,
            key.key,
            algorithms=[a for a in ALGORITHMS if a == (key.algorithm_name or header.get("alg"))],
            audience=identity.jwt_audience or None,
            issuer=identity.jwt_issuer or None,
            # Times are compared with the caller's clock below.
            options={
                "require": ["exp", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": bool(identity.jwt_audience),
                "verify_iss": bool(identity.jwt_issuer),
            },
        )
        return claims


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) and len(value) <= _MAX_NAME and value.isprintable() else ""
