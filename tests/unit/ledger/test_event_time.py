"""Spending that occurred at another time than its recording: what follows that time, and what does not."""

from dataclasses import replace

from in_memory.ledger import MemoryLedger
from in_memory.usage import ALL
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry, operation_of
from shared.ledger.events import entry_event
from shared.ledger.operations import CaptureHold, Charge, Configure, GrantCredits, PlaceHold, Refund, Terms
from shared.ledger.records import entry_from_record, record_of
from shared.ledger.reducer import replay
from shared.ledger.usage import Slot, StoredSums, Sums, miscounted, tallies
from shared.ledger.views import public_entry
from tests.builders import ALICE, NOW_MS, history, operation

DAY_MS = 24 * 3600 * 1000
EARLIER_MS = NOW_MS - 3 * DAY_MS
THAT_DAY, TODAY, TOMORROW = "2025-11-20", "2025-11-23", "2025-11-24"
THAT_TIME = "2025-11-20T12:13:20.000Z"
TEAM = Account("main", "team:a")


class Story:
    """An account of 1000 microcents that things happen to; each has a key of its own."""

    def __init__(self) -> None:
        self.ledger, self.now_ms = MemoryLedger(), NOW_MS
        self.do(GrantCredits(1000))

    def do(self, terms: Terms, key: str | None = None, account: Account = ALICE) -> Entry:
        key = key or f"key-{len(self.entries(account)) + 1}"
        return self.ledger.record(operation(key, terms, account=account), self.now_ms).entry

    def entries(self, account: Account = ALICE) -> list[Entry]:
        return list(self.ledger.entries(account, ALL).items[::-1])

    def days(self, account: Account = ALICE) -> dict[str, Sums]:
        """What was spent on each day."""
        (tally,) = tallies(self.entries(account), 0, lambda key: self.ledger.entry(account, key))
        return {slot.day: sums for slot, sums in tally.sums.items() if slot.grouping == "day"}


def test_the_record_has_the_time_that_was_given_and_that_of_recording() -> None:
    entry = Story().do(Charge(30, occurred_at_ms=EARLIER_MS))
    assert (entry.occurred_at_ms, entry.at_ms) == (EARLIER_MS, NOW_MS)
    shown = public_entry(entry)
    assert (shown["occurred_at"], shown["at"]) == (THAT_TIME, "2025-11-23T12:13:20.000Z")


def test_spending_whose_time_nobody_gave_occurred_when_it_was_recorded_and_says_nothing_of_it() -> None:
    entry = Story().do(Charge(30))
    assert entry.occurred_at_ms == entry.at_ms == NOW_MS
    assert "occurred_at" not in public_entry(entry)
    assert "occurred_at" not in record_of(entry)


def test_the_event_is_of_the_time_of_recording_and_its_data_have_the_time_of_the_spending() -> None:
    detail = entry_event(Story().do(Charge(30, occurred_at_ms=EARLIER_MS))).detail
    assert (detail["occurred_at"], detail["data"]["occurred_at"]) == ("2025-11-23T12:13:20.000Z", THAT_TIME)


def test_an_entry_is_read_back_with_its_time() -> None:
    entry = Story().do(Charge(30, occurred_at_ms=EARLIER_MS))
    again = entry_from_record(record_of(entry), entry.hash)
    assert (again, again.occurred_at_ms) == (entry, EARLIER_MS)
    assert operation_of(again).request_hash == entry.request_hash


def test_the_time_is_content() -> None:
    asked = [operation("k", Charge(30, occurred_at_ms=at_ms)) for at_ms in (None, EARLIER_MS, EARLIER_MS + 1)]
    captures = [operation("k", CaptureHold("h2", 30, occurred_at_ms=at_ms)) for at_ms in (None, EARLIER_MS)]
    assert len({each.request_hash for each in asked + captures}) == 5
    assert operation("k", Charge(30, occurred_at_ms=EARLIER_MS)).request_hash == asked[1].request_hash


def test_the_time_is_content_beside_usage_too() -> None:
    usage = {"meter": "llm", "model": "m", "input_tokens": 1}
    asked = [Charge(30, usage=usage, rate_card="c@1", occurred_at_ms=at_ms) for at_ms in (None, EARLIER_MS)]
    assert len({operation("k", each).request_hash for each in asked}) == 2


