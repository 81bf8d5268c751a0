"""Where adjustments and rates of currencies are kept: a version is written once, and all are read in order."""

from dataclasses import replace
from functools import cache
from typing import Final

import pytest

from in_memory.terms import MemoryTermsStore
from local.dynamodb_local import Database
from shared.adapters.dynamodb_rate_store import DynamoRateStore
from shared.adapters.dynamodb_terms import DynamoTerms, TermsItem
from shared.pricing.store import CardFilter
from shared.pricing.terms import Terms, TermsStore
from tests.builders import NOW_MS
from tests.contract.conftest import _empty
from tests.database import patient_connections

TENANT: Final = "main"
TABLE: Final = "contract-terms"
MARKUP: Final = Terms(
    kind="adjustment",
    name="markup",
    version=1,
    document={"multiplier": "1.2", "active": True},
    effective_from_ms=NOW_MS,
    made_at_ms=NOW_MS,
    by="admin",
)


@cache
def _store_at(host: str | None) -> DynamoTerms:
    with patient_connections():
        return DynamoTerms(TABLE, host=host)


def _table_of(store: DynamoTerms) -> type[TermsItem]:
    return store._items


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def store(request: pytest.FixtureRequest) -> TermsStore:
    if request.param == "memory":
        return MemoryTermsStore()
    request.getfixturevalue("mocked_aws" if request.param == "moto" else "aws_credentials")
    made = _store_at(None if request.param == "moto" else request.getfixturevalue("database").url)
    _empty(_table_of(made))
    return made


def test_a_version_is_written_once(store: TermsStore) -> None:
    assert store.put(TENANT, MARKUP)
    assert not store.put(TENANT, replace(MARKUP, document={"multiplier": "9", "active": True}))
    assert store.versions(TENANT, "adjustment") == (MARKUP,)


def test_all_versions_are_read_in_the_order_of_name_and_version(store: TermsStore) -> None:
    made = [replace(MARKUP, name=name, version=version) for name in ("a", "b") for version in (1, 2, 10)]
    for terms in (made[3], made[2], made[0], made[5], made[1], made[4]):
        store.put(TENANT, terms)
    assert list(store.versions(TENANT, "adjustment")) == made


def test_kinds_and_tenants_are_apart(store: TermsStore) -> None:
    euro = replace(MARKUP, kind="currency", document={"rate": "1.08"})
    for terms in (MARKUP, euro):
        store.put(TENANT, terms)
    assert store.versions(TENANT, "currency") == (euro,)
    assert store.versions("other", "adjustment") == ()


def test_the_cards_beside_them_are_not_listed_with_them(database: Database, aws_credentials: None) -> None:
    store = _store_at(database.url)
    _empty(_table_of(store))
    store.put(TENANT, MARKUP)
    cards = DynamoRateStore(TABLE, host=database.url)
    assert cards.page(TENANT, CardFilter(limit=9)).items == ()
