"""Waiting for the audit table, and what it lacks, over tables that a test fills by hand."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from local.reconciliation import wait_for_audit
from local.stream_recovery import unaudited
from local.tables import Item, Tables
from shared.adapters.items import AuditItem, EntryItem, PolicyItem, StateItem
from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import Charge, GrantCredits
from tests.builders import history


class FakeTables:
    """Rows come into the audit table one at each look, from `arriving`."""

    def __init__(self, state: AccountState, entries: list[Entry], audited: list[Entry]) -> None:
        self.state = state
        self.entries = entries
        self.audited = audited
        self.arriving: list[Entry] = []

    def ledger_items(self) -> Iterator[Item]:
        yield StateItem.of(self.state).serialize()
        if self.state.policy is not None:
            yield PolicyItem.of(self.state.account, self.state.policy).serialize()
        yield {"pk": {"S": "TENANT#main#RATES"}, "sk": {"S": "CARD#1"}}
        yield from (EntryItem.of(entry).serialize() for entry in self.entries)

    def audit_items(self) -> Iterator[Item]:
        if self.arriving:
            self.audited.append(self.arriving.pop(0))
        yield from [AuditItem.of(entry, f"event-{entry.seq}").serialize() for entry in self.audited]


@pytest.fixture
def tables() -> FakeTables:
    state, entries = history(GrantCredits(100_000), Charge(60_000), Charge(60_000))
    return FakeTables(state, entries, list(entries))


def test_an_audit_row_that_is_under_way_is_waited_for(tables: FakeTables) -> None:
    tables.arriving = tables.audited[1:]
    del tables.audited[1:]
    clock = _Clock()
    wait_for_audit(_as_tables(tables), clock.now_s, clock.sleep)
    assert tables.audited == tables.entries


def test_audit_rows_that_keep_coming_are_waited_for_however_slowly_they_come() -> None:
    state, entries = history(GrantCredits(100_000), *[Charge(1)] * 9)
    tables = FakeTables(state, entries, [])
    tables.arriving = list(entries)
    clock = _Clock(slower_by=150)
    wait_for_audit(_as_tables(tables), clock.now_s, clock.sleep)
    assert tables.audited == entries
    assert clock.now > 1000


def test_an_audit_row_that_never_comes_is_waited_for_no_longer_than_stated(tables: FakeTables) -> None:
    del tables.audited[1:]
    clock = _Clock()
    wait_for_audit(_as_tables(tables), clock.now_s, clock.sleep)
    assert 200 < clock.now < 1000


def test_entries_that_the_audit_table_lacks_are_published_in_order(tables: FakeTables) -> None:
    del tables.audited[1:]
    assert [item["entry_seq"]["N"] for item in unaudited(_as_tables(tables))] == ["2", "3"]


class _Clock:
    def __init__(self, slower_by: int = 1) -> None:
        self.now = 0.0
        self._slower_by = slower_by

    def now_s(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds * self._slower_by


def _as_tables(fake: Any) -> Tables:
    return cast("Tables", fake)
