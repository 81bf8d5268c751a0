"""Holds that are over: wherever it would show, they come back before anything else, as of when they were over."""

from dataclasses import replace

import pytest

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account
from shared.ledger.errors import TooManyHolds
from shared.ledger.holds import MAX_OPEN_HOLDS
from shared.ledger.operations import (
    Charge,
    Configure,
    FundingUpdate,
    GrantCredits,
    PlaceHold,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ledger.protocol import DUE_WITH_ONE
from shared.ledger.reducer import apply
from shared.usecases.present_state import present_state
from shared.verification.accounts import verify_account
from tests.builders import ALICE, NOW_MS, SECOND_MS, drawn, operation
from tests.ledger_driver import LedgerDriver, ending
from tests.unit.ledger.test_allowances import START_MS, allowance, at

BOB = Account("main", "user:bob")
TTL_MS = 1000


def driver_with_an_expired_hold(funds: int, held: int) -> LedgerDriver:
    driver = LedgerDriver()
    driver.send(FundingUpdate(0, funds))
    driver.hold(held, ttl_ms=TTL_MS)
    driver.now_ms += TTL_MS
    return driver


def seen(driver: LedgerDriver) -> int:
    """What a reader sees as available."""
    state = present_state(ALICE, driver.ledger, driver.now_ms)
    assert state is not None
    return state.available


def test_what_is_held_no_longer_can_be_taken_back_from_the_funding() -> None:
    driver = driver_with_an_expired_hold(100, 100)
    assert ending(driver.send(FundingUpdate(100, 50))) == ("applied", None)
    assert driver.balances() == (50, 0, 0)


def test_a_void_takes_back_what_is_held_no_longer_too() -> None:
    driver = driver_with_an_expired_hold(100, 60)
    assert driver.send(VoidGrant("g1")).amount == -100
    assert driver.balances() == (0, 0, 0)


def test_a_grant_that_is_held_whole_can_be_voided_once_the_hold_is_over() -> None:
    driver = driver_with_an_expired_hold(100, 100)
    assert driver.send(VoidGrant("g1")).amount == -100


def test_no_warning_goes_off_at_a_balance_that_no_reader_sees() -> None:
    driver = LedgerDriver()
    driver.send(FundingUpdate(0, 100))
    driver.send(Configure(low_balance_thresholds=[20]))
    driver.hold(70, ttl_ms=TTL_MS)
    driver.now_ms += TTL_MS
    assert driver.send(Charge(15)).alerts == ()
    assert seen(driver) == 85
    assert driver.send(Charge(80)).alerts == (20,)


def test_a_threshold_is_armed_by_what_is_there_once_holds_are_over() -> None:
    driver = driver_with_an_expired_hold(100, 90)
    driver.send(Configure(low_balance_thresholds=[50]))
    assert driver.send(Charge(60)).alerts == (50,)


def test_an_overdraft_is_no_larger_than_what_holds_that_are_open_leave() -> None:
    driver = driver_with_an_expired_hold(10, 10)
    entry = driver.send(Charge(4, "overdraw"))
    assert (entry.after.available, drawn(entry)) == (6, {"g1": 4})


def test_a_charge_that_is_covered_returns_holds_that_are_over_too() -> None:
    driver = driver_with_an_expired_hold(100, 60)
    charge = driver.send(Charge(30))
    assert [entry.kind for entry in driver.entries()] == ["funding_update", "hold", "expire", "charge"]
    assert (charge.after.available, charge.after.held) == (70, 0)


def rolled_over(*meanwhile: Terms) -> int:
    driver = LedgerDriver(now_ms=START_MS)
    driver.send(Configure(allowance=allowance(100, "monthly", maximum=100)))
    driver.hold(100, ttl_ms=TTL_MS)
    driver.now_ms = at("2026-01-20")
    for terms in meanwhile:
        driver.send(terms)
    driver.now_ms = at("2026-02-05")
    expected = seen(driver)
    driver.send(Charge(0))
    assert driver.balances() == (expected, 0, 0)
    return expected


def test_what_rolls_over_does_not_depend_on_who_asked_meanwhile() -> None:
    # The refused charge has the hold returned in time.
    assert rolled_over() == rolled_over(Charge(10**9)) == 200


def owed(*meanwhile: Terms) -> tuple[int, int]:
    driver = LedgerDriver()
    driver.send(GrantCredits(100, "promotional", expires_at_ms=NOW_MS + 100_000))
    driver.hold(100, ttl_ms=10_000)
    driver.send(Charge(50, "overdraw"))
    driver.now_ms = NOW_MS + 20_000
    for terms in meanwhile:
        driver.send(terms)
    before = seen(driver)
    driver.now_ms = NOW_MS + 100_000
    return before, seen(driver)


def test_a_grant_that_expires_after_a_hold_was_over_pays_what_is_owed_before() -> None:
    assert owed() == owed(Charge(10**9)) == (50, 0)


def test_a_hold_that_is_over_gives_nothing_back_to_a_grant_that_expired_before_it() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(100, expires_at_ms=NOW_MS + 500))
    driver.hold(60, ttl_ms=TTL_MS)
    driver.now_ms += 2 * TTL_MS
    assert seen(driver) == 0
    driver.send(Charge(1))
    assert driver.balances() == (0, 0, 0)


