"""What every book of usage does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from in_memory.usage import EntriesOfLedger
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.dynamodb_usage import DynamoEntriesForward, DynamoUsageBook
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, GrantCredits, Operation, Terms
from shared.ledger.usage import Counted, Grouping, Slot, Sums, Tally
from shared.ports.ledger import Ledger
from shared.ports.usage import DayRange, EntriesForward, UsageBook
from tests.builders import ALICE, NOW_MS

BOB = Account("main", "user:bob")
MARCH = DayRange("2026-03-01", "2026-03-31")
ONE = Sums(charged=10, refunded=1, count=1)


def tally(after: int, through: int, *slots: tuple[Grouping, str, str]) -> Tally:
    entries = (Counted(through, {Slot(*slot): ONE for slot in slots}),) if slots else ()
    return Tally(after, through, entries)


def items(book: UsageBook, grouping: Grouping = "meter", period: DayRange = MARCH) -> dict[str, Sums]:
    return dict(book.usage(ALICE, grouping, period, None, 100).items)


def test_nothing_is_counted_at_first(book: UsageBook) -> None:
    assert book.counted_through(ALICE) == 0
    assert book.usage(ALICE, "day", MARCH, None, 10).items == ()


def test_tallies_add_up_and_say_how_far_was_counted(book: UsageBook) -> None:
    assert book.add(ALICE, tally(0, 3, ("meter", "llm", "2026-03-01"), ("meter", "", "2026-03-01")))
    assert book.add(ALICE, tally(3, 4, ("meter", "llm", "2026-03-01")))
    assert book.counted_through(ALICE) == 4
    assert items(book) == {"": ONE, "llm": Sums(charged=20, refunded=2, count=2)}


def test_a_tally_is_added_once_and_one_that_does_not_follow_not_at_all(book: UsageBook) -> None:
    first = tally(0, 3, ("meter", "llm", "2026-03-01"))
    assert [book.add(ALICE, first), book.add(ALICE, first)] == [True, False]
    assert not book.add(ALICE, tally(2, 4, ("meter", "llm", "2026-03-01")))
    assert not book.add(ALICE, tally(5, 6, ("meter", "llm", "2026-03-01")))
    assert (items(book), book.counted_through(ALICE)) == ({"llm": ONE}, 3)


def test_a_tally_may_hold_nothing_but_how_far_was_counted(book: UsageBook) -> None:
    assert book.add(ALICE, tally(0, 7))
    assert (book.counted_through(ALICE), items(book)) == (7, {})


def test_the_largest_tally_is_added_whole(book: UsageBook) -> None:
    assert book.add(ALICE, tally(0, 99, *(("meter", f"m-{number:02d}", "2026-03-01") for number in range(99))))
    assert len(items(book)) == 99


def test_a_sum_of_nothing_is_there_all_the_same(book: UsageBook) -> None:
    book.add(ALICE, Tally(0, 1, (Counted(1, {Slot("meter", "llm", "2026-03-01"): Sums(count=1)}),)))
    assert items(book) == {"llm": Sums(count=1)}


def test_accounts_have_nothing_to_do_with_each_other(book: UsageBook) -> None:
    book.add(BOB, tally(0, 3, ("meter", "llm", "2026-03-01")))
    assert (book.counted_through(ALICE), items(book)) == (0, {})


def test_groupings_have_nothing_to_do_with_each_other(book: UsageBook) -> None:
    book.add(ALICE, tally(0, 1, ("app", "x", "2026-03-01"), ("member", "y", "2026-03-01"), ("day", "", "2026-03-01")))
    assert [items(book, each) for each in ("meter", "app", "member", "day")] == [
        {},
        {"x": ONE},
        {"y": ONE},
        {"2026-03-01": ONE},
    ]


def test_days_outside_of_the_period_are_left_out_and_its_ends_are_in_it(book: UsageBook) -> None:
    days = ("2025-03-15", "2026-02-28", "2026-03-01", "2026-03-15", "2026-03-31", "2026-04-01", "2027-01-01")
    slots = [(grouping, name, day) for grouping, name in (("meter", "a"), ("meter", "b"), ("day", "")) for day in days]
    book.add(ALICE, tally(0, 9, *slots))  # type: ignore[arg-type]  # the words are groupings
    assert items(book) == dict.fromkeys("ab", Sums(charged=30, refunded=3, count=3))
    assert list(items(book, "day")) == ["2026-03-01", "2026-03-15", "2026-03-31"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("grouping", ["meter", "day"])
def test_pages_follow_each_other_and_leave_nothing_out(book: UsageBook, grouping: Grouping, limit: int) -> None:
    names = ["!", "", "a!", "a!b", "a", "a$", "a-b", "a.b", "a/b", "a:b", "a@b", "aa", "b_", "}"]
    days = [f"2026-03-{number:02d}" for number in range(10, 24)]
    for place, (name, day) in enumerate(zip(names, days, strict=True)):
        book.add(
            ALICE, tally(place, place + 1, ("meter", name, day), ("day", "", day), ("meter", "gone", "2026-02-01"))
        )
    found: list[tuple[str, Sums]] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = book.usage(ALICE, grouping, MARCH, after, limit)
        assert len(page.items) <= limit
        found += page.items
        after, pages = page.next_after, pages + 1
        assert pages <= len(names) + 1
    assert found == [(name, ONE) for name in (names if grouping == "meter" else days)]


@pytest.mark.parametrize("book", ["memory", "dynamodb-local"], indirect=True)  # moto takes 40 times as long
def test_a_year_of_many_names_is_read_in_pages(book: UsageBook) -> None:
    year = DayRange("2026-01-01", "2026-12-31")
    days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    slots: list[tuple[Grouping, str, str]] = [("meter", f"m-{n}", day) for n in range(4) for day in days]
    for place in range(0, len(slots), 99):
        part = slots[place : place + 99]
        assert book.add(ALICE, tally(place, place + len(part), *part))
    whole = Sums(charged=10 * len(days), refunded=len(days), count=len(days))
    assert items(book, period=year) == {f"m-{n}": whole for n in range(4)}
    page = book.usage(ALICE, "meter", year, "m-0", 2)
    assert (page.items, page.next_after) == ((("m-1", whole), ("m-2", whole)), "m-2")


def test_sums_are_read_strongly_or_they_could_fall_short_of_what_was_counted(
    database_book: DynamoUsageBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def spied(ask: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*given: Any, **how: Any) -> Any:
            asked.append(how["consistent_read"])
            return ask(*given, **how)

        return spy

    for name in ("query", "get"):
        monkeypatch.setattr(database_book._items, name, spied(getattr(database_book._items, name)))
    database_book.counted_through(ALICE)
    items(database_book)
    assert len(asked) > 2
    assert all(asked)


def test_of_many_who_add_the_same_tally_at_once_one_does(database_book: UsageBook) -> None:
    first = tally(0, 3, ("meter", "llm", "2026-03-01"), ("day", "", "2026-03-01"))
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda _: database_book.add(ALICE, first), range(24)))
    assert done.count(True) == 1
    assert items(database_book) == {"llm": ONE}


def forward(ledger: Ledger) -> EntriesForward:
    if not isinstance(ledger, DynamoLedger):
        return EntriesOfLedger(ledger)
    made = DynamoEntriesForward("contract-ledger")
    made._items = ledger._table.entries
    return made


def test_entries_are_read_forward_from_any_place(ledger: Ledger) -> None:
    recorded: list[Terms] = [GrantCredits(100), Charge(1), Charge(2), Charge(3)]
    for number, terms in enumerate(recorded):
        ledger.record(Operation(ALICE, f"k-{number}", terms, by="service", correlation_id="request"), NOW_MS)
    entries = forward(ledger)
    assert [entry.seq for entry in entries.following(ALICE, 0, 3)] == [1, 2, 3]
    assert [entry.seq for entry in entries.following(ALICE, 3, 3)] == [4]
    assert entries.following(ALICE, 4, 3) == entries.following(BOB, 0, 3) == ()
    assert entries.entry(ALICE, "k-2") == ledger.entry(ALICE, "k-2")
    assert entries.entry(ALICE, "none") is None
