"""A ledger behind the fault proxy, and the same ledger without it, to see what became of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from local.dynamodb_local import Database
from shared.adapters.dynamodb_ledger import DynamoLedger
from tests.database import PATIENT_MS
from tests.faults.proxy import Proxy, in_front_of


@pytest.fixture(scope="session")
def running_proxy(database: Database) -> Iterator[Proxy]:
    with in_front_of(database.url) as started:
        yield started


@pytest.fixture
def proxy(running_proxy: Proxy) -> Iterator[Proxy]:
    running_proxy.fail()
    yield running_proxy
    running_proxy.fail()


@dataclass(frozen=True)
class Scene:
    """`ledger` meets the faults, `hasty` as well but has half a second for a request; `truth` meets none."""

    proxy: Proxy
    ledger: DynamoLedger
    hasty: DynamoLedger
    truth: DynamoLedger


@pytest.fixture
def scene(new_ledger: Callable[[], DynamoLedger], proxy: Proxy) -> Scene:
    truth = new_ledger()
    table_name = truth._table.entries.Meta.table_name
    return Scene(
        proxy=proxy,
        ledger=DynamoLedger(table_name, PATIENT_MS, host=proxy.url),
        hasty=DynamoLedger(table_name, 500, host=proxy.url),
        truth=truth,
    )
