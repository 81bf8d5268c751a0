"""DynamoDB's protocol on a connection of our own, in the place of botocore's client under PynamoDB.

A charge is two calls whose shape never changes. botocore builds user agent, endpoint, hooks and serialiser anew for
each of them, which is two thirds of a charge's processor time. Here a call is: JSON by msgspec, a signature, one POST
over a connection that stays open.

What stays botocore's: where credentials, region and endpoint come from, the exceptions that a failed call raises, and
the hook `before-send`, in which moto and instrumentation answer or observe a request. Operations that manage tables are
rare and go through botocore's own client. Where the environment says everything, nothing but the exceptions is loaded
of botocore: see aws_environment.py.
"""

import re
import sys
import time
import zlib
from base64 import b64decode
from collections.abc import Iterable, Mapping
from copy import copy
from functools import cache, cached_property
from http import HTTPStatus
from secrets import token_hex
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import msgspec
from botocore.exceptions import (
    ChecksumError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)

from shared.adapters import aws_environment
from shared.adapters.aws_environment import Credentials
from shared.adapters.aws_session import shared_session
from shared.adapters.http_connections import Connections, Patience
from shared.adapters.sigv4 import Signer
from shared.adapters.snapshots import in_every_copy

if TYPE_CHECKING:
    from botocore.session import Session

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
_CONTAINERS: Final = (dict, list)
_BINARY: Final = re.compile(rb'"BS?"\s*:')
_USER_AGENT: Final = f"millicent lang/python#{sys.version_info[0]}.{sys.version_info[1]}"

_encoded: Final = msgspec.json.Encoder().encode
_decoded: Final = msgspec.json.Decoder(dict[str, Any]).decode


class MalformedAnswer(HTTPClientError):
    """An answer whose body is not a JSON object."""

    fmt = "the answer is not a JSON object: {error}"


