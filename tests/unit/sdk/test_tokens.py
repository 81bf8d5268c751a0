"""Where the client finds the service, and its tokens."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from millicent import (
    ClientCredentials,
    Clock,
    ConfigurationError,
    Millicent,
    TokenError,
    Unauthenticated,
    Unreachable,
)
from tests.unit.sdk.fake_service import TOKEN, URL, FakeClock, FakeService


def write_endpoint(directory: Path, token: str = TOKEN, url: str = URL) -> Path:
    path = directory / ".millicent" / "endpoint.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"base_url": url, "tokens": {"read": "read-only", "admin": token}}))
    return path


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory two levels below `tmp_path`."""
    directory = tmp_path / "a" / "b"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


def token_sent(service: FakeService) -> str | None:
    return service.tokens_seen[-1]


def test_arguments_come_before_the_environment(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLICENT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MILLICENT_TOKEN", "of-the-environment")
    with Millicent(URL, TOKEN, transport=service.transport) as client:
        client.check("user:alice")
    assert (service.seen[-1].url.port, token_sent(service)) == (9, TOKEN)


def test_the_environment_comes_before_the_endpoint_file(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_endpoint(tmp_path, token="of-the-file", url="http://127.0.0.1:1")
    monkeypatch.setenv("MILLICENT_URL", URL)
    monkeypatch.setenv("MILLICENT_TOKEN", TOKEN)
    with Millicent(transport=service.transport) as client:
        client.check("user:alice")
    assert (service.seen[-1].url.port, token_sent(service)) == (9, TOKEN)


@pytest.mark.parametrize("levels_up", [0, 1])
def test_the_nearest_endpoint_file_upwards_is_found(
    service: FakeService, tmp_path: Path, below: Path, levels_up: int
) -> None:
    write_endpoint(tmp_path, token="of-the-outer-file")
    write_endpoint([below, *below.parents][levels_up])
    with Millicent(transport=service.transport) as client:
        client.check("user:alice")
    assert token_sent(service) == TOKEN


def test_the_tokens_of_an_endpoint_file_are_never_sent_to_another_address(service: FakeService, tmp_path: Path) -> None:
    write_endpoint(tmp_path)
    with Millicent("http://127.0.0.1:10", transport=service.transport) as client:
        client.health()
    assert token_sent(service) is None


def test_without_any_endpoint_the_client_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="set MILLICENT_URL"):
        Millicent()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://host:port"])
def test_a_url_that_is_none_of_a_service_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is not (a|the) URL"):
        Millicent(url)


def test_a_broken_endpoint_file_is_named(tmp_path: Path) -> None:
    path = write_endpoint(tmp_path)
    path.write_text("{")
    with pytest.raises(ConfigurationError, match=r"endpoint\.json is not an endpoint file"):
        Millicent()


def test_an_endpoint_file_is_read_again_when_its_token_is_refused(service: FakeService, tmp_path: Path) -> None:
    write_endpoint(tmp_path, token="expired")
    with Millicent(transport=service.transport) as client:
        write_endpoint(tmp_path, token=TOKEN)
        client.check("user:alice")
        client.check("user:alice")
    assert service.tokens_seen == ["expired", TOKEN, TOKEN]


def test_a_refused_token_is_not_sent_twice_when_the_file_has_no_other(service: FakeService, tmp_path: Path) -> None:
    write_endpoint(tmp_path, token="expired")
    with Millicent(transport=service.transport) as client, pytest.raises(Unauthenticated, match="Unauthorized"):
        client.check("user:alice")
    assert len(service.seen) == 1


def test_a_mutation_keeps_its_key_when_it_is_sent_again_with_a_fresh_token(
    service: FakeService, tmp_path: Path
) -> None:
    write_endpoint(tmp_path, token="expired")
    with Millicent(transport=service.transport) as client:
        write_endpoint(tmp_path, token=TOKEN)
        client.grant("user:alice", 1)
    assert len(set(service.keys_seen())) == 1
    assert service.available("user:alice") == 1


def test_a_function_gives_the_token_of_the_moment(service: FakeService) -> None:
    tokens: Iterator[str] = iter(["expired", TOKEN])
    with Millicent(URL, lambda: next(tokens), transport=service.transport) as client:
        assert not client.check("user:alice").allowed


class TokenEndpoint:
    """Gives token-1, token-2 and so on, each good for an hour."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.seen: list[httpx.Request] = []
        self.http = httpx.Client(transport=httpx.MockTransport(self._handle))

    def credentials(self, now_s: FakeClock | None = None, scope: str | None = None) -> ClientCredentials:
        clock = now_s or FakeClock()
        url = "https://auth.test/oauth2/token"
        return ClientCredentials(url, "client", "secret", scope=scope, http=self.http, now_s=clock.now_s)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if self.status == 0:
            raise httpx.ConnectError("connection refused")
        return httpx.Response(self.status, json={"access_token": f"token-{len(self.seen)}", "expires_in": 3600})


def test_client_credentials_are_exchanged_for_a_token_as_the_standard_says() -> None:
    endpoint = TokenEndpoint()
    assert endpoint.credentials(scope="credits/read").token() == "token-1"
    request = endpoint.seen[0]
    assert request.content == b"grant_type=client_credentials&scope=credits%2Fread"
    assert request.headers["Authorization"] == f"Basic {b64encode(b'client:secret').decode()}"


def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    endpoint, clock = TokenEndpoint(), FakeClock()
    credentials = endpoint.credentials(clock)
    assert [credentials.token(), credentials.token()] == ["token-1", "token-1"]
    clock.now += 3539
    assert credentials.token() == "token-1"
    clock.now += 1
    assert credentials.token() == "token-2"


def test_a_refused_token_is_replaced_once_for_all_threads() -> None:
    endpoint = TokenEndpoint()
    credentials = endpoint.credentials()
    credentials.token()
    assert [credentials.renewed("token-1"), credentials.renewed("token-1")] == ["token-2", "token-2"]
    assert len(endpoint.seen) == 2


def test_wrong_credentials_are_refused_at_once(service: FakeService, clock: Clock) -> None:
    endpoint = TokenEndpoint(status=400)
    with (
        Millicent(URL, endpoint.credentials(), transport=service.transport, clock=clock) as client,
        pytest.raises(TokenError, match="gave no token: 400"),
    ):
        client.charge("user:alice", 1)
    assert (len(endpoint.seen), service.seen) == (1, [])


@pytest.mark.parametrize("status", [0, 500, 429])
def test_a_token_endpoint_that_does_not_answer_is_asked_again(
    service: FakeService, clock: Clock, fake_clock: FakeClock, status: int
) -> None:
    endpoint = TokenEndpoint(status=status)
    with (
        Millicent(URL, endpoint.credentials(), transport=service.transport, clock=clock) as client,
        pytest.raises(Unreachable, match=r"auth\.test"),
    ):
        client.charge("user:alice", 1)
    assert len(endpoint.seen) > 3
    assert service.seen == []


def test_the_environment_may_give_client_credentials(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = TokenEndpoint()
    service.token = "token-1"
    monkeypatch.setattr(httpx, "post", endpoint.http.post)
    monkeypatch.setenv("MILLICENT_TOKEN_URL", "https://auth.test/oauth2/token")
    monkeypatch.setenv("MILLICENT_CLIENT_ID", "client")
    monkeypatch.setenv("MILLICENT_CLIENT_SECRET", "secret")
    with Millicent(URL, transport=service.transport) as client:
        client.check("user:alice")
    assert token_sent(service) == "token-1"


def test_half_of_the_client_credentials_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLICENT_TOKEN_URL", "https://auth.test/oauth2/token")
    with pytest.raises(ConfigurationError, match="MILLICENT_CLIENT_ID must be set"):
        Millicent(URL)
