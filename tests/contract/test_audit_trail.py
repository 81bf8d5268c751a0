"""What every audit trail does."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.events import Event, check_event
from shared.ledger.operations import Charge, GrantCredits
from shared.ports.ledger import AuditTrail
from tests.builders import ALICE, NOW_MS, history

BOB = Account("main", "user:bob")


def entries(number: int) -> list[Entry]:
    return history(GrantCredits(100), *[Charge(1)] * (number - 1))[1]


def check(available: object = 5, check_id: str = "c-1", at_ms: int = NOW_MS) -> Event:
    return check_event(ALICE, check_id, {"check_id": check_id, "available": available}, at_ms, "request-1")


def test_an_entry_is_kept_once_and_a_second_delivery_finds_it(trail: AuditTrail) -> None:
    entry = entries(1)[0]
    assert trail.keep_entry(entry, "event-1") == "kept"
    assert trail.keep_entry(entry, "event-1") == "already_kept"
    assert trail.page(ALICE, 10, None).items == (entry,)


@pytest.mark.parametrize(
    "change",
    [{"amount": 1}, {"hash": "0" * 64}, {"outcome": "refused"}, {"metadata": {"a": 1}}],
    ids=["amount", "hash", "outcome", "metadata"],
)
def test_an_entry_that_says_something_else_is_told_apart_and_replaces_nothing(
    trail: AuditTrail, change: dict[str, object]
) -> None:
    entry = entries(2)[1]
    trail.keep_entry(entry, "event-2")
    assert trail.keep_entry(replace(entry, **change), "event-2") == "differs"  # type: ignore[arg-type]  # on purpose
    assert trail.page(ALICE, 10, None).items == (entry,)


def test_an_entry_under_another_event_id_is_told_apart(trail: AuditTrail) -> None:
    entry = entries(1)[0]
    trail.keep_entry(entry, "event-1")
    assert trail.keep_entry(entry, "event-2") == "differs"


def test_entries_that_come_in_any_order_are_listed_newest_first_in_pages(trail: AuditTrail) -> None:
    recorded = entries(11)
    for entry in (*recorded[5:], *recorded[:5]):
        trail.keep_entry(entry, f"event-{entry.seq}")
    first = trail.page(ALICE, 5, None)
    second = trail.page(ALICE, 5, first.next_before_seq)
    third = trail.page(ALICE, 5, second.next_before_seq)
    assert [*first.items, *second.items, *third.items] == recorded[::-1]
    assert [page.next_before_seq for page in (first, second, third)] == [7, 2, None]


def test_there_is_nothing_before_the_first_entry(trail: AuditTrail) -> None:
    trail.keep_entry(entries(1)[0], "event-1")
    assert trail.page(ALICE, 5, 1).items == ()
    assert trail.page(ALICE, 5, 0).items == ()


def test_a_full_last_page_says_that_it_is_the_last(trail: AuditTrail) -> None:
    for entry in entries(2):
        trail.keep_entry(entry, f"event-{entry.seq}")
    assert trail.page(ALICE, 2, None).next_before_seq is None


def test_the_rows_of_an_account_are_its_own(trail: AuditTrail) -> None:
    trail.keep_entry(entries(1)[0], "event-1")
    assert trail.page(BOB, 5, None).items == ()


def test_a_check_is_kept_once_and_a_second_delivery_finds_it(trail: AuditTrail) -> None:
    assert trail.keep_check(check()) == "kept"
    assert trail.keep_check(check()) == "already_kept"


def test_a_check_whose_amounts_were_read_in_another_way_is_the_same_check(trail: AuditTrail) -> None:
    trail.keep_check(check(available=Decimal("42.5")))
    assert trail.keep_check(check(available=42.5)) == "already_kept"


def test_a_check_that_says_something_else_is_told_apart(trail: AuditTrail) -> None:
    trail.keep_check(check(available=5))
    assert trail.keep_check(check(available=6)) == "differs"


def test_checks_are_no_entries(trail: AuditTrail) -> None:
    trail.keep_check(check())
    trail.keep_check(check(check_id="c-2"))
    trail.keep_check(check(at_ms=NOW_MS + 1))
    assert trail.page(ALICE, 5, None).items == ()