@pytest.mark.parametrize("category", ["allowance", "promotional"])
def test_a_grant_given_by_hand_is_not_taken_for_the_allowance_of_the_period(category: str) -> None:
    driver = LedgerDriver(now_ms=START_MS)
    driver.send(Configure(allowance=allowance(100, "monthly")))
    driver.send(GrantCredits(300, category, priority=1, expires_at_ms=at("2026-02-01")))  # type: ignore[arg-type]
    driver.now_ms = at("2026-02-01")
    driver.send(Charge(0))
    assert [(each.priority, each.remaining) for each in driver.state().grants] == [(5, 100)]


def test_the_allowance_of_a_period_is_known_after_its_priority_was_changed() -> None:
    driver = LedgerDriver(now_ms=START_MS)
    driver.send(Configure(allowance=allowance(100, "monthly", maximum=100)))
    driver.send(Configure(allowance=allowance(100, "monthly", maximum=100, priority=9)))
    driver.now_ms = at("2026-02-01")
    driver.send(Charge(0))
    assert [(each.priority, each.remaining) for each in driver.state().grants] == [(9, 200)]


def test_a_hold_of_another_account_stays_as_it_is() -> None:
    driver = driver_with_an_expired_hold(100, 100)
    driver.send(FundingUpdate(0, 100), BOB)
    driver.send(PlaceHold(100, TTL_MS), BOB)
    driver.now_ms += TTL_MS
    driver.send(FundingUpdate(100, 50))
    assert driver.balances(BOB) == (0, 100, 0)


NOON_MS = at("2026-03-10T12:00")
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS


def test_a_charge_after_a_hold_was_over_is_paid_by_the_promotion_that_the_hold_had_taken() -> None:
    driver = LedgerDriver(now_ms=NOON_MS - 2 * HOUR_MS)
    driver.send(GrantCredits(100, "promotional", priority=1, expires_at_ms=NOON_MS))
    driver.send(FundingUpdate(100, 200))
    driver.hold(100, ttl_ms=MINUTE_MS)
    driver.now_ms = NOON_MS - HOUR_MS
    assert drawn(driver.send(Charge(80))) == {"g1": 80}
    driver.now_ms = NOON_MS
    assert seen(driver) == 100


def test_a_charge_after_a_hold_was_over_is_paid_by_the_allowance_that_the_hold_had_taken() -> None:
    driver = LedgerDriver(now_ms=START_MS)
    driver.send(Configure(allowance=allowance(100, "monthly")))
    driver.send(FundingUpdate(100, 200))
    driver.hold(100, ttl_ms=MINUTE_MS)
    driver.now_ms += HOUR_MS
    assert drawn(driver.send(Charge(80))) == {"g2": 80}
    assert seen(driver) == 120


