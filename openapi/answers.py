"""Answers that the client hands on as they are, or has no model of."""

from typing import Any, Final

import msgspec


class Proof(msgspec.Struct, kw_only=True):
    """For the verifier of one file, `millicent.verify_proof`."""

    version: int
    digest: dict[str, Any]
    head: dict[str, Any]
    path: list[Any]
    records: list[Any]


class SignedDigest(msgspec.Struct, kw_only=True):
    """What to keep outside of the service, for `millicent digest verify --kept`."""

    text: str
    signature: str
    public_key: str
    key_id: str


MORE: Final[dict[str, dict[str, Any]]] = {
    "Problem": {"type": {"type": "string", "description": "urn:millicent:problem: and the code"}},
}
"""Members of answers that the client has no model of."""
