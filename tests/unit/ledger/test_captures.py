"""Captures of more than is held, and of holds that are over: how far limits, freezes and parents let them go."""

import pytest

from shared.ledger.accounts import Account
from shared.ledger.context import References
from shared.ledger.entries import Entry
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    GrantCredits,
    IfExpired,
    Overrun,
    Refund,
    ReleaseHold,
)
from shared.ledger.reducer import apply
from tests.builders import ALICE, SECOND_MS, operation
from tests.ledger_driver import TTL_MS, LedgerDriver, ending
from tests.unit.ledger.test_limits import DAY_MS, limit

TEAM = Account("main", "team:a")
ORG = Account("main", "org:a")


def funded(amount: int = 1000) -> LedgerDriver:
    driver = LedgerDriver()
    driver.send(GrantCredits(amount))
    return driver


def affordable(refused: Entry) -> int:
    """What the refusal says would have been taken."""
    asked = refused.parameters["amount"]
    assert isinstance(asked, int)
    return asked - refused.shortfall


def used(driver: LedgerDriver, account: Account = ALICE) -> int:
    return driver.policy(account).limits[0].used


def test_the_excess_of_a_capture_does_not_pass_a_limit_that_counts_nothing_of_the_hold() -> None:
    driver = funded()
    hold = driver.hold(80)
    driver.send(Configure(limits=[limit(100)]))
    refused = driver.send(CaptureHold(hold, 150, "charge"))
    assert ending(refused) == ("refused", "limit_exceeded")
    assert (refused.shortfall, affordable(refused)) == (50, 100)
    assert driver.send(CaptureHold(hold, affordable(refused), "charge")).outcome == "applied"
    assert used(driver) == 100
    driver.check()


def test_a_limit_that_has_counted_the_hold_gives_that_back_before_the_capture_counts() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100)]))
    hold = driver.hold(80)
    refused = driver.send(CaptureHold(hold, 101, "charge"))
    assert (ending(refused), affordable(refused)) == (("refused", "limit_exceeded"), 100)
    assert driver.send(CaptureHold(hold, 100, "charge")).outcome == "applied"
    assert used(driver) == 100


def test_a_window_that_turned_between_hold_and_capture_has_room_for_the_capture_as_a_whole() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100)]))
    hold = driver.hold(80, ttl_ms=3 * DAY_MS)
    driver.now_ms += DAY_MS
    refused = driver.send(CaptureHold(hold, 101, "charge"))
    assert (ending(refused), affordable(refused)) == (("refused", "limit_exceeded"), 100)
    driver.send(Charge(30))
    refused = driver.send(CaptureHold(hold, 90, "charge"))
    assert affordable(refused) == 80
    assert driver.send(CaptureHold(hold, 80)).outcome == "applied"
    assert used(driver) == 110


def test_what_was_held_is_captured_whatever_a_limit_says_by_then() -> None:
    driver = funded()
    hold = driver.hold(80)
    driver.send(Configure(limits=[limit(10)]))
    refused = driver.send(CaptureHold(hold, 81, "charge"))
    assert (ending(refused), affordable(refused)) == (("refused", "limit_exceeded"), 80)
    assert driver.send(CaptureHold(hold, 80, "charge")).outcome == "applied"


def family(team: int = 1000) -> LedgerDriver:
    driver = funded()
    driver.send(GrantCredits(team), TEAM)
    driver.send(Configure(parent=TEAM.actor))
    return driver


def test_the_excess_of_a_capture_does_not_pass_a_limit_of_the_parent() -> None:
    driver = family()
    hold = driver.hold(80)
    driver.send(Configure(limits=[limit(100)]), TEAM)
    refused = driver.send(CaptureHold(hold, 150, "charge"))
    assert ending(refused) == ("refused", "limit_exceeded")
    assert refused.limit is not None
    assert (refused.limit["account"], affordable(refused)) == (TEAM.actor, 100)
    assert driver.send(CaptureHold(hold, 100, "charge")).outcome == "applied"
    assert used(driver, TEAM) == 100
    driver.check()


@pytest.mark.parametrize(
    ("overrun", "outcome", "amount", "shortfall"),
    [
        ("refuse", "refused", 0, 0),
        ("charge", "refused", 0, 20),
        ("partial", "partial", -100, 20),
        ("overdraw", "applied", -120, 0),
    ],
)
def test_what_a_capture_takes_of_more_than_is_there(
    overrun: Overrun, outcome: str, amount: int, shortfall: int
) -> None:
    driver = funded(100)
    entry = driver.send(CaptureHold(driver.hold(80), 120, overrun))
    assert (entry.outcome, entry.amount, entry.shortfall) == (outcome, amount, shortfall)
    driver.check()


def test_a_partial_capture_of_a_member_takes_what_both_have_and_the_parent_exactly_as_much() -> None:
    driver = family(team=90)
    entry = driver.send(CaptureHold(driver.hold(80), 120, "partial"))
    assert (entry.outcome, entry.amount, entry.shortfall) == ("partial", -90, 30)
    assert driver.entries(TEAM)[-1].amount == -90
    assert driver.balances(TEAM) == (0, 0, 90)


@pytest.mark.parametrize(
    ("overrun", "expected"),
    [
        ("charge", ("refused", "account_frozen")),
        ("partial", ("refused", "account_frozen")),
        ("overdraw", ("applied", None)),
    ],
)
def test_the_excess_of_a_capture_on_a_frozen_account_is_taken_only_as_overdraw(
    overrun: Overrun, expected: tuple[str, str | None]
) -> None:
    driver = funded()
    hold = driver.hold(80)
    driver.send(Configure(status="frozen"))
    assert ending(driver.send(CaptureHold(hold, 120, overrun))) == expected
    driver.check()


