"""Those who count at the same time, while charges go on, count every entry once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from local.dynamodb_local import Database
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.dynamodb_usage import DynamoEntriesForward, DynamoUsageBook
from shared.ledger.operations import Charge, GrantCredits, Operation, Refund
from shared.ledger.usage import Sums
from shared.ports.usage import DayRange
from shared.usecases.count_usage import Counter, UsageSignal, count_usage
from tests.builders import ALICE, NOW_MS
from tests.database import PATIENT_MS, ledger_on_new_table, patient_connections, record_patiently

COUNTERS = 6
CHARGES = 60
TODAY = DayRange("2025-11-23", "2025-11-23")


def book_on_new_table(host: str, name: str) -> DynamoUsageBook:
    with patient_connections():
        book = DynamoUsageBook(name, PATIENT_MS, host=host)
    book._items.create_table(billing_mode="PAY_PER_REQUEST")
    return book


def charge(ledger: DynamoLedger, start: Barrier) -> None:
    start.wait()
    for number in range(CHARGES):
        meter = f"m-{number % 3}"
        asked: list[Any] = [Charge(10)] + ([Refund(f"c-{number}", 4)] if number % 5 == 0 else [])
        for key, terms in zip((f"c-{number}", f"r-{number}"), asked, strict=False):
            record_patiently(
                ledger, Operation(ALICE, key, terms, by="service", correlation_id="request", meter=meter), NOW_MS
            )


def counter_of(host: str, ledger_name: str, name: str) -> Counter:
    """As an execution of its own has it: with clients of its own."""
    with patient_connections():
        entries = DynamoEntriesForward(ledger_name, PATIENT_MS, host=host)
        book = DynamoUsageBook(name, PATIENT_MS, host=host)
    return Counter(entries, book, lambda: True, lambda _: None)


def count(counter: Counter, start: Barrier) -> None:
    """Woken for whatever seq."""
    start.wait()
    for seq in range(1, 20):
        count_usage([UsageSignal(str(seq), ALICE, seq)], counter)


def test_who_counts_at_once_counts_every_entry_once(database: Database, aws_credentials: None) -> None:
    ledger = ledger_on_new_table(database.url)
    ledger_name = ledger._table.whole.Meta.table_name
    name = f"usage-of-{ledger_name}"
    book = book_on_new_table(database.url, name)
    record_patiently(
        ledger, Operation(ALICE, "f", GrantCredits(10_000), by="service", correlation_id="request"), NOW_MS
    )
    start = Barrier(COUNTERS + 1)
    counters = [counter_of(database.url, ledger_name, name) for _ in range(COUNTERS)]
    with ThreadPoolExecutor(COUNTERS + 1) as threads:
        work = [threads.submit(charge, ledger, start)]
        work += [threads.submit(count, counter, start) for counter in counters]
        for each in work:
            each.result()
    state = ledger.state(ALICE)
    assert state is not None
    with patient_connections():
        entries = DynamoEntriesForward(ledger_name, PATIENT_MS, host=database.url)
    count_usage([UsageSignal("last", ALICE, state.seq)], Counter(entries, book, lambda: True, lambda _: None))
    found = dict(book.usage(ALICE, "meter", TODAY, None, 10).items)
    assert book.counted_through(ALICE) == state.seq == 1 + CHARGES + CHARGES // 5
    assert found == {f"m-{n}": Sums(charged=200, refunded=16, count=20) for n in range(3)}
    assert sum(each.charged - each.refunded for each in found.values()) == state.spent
