"""Bearer tokens: their sources, and their renewal after the service has rejected one."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, TypeAlias

import httpx
import msgspec

from millicent.errors import ConfigurationError, TokenError, TokenUnavailable

_RENEW_BEFORE_EXPIRY_S: Final = 60.0
_TOKEN_TIMEOUT_S: Final = 10.0


class TokenSource(ABC):
    """A source of tokens; many threads may use it at once."""

    @abstractmethod
    def token(self) -> str:
        """The token to send. Raises TokenError if there is none."""

    def renewed(self, rejected: str) -> str | None:  # noqa: ARG002 - a source that can renew needs to know
        """A new token after the service rejected `rejected`; None if there is no other."""
        return None


Token: TypeAlias = str | Callable[[], str] | TokenSource
"""A token from the caller: the token itself, a function that returns the current one, or a source."""


class FixedToken(TokenSource):
    """One token that never changes."""

    def __init__(self, value: str) -> None:
        self._value = value

    def token(self) -> str:
        return self._value


class CalledToken(TokenSource):
    """Calls a function of the caller each time."""

    def __init__(self, current: Callable[[], str]) -> None:
        self._current = current

    def token(self) -> str:
        return self._current()

    def renewed(self, rejected: str) -> str | None:  # noqa: ARG002 - the function knows what it gave
        return self._current()


class EndpointDocument(msgspec.Struct, frozen=True):
    """The content of an endpoint file: the service's URL, and a token for each role."""

    base_url: str
    tokens: dict[str, str]


class EndpointFile(TokenSource):
    """`.millicent/endpoint.json`. The service's operator renews its tokens, so it is read again after a rejection."""

    ROLE: Final = "admin"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document = self._read()

    @property
    def base_url(self) -> str:
        return self._document.base_url

    def token(self) -> str:
        try:
            return self._document.tokens[self.ROLE]
        except KeyError as missing:
            raise ConfigurationError(f"{self._path} contains no token for {self.ROLE}") from missing

    def renewed(self, rejected: str) -> str | None:  # noqa: ARG002 - the file knows nothing of what was refused
        self._document = self._read()
        return self.token()

    def _read(self) -> EndpointDocument:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=EndpointDocument)
        except (OSError, msgspec.DecodeError) as unreadable:
            raise ConfigurationError(f"{self._path} is not an endpoint file: {unreadable}") from unreadable


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 0.0


class ClientCredentials(TokenSource):
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token of a machine client, cached until a minute before its
    expiry.

    `http` is an optional client of the caller, which the caller closes.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str | None = None,
        http: httpx.Client | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_url = token_url
        self._credentials = httpx.BasicAuth(client_id, client_secret)
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._http = http
        self._now_s = now_s
        self._lock = threading.Lock()
        self._kept: str | None = None
        self._renew_at_s = 0.0

    def token(self) -> str:
        with self._lock:
            if self._kept is None or self._now_s() >= self._renew_at_s:
                return self._fetch()
            return self._kept

    def renewed(self, rejected: str) -> str | None:
        with self._lock:
            # Another thread may have had the same rejection and fetched a token already.
            return self._fetch() if self._kept in (None, rejected) else self._kept

    def _fetch(self) -> str:
        granted = _granted(self._ask())
        self._kept = granted.access_token
        self._renew_at_s = self._now_s() + granted.expires_in - _RENEW_BEFORE_EXPIRY_S
        return granted.access_token

    def _ask(self) -> httpx.Response:
        post = self._http.post if self._http else httpx.post
        try:
            return post(self._token_url, data=self._form, auth=self._credentials, timeout=_TOKEN_TIMEOUT_S)
        except httpx.RequestError as failure:
            raise TokenUnavailable(f"{self._token_url} did not answer: {failure}") from failure


def _granted(response: httpx.Response) -> _Granted:
    if response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise TokenUnavailable(f"{response.request.url} answered {response.status_code}")
    if not response.is_success:
        raise TokenError(f"{response.request.url} gave no token: {response.status_code} {response.text[:200]}")
    try:
        return msgspec.json.decode(response.content, type=_Granted)
    except msgspec.DecodeError as malformed:
        raise TokenError(f"{response.request.url} gave no token: {malformed}") from malformed


def token_source(token: Token) -> TokenSource:
    """The source for any form of token that the caller gave."""
    if isinstance(token, TokenSource):
        return token
    return FixedToken(token) if isinstance(token, str) else CalledToken(token)


def fits_header(text: str) -> bool:
    """Whether the token fits into an HTTP header.

    An unsendable one must be rejected here, while it is certain that nothing was sent.
    """
    return text.isascii() and text.isprintable() and text == text.strip()


class BearerAuth(httpx.Auth):
    """Signs requests; after a 401 it tries once more if there is another token."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._source.token()
        response = yield _signed(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            other = self._source.renewed(token)
            if other is not None and other != token:
                yield _signed(request, other)


def _signed(request: httpx.Request, token: str) -> httpx.Request:
    if not fits_header(token):
        raise ConfigurationError("the token contains an invalid character, such as a line end")
    request.headers["Authorization"] = f"Bearer {token}"
    return request