def refilled_late(*meanwhile: Terms) -> tuple[int, int]:
    """Available and funded, as a reader sees them on the second midnight after a hold that lasts a day."""
    driver = LedgerDriver(now_ms=NOON_MS)
    driver.send(Configure(overdraft_limit=10, allowance=allowance(20, "daily")))
    driver.hold(30, ttl_ms=24 * HOUR_MS)
    for instant in ("2026-03-11T00:00", "2026-03-11T12:00", "2026-03-12T00:00"):
        driver.now_ms = at(instant)
        for terms in meanwhile:
            driver.send(terms)
    driver.now_ms = at("2026-03-12T00:00") + SECOND_MS
    state = present_state(ALICE, driver.ledger, driver.now_ms)
    assert state is not None
    driver.check()
    return state.available, state.funded


def test_late_refills_come_to_what_they_would_have_come_to_in_time() -> None:
    assert refilled_late() == refilled_late(Configure(overdraft_limit=10)) == (30, 50)


def test_the_balance_of_an_answer_is_the_one_that_a_reader_sees() -> None:
    driver = driver_with_an_expired_hold(200, 100)
    entry = driver.send(Charge(80))
    assert (entry.before.available, entry.before.held) == (200, 0)
    assert (entry.after.available, entry.after.held) == (120, 0)
    assert seen(driver) == 120


@pytest.mark.parametrize("leaked", [0, 1, DUE_WITH_ONE, DUE_WITH_ONE + 1, 200])
def test_any_number_of_leaked_holds_is_returned_before_one_charge_is_answered(leaked: int) -> None:
    driver = LedgerDriver()
    driver.send(FundingUpdate(0, leaked + 50))
    for _ in range(leaked):
        driver.hold(1, ttl_ms=TTL_MS)
    driver.now_ms += TTL_MS
    entry = driver.send(Charge(leaked + 50))
    assert (entry.outcome, entry.seq) == ("applied", 2 * leaked + 2)
    assert driver.balances() == (0, 0, leaked + 50)
    assert driver.state().open_holds == 0


def test_holds_that_are_over_together_return_in_the_order_in_which_they_were_placed() -> None:
    driver = LedgerDriver()
    driver.send(FundingUpdate(0, 200))
    held = [driver.hold(10, ttl_ms=TTL_MS) for _ in range(12)]
    driver.now_ms += TTL_MS
    driver.send(Charge(1))
    assert [each.hold["id"] for each in driver.entries() if each.kind == "expire" and each.hold] == held


def test_what_is_due_of_an_account_that_nobody_calls_is_done_all_the_same() -> None:
    driver = driver_with_an_expired_hold(100, 60)
    assert driver.ledger.do_what_is_due(ALICE, "background", driver.now_ms) == 1
    assert driver.ledger.do_what_is_due(ALICE, "background", driver.now_ms) == 0
    assert driver.entries()[-1].correlation_id == "background"
    assert driver.balances() == (100, 0, 0)


def test_nothing_is_written_for_an_account_that_does_not_exist() -> None:
    ledger = MemoryLedger()
    assert ledger.do_what_is_due(BOB, "background", NOW_MS) == 0
    assert ledger.state(BOB) is None


def test_an_account_has_at_most_so_many_open_holds_and_the_same_key_goes_through_later() -> None:
    driver = LedgerDriver()
    driver.send(FundingUpdate(0, 100))
    first = driver.hold(10)
    full = replace(driver.state(), open_holds=MAX_OPEN_HOLDS)
    with pytest.raises(TooManyHolds, match="10000 open holds"):
        apply(full, operation("one-more", PlaceHold(10, TTL_MS)), driver.now_ms)
    room = replace(full, open_holds=MAX_OPEN_HOLDS - 1)
    placed = apply(room, operation("one-more", PlaceHold(10, TTL_MS)), driver.now_ms)
    assert placed.state.open_holds == MAX_OPEN_HOLDS
    driver.send(ReleaseHold(first))
    assert driver.state().open_holds == 0


