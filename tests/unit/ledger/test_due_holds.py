"""Holds that are over: wherever it would show, they come back before anything else, as of when they were over."""

import pytest

from shared.ledger.accounts import Account
from shared.ledger.operations import (
    Charge,
    Configure,
    FundingUpdate,
    GrantCredits,
    PlaceHold,
    Terms,
    VoidGrant,
)
from shared.usecases.present_state import present_state
from tests.builders import ALICE, NOW_MS, drawn
from tests.till import Till, ending
from tests.unit.ledger.test_allowances import START_MS, allowance, at

BOB = Account("main", "user:bob")
TTL_MS = 1000


def till_with_a_hold_that_is_over(funds: int, held: int) -> Till:
    till = Till()
    till.send(FundingUpdate(0, funds))
    till.hold(held, ttl_ms=TTL_MS)
    till.now_ms += TTL_MS
    return till


def seen(till: Till) -> int:
    """What a reader sees as available."""
    state = present_state(ALICE, till.ledger, till.now_ms)
    assert state is not None
    return state.available


def test_what_is_held_no_longer_can_be_taken_back_from_the_funding() -> None:
    till = till_with_a_hold_that_is_over(100, 100)
    assert ending(till.send(FundingUpdate(100, 50))) == ("applied", None)
    assert till.balances() == (50, 0, 0)


def test_a_void_takes_back_what_is_held_no_longer_too() -> None:
    till = till_with_a_hold_that_is_over(100, 60)
    assert till.send(VoidGrant("g1")).amount == -100
    assert till.balances() == (0, 0, 0)


def test_a_grant_that_is_held_whole_can_be_voided_once_the_hold_is_over() -> None:
    till = till_with_a_hold_that_is_over(100, 100)
    assert till.send(VoidGrant("g1")).amount == -100


def test_no_warning_goes_off_at_a_balance_that_no_reader_sees() -> None:
    till = Till()
    till.send(FundingUpdate(0, 100))
    till.send(Configure(low_balance_thresholds=[20]))
    till.hold(70, ttl_ms=TTL_MS)
    till.now_ms += TTL_MS
    assert till.send(Charge(15)).alerts == ()
    assert seen(till) == 85
    assert till.send(Charge(80)).alerts == (20,)


def test_a_threshold_is_armed_by_what_is_there_once_holds_are_over() -> None:
    till = till_with_a_hold_that_is_over(100, 90)
    till.send(Configure(low_balance_thresholds=[50]))
    assert till.send(Charge(60)).alerts == (50,)


def test_an_overdraft_is_no_larger_than_what_holds_that_are_open_leave() -> None:
    till = till_with_a_hold_that_is_over(10, 10)
    entry = till.send(Charge(4, "overdraw"))
    assert (entry.after.available, drawn(entry)) == (6, {"g1": 4})


def test_a_charge_that_is_covered_does_not_wait_for_holds() -> None:
    till = till_with_a_hold_that_is_over(100, 60)
    till.send(Charge(30))
    assert [entry.kind for entry in till.entries()] == ["funding_update", "hold", "charge"]


def rolled_over(*meanwhile: Terms) -> int:
    till = Till(now_ms=START_MS)
    till.send(Configure(allowance=allowance(100, "monthly", maximum=100)))
    till.hold(100, ttl_ms=TTL_MS)
    till.now_ms = at("2026-01-20")
    for terms in meanwhile:
        till.send(terms)
    till.now_ms = at("2026-02-05")
    expected = seen(till)
    till.send(Charge(0))
    assert till.balances() == (expected, 0, 0)
    return expected


def test_what_rolls_over_does_not_depend_on_who_asked_meanwhile() -> None:
    # The refused charge has the hold returned in time.
    assert rolled_over() == rolled_over(Charge(10**9)) == 200


def owed(*meanwhile: Terms) -> tuple[int, int]:
    till = Till()
    till.send(GrantCredits(100, "promotional", expires_at_ms=NOW_MS + 100_000))
    till.hold(100, ttl_ms=10_000)
    till.send(Charge(50, "overdraw"))
    till.now_ms = NOW_MS + 20_000
    for terms in meanwhile:
        till.send(terms)
    before = seen(till)
    till.now_ms = NOW_MS + 100_000
    return before, seen(till)


def test_a_grant_that_expires_after_a_hold_was_over_pays_what_is_owed_before() -> None:
    assert owed() == owed(Charge(10**9)) == (50, 0)


def test_a_hold_that_is_over_gives_nothing_back_to_a_grant_that_expired_before_it() -> None:
    till = Till()
    till.send(GrantCredits(100, expires_at_ms=NOW_MS + 500))
    till.hold(60, ttl_ms=TTL_MS)
    till.now_ms += 2 * TTL_MS
    assert seen(till) == 0
    till.send(Charge(1))
    assert till.balances() == (0, 0, 0)


@pytest.mark.parametrize("category", ["allowance", "promotional"])
def test_a_grant_given_by_hand_is_not_taken_for_the_allowance_of_the_period(category: str) -> None:
    till = Till(now_ms=START_MS)
    till.send(Configure(allowance=allowance(100, "monthly")))
    till.send(GrantCredits(300, category, priority=1, expires_at_ms=at("2026-02-01")))  # type: ignore[arg-type]
    till.now_ms = at("2026-02-01")
    till.send(Charge(0))
    assert [(each.priority, each.remaining) for each in till.state().grants] == [(5, 100)]


def test_the_allowance_of_a_period_is_known_after_its_priority_was_changed() -> None:
    till = Till(now_ms=START_MS)
    till.send(Configure(allowance=allowance(100, "monthly", maximum=100)))
    till.send(Configure(allowance=allowance(100, "monthly", maximum=100, priority=9)))
    till.now_ms = at("2026-02-01")
    till.send(Charge(0))
    assert [(each.priority, each.remaining) for each in till.state().grants] == [(9, 200)]


def test_a_hold_of_another_account_stays_as_it_is() -> None:
    till = till_with_a_hold_that_is_over(100, 100)
    till.send(FundingUpdate(0, 100), BOB)
    till.send(PlaceHold(100, TTL_MS), BOB)
    till.now_ms += TTL_MS
    till.send(FundingUpdate(100, 50))
    assert till.balances(BOB) == (0, 100, 0)
