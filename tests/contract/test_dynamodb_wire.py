"""The wire under PynamoDB: what botocore's own client would send and raise, over real sockets."""

import json
import os
import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from botocore.session import Session, get_session

from shared.adapters import dynamodb_wire
from shared.adapters.dynamodb_wire import OPERATIONS, DynamoWire, MalformedAnswer, wire_to
from shared.adapters.http_connections import Patience

REGION = "eu-central-1"
PATIENCE = Patience(connect_timeout_s=5, read_timeout_s=5, connections_max=4)
HASTE = Patience(connect_timeout_s=5, read_timeout_s=0.2, connections_max=4)
GET = {"TableName": "ledger", "Key": {"pk": {"S": "a"}}}
PACKED = bytes(range(256))


@dataclass
class Answer:
    """`headers` None: with the right checksum. `closes`: ends the connection afterwards. `is_cut`: half of the body."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] | None = None
    closes: bool = False
    is_cut: bool = False
    never: bool = False


@dataclass
class Server:
    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def answer(self) -> Answer:
        return self.answers.pop(0) if self.answers else Answer()


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.asked.append({"headers": dict(self.headers.items()), "body": body, "path": self.path})
            told.connections.add(self.client_address)
            self.give(told.answer())

        def give(self, answer: Answer) -> None:
            if answer.never:
                self.close_connection = True
                return
            self.send_response(answer.status)
            checksum = {"x-amz-crc32": str(zlib.crc32(answer.body)), "x-amzn-RequestId": "r1"}
            for name, value in (checksum if answer.headers is None else answer.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if answer.is_cut else answer.body)
            # It ends without a word, as a load balancer ends a connection that was idle for long.
            self.close_connection = answer.closes or answer.is_cut

        def log_message(self, *_: Any) -> None:
            pass

    with closing_server(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        told.url = url
        yield told


@contextmanager
def closing_server(http: ThreadingHTTPServer) -> Iterator[str]:
    http.daemon_threads = True
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    """Knows nothing but what the test says."""
    for name in [each for each in os.environ if each.startswith("AWS_") or each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = get_session()
    monkeypatch.setattr(dynamodb_wire, "shared_session", lambda: made)
    return made


@pytest.fixture
def wire(session: Session, server: Server) -> DynamoWire:
    session.set_credentials("AKID", "secret", "token")
    return wire_at(server.url)


def wire_at(url: str | None, patience: Patience = PATIENCE, region: str | None = REGION) -> DynamoWire:
    made = wire_to(region, url, patience)
    assert made is not None
    return made


def call(wire: DynamoWire, operation: str = "GetItem", **parameters: Any) -> dict[str, Any]:
    return wire._make_api_call(operation, GET | parameters)


def test_a_call_is_one_signed_post_of_its_parameters(wire: DynamoWire, server: Server) -> None:
    assert call(wire) == {}
    (asked,) = server.asked
    headers = {name.lower(): value for name, value in asked["headers"].items()}
    assert (asked["path"], json.loads(asked["body"])) == ("/", GET)
    assert headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["x-amz-security-token"] == "token"
    assert headers["host"] == urlsplit(server.url).netloc
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")


def test_it_sends_what_botocore_sends(wire: DynamoWire, session: Session, server: Server) -> None:
    parameters = {
        "TransactItems": [
            {"Put": {"TableName": "t", "Item": {"pk": {"S": "ä€\u2028"}, "b": {"B": PACKED}, "n": {"N": "1"}}}},
            {
                "Update": {
                    "TableName": "t",
                    "Key": {"pk": {"S": "\\"}},
                    "UpdateExpression": "SET b = :b",
                    "ExpressionAttributeValues": {":b": {"BS": [b"a"]}},
                }
            },
        ],
        "ClientRequestToken": "token",
    }
    wire._make_api_call("TransactWriteItems", dict(parameters))
    client: Any = session.create_client("dynamodb", REGION, endpoint_url=server.url)
    client._make_api_call("TransactWriteItems", dict(parameters))
    ours, theirs = server.asked
    assert json.loads(ours["body"]) == json.loads(theirs["body"])
    same = ("x-amz-target", "content-type", "host", "x-amz-security-token")
    assert [_named(ours, name) for name in same] == [_named(theirs, name) for name in same]


def test_the_errors_with_types_of_their_own_are_those_of_dynamodbs_model(session: Session) -> None:
    model = session.get_service_model("dynamodb")
    named = {error.name for name in OPERATIONS for error in model.operation_model(name).error_shapes}
    assert named - {"InvalidEndpointException"} == dynamodb_wire._NAMED_ERRORS


def test_every_transaction_has_a_token_of_its_own(wire: DynamoWire, server: Server) -> None:
    for _ in range(2):
        wire._make_api_call("TransactWriteItems", {"TransactItems": []})
    first, second = (json.loads(asked["body"])["ClientRequestToken"] for asked in server.asked)
    assert first != second


def test_binary_values_come_back_as_bytes(wire: DynamoWire, server: Server) -> None:
    text = b64encode(PACKED).decode()
    item = {
        "b": {"B": text},
        "s": {"S": 'a "B": b'},
        "l": {"L": [{"M": {"x": {"BS": [text]}}}]},
        "B": {"S": "named so"},
    }
    server.answers = [Answer(body=json.dumps({"Item": item}).encode())]
    assert call(wire)["Item"] == {
        "b": {"B": PACKED},
        "s": {"S": 'a "B": b'},
        "l": {"L": [{"M": {"x": {"BS": [PACKED]}}}]},
        "B": {"S": "named so"},
    }


CANCELED = {
    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    "Message": "Transaction cancelled",
    "CancellationReasons": [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "failed", "Item": {"b": {"B": b64encode(PACKED).decode()}}},
    ],
}
ERRORS: dict[str, Answer] = {
    "canceled": Answer(400, json.dumps(CANCELED).encode()),
    "throttled": Answer(400, b'{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate"}'),
    "condition": Answer(400, b'{"__type":"a#ConditionalCheckFailedException","message":"no","Item":{"n":{"N":"1"}}}'),
    "denied": Answer(400, b'{"__type":"a#AccessDeniedException","Message":"not authorized"}'),
    "not named in its body": Answer(400, b'{"message":"m"}', {"x-amzn-errortype": "ThrottlingException:http://x"}),
    "server": Answer(500, b'{"__type":"a#InternalServerError","message":"oops"}'),
    "unavailable": Answer(503, b"<html>busy</html>"),
    "of a proxy": Answer(403, b'{"oops": 1}', {}),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_the_one_that_botocore_raises(
    wire: DynamoWire, session: Session, server: Server, name: str
) -> None:
    once = Config(retries={"total_max_attempts": 1})
    client: Any = session.create_client("dynamodb", REGION, endpoint_url=server.url, config=once)
    server.answers = [ERRORS[name], ERRORS[name]]
    ours, theirs = _raised(lambda: call(wire)), _raised(lambda: client._make_api_call("GetItem", GET))
    assert isinstance(ours, ClientError)
    assert isinstance(theirs, ClientError)
    members = ("Error", "CancellationReasons", "Item")
    assert type(ours).__name__ == type(theirs).__name__
    codes = {name: ours.response.get(name) for name in members}
    assert codes == {name: theirs.response.get(name) for name in members}
    assert ours.response["ResponseMetadata"]["HTTPStatusCode"] == theirs.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(body=b'{"Item":{}}', headers={"x-amz-crc32": "1"}), "ChecksumError"),
        (Answer(body=b"<html>"), "MalformedAnswer"),
        (Answer(body=b"[1]"), "MalformedAnswer"),
        (Answer(body=b'{"Item"'), "MalformedAnswer"),
        (Answer(body=b'{"a":"\xff"}'), "MalformedAnswer"),
        (Answer(400, b"<html>"), "MalformedAnswer"),
        (Answer(body=b'{"Item":{"a":{"S":"b"}}}', is_cut=True), "ConnectionClosedError"),
        (Answer(never=True), "ConnectionClosedError"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.body.decode(errors="replace"),
)
def test_a_damaged_or_lost_answer_is_no_answer(wire: DynamoWire, server: Server, answer: Answer, error: str) -> None:
    server.answers = [answer]
    assert type(_raised(lambda: call(wire))).__name__ == error


def test_a_call_is_sent_once_whatever_becomes_of_it(wire: DynamoWire, server: Server) -> None:
    server.answers = [Answer(never=True), Answer(500), Answer(400, b"{}")]
    for _ in range(3):
        _raised(lambda: call(wire))
    assert len(server.asked) == 3


def test_a_connection_that_the_server_has_ended_is_not_used_again(wire: DynamoWire, server: Server) -> None:
    server.answers = [Answer(), Answer(closes=True), Answer(), Answer()]
    for _ in range(4):
        assert call(wire) == {}
        if len(server.asked) == 2:
            wait_until_ended(wire)
    assert (len(server.asked), len(server.connections)) == (4, 2)


def wait_until_ended(wire: DynamoWire) -> None:
    """The end of the connection is on its way: here it arrives before the next call."""
    (idle,) = wire._connections._idle
    idle._socket.recv(1, socket.MSG_PEEK)


def test_no_answer_in_time_is_a_timeout(session: Session) -> None:
    session.set_credentials("AKID", "secret")
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        wire = wire_at(f"http://127.0.0.1:{silent.getsockname()[1]}", HASTE)
        assert type(_raised(lambda: call(wire))).__name__ == "ReadTimeoutError"


def test_a_server_that_is_not_there_is_named(session: Session) -> None:
    session.set_credentials("AKID", "secret")
    with closing(socket.create_server(("127.0.0.1", 0))) as ended:
        port = ended.getsockname()[1]
    error = _raised(lambda: call(wire_at(f"http://127.0.0.1:{port}")))
    assert type(error).__name__ == "EndpointConnectionError"
    assert str(port) in str(error)


def test_without_credentials_a_call_says_so_and_finds_them_later(session: Session, server: Server) -> None:
    wire = wire_at(server.url)
    with pytest.raises(NoCredentialsError):
        call(wire)
    session.set_credentials("AKID", "secret")
    assert call(wire) == {}
    assert "x-amz-security-token" not in {name.lower() for name in server.asked[0]["headers"]}


def test_credentials_are_read_anew_for_every_call(session: Session, server: Server) -> None:
    class Rotating(Credentials):
        turns = 0

        def get_frozen_credentials(self) -> Any:
            self.turns += 1
            return Credentials(f"AKID{self.turns}", "secret").get_frozen_credentials()

    session._credentials = Rotating("", "")  # type: ignore[attr-defined]
    wire = wire_at(server.url)
    call(wire)
    call(wire)
    assert [
        "AKID1/" in _named(server.asked[0], "authorization"),
        "AKID2/" in _named(server.asked[1], "authorization"),
    ] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-central-1", "https://dynamodb.eu-central-1.amazonaws.com"),
        ("cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com"),
        ("xx-nowhere-9", "https://dynamodb.xx-nowhere-9.amazonaws.com"),
    ],
)
def test_the_endpoint_is_the_regions(session: Session, region: str, url: str) -> None:
    session.set_credentials("AKID", "secret")
    assert wire_at(None, region=region).meta.endpoint_url == url
    assert session.create_client("dynamodb", region).meta.endpoint_url == url


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ENDPOINT_URL": "http://localhost:1"},
        {"AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:2", "AWS_ENDPOINT_URL": "http://localhost:1"},
        {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"config": "[default]\nendpoint_url = http://localhost:3\n"},
        {"config": "[default]\nservices = ours\n[services ours]\ndynamodb =\n  endpoint_url = http://localhost:4\n"},
        {"config": "[profile other]\nendpoint_url = http://localhost:5\n", "AWS_PROFILE": "other"},
    ],
    ids=str,
)
def test_the_endpoint_is_configured_as_botocores(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        if name == "config":
            (tmp_path / "config").write_text(value)
        else:
            monkeypatch.setenv(name, value)
    fresh = get_session()
    fresh.set_credentials("AKID", "secret")
    monkeypatch.setattr(dynamodb_wire, "shared_session", lambda: fresh)
    assert wire_at(None).meta.endpoint_url == fresh.create_client("dynamodb", REGION).meta.endpoint_url


def test_the_region_is_botocores_where_none_is_given(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoRegionError):
        wire_to(None, None, PATIENCE)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert wire_at(None, region=None).meta.region_name == "eu-west-3"


def test_behind_a_proxy_botocores_own_client_is_used(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    assert wire_to(REGION, None, PATIENCE) is None
    monkeypatch.setenv("NO_PROXY", ".amazonaws.com")
    assert wire_to(REGION, None, PATIENCE) is not None


def test_a_hook_of_botocore_sees_every_request_and_may_answer_it(wire: DynamoWire, server: Server) -> None:
    seen: list[str] = []
    wire.meta.events.register("before-send.dynamodb.GetItem", lambda request, **_: seen.append(request.url))
    call(wire)
    assert (seen, len(server.asked)) == ([f"{server.url}/"], 1)


def test_tables_are_managed_by_botocores_own_client(wire: DynamoWire, server: Server) -> None:
    server.answers = [Answer(body=b'{"TableNames":["t"]}')]
    assert wire._make_api_call("ListTables", {})["TableNames"] == ["t"]


def test_certificates_of_servers_are_checked(session: Session) -> None:
    session.set_credentials("AKID", "secret")
    tls = wire_at("https://localhost:1")._connections._tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(tls.get_ca_certs()) > 100


def test_an_endpoint_that_is_no_url_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="must be a URL such as http://localhost:8000, not 'localhost'"):
        wire_to(REGION, "localhost", PATIENCE)


def _named(asked: dict[str, Any], name: str) -> str:
    headers: dict[str, str] = asked["headers"]
    return {each.lower(): value for each, value in headers.items()}.get(name, "")


def _raised(act: Callable[[], object]) -> Exception:
    with pytest.raises((BotoCoreError, ClientError, MalformedAnswer)) as raised:
        act()
    return raised.value
