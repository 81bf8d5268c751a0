"""What a reader sees of holds that have expired, also while the listing of holds trails the state."""

import pytest

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account
from shared.ledger.holds import Hold
from shared.ledger.operations import CaptureHold, GrantCredits, PlaceHold
from shared.usecases.present_state import present_account, present_state
from tests.builders import ALICE, NOW_MS, SECOND_MS, operation

TTL_MS = 60 * SECOND_MS
DUE_MS = NOW_MS + TTL_MS


class TrailingLedger(MemoryLedger):
    """Lists what is in `listings`, one after the other, before it lists what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.listings: list[tuple[Hold, ...]] = []
        self.asked = 0

    def open_holds(self, account: Account) -> tuple[Hold, ...]:
        self.asked += 1
        return self.listings.pop(0) if self.listings else super().open_holds(account)


@pytest.fixture
def ledger() -> TrailingLedger:
    """Alice has 100, of which 40 are held for a minute (h2) and 10 for two (h3)."""
    ledger = TrailingLedger()
    ledger.record(operation("fund", GrantCredits(100)), NOW_MS)
    ledger.record(operation("a", PlaceHold(40, TTL_MS)), NOW_MS)
    ledger.record(operation("b", PlaceHold(10, 2 * TTL_MS)), NOW_MS)
    return ledger


def seen(ledger: TrailingLedger, now_ms: int) -> tuple[int, int]:
    state = present_state(ALICE, ledger, now_ms)
    assert state is not None
    return state.available, state.held


def test_what_is_due_is_seen_as_returned_and_nothing_else_is(ledger: TrailingLedger) -> None:
    assert [seen(ledger, now_ms) for now_ms in (DUE_MS - 1, DUE_MS, DUE_MS + TTL_MS)] == [(50, 50), (90, 10), (100, 0)]


def test_no_one_asks_for_holds_while_none_can_be_due(ledger: TrailingLedger) -> None:
    seen(ledger, DUE_MS - 1)
    assert ledger.asked == 0


def test_a_hold_that_was_captured_is_not_returned_by_a_listing_that_trails(ledger: TrailingLedger) -> None:
    before = ledger.open_holds(ALICE)
    ledger.record(operation("capture", CaptureHold("h2")), NOW_MS)
    ledger.listings = [before, before]
    assert seen(ledger, DUE_MS) == (50, 10)


def test_where_listing_and_state_never_agree_nothing_is_seen_as_returned(ledger: TrailingLedger) -> None:
    ledger.listings = [()] * 3
    assert seen(ledger, DUE_MS) == (50, 50)


def test_an_account_lists_the_holds_that_are_not_over(ledger: TrailingLedger) -> None:
    present = present_account(ALICE, ledger, DUE_MS)
    assert present is not None
    assert [hold.id for hold in present.holds] == ["h3"]


def test_an_actor_without_a_record_has_no_state(ledger: TrailingLedger) -> None:
    nobody = Account("main", "user:nobody")
    assert (present_state(nobody, ledger, NOW_MS), present_account(nobody, ledger, NOW_MS)) == (None, None)
