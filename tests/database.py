"""Databases for tests: one DynamoDB Local a session, and tables made from the models."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

import pytest

from local.dynamodb_local import CREDENTIALS, Database, running
from shared.adapters import connection
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ledger.errors import AccountBusy
from shared.ledger.operations import Operation
from shared.ledger.protocol import Recorded
from shared.ports.ledger import Ledger

PATIENT_MS = 60_000
"""A busy machine must not look like a busy table: the deadline of an operation."""
PATIENT_S = 60
"""Nor like a lost answer: how long a connection waits. A database that has just started takes long for its first."""

_numbers = count(1)


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """DynamoDB Local: as atomic under threads and processes as the real one."""
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def aws_credentials() -> Iterator[None]:
    """Any will do for a database of ours; without them the SDK would look for real ones."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", CREDENTIALS["region_name"])
        environment.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS["aws_access_key_id"])
        environment.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS["aws_secret_access_key"])
        yield


@contextmanager
def patient_connections() -> Iterator[None]:
    """What is connected to a table in this block waits long for answers."""
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(connection, "CONNECT_TIMEOUT_S", PATIENT_S)
        patching.setattr(connection, "READ_TIMEOUT_S", PATIENT_S)
        yield


@pytest.fixture
def new_ledger(database: Database, aws_credentials: None) -> Callable[[], DynamoLedger]:
    """Makes a ledger on a table of its own."""
    return lambda: ledger_on_new_table(database.url)


def ledger_on_new_table(host: str) -> DynamoLedger:
    with patient_connections():
        ledger = DynamoLedger(f"ledger-{next(_numbers)}", PATIENT_MS, host=host)
    ledger._table.whole.create_table(billing_mode="PAY_PER_REQUEST")
    return ledger


def record_patiently(ledger: Ledger, operation: Operation, now_ms: int) -> Recorded:
    """As a client records: one that is turned away, since the account is busy, sends the same again."""
    while True:
        with suppress(AccountBusy):
            return ledger.record(operation, now_ms)
