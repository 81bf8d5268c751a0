"""The connection of PynamoDB's models: timeouts, and a check that rejects damaged answers."""

import json
import zlib
from types import new_class
from typing import Any, Final, TypeVar, cast

from botocore.exceptions import ChecksumError
from botocore.parsers import ResponseParserError
from pynamodb.connection import Connection
from pynamodb.models import Model

CONNECT_TIMEOUT_S: Final = 1
READ_TIMEOUT_S: Final = 2
CONNECTIONS_MAX: Final = 64
"""The size of the connection pool. No more connections are opened than there are threads."""
_SERVER_ERROR: Final = 500
_Model = TypeVar("_Model", bound=Model)


def bound_to(model: type[_Model], table_name: str, region: str | None, host: str | None) -> type[_Model]:
    # botocore does not retry: the protocol knows which calls are safe to send again and how much time is left.
    meta = {
        "table_name": table_name,
        "region": region,
        "host": host,
        "connect_timeout_seconds": CONNECT_TIMEOUT_S,
        "read_timeout_seconds": READ_TIMEOUT_S,
        "max_retry_attempts": 0,
        "max_pool_connections": CONNECTIONS_MAX,
    }
    body = {"Meta": type("Meta", (), meta), "__module__": model.__module__}
    return cast("type[_Model]", new_class(model.__name__, (model,), exec_body=lambda names: names.update(body)))


def guarded(model: type[Model]) -> Connection:
    connection = model._get_connection().connection  # noqa: SLF001 - PynamoDB has no public way to share or reach it
    connection.client.meta.events.register("before-parse.dynamodb", _refuse_damaged_answer)
    return connection


def _refuse_damaged_answer(response_dict: dict[str, Any], **_: object) -> None:
    """Rejects a damaged answer, which means: no answer.

    Without retries botocore accepts an answer that fails DynamoDB's checksum, and reads a body that is not JSON as an
    empty answer. A read would then report that the account does not exist. Raises ChecksumError or ResponseParserError.
    """
    body, checksum = response_dict["body"], response_dict["headers"].get("x-amz-crc32")
    if response_dict["status_code"] >= _SERVER_ERROR:
        return
    computed = str(zlib.crc32(body))
    if checksum not in {None, computed}:
        raise ChecksumError(checksum_type="crc32", expected_checksum=checksum, actual_checksum=computed)
    if not _is_json_object(body):
        raise ResponseParserError("the answer is not a JSON object")


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
