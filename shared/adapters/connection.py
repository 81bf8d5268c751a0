"""The connection of PynamoDB's models: over a wire of our own, with short timeouts and without retries of the SDK's."""

from importlib import import_module
from types import new_class
from typing import Any, Final, TypeVar, cast

from shared.adapters.dynamodb_wire import refuse_damaged, wire_to
from shared.adapters.http_connections import Patience
from shared.adapters.pynamo import Connection, Model

CONNECT_TIMEOUT_S: Final = 1
READ_TIMEOUT_S: Final = 2
CONNECTIONS_MAX: Final = 64
"""The size of the connection pool. No more connections are opened than there are threads."""

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


def wired(model: type[Model]) -> Connection:
    """The model's connection, with its client replaced by the wire."""
    connection = model._get_connection().connection  # noqa: SLF001 - PynamoDB has no public way to share or reach it
    patience = Patience(CONNECT_TIMEOUT_S, READ_TIMEOUT_S, CONNECTIONS_MAX)
    wire = wire_to(connection.region, connection.host, patience)
    if wire is None:
        import_module("botocore.client")  # as PynamoDB takes it for granted
        connection.client.meta.events.register("before-parse.dynamodb", _refuse_damaged_answer)
    else:
        connection._client = cast("Any", wire)  # noqa: SLF001 - the one seam under PynamoDB's models
    return connection


def _refuse_damaged_answer(response_dict: dict[str, Any], **_: object) -> None:
    refuse_damaged(response_dict["status_code"], response_dict["headers"], response_dict["body"])