def expired(driver: LedgerDriver, amount: int = 80) -> str:
    hold = driver.hold(amount)
    driver.now_ms += TTL_MS
    return hold


def test_work_that_outlived_its_hold_is_settled_in_one_call_and_once() -> None:
    driver = funded(100)
    hold = expired(driver)
    entry = driver.send(CaptureHold(hold, 50, if_expired="charge"))
    assert (entry.kind, entry.outcome, entry.amount) == ("capture", "applied", -50)
    assert (entry.before.held, entry.after.available, entry.after.spent) == (0, 50, 50)
    assert entry.hold is not None
    assert (entry.hold["status"], entry.hold["captured"]) == ("captured", 50)
    assert ending(driver.send(CaptureHold(hold, 50, if_expired="charge"))) == ("refused", "hold_captured")
    assert driver.send(Refund(entry.key, 20)).outcome == "applied"
    assert driver.balances() == (70, 0, 30)


def test_a_hold_that_expired_long_before_is_settled_too() -> None:
    driver = funded(100)
    hold = expired(driver)
    driver.send(Charge(1))
    assert driver.send(CaptureHold(hold, if_expired="charge")).amount == -80
    assert driver.state().open_holds == 0
    driver.check()


@pytest.mark.parametrize(
    ("if_expired", "expected"),
    [
        (None, ("refused", "hold_expired")),
        ("charge", ("refused", "insufficient_credits")),
        ("overdraw", ("applied", None)),
    ],
)
def test_what_becomes_of_a_capture_after_its_hold_when_too_little_is_left(
    if_expired: IfExpired | None, expected: tuple[str, str | None]
) -> None:
    driver = funded(100)
    hold = expired(driver)
    driver.send(Charge(40))
    assert ending(driver.send(CaptureHold(hold, 70, if_expired=if_expired))) == expected
    driver.check()


def test_a_released_hold_is_not_settled_by_any_choice() -> None:
    driver = funded()
    hold = driver.hold(80)
    driver.send(ReleaseHold(hold))
    driver.now_ms += TTL_MS
    assert ending(driver.send(CaptureHold(hold, 50, if_expired="overdraw"))) == ("refused", "hold_released")


def test_a_hold_that_is_open_is_captured_as_one_whatever_if_expired_says() -> None:
    driver = funded()
    hold = driver.hold(80)
    assert ending(driver.send(CaptureHold(hold, 90, if_expired="overdraw"))) == ("refused", "exceeds_hold")


def test_what_is_settled_after_a_hold_counts_for_the_limits_of_its_app() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100, app="chat")]))
    hold = driver.hold(80, app="chat")
    driver.now_ms += TTL_MS
    assert ending(driver.send(CaptureHold(hold, 101, if_expired="charge"))) == ("refused", "limit_exceeded")
    driver.send(CaptureHold(hold, 90, if_expired="charge"))
    assert used(driver) == 90
    driver.check()


def test_a_frozen_account_settles_work_only_as_overdraw() -> None:
    driver = funded()
    hold = expired(driver)
    driver.send(Configure(status="frozen"))
    assert ending(driver.send(CaptureHold(hold, if_expired="charge"))) == ("refused", "account_frozen")
    assert ending(driver.send(CaptureHold(hold, if_expired="overdraw"))) == ("applied", None)


@pytest.mark.parametrize("leaves", [False, True])
def test_the_parent_that_held_with_a_member_settles_with_it_also_after_it_left(leaves: bool) -> None:
    driver = family()
    hold = expired(driver)
    if leaves:
        driver.send(Configure(parent=""))
    entry = driver.send(CaptureHold(hold, 90, if_expired="charge"))
    assert entry.parent is not None
    assert driver.balances(TEAM) == (910, 0, 90)
    assert driver.balances() == (910, 0, 90)


def test_the_parents_parent_pays_for_what_outlived_the_hold_also_where_both_holds_were_returned_before() -> None:
    driver = family()
    driver.send(GrantCredits(100), ORG)
    driver.send(Configure(parent=ORG.actor), TEAM)
    hold = expired(driver)
    for account in (ALICE, TEAM, ORG):
        driver.send(Configure(overdraft_limit=0), account)
    refused = driver.send(CaptureHold(hold, 101, if_expired="charge"))
    assert (ending(refused), affordable(refused)) == (("refused", "insufficient_credits"), 100)
    assert driver.send(CaptureHold(hold, 90, if_expired="charge")).outcome == "applied"
    assert driver.balances(ORG) == (10, 0, 90)


def test_a_parent_that_is_short_refuses_what_outlived_the_hold() -> None:
    driver = family(team=100)
    hold = expired(driver)
    driver.send(Charge(40), TEAM)
    refused = driver.send(CaptureHold(hold, 70, if_expired="charge"))
    assert (ending(refused), affordable(refused)) == (("refused", "insufficient_credits"), 60)
    assert driver.send(CaptureHold(hold, 70, if_expired="overdraw")).outcome == "applied"
    assert driver.balances(TEAM) == (-10, 0, 110)


def test_the_figures_of_a_refusal_for_an_expired_hold_are_those_of_now() -> None:
    driver = funded(100)
    hold = expired(driver)
    driver.now_ms += SECOND_MS
    refused = driver.send(CaptureHold(hold))
    assert (refused.before.available, refused.before.held) == (100, 0)


def test_a_hold_that_is_over_is_not_captured_as_open_where_the_listing_has_overlooked_it() -> None:
    driver = funded(100)
    hold = expired(driver)
    named = next(each for each in driver.ledger.open_holds(ALICE) if each.id == hold)
    change = apply(driver.state(), operation("late", CaptureHold(hold)), driver.now_ms, References(hold=named))
    assert ending(change.entry_under("late")) == ("refused", "hold_expired")
