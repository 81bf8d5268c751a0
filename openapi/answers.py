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


class GatewayMessage(msgspec.Struct, kw_only=True):
    """What the API gateway answers by itself, before the service sees the request. It has no code."""

    message: str


GATEWAY: Final[dict[int, str]] = {
    401: "the gateway: no valid token",
    403: "the gateway: the token has none of the scopes",
    404: "the gateway: no route has this path",
    413: "the gateway: the body is larger than it takes",
    429: "the gateway: too many requests at once",
    500: "the gateway: the service failed",
    503: "the gateway: the service did not answer",
}
"""What it means where the gateway answers with a status that the service has too. It says so as application/json, not
as problem details: an HTTP API has no gateway responses that could be customised, as a REST API has. A Lambda
authorizer, which cannot give its refusals a body either, would add a call to every request."""


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
