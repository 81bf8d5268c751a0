"""Usage follows the ledger, whatever becomes of the events that say so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.ledger import MemoryLedger
from in_memory.usage import EntriesOfLedger, MemoryUsageBook
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, GrantCredits, Operation
from shared.ledger.usage import Sums, Tally
from shared.ports.usage import DayRange
from shared.usecases import count_usage as counting
from shared.usecases.count_usage import Counter, UsageSignal, count_usage
from tests.builders import ALICE, NOW_MS

EVER = DayRange("0001-01-01", "9999-12-31")
BOB = Account("main", "user:bob")


@dataclass
class Office:
    """A ledger, the book of its usage, and whoever counts."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    book: MemoryUsageBook = field(default_factory=MemoryUsageBook)
    paused_ms: list[int] = field(default_factory=list)
    on_pause: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.entries = EntriesOfLedger(self.ledger)

    def charge(self, *costs: int, account: Account = ALICE) -> None:
        if self.ledger.state(account) is None:
            self._do(GrantCredits(1_000_000), account, "funded")
        for cost in costs:
            self._do(Charge(cost), account, f"k-{self.seq(account)}")

    def seq(self, account: Account = ALICE) -> int:
        state = self.ledger.state(account)
        return state.seq if state else 0

    def wake(self, *seqs: int, account: Account = ALICE, has_time: Callable[[], bool] = lambda: True) -> list[str]:
        wakes = [UsageSignal(str(place), account, seq) for place, seq in enumerate(seqs)]
        return [each.result for each in count_usage(wakes, self.counter(has_time))]

    def counter(self, has_time: Callable[[], bool] = lambda: True) -> Counter:
        return Counter(self.entries, self.book, has_time, self._pause)

    def sums(self, account: Account = ALICE) -> Sums:
        return sum((sums for _, sums in self.book.usage(account, "day", EVER, None, 1000).items), Sums())

    def _do(self, terms: Charge | GrantCredits, account: Account, key: str) -> None:
        self.ledger.record(Operation(account, key, terms, by="service", correlation_id="request"), NOW_MS)

    def _pause(self, duration_ms: int) -> None:
        self.paused_ms.append(duration_ms)
        self.on_pause()


@pytest.fixture
def office() -> Office:
    return Office()


def test_an_event_has_all_counted_that_is_there(office: Office) -> None:
    office.charge(1, 2, 3)
    assert office.wake(2) == ["counted"]
    assert (office.sums(), office.book.counted_through(ALICE)) == (Sums(charged=6, count=3), 4)


def test_an_event_that_comes_again_counts_nothing_again(office: Office) -> None:
    office.charge(1, 2)
    assert [office.wake(3), office.wake(3), office.wake(2)] == [["counted"]] * 3
    assert office.sums() == Sums(charged=3, count=2)


def test_an_event_of_what_was_counted_before_does_not_list_entries_again(office: Office) -> None:
    office.charge(1, 2)
    office.wake(3)
    listings = office.entries.listings
    assert [office.wake(2), office.wake(3)] == [["counted"]] * 2
    assert office.entries.listings == listings


def test_an_event_that_is_lost_is_made_up_for_by_the_next(office: Office) -> None:
    office.charge(1)
    office.wake(2)
    office.charge(2)
    office.charge(4)
    office.wake(4)
    assert office.sums() == Sums(charged=7, count=3)


def test_accounts_are_counted_apart_and_each_once_a_batch(office: Office) -> None:
    office.charge(1, 2)
    office.charge(10, account=BOB)
    wakes = [UsageSignal("a", ALICE, 2), UsageSignal("b", BOB, 2), UsageSignal("c", ALICE, 3)]
    assert [each.result for each in count_usage(wakes, office.counter())] == ["counted"] * 3
    assert [office.sums(), office.sums(BOB)] == [Sums(charged=3, count=2), Sums(charged=10, count=1)]


def test_an_entry_that_the_listing_does_not_have_yet_is_waited_for(office: Office) -> None:
    office.charge(1, 2, 4)
    office.entries.hidden = {3}
    office.on_pause = office.entries.hidden.clear
    assert office.wake(4) == ["counted"]
    assert (office.sums(), office.paused_ms) == (Sums(charged=7, count=3), [50])


def test_of_the_events_of_a_batch_the_newest_says_how_far_to_count(office: Office) -> None:
    office.charge(1, 2, 4)
    office.entries.hidden = {4}
    office.on_pause = office.entries.hidden.clear
    assert office.wake(4, 2) == ["counted", "counted"]


def test_nothing_behind_a_gap_is_counted_and_the_event_comes_again(office: Office) -> None:
    office.charge(1, 2, 4)
    office.entries.hidden = {3}
    assert office.wake(2, 4) == ["counted", "waiting"]
    assert (office.sums(), office.book.counted_through(ALICE)) == (Sums(charged=1, count=1), 2)
    assert office.paused_ms == list(counting.PAUSES_MS)


def test_without_time_to_count_the_event_comes_again_and_goes_on_from_there(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "ENTRIES_AT_ONCE", 2)
    office.charge(*repeat(1, 9))
    time_left = iter([True, True, False, False, False])
    assert office.wake(10, has_time=lambda: next(time_left)) == ["waiting"]
    assert office.book.counted_through(ALICE) == 4
    assert office.wake(10) == ["counted"]
    assert office.sums() == Sums(charged=9, count=9)


def test_what_is_no_event_of_ours_is_told_apart(office: Office) -> None:
    (result,) = count_usage([UsageSignal("x")], office.counter())
    assert (result.result, result.is_failed) == ("malformed", True)


class RacingBook(MemoryUsageBook):
    """Before each addition somebody else makes the same one, as long as `rivals` are left."""

    def __init__(self, rivals: int) -> None:
        super().__init__()
        self.rivals = rivals

    def add(self, account: Account, tally: Tally) -> bool:
        if self.rivals:
            self.rivals -= 1
            super().add(account, tally)
        return super().add(account, tally)


def test_two_who_count_the_same_account_count_it_once() -> None:
    office = Office(book=RacingBook(rivals=2))
    office.charge(1, 2)
    assert office.wake(3) == ["counted"]
    assert office.sums() == Sums(charged=3, count=2)


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(1, 12), max_size=3), st.sets(st.integers(1, 12)))),
)
def test_whatever_becomes_of_events_and_listing_what_was_counted_is_what_the_ledger_says(
    steps: Sequence[tuple[int, list[int], set[int]]],
) -> None:
    office = Office()
    office.charge(1)
    for charges, woken_for, hidden in steps:
        office.charge(*repeat(1, charges))
        office.entries.hidden = hidden
        office.wake(*(seq for seq in woken_for if seq <= office.seq()))
        counted = office.book.counted_through(ALICE)
        assert office.sums() == Sums(charged=max(counted - 1, 0), count=max(counted - 1, 0))
    office.entries.hidden = set()
    office.wake(office.seq())
    assert office.book.counted_through(ALICE) == office.seq()