def test_usage_counts_on_the_day_on_which_it_occurred() -> None:
    story = Story()
    story.do(Charge(30, occurred_at_ms=EARLIER_MS))
    story.do(Charge(5))
    story.do(PlaceHold(50, 60_000))
    story.do(CaptureHold("h4", 20, occurred_at_ms=EARLIER_MS))
    assert story.days() == {THAT_DAY: Sums(charged=50, count=2), TODAY: Sums(charged=5, count=1)}


def test_a_day_that_was_counted_grows_when_its_spending_comes_late() -> None:
    story = Story()
    story.do(Charge(30))
    counted = {slot: sums for tally in tallies(story.entries(), 0, lambda _: None) for slot, sums in tally.sums.items()}
    story.now_ms += DAY_MS
    story.do(Charge(5, occurred_at_ms=NOW_MS))
    (late,) = tallies(story.entries()[2:], 2, lambda _: None)
    assert {slot.day for slot in late.sums} == {TODAY}
    slot = Slot("day", "", TODAY)
    assert counted[slot] + late.sums[slot] == story.days()[TODAY] == Sums(charged=35, count=2)


def test_a_refund_of_late_spending_lowers_the_day_on_which_it_is_made() -> None:
    story = Story()
    story.do(Charge(30, occurred_at_ms=EARLIER_MS), key="late")
    story.now_ms += DAY_MS
    story.do(Refund("late", 10))
    assert story.days() == {THAT_DAY: Sums(charged=30, count=1), TOMORROW: Sums(refunded=10)}


def test_sums_on_the_day_of_recording_are_miscounted() -> None:
    story = Story()
    story.do(Charge(30, occurred_at_ms=EARLIER_MS))
    entries = story.entries()
    stored = {slot: sums for tally in tallies(entries, 0, lambda _: None) for slot, sums in tally.sums.items()}
    assert miscounted(entries, StoredSums(2, stored)) == []
    moved = {replace(slot, day=TODAY): sums for slot, sums in stored.items()}
    assert {slot.day for slot in miscounted(entries, StoredSums(2, moved))} == {TODAY, THAT_DAY}


def test_a_parent_pays_for_the_time_at_which_its_member_spent() -> None:
    story = Story()
    story.do(GrantCredits(500), account=TEAM)
    story.do(Configure(parent=TEAM.actor))
    story.do(Charge(30, occurred_at_ms=EARLIER_MS))
    story.do(PlaceHold(50, 60_000))
    story.do(CaptureHold("h4", 20, occurred_at_ms=EARLIER_MS - DAY_MS))
    charged, _, captured = story.entries(TEAM)[1:]
    assert [each.occurred_at_ms for each in (charged, captured)] == [EARLIER_MS, EARLIER_MS - DAY_MS]
    assert story.days(TEAM) == story.days()


def test_a_limit_counts_late_spending_in_the_window_in_which_it_is_recorded() -> None:
    story = Story()
    story.do(Configure(limits=[{"amount": 50, "window": "day", "app": None, "meter": None}]))
    story.do(Charge(30, occurred_at_ms=EARLIER_MS))
    refused = story.do(Charge(30))
    assert (refused.reason, (refused.limit or {})["used"]) == ("limit_exceeded", 30)


def test_late_spending_draws_from_the_grants_that_are_open_when_it_is_recorded() -> None:
    story = Story()
    story.do(GrantCredits(500, priority=1, expires_at_ms=NOW_MS + 1000))
    story.now_ms += 2000
    entry = story.do(Charge(30, occurred_at_ms=NOW_MS))
    assert [draw.grant_id for draw in entry.drawn] == ["g1"]


def test_the_order_of_the_ledger_is_that_of_recording() -> None:
    story = Story()
    times = [NOW_MS, EARLIER_MS, EARLIER_MS - DAY_MS, NOW_MS - 1]
    entries = [story.do(Charge(1, occurred_at_ms=at_ms)) for at_ms in times]
    assert [entry.seq for entry in entries] == [2, 3, 4, 5]
    assert replay(ALICE, story.entries()).spent == 4


def test_an_older_entry_has_the_same_hash_as_before_there_was_such_a_time() -> None:
    _, entries = history(GrantCredits(1000), Charge(30), PlaceHold(50, 60_000), CaptureHold("h3", 20))
    assert entries[-1].hash == "16df690d1373c5d6b92d27057a1986c50c25575e1d2667938e81b07e4bbe15fe"