class DynamoWire:
    """Answers `_make_api_call`, the one method of botocore's client that PynamoDB's operations on items use."""

    _request_signer = None
    """PynamoDB asks for it, to replace a client whose credentials were missing. Here every call reads them anew."""

    def __init__(self, session: "Session | None", region: str, endpoint_url: str, patience: Patience) -> None:
        """`session` is None where the environment says everything."""
        url = urlsplit(endpoint_url)
        if not url.hostname:
            raise ValueError(f"the endpoint must be a URL such as http://localhost:8000, not {endpoint_url!r}")
        self._session = session
        self._region = region
        self._url = endpoint_url.rstrip("/") + "/"
        self._host = url.netloc
        self._signer = Signer(region, _SERVICE)
        bundle = None if url.scheme == "http" else _ca_bundle(session)
        self._connections = Connections(url.hostname, url.port or (80 if bundle is None else 443), bundle, patience)
        in_every_copy(self._connections.forget)
        self.meta = SimpleNamespace(
            endpoint_url=endpoint_url,
            region_name=region,
            events=session and copy(session.get_component("event_emitter")),
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
        credentials = self._credentials()
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = {"content-type": _CONTENT_TYPE, "host": self._host, "x-amz-date": at}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        signed["x-amz-target"] = _TARGET + operation_name
        authorization = self._signer.authorization(credentials.access_key, credentials.secret_key, at, signed, body)
        headers = signed | {"authorization": authorization, "user-agent": _USER_AGENT}
        if trace := aws_environment.trace_id():
            headers["x-amzn-trace-id"] = trace
        return headers

    def _credentials(self) -> Credentials:
        """Those of now. Raises NoCredentialsError."""
        found = _credentials_of(self._session) if self._session else aws_environment.credentials()
        if found is None:
            raise NoCredentialsError
        return found

    def _sent(self, operation_name: str, headers: dict[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer: of the hook `before-send` if it has one, else of DynamoDB."""
        if self.meta.events is not None:
            for _, answer in self._hooked(operation_name, headers, body):
                if answer is not None:
                    return answer.status_code, answer.headers, answer.content
        return self._connections.post(headers, body)

    def _hooked(self, operation_name: str, headers: dict[str, str], body: bytes) -> Any:  # noqa: ANN401 - botocore's
        from botocore.awsrequest import AWSPreparedRequest, HeadersDict  # noqa: PLC0415 - loaded with the session

        request = AWSPreparedRequest("POST", self._url, cast("Any", HeadersDict(headers)), body, stream_output=False)
        return self.meta.events.emit(f"before-send.{_SERVICE}.{operation_name}", request=request)

    @cached_property
    def _whole_client(self) -> Any:  # noqa: ANN401 - botocore makes its clients' types at run time
        from botocore.config import Config  # noqa: PLC0415 - it loads what the session does

        return (self._session or shared_session()).create_client(
            _SERVICE, self._region, endpoint_url=self.meta.endpoint_url, config=Config(parameter_validation=False)
        )


def _credentials_of(session: "Session") -> Credentials | None:
    """botocore refreshes them before they expire."""
    held = session.get_credentials()
    if held is None:
        return None
    frozen = held.get_frozen_credentials()
    return Credentials(str(frozen.access_key), str(frozen.secret_key), frozen.token)


def wire_to(region: str | None, host: str | None, patience: Patience) -> DynamoWire | None:
    """The wire to DynamoDB, or to `host`; None if a proxy is between, which botocore's own client knows how to use.

    Raises NoRegionError if neither the caller nor botocore's configuration names a region.
    """
    if aws_environment.says_everything():
        return _wire_of_the_environment(region or aws_environment.region(), host, patience)
    from botocore.utils import get_environ_proxies  # noqa: PLC0415 - it loads what the session does

    session = shared_session()
    region = region or session.get_config_variable("region")
    if region is None:
        raise NoRegionError
    endpoint_url = host or _endpoint_url(session, region)
    return None if get_environ_proxies(endpoint_url) else DynamoWire(session, region, endpoint_url, patience)


def _wire_of_the_environment(region: str | None, host: str | None, patience: Patience) -> DynamoWire:
    if region is None:
        raise NoRegionError
    configured = host or aws_environment.configured_endpoint_url(_SERVICE)
    url = configured or aws_environment.regional_endpoint_url(_SERVICE, region)
    return DynamoWire(None, region, url or _url_by_botocore(shared_session(), region), patience)


def _endpoint_url(session: "Session", region: str) -> str:
    from botocore.utils import ensure_boolean  # noqa: PLC0415 - it loads what the session does

    if not ensure_boolean(session.get_config_variable("ignore_configured_endpoint_urls")):
        configured = aws_environment.configured_endpoint_url(_SERVICE)
        if configured:
            return configured
    profile = session.get_scoped_config()
    is_special = (
        {"endpoint_url", "services"} & profile.keys()
        or session.get_config_variable("use_fips_endpoint")
        or session.get_config_variable("use_dualstack_endpoint")
    )
    usual = None if is_special else aws_environment.regional_endpoint_url(_SERVICE, region)
    return usual or _url_by_botocore(session, region)


def _url_by_botocore(session: "Session", region: str) -> str:
    url: str = session.create_client(_SERVICE, region).meta.endpoint_url
    return url


def _ca_bundle(session: "Session | None") -> str:
    configured: str | None = session.get_config_variable("ca_bundle") if session else None
    return configured or aws_environment.ca_bundle()


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
    empty answer. A read would then report that the account does not exist. Raises ChecksumError or MalformedAnswer.
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
        raise MalformedAnswer(error=malformed) from malformed


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


def _decode_binary(value: dict[str, Any] | list[Any]) -> None:
    """Binary values are base64 texts in JSON, and bytes for PynamoDB: {"B": text} and {"BS": [text]}, at any depth."""
    members: Iterable[Any] = value
    if isinstance(value, dict):
        if len(value) == 1:
            ((kind, stored),) = value.items()
            if kind == "B" and isinstance(stored, str):
                value["B"] = b64decode(stored)
            elif kind == "BS" and isinstance(stored, list) and all(isinstance(each, str) for each in stored):
                value["BS"] = [b64decode(each) for each in stored]
        members = value.values()
    for each in members:
        if isinstance(each, _CONTAINERS):
            _decode_binary(each)