def test_a_grant_has_the_name_under_which_it_can_be_voided() -> None:
    driver = LedgerDriver(now_ms=NOON_MS)
    driver.send(FundingUpdate(0, 10))
    driver.send(Configure(allowance=allowance(20, "daily")))
    driver.hold(5, ttl_ms=6 * HOUR_MS)
    driver.now_ms = at("2026-03-11T06:00")
    state = present_state(ALICE, driver.ledger, driver.now_ms)
    assert state is not None
    listed = next(grant for grant in state.grants if grant.category == "allowance")
    assert driver.send(VoidGrant(listed.id)).outcome == "applied"


def test_the_state_looks_for_holds_again_when_the_next_one_is_over() -> None:
    driver = LedgerDriver()
    driver.send(FundingUpdate(0, 100))
    driver.hold(10, ttl_ms=TTL_MS)
    driver.hold(20, ttl_ms=5 * TTL_MS)
    driver.now_ms += TTL_MS
    driver.send(Charge(1))
    assert driver.state().next_hold_expiry_ms == NOW_MS + 5 * TTL_MS


def test_a_state_that_would_look_too_late_is_a_finding() -> None:
    driver = LedgerDriver()
    driver.send(FundingUpdate(0, 100))
    driver.hold(10, ttl_ms=TTL_MS)
    late = replace(driver.state(), next_hold_expiry_ms=NOW_MS + TTL_MS + 1)
    found = verify_account(ALICE, driver.entries(), late)
    assert [finding.problem for finding in found] == ["next_hold_expiry_ms is after the expiry of an open hold"]


def left_after_an_overdrawn_hold(ttl_ms: int, *meanwhile: Terms) -> list[tuple[str, int]]:
    driver = LedgerDriver(now_ms=NOON_MS)
    driver.send(Configure(overdraft_limit=100, allowance=allowance(20, "daily")))
    driver.hold(70, ttl_ms=ttl_ms)
    for instant in ("2026-03-11T00:00", "2026-03-11T12:00", "2026-03-12T00:00"):
        driver.now_ms = at(instant)
        for terms in meanwhile:
            driver.send(terms)
    state = present_state(ALICE, driver.ledger, driver.now_ms)
    assert state is not None
    return [(grant.category, grant.remaining) for grant in state.grants]


@pytest.mark.parametrize(
    ("ttl_ms", "left"),
    [(24 * HOUR_MS, [("allowance", 20), ("purchased", 20)]), (12 * HOUR_MS, [("allowance", 20)])],
    ids=["between two refills", "at the instant of a refill"],
)
def test_what_a_hold_returns_pays_a_debt_before_the_refill_that_comes_after_it(
    ttl_ms: int, left: list[tuple[str, int]]
) -> None:
    no_op = Configure(overdraft_limit=100)
    assert left_after_an_overdrawn_hold(ttl_ms) == left_after_an_overdrawn_hold(ttl_ms, no_op) == left


def test_a_grant_lapses_after_the_holds_that_were_over_before_it_and_not_with_those_that_lapsed_earlier() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(10, "promotional", priority=2, expires_at_ms=NOW_MS + TTL_MS))
    driver.send(GrantCredits(20, "promotional", priority=1, expires_at_ms=NOW_MS + 3 * TTL_MS))
    driver.hold(5, ttl_ms=2 * TTL_MS)
    driver.now_ms += 3 * TTL_MS
    driver.send(Charge(0))
    assert [(entry.kind, entry.amount) for entry in driver.entries()[3:]] == [
        ("expire", -10),
        ("expire", 5),
        ("expire", -20),
        ("charge", 0),
    ]
    driver.check()


def test_a_grant_given_by_hand_for_longer_than_the_period_is_not_taken_for_its_allowance() -> None:
    driver = LedgerDriver(now_ms=START_MS)
    driver.send(Configure(allowance=allowance(100, "monthly")))
    driver.send(GrantCredits(300, "allowance", priority=1, expires_at_ms=at("2026-03-01")))
    driver.now_ms = at("2026-02-01")
    driver.send(Charge(0))
    assert [(each.priority, each.remaining) for each in driver.state().grants] == [(1, 300), (5, 100)]
