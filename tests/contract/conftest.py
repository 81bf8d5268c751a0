"""One suite, three ledgers, three audit trails and three books of usage.

A client of DynamoDB takes longer to make than a test to run: each backend has one, and every test an empty table.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

import pytest
from pynamodb.models import Model

from in_memory.audit import MemoryAuditTrail
from in_memory.ledger import MemoryLedger
from in_memory.usage import MemoryUsageBook
from local.dynamodb_local import Database
from shared.adapters.dynamodb_audit import DynamoAuditTrail
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.dynamodb_usage import DynamoUsageBook
from shared.ports.ledger import AuditTrail, Ledger
from shared.ports.usage import UsageBook
from tests import moto_calls
from tests.database import PATIENT_MS, patient_connections

_Port = TypeVar("_Port")


@pytest.fixture
def mocked_aws(aws_credentials: None) -> Iterator[None]:
    """As the functions run on it in tests/integration."""
    with moto_calls.mocked_aws():
        yield


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    def on_dynamodb(host: str | None) -> Ledger:
        made = _ledger_at(host)
        _empty(made._table.whole)
        return made

    return _make(request, MemoryLedger, on_dynamodb)


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def trail(request: pytest.FixtureRequest) -> AuditTrail:
    def on_dynamodb(host: str | None) -> AuditTrail:
        made = _trail_at(host)
        _empty(made._items)
        return made

    in_memory: Callable[[], AuditTrail] = MemoryAuditTrail
    return _make(request, in_memory, on_dynamodb)


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def book(request: pytest.FixtureRequest) -> UsageBook:
    def on_dynamodb(host: str | None) -> UsageBook:
        made = _book_at(host)
        _empty(made._items)
        return made

    in_memory: Callable[[], UsageBook] = MemoryUsageBook
    return _make(request, in_memory, on_dynamodb)


@pytest.fixture
def database_book(database: Database, aws_credentials: None) -> DynamoUsageBook:
    made = _book_at(database.url)
    _empty(made._items)
    return made


def _make(request: pytest.FixtureRequest, memory: Callable[[], _Port], dynamo: Callable[[str | None], _Port]) -> _Port:
    match request.param:
        case "moto":
            request.getfixturevalue("mocked_aws")
            return dynamo(None)
        case "dynamodb-local":
            request.getfixturevalue("aws_credentials")
            return dynamo(request.getfixturevalue("database").url)
        case _:
            return memory()


@cache
def _ledger_at(host: str | None) -> DynamoLedger:
    with patient_connections():
        return DynamoLedger("contract-ledger", PATIENT_MS, host=host)


@cache
def _trail_at(host: str | None) -> DynamoAuditTrail:
    with patient_connections():
        return DynamoAuditTrail("contract-audit", PATIENT_MS, host=host)


@cache
def _book_at(host: str | None) -> DynamoUsageBook:
    with patient_connections():
        return DynamoUsageBook("contract-usage", PATIENT_MS, host=host)


def _empty(model: type[Model]) -> None:
    if model.exists():
        model.delete_table()
    model.create_table(billing_mode="PAY_PER_REQUEST")
