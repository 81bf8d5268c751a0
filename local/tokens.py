"""Access tokens for the machine clients of the template, by the OAuth 2.0 client credentials grant."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from local.aws import Aws
from local.processes import ProcessFailedError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

ALL_SCOPES: Final = frozenset({"credits/read", "credits/charge", "credits/fund", "credits/admin"})
RENEW_AFTER: Final = 0.5
"""The share of a token's life after which it is renewed: the endpoint file's tokens have at least half left."""


@dataclass(frozen=True)
class Client:
    """`name` is the name of its token in the endpoint file."""

    name: str
    client_id: str
    secret: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Tokens:
    """`by_name` has read, charge, fund and admin; `renew_at` is on the monotonic clock, in seconds."""

    by_name: Mapping[str, str]
    renew_at: float

    @property
    def are_due(self) -> bool:
        return time.monotonic() >= self.renew_at


def clients_of(aws: Aws, user_pool_id: str) -> list[Client]:
    """Raises ProcessFailedError if the pool lacks one of the four."""
    cognito = aws.session.client("cognito-idp", endpoint_url=aws.url)
    clients = list(_described(cognito, user_pool_id))
    found = {client.name for client in clients}
    if missing := {"read", "charge", "fund", "admin"} - found:
        raise ProcessFailedError(f"the user pool has no client for {', '.join(sorted(missing))}")
    return clients


def fetch(url: str, clients: list[Client]) -> Tokens:
    """One token per client. Raises httpx.HTTPError if the emulator returns none."""
    started = time.monotonic()
    grants = {client.name: _grant(url, client) for client in clients}
    life_s = min(seconds for _, seconds in grants.values())
    return Tokens({name: token for name, (token, _) in grants.items()}, started + life_s * RENEW_AFTER)


def _described(cognito: CognitoIdentityProviderClient, user_pool_id: str) -> Iterator[Client]:
    for listed in cognito.list_user_pool_clients(UserPoolId=user_pool_id, MaxResults=60)["UserPoolClients"]:
        client = cognito.describe_user_pool_client(UserPoolId=user_pool_id, ClientId=listed["ClientId"])
        described = client["UserPoolClient"]
        scopes = frozenset(described.get("AllowedOAuthScopes", []))
        if "client_credentials" in described.get("AllowedOAuthFlows", []):
            yield Client(_name(scopes), described["ClientId"], described["ClientSecret"], scopes)


def _name(scopes: frozenset[str]) -> str:
    """A client with one scope has its name; the client with all scopes is admin."""
    if scopes == ALL_SCOPES:
        return "admin"
    return "+".join(sorted(scope.removeprefix("credits/") for scope in scopes))


def _grant(url: str, client: Client) -> tuple[str, int]:
    answer = httpx.post(
        f"{url}/oauth2/token",
        data={"grant_type": "client_credentials", "scope": " ".join(sorted(client.scopes))},
        auth=(client.client_id, client.secret),
    )
    answer.raise_for_status()
    grant = answer.json()
    return grant["access_token"], grant["expires_in"]
