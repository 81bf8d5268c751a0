"""How the sums of usage lie in DynamoDB: what an older release left, what an interruption leaves, and how much fits."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from pynamodb.exceptions import UpdateError

from bench.wire_units import size_bytes
from shared.adapters import dynamodb_usage
from shared.adapters.dynamodb_usage import DynamoUsageBook
from shared.adapters.keys import account_pk
from shared.adapters.usage_items import CLOSED, COUNTED_SK, DAY_PREFIX
from shared.ledger.usage import Counted, Grouping, Slot, Sums, Tally
from shared.ports.usage import DayRange
from tests.builders import ALICE

MARCH = DayRange("2026-03-01", "2026-03-31")
DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")
ONE = Sums(charged=10, refunded=1, count=1)


def put(book: DynamoUsageBook, sk: str, **values: Any) -> None:
    book._items(account_pk(ALICE), sk, **values).save()


def raw(book: DynamoUsageBook) -> dict[str, dict[str, Any]]:
    return {item.sk: item.serialize() for item in book._items.query(account_pk(ALICE))}


def old_sums(book: DynamoUsageBook, grouping: str, *names: str, days: tuple[str, ...] = DAYS) -> None:
    for name in names:
        for day in days:
            put(book, f"{grouping}#{name}#{day}", charged=10, refunded=1, count_=1)


def entry(seq: int, *slots: tuple[Grouping, str, str]) -> Counted:
    return Counted(seq, {Slot(*slot): ONE for slot in slots})


def told(book: DynamoUsageBook, grouping: Grouping = "meter", limit: int = 100) -> dict[str, Sums]:
    """Over all pages."""
    found: dict[str, Sums] = {}
    after: str | None = None
    for _ in range(1000):
        page = book.usage(ALICE, grouping, MARCH, after, limit)
        assert not found.keys() & dict(page.items).keys()
        found |= dict(page.items)
        after = page.next_after
        if after is None:
            return found
    raise AssertionError("pages do not end")


@pytest.fixture
def upgraded(database_book: DynamoUsageBook) -> DynamoUsageBook:
    """An older release has counted 30 entries of three meters and three days."""
    old_sums(database_book, "meter", "a", "b", "c")
    old_sums(database_book, "day", "")
    put(database_book, COUNTED_SK, seq=30, models_after=4)
    return database_book


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_sums_of_an_older_release_go_on_being_summed(upgraded: DynamoUsageBook, limit: int) -> None:
    assert upgraded.counted_through(ALICE) == 30
    new = entry(31, ("meter", "b", DAYS[2]), ("meter", "aa", DAYS[2]), ("day", "", DAYS[2]))
    assert upgraded.add(ALICE, Tally(30, 31, (new,)))
    assert upgraded.counted_through(ALICE) == 31
    three, four = Sums(30, 3, 3), Sums(40, 4, 4)
    assert list(told(upgraded, limit=limit).items()) == [("a", three), ("aa", ONE), ("b", four), ("c", three)]
    assert told(upgraded, "day", limit) == {DAYS[0]: ONE, DAYS[1]: ONE, DAYS[2]: ONE + ONE}


def test_an_older_release_that_still_runs_counts_nothing_that_a_day_has(upgraded: DynamoUsageBook) -> None:
    upgraded.add(ALICE, Tally(30, 31, (entry(31, ("meter", "b", DAYS[2])),)))
    mark = upgraded._items.get(account_pk(ALICE), COUNTED_SK)
    assert (mark.seq, mark.through, mark.models_after) == (CLOSED, 30, 4)
    with pytest.raises(UpdateError):
        # What its addition does, in a transaction with the sums.
        mark.update([upgraded._items.seq.set(31)], upgraded._items.seq == 30)


def test_an_older_release_that_counts_first_is_followed(upgraded: DynamoUsageBook) -> None:
    assert upgraded.counted_through(ALICE) == 30
    put(upgraded, COUNTED_SK, seq=31, models_after=4)
    assert not upgraded.add(ALICE, Tally(30, 31, (entry(31, ("meter", "b", DAYS[2])),)))
    assert upgraded.counted_through(ALICE) == 31


def test_a_usual_entry_is_one_write(database_book: DynamoUsageBook, monkeypatch: pytest.MonkeyPatch) -> None:
    database_book.add(ALICE, Tally(0, 1, (entry(1, ("meter", "a", DAYS[0])),)))
    writes = spied(database_book, monkeypatch)
    database_book.add(ALICE, Tally(1, 2, (entry(2, ("meter", "a", DAYS[0]), ("meter", "b", DAYS[0])),)))
    assert writes == ["done"]


def spied(book: DynamoUsageBook, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    writes: list[str] = []
    is_done = book._is_done

    def spy(write: Callable[[], object]) -> bool:
        writes.append("done")
        return is_done(write)

    monkeypatch.setattr(book, "_is_done", spy)
    return writes


def test_a_day_of_very_many_names_stays_small_and_loses_none(database_book: DynamoUsageBook) -> None:
    entries = [entry(seq, ("member", f"user:{seq:04d}", DAYS[0]), ("day", "", DAYS[0])) for seq in range(1, 301)]
    for start in range(0, 300, 50):
        assert database_book.add(ALICE, Tally(start, start + 50, tuple(entries[start : start + 50])))
    items = raw(database_book)
    assert size_bytes(items[f"{DAY_PREFIX}{DAYS[0]}"]) <= 2048
    assert max(size_bytes(each) for each in items.values()) <= 2048
    assert told(database_book, "member") == {f"user:{seq:04d}": ONE for seq in range(1, 301)}
    assert told(database_book, "member", 7) == {f"user:{seq:04d}": ONE for seq in range(1, 301)}
    assert told(database_book, "day") == {DAYS[0]: Sums(3000, 300, 300)}


class Cut(Exception):
    """The execution ends here."""


def cut_at(book: DynamoUsageBook, number: int, *, written: bool) -> Iterator[None]:
    """The write of this number is the last: it is made, or not, and nothing comes after it."""
    is_done, left = book._is_done, iter(range(number))

    def until_cut(write: Callable[[], object]) -> bool:
        if next(left, None) is not None:
            return is_done(write)
        if written:
            is_done(write)
        raise Cut

    book._is_done = until_cut  # type: ignore[method-assign]
    yield
    book._is_done = is_done  # type: ignore[method-assign]


MANY = tuple(
    entry(seq, ("meter", "m" * 100 + str(seq % 40), day), ("day", "", day))
    for seq, day in enumerate([DAYS[0]] * 20 + [DAYS[1], DAYS[0]] * 10 + [DAYS[2], DAYS[0], DAYS[1]] * 7, start=1)
)
"""Late spending among that of three days, with names for which there is no room."""


@pytest.mark.parametrize("written", [True, False], ids=["written", "not written"])
@pytest.mark.parametrize("number", range(0, 26, 2))
def test_wherever_counting_is_cut_off_the_next_one_counts_every_entry_once(
    database_book: DynamoUsageBook, number: int, written: bool
) -> None:
    assert database_book.add(ALICE, Tally(0, 15, MANY[:15]))
    cut = cut_at(database_book, number, written=written)
    next(cut)
    with suppress(Cut):
        database_book.add(ALICE, Tally(15, 50, MANY[15:50]))
    next(cut, None)
    database_book._seen = {}
    # Another execution, which finds more, and cuts it in other parts.
    through = database_book.counted_through(ALICE)
    assert through in {15, 50}
    for end in (53, len(MANY)):
        assert database_book.add(ALICE, Tally(through, end, MANY[through:end]))
        through = end
    expected: dict[str, Sums] = {}
    for each in MANY:
        for slot, added in each.sums.items():
            if slot.grouping == "meter":
                expected[slot.name] = expected.get(slot.name, Sums()) + added
    assert told(database_book) == expected
    assert sum(told(database_book, "day").values(), Sums()) == Sums(10 * len(MANY), len(MANY), len(MANY))
    assert database_book.counted_through(ALICE) == len(MANY)


def test_a_day_that_is_written_before_a_later_one_does_not_claim_that_everything_is_counted(
    database_book: DynamoUsageBook,
) -> None:
    assert database_book.add(ALICE, Tally(0, 1, (entry(1, ("day", "", DAYS[0])),)))
    cut = cut_at(database_book, 2, written=False)
    next(cut)
    entries = (entry(2, ("day", "", DAYS[2])), entry(3, ("day", "", DAYS[1])), entry(4, ("day", "", DAYS[0])))
    with pytest.raises(Cut):
        database_book.add(ALICE, Tally(1, 4, entries))
    next(cut, None)
    database_book._seen = {}
    assert database_book.counted_through(ALICE) == 1


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_page_that_takes_too_many_queries_ends_early_and_with_whole_names(
    database_book: DynamoUsageBook, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    old_sums(database_book, "meter", "a", "b", "c", "d")
    old_sums(database_book, "meter", "bb", days=("2026-02-01",))
    database_book.add(ALICE, Tally(0, 1, (entry(1, ("meter", "b", DAYS[0]), ("meter", "ba", DAYS[0])),)))
    monkeypatch.setattr(dynamodb_usage, "_ROWS_AT_ONCE", rows)
    monkeypatch.setattr(dynamodb_usage, "_QUERIES_MAX", 8)
    three = Sums(30, 3, 3)
    assert told(database_book) == {"a": three, "b": three + ONE, "ba": ONE, "c": three, "d": three}


def test_many_days_are_read_in_pages(database_book: DynamoUsageBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb_usage, "_ROWS_AT_ONCE", 2)
    days = [f"2026-03-{number:02d}" for number in range(1, 8)]
    entries = tuple(entry(seq, ("meter", "a", day)) for seq, day in enumerate(days, start=1))
    assert database_book.add(ALICE, Tally(0, 7, entries))
    assert told(database_book) == {"a": Sums(70, 7, 7)}
