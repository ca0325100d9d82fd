import json
import os
import sys

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wellhead.capture.identify import Identify
from wellhead.capture.jwt import Tokens
from wellhead.config import Access, Identity
from wellhead.core.errors import ConfigError, MissingExtra, Refusal

NOW = 1_000.0
GOOD = {
    "sub": "bob",
    "exp": 2_000,
    "aud": "model",
    "iss": "us",
    "org": "acme",
    "plan": "gold",
    "email": "b@acme.example",
}


@pytest.fixture
def signer():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def tokens(tmp_path, signer):
    return Tokens(
        Identity(jwks=str(write(tmp_path / "jwks.json", {"a": signer})), jwt_audience="model", jwt_issuer="us")
    )


def write(path, signers):
    algorithm = {True: jwt.algorithms.OKPAlgorithm, False: jwt.algorithms.ECAlgorithm}
    keys = [
        {**algorithm[isinstance(s, Ed25519PrivateKey)].to_jwk(s.public_key(), as_dict=True), "kid": kid}
        for kid, s in signers.items()
    ]
    path.write_text(json.dumps({"keys": keys}))
    return path


def sign(signer, claims=GOOD, algorithm="EdDSA", **changes):
    claims = {k: v for k, v in {**claims, **changes}.items() if v is not None}
    return jwt.encode(claims, signer, algorithm=algorithm, headers={"kid": "a"}).encode()


def test_a_good_token_names_its_bearer(tokens, signer):
    token = sign(signer)
    caller = tokens.verify(token, NOW)
    assert (caller.principal, caller.organisation, caller.plan, caller.email) == (
        "jwt:bob",
        "acme",
        "gold",
        "b@acme.example",
    )
    assert tokens.verify(token, NOW) is caller
    with pytest.raises(Refusal, match="valid now"):
        tokens.verify(token, 2_031.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 900},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 1_100},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\nb"},
        {"aud": "other"},
        {"aud": None},
        {"iss": "them"},
    ],
)
def test_other_claims_are_401(tokens, signer, changes):
    with pytest.raises(Refusal) as caught:
        tokens.verify(sign(signer, **changes), NOW)
    assert caught.value.status == 401


def test_other_signatures_are_401(tokens, signer):
    unsigned = jwt.encode(GOOD, None, algorithm="none", headers={"kid": "a"}).encode()
    shared = jwt.encode(GOOD, "s" * 40, algorithm="HS256", headers={"kid": "a"}).encode()
    foreign = sign(Ed25519PrivateKey.generate())
    curve = sign(generate_private_key(SECP256R1()), algorithm="ES256")
    for token in (unsigned, shared, foreign, curve, sign(signer)[:-4], b"a.b.c", b"..", b"\xff.a.b"):
        with pytest.raises(Refusal) as caught:
            tokens.verify(token, NOW)
        assert caught.value.status == 401


def test_keys_are_chosen_by_id_and_taken_up_when_they_change(tmp_path, signer):
    other = generate_private_key(SECP256R1())
    path = write(tmp_path / "jwks.json", {"b": other})
    tokens = Tokens(Identity(jwks=str(path)))
    with pytest.raises(Refusal):
        tokens.verify(sign(signer, aud=None), NOW)
    write(path, {"a": signer, "b": other})
    os.utime(path, ns=(1, 1))
    tokens.reload()
    assert tokens.verify(sign(signer, aud=None), NOW).principal == "jwt:bob"
    write(path, {})
    with pytest.raises(ConfigError):
        tokens.reload()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'])
def test_an_unusable_file_is_a_config_error(tmp_path, text):
    path = tmp_path / "jwks.json"
    path.write_text(text)
    with pytest.raises(ConfigError):
        Tokens(Identity(jwks=str(path)))
    with pytest.raises(ConfigError):
        Tokens(Identity(jwks=str(tmp_path / "absent.json")))


def test_a_missing_extra_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(MissingExtra, match=r"wellhead\[jwt\]"):
        Tokens(Identity(jwks="x"))


def test_tokens_beside_hashed_bearers(tmp_path, signer, keys):
    path = write(tmp_path / "jwks.json", {"a": signer})
    identify = Identify(Identity(jwks=str(path), bearer=True), Access(), keys)
    assert identify.caller({b"authorization": b"Bearer " + sign(signer, aud=None)}, "", NOW).principal == "jwt:bob"
    assert identify.caller({b"authorization": b"Bearer opaque"}, "", NOW).principal.startswith("bearer:")
    with pytest.raises(Refusal):
        identify.caller({b"authorization": b"Bearer a.b.c"}, "", NOW)
