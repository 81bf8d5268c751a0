"""DynamoDB's protocol on a connection of our own, in the place of botocore's client under PynamoDB.

A charge is two calls whose shape never changes. botocore builds user agent, endpoint, hooks and serialiser anew for
each of them, which is two thirds of a charge's processor time. Here a call is: JSON by msgspec, a signature, one POST
over a connection of urllib3 that stays open.

What stays botocore's: where credentials, region and endpoint come from, the exceptions that a failed call raises, and
the hook `before-send`, in which moto and instrumentation answer or observe a request. Operations that manage tables are
rare and go through botocore's own client.
"""

import os
import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from copy import copy
from functools import cache, cached_property
from http import HTTPStatus
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec
import urllib3
from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.compat import get_current_datetime
from botocore.config import Config
from botocore.exceptions import (
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.session import Session
from botocore.utils import ensure_boolean, get_environ_proxies
from urllib3 import exceptions as http_errors
from urllib3.connection import HTTPConnection, HTTPSConnection

from shared.adapters.aws_session import shared_session
from shared.adapters.sigv4 import Signer
from shared.ledger.frozen import dataclass

OPERATIONS: Final = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)
"""The operations on items. Their documents are DynamoDB's JSON as PynamoDB writes it, but for binary values."""

_NAMED_ERRORS: Final = frozenset(
    {
        "ConditionalCheckFailedException",
        "IdempotentParameterMismatchException",
        "InternalServerError",
        "ItemCollectionSizeLimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",
        "ThrottlingException",
        "TransactionCanceledException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""The errors of these operations in DynamoDB's model. Others, as AccessDeniedException, are of all of AWS."""

_SERVICE: Final = "dynamodb"
_TARGET: Final = "DynamoDB_20120810."
_CONTENT_TYPE: Final = "application/x-amz-json-1.0"
_BINARY: Final = re.compile(rb'"BS?"\s*:')
_TRACE_VARIABLE: Final = "_X_AMZN_TRACE_ID"

_ENVIRONMENT: Final = os.environ  # noqa: TID251 - variables of botocore and of Lambda, which are no settings of ours

_encoded: Final = msgspec.json.Encoder().encode
_decoded: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call waits for a connection and for an answer, and how many connections are kept open at most."""

    connect_timeout_s: float
    read_timeout_s: float
    connections_max: int


class DynamoWire:
    """Answers `_make_api_call`, the one method of botocore's client that PynamoDB's operations on items use."""

    _request_signer = None
    """PynamoDB asks for it, to replace a client whose credentials were missing. Here every call reads them anew."""

    def __init__(self, session: Session, region: str, endpoint_url: str, patience: Patience) -> None:
        url = urlsplit(endpoint_url)
        self._session = session
        self._region = region
        self._url = endpoint_url.rstrip("/") + "/"
        self._host = url.netloc
        self._signer = Signer(region, _SERVICE)
        self._user_agent = session.user_agent()
        self._pool = _pool(session, endpoint_url, patience)
        self.meta = SimpleNamespace(
            endpoint_url=endpoint_url,
            region_name=region,
            events=copy(session.get_component("event_emitter")),
        )

    def _make_api_call(self, operation_name: str, api_params: dict[str, Any]) -> dict[str, Any]:
        """Raises what botocore's client raises."""
        if operation_name not in OPERATIONS:
            answer: dict[str, Any] = self._whole_client._make_api_call(operation_name, api_params)  # noqa: SLF001
            return answer
        if operation_name == "TransactWriteItems":
            api_params.setdefault("ClientRequestToken", token_hex(16))
        body = _encoded(api_params)
        return _answer(operation_name, *self._sent(operation_name, self._headers(operation_name, body), body))

    def _headers(self, operation_name: str, body: bytes) -> dict[str, str]:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        frozen = credentials.get_frozen_credentials()
        at = f"{get_current_datetime():%Y%m%dT%H%M%SZ}"
        signed = {"content-type": _CONTENT_TYPE, "host": self._host, "x-amz-date": at}
        if frozen.token:
            signed["x-amz-security-token"] = frozen.token
        signed["x-amz-target"] = _TARGET + operation_name
        authorization = self._signer.authorization(str(frozen.access_key), str(frozen.secret_key), at, signed, body)
        headers = signed | {"authorization": authorization, "user-agent": self._user_agent}
        if trace := _ENVIRONMENT.get(_TRACE_VARIABLE):
            headers["x-amzn-trace-id"] = trace
        return headers

    def _sent(self, operation_name: str, headers: dict[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer: of the hook `before-send` if it has one, else of DynamoDB."""
        request = AWSPreparedRequest("POST", self._url, cast("Any", HeadersDict(headers)), body, stream_output=False)
        hooks = self.meta.events.emit(f"before-send.{_SERVICE}.{operation_name}", request=request)
        for _, answer in hooks:
            if answer is not None:
                return answer.status_code, answer.headers, answer.content
        return self._posted(headers, body)

    def _posted(self, headers: dict[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        try:
            response = self._pool.urlopen(
                "POST",
                "/",
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                decode_content=False,
            )
        except Exception as error:
            raise _as_botocore(error, self.meta.endpoint_url) from error
        return response.status, response.headers, response.data

    @cached_property
    def _whole_client(self) -> Any:  # noqa: ANN401 - botocore makes its clients' types at run time
        return self._session.create_client(
            _SERVICE, self._region, endpoint_url=self.meta.endpoint_url, config=Config(parameter_validation=False)
        )


class _Connection(HTTPConnection):
    """Sends a request's head and body together: one packet and one system call less."""

    _parts: list[Any] | None = None

    def request(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - passed on as they are
        parts: list[Any] = []
        self._parts = parts
        try:
            super().request(*arguments, **options)
        finally:
            self._parts = None
        self.send(b"".join(parts))

    def send(self, data: Any) -> None:  # noqa: ANN401 - as in http.client
        if self._parts is None:
            super().send(data)
        else:
            self._parts.append(data)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def wire_to(region: str | None, host: str | None, patience: Patience) -> DynamoWire | None:
    """The wire to DynamoDB, or to `host`; None if a proxy is between, which botocore's own client knows how to use.

    Raises NoRegionError if neither the caller nor botocore's configuration names a region.
    """
    session = shared_session()
    region = region or session.get_config_variable("region")
    if region is None:
        raise NoRegionError
    endpoint_url = host or _endpoint_url(session, region)
    return None if get_environ_proxies(endpoint_url) else DynamoWire(session, region, endpoint_url, patience)


def _endpoint_url(session: Session, region: str) -> str:
    if not ensure_boolean(session.get_config_variable("ignore_configured_endpoint_urls")):
        configured = _ENVIRONMENT.get("AWS_ENDPOINT_URL_DYNAMODB") or _ENVIRONMENT.get("AWS_ENDPOINT_URL")
        if configured:
            return configured
    profile = session.get_scoped_config()
    is_special = (
        {"endpoint_url", "services"} & profile.keys()
        or session.get_config_variable("use_fips_endpoint")
        or session.get_config_variable("use_dualstack_endpoint")
    )
    suffix = None if is_special else _dns_suffix(session, region)
    if suffix is not None:
        return f"https://{_SERVICE}.{region}.{suffix}"
    url: str = session.create_client(_SERVICE, region).meta.endpoint_url
    return url


def _dns_suffix(session: Session, region: str) -> str | None:
    """The end of the names of hosts in the region's partition; None for a region that botocore does not list."""
    for partition in session.get_component("data_loader").load_data("partitions")["partitions"]:
        if region in partition["regions"]:
            suffix: str = partition["outputs"]["dnsSuffix"]
            return suffix
    return None


def _pool(session: Session, endpoint_url: str, patience: Patience) -> urllib3.HTTPConnectionPool:
    url = urlsplit(endpoint_url)
    if not url.hostname:
        raise ValueError(f"the endpoint must be a URL such as http://localhost:8000, not {endpoint_url!r}")
    options: dict[str, Any] = {
        "maxsize": patience.connections_max,
        "timeout": urllib3.Timeout(connect=patience.connect_timeout_s, read=patience.read_timeout_s),
    }
    if url.scheme == "http":
        return _Pool(url.hostname, url.port, **options)
    bundle = session.get_config_variable("ca_bundle") or get_cert_path(True)
    return _TlsPool(url.hostname, url.port, ca_certs=bundle, cert_reqs="CERT_REQUIRED", **options)


def _answer(operation_name: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Raises ClientError for an error, and as `refuse_damaged` for a damaged answer."""
    document = refuse_damaged(status, headers, body)
    if _BINARY.search(body):
        # Errors too: a canceled transaction shows the items that were in its way.
        _decode_binary(document)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise _client_error(operation_name, status, headers, document)
    return document


def refuse_damaged(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The document of an answer. A damaged answer means: no answer.

    Without retries botocore accepts an answer that fails DynamoDB's checksum, and reads a body that is not JSON as an
    empty answer. A read would then report that the account does not exist. Raises ChecksumError or ResponseParserError.
    The body of a server error does not matter: the outcome is unknown in any case.
    """
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    checksum, computed = headers.get("x-amz-crc32"), str(zlib.crc32(body))
    if checksum not in {None, computed} and not is_server_error:
        raise ChecksumError(checksum_type="crc32", expected_checksum=checksum, actual_checksum=computed)
    try:
        return _decoded(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        if is_server_error:
            return {"message": HTTPStatus(status).phrase if status in set(HTTPStatus) else ""}
        raise ResponseParserError("the answer is not a JSON object") from malformed


def _client_error(
    operation_name: str, status: int, headers: Mapping[str, str], document: dict[str, Any]
) -> ClientError:
    code = str(document.get("__type") or status)
    response: Any = {
        "Error": {
            "Code": code.rpartition("#")[2],
            "Message": str(document.get("message") or document.get("Message") or ""),
        },
        "ResponseMetadata": {
            "RequestId": headers.get("x-amzn-requestid", ""),
            "HTTPStatusCode": status,
            "HTTPHeaders": {name.lower(): value for name, value in headers.items()},
            "RetryAttempts": 0,
        },
    }
    if "CancellationReasons" in document:
        response["CancellationReasons"] = document["CancellationReasons"]
    if "Item" in document:
        response["Item"] = document["Item"]
    return _error_type(response["Error"]["Code"])(response, operation_name)


@cache
def _error_type(code: str) -> type[ClientError]:
    """The type that botocore makes of an error of DynamoDB's own."""
    return type(code, (ClientError,), {}) if code in _NAMED_ERRORS else ClientError


def _decode_binary(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Binary values are base64 texts in JSON, and bytes for PynamoDB: {"B": text} and {"BS": [text]}, at any depth."""
    if isinstance(value, list):
        for each in value:
            _decode_binary(each)
    elif isinstance(value, dict):
        if value.keys() == {"B"} and isinstance(value["B"], str):
            value["B"] = b64decode(value["B"])
        elif value.keys() == {"BS"} and all(isinstance(each, str) for each in value["BS"]):
            value["BS"] = [b64decode(each) for each in value["BS"]]
        else:
            for each in value.values():
                _decode_binary(each)


_BOTOCORE_ERRORS: Final[tuple[tuple[type[Exception], Callable[..., Exception]], ...]] = (
    # A NewConnectionError is a ConnectTimeoutError too: the more exact one comes first.
    (http_errors.NewConnectionError, EndpointConnectionError),
    (http_errors.ConnectTimeoutError, ConnectTimeoutError),
    (http_errors.ReadTimeoutError, ReadTimeoutError),
    (http_errors.SSLError, SSLError),
    (http_errors.ProtocolError, ConnectionClosedError),
)


def _as_botocore(error: Exception, endpoint_url: str) -> Exception:
    for ours, theirs in _BOTOCORE_ERRORS:
        if isinstance(error, ours):
            return theirs(endpoint_url=endpoint_url, error=error)
    return HTTPClientError(error=error)
