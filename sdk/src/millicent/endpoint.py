"""The service's URL and the caller's tokens: from arguments, or the environment, or the nearest endpoint file.

The environment has a token (MILLICENT_TOKEN) or a machine client's credentials, which fetch and renew tokens
(MILLICENT_TOKEN_URL, MILLICENT_CLIENT_ID, MILLICENT_CLIENT_SECRET).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import httpx

from millicent.errors import ConfigurationError
from millicent.tokens import ClientCredentials, EndpointFile, Token, TokenSource, token_source

URL_VARIABLE: Final = "MILLICENT_URL"
TOKEN_VARIABLE: Final = "MILLICENT_TOKEN"  # noqa: S105 - the name of a variable, not its value
TOKEN_URL_VARIABLE: Final = "MILLICENT_TOKEN_URL"  # noqa: S105
CLIENT_ID_VARIABLE: Final = "MILLICENT_CLIENT_ID"
CLIENT_SECRET_VARIABLE: Final = "MILLICENT_CLIENT_SECRET"  # noqa: S105
ENDPOINT_FILE: Final = Path(".millicent", "endpoint.json")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Without `tokens` only the open routes can be called."""

    base_url: httpx.URL
    tokens: TokenSource | None

    @property
    def is_on_this_machine(self) -> bool:
        host = self.base_url.host
        return host == "localhost" or _is_loopback(host)


def find_endpoint(
    base_url: str | None, token: Token | None, environ: Mapping[str, str] = os.environ, start: Path | None = None
) -> Endpoint:
    """Raises ConfigurationError if no argument, environment or file upwards of `start` names the service.

    The tokens of an endpoint file are sent only to the address in that file.
    """
    url = base_url or environ.get(URL_VARIABLE)
    given = token_source(token) if token else _tokens_of(environ)
    if url:
        return Endpoint(_parsed(url), given)
    file = _nearest_endpoint_file(start or Path.cwd())
    return Endpoint(_parsed(file.base_url), given or file)


def _tokens_of(environ: Mapping[str, str]) -> TokenSource | None:
    if token := environ.get(TOKEN_VARIABLE):
        return token_source(token)
    if token_url := environ.get(TOKEN_URL_VARIABLE):
        return ClientCredentials(
            token_url, _needed(environ, CLIENT_ID_VARIABLE), _needed(environ, CLIENT_SECRET_VARIABLE)
        )
    return None


def _needed(environ: Mapping[str, str], variable: str) -> str:
    if value := environ.get(variable):
        return value
    raise ConfigurationError(f"{TOKEN_URL_VARIABLE} is set, so {variable} must be set too")


def _nearest_endpoint_file(start: Path) -> EndpointFile:
    for directory in (start, *start.parents):
        path = directory / ENDPOINT_FILE
        if path.is_file():
            return EndpointFile(path)
    raise ConfigurationError(
        f"no service is configured: give its URL, set {URL_VARIABLE}, or work below a directory with {ENDPOINT_FILE}"
    )


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as malformed:
        raise ConfigurationError(f"{url!r} is not a URL: {malformed}") from malformed
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(f"{url!r} is not the URL of a service; it must start with https:// or http://")
    return parsed


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
