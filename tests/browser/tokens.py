"""Tokens that the laptop cloud accepts, and tokens that it does not."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.e2e.laptop import Laptop

HOUR_S: Final = 3600


def issued(laptop: Laptop, *, life_s: int = HOUR_S, **claims: Any) -> str:
    """A token as the laptop's user pool gives it to a client, with other claims; a claim that is None is left out."""
    header, like, _ = laptop.token("read").split(".")
    found: Mapping[str, Any] = _decoded(like)
    changed = {**found, "exp": found["iat"] + life_s, **claims}
    given = {name: value for name, value in changed.items() if value is not None}
    return signed(_decoded(header), given, _signing_key(laptop))


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: RSAPrivateKey) -> str:
    """A JWT, by RS256."""
    content = f"{_encoded(header)}.{_encoded(claims)}"
    return f"{content}.{_text(key.sign(content.encode(), PKCS1v15(), SHA256()))}"


def of_end_user(laptop: Laptop, actor: str) -> str:
    """A person's token: its sub is no client's id, and nothing in it lets it act for others."""
    return issued(laptop, sub=actor, scope="credits/read")


def expired(laptop: Laptop) -> str:
    return issued(laptop, life_s=-HOUR_S)


def forged(laptop: Laptop) -> str:
    """The claims of the token that may do everything, under a signature of another."""
    header, claims, signature = laptop.token("admin").split(".")
    return f"{header}.{claims}.{signature[::-1]}"


def _signing_key(laptop: Laptop) -> RSAPrivateKey:
    """The emulator keeps the key of a user pool in a file, which no issuer would show us."""
    place: Path = laptop.state_dir / "state" / "cognito-pool-keys"
    pool = laptop.stack.only("AWS::Cognito::UserPool")
    key = serialization.load_pem_private_key((place / f"{pool}-access.pem").read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _decoded(part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _encoded(claims: Mapping[str, Any]) -> str:
    return _text(json.dumps(claims).encode())


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
