"""Captures in parts: a hold that stays open for the next one, and what becomes of its rest."""

import pytest

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    GrantCredits,
    IfExpired,
    Overrun,
    PlaceHold,
    Refund,
    ReleaseHold,
)
from shared.ledger.views import public_entry
from tests.ledger_driver import TTL_MS, LedgerDriver, ending
from tests.unit.ledger.test_limits import DAY_MS, limit

TEAM = Account("main", "team:a")
ORG = Account("main", "org:a")


def funded(amount: int = 1000) -> LedgerDriver:
    driver = LedgerDriver()
    driver.send(GrantCredits(amount))
    return driver


def family(team: int = 1000) -> LedgerDriver:
    driver = funded()
    driver.send(GrantCredits(team), TEAM)
    driver.send(Configure(parent=TEAM.actor))
    return driver


def part(
    driver: LedgerDriver,
    hold: str,
    amount: int,
    overrun: Overrun = "refuse",
    if_expired: IfExpired | None = None,
    model: str | None = None,
) -> Entry:
    return driver.send(CaptureHold(hold, amount, overrun, if_expired=if_expired, final=False), model=model)


def shown(entry: Entry) -> tuple[str, int, int]:
    """Status, captured and remaining of the hold, in microcents."""
    hold = public_entry(entry)["hold"]
    return hold["status"], int(hold["captured"] * 1000), int(hold["remaining"] * 1000)


def draws(entry: Entry) -> list[tuple[int, int]]:
    return [(draw.grant_seq, draw.amount) for draw in entry.drawn]


def used(driver: LedgerDriver, account: Account | None = None) -> list[int]:
    policy = driver.policy(account) if account else driver.policy()
    return [each.used for each in policy.limits]


def test_a_part_is_charged_and_the_hold_stays_open_with_the_rest() -> None:
    driver = funded()
    hold = driver.hold(80)
    entry = part(driver, hold, 30)
    assert (entry.kind, entry.outcome, entry.amount) == ("capture", "applied", -30)
    assert shown(entry) == ("open", 30, 50)
    assert driver.balances() == (920, 50, 30)
    assert driver.state().open_holds == 1
    assert shown(part(driver, hold, 50)) == ("open", 80, 0)
    assert driver.balances() == (920, 0, 80)


def test_a_part_of_nothing_is_a_capture_too() -> None:
    driver = funded()
    assert shown(part(driver, driver.hold(80), 0)) == ("open", 0, 80)
    driver.check()


def test_the_last_capture_without_an_amount_takes_what_is_left() -> None:
    driver = funded()
    hold = driver.hold(80)
    part(driver, hold, 30)
    last = driver.send(CaptureHold(hold))
    assert (last.amount, shown(last)) == (-50, ("captured", 80, 0))
    assert driver.balances() == (920, 0, 80)


def test_a_last_capture_of_less_returns_the_rest() -> None:
    driver = funded()
    hold = driver.hold(80)
    part(driver, hold, 30)
    last = driver.send(CaptureHold(hold, 10))
    assert (last.amount, shown(last)) == (-10, ("captured", 40, 0))
    assert driver.balances() == (960, 0, 40)


def test_a_release_returns_what_no_part_has_taken() -> None:
    driver = funded()
    hold = driver.hold(80)
    part(driver, hold, 30)
    released = driver.send(ReleaseHold(hold))
    assert (released.amount, shown(released)) == (50, ("released", 30, 0))
    assert driver.balances() == (970, 0, 30)


def test_the_expiry_of_a_hold_returns_what_no_part_has_taken() -> None:
    driver = funded()
    hold = driver.hold(80)
    part(driver, hold, 30)
    driver.now_ms += TTL_MS
    driver.send(Charge(1))
    expired = driver.entries()[-2]
    assert (expired.kind, expired.amount, shown(expired)) == ("expire", 50, ("expired", 30, 0))
    assert driver.balances() == (969, 0, 31)


@pytest.mark.parametrize("ends", [ReleaseHold, CaptureHold])
def test_no_part_is_taken_of_a_hold_that_has_ended(ends: type[ReleaseHold | CaptureHold]) -> None:
    driver = funded()
    hold = driver.hold(80)
    driver.send(ends(hold))
    reason = "hold_released" if ends is ReleaseHold else "hold_captured"
    assert ending(part(driver, hold, 1)) == ("refused", reason)
    assert ending(part(driver, hold, 1, "overdraw", "overdraw")) == ("refused", reason)


def test_the_first_parts_take_the_first_draws_and_the_rest_returns_to_the_last_ones() -> None:
    driver = LedgerDriver()
    for priority in (1, 2, 3):
        driver.send(GrantCredits(40, priority=priority))
    hold = driver.hold(100)
    assert draws(part(driver, hold, 30)) == [(1, 30)]
    assert draws(part(driver, hold, 30)) == [(1, 10), (2, 20)]
    assert draws(driver.send(CaptureHold(hold, 25))) == [(2, 20), (3, 5)]
    assert [(grant.seq, grant.remaining) for grant in driver.state().grants] == [(3, 35)]
    driver.check()


def test_what_an_overdraft_has_paid_of_a_hold_is_taken_last_and_returns_first() -> None:
    driver = LedgerDriver()
    driver.send(Configure(overdraft_limit=50))
    driver.send(GrantCredits(60))
    hold = driver.hold(100)
    assert draws(part(driver, hold, 70)) == [(2, 60)]
    driver.send(ReleaseHold(hold))
    assert driver.balances() == (-10, 0, 70)


def test_a_grant_that_expired_meanwhile_gets_nothing_back_of_the_rest() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(60, priority=1))
    driver.send(GrantCredits(60, priority=2, expires_at_ms=driver.now_ms + 1000))
    hold = driver.hold(100)
    part(driver, hold, 70)
    driver.now_ms += 1000
    released = driver.send(ReleaseHold(hold))
    assert (released.amount, released.after.available) == (0, 0)
    assert driver.state().expired == 50
    driver.check()


def test_more_than_is_left_is_refused_and_the_hold_keeps_it() -> None:
    driver = funded()
    hold = driver.hold(80)
    part(driver, hold, 30)
    assert ending(part(driver, hold, 51)) == ("refused", "exceeds_hold")
    assert ending(driver.send(CaptureHold(hold, 51))) == ("refused", "exceeds_hold")
    assert shown(part(driver, hold, 50)) == ("open", 80, 0)


@pytest.mark.parametrize(
    ("overrun", "outcome", "amount", "shortfall", "hold_after"),
    [
        ("charge", "refused", 0, 20, None),
        ("partial", "partial", -70, 20, ("open", 100, 0)),
        ("overdraw", "applied", -90, 0, ("open", 120, 0)),
    ],
)
def test_what_a_part_takes_of_more_than_is_there(
    overrun: Overrun, outcome: str, amount: int, shortfall: int, hold_after: object
) -> None:
    driver = funded(100)
    hold = driver.hold(80)
    part(driver, hold, 30)
    entry = part(driver, hold, 90, overrun)
    assert (entry.outcome, entry.amount, entry.shortfall) == (outcome, amount, shortfall)
    if hold_after is not None:
        assert shown(entry) == hold_after
    driver.check()


def test_a_hold_of_which_nothing_is_left_takes_further_parts_as_overrun_says() -> None:
    driver = funded(100)
    hold = driver.hold(80)
    part(driver, hold, 90, "charge")
    assert ending(part(driver, hold, 1)) == ("refused", "exceeds_hold")
    assert shown(part(driver, hold, 5, "charge")) == ("open", 95, 0)
    assert driver.send(ReleaseHold(hold)).amount == 0
    assert driver.balances() == (5, 0, 95)


def test_each_part_is_refunded_by_itself_to_the_grants_that_paid_it() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(40, priority=1))
    driver.send(GrantCredits(40, priority=2))
    hold = driver.hold(60)
    first, second = part(driver, hold, 30), part(driver, hold, 20)
    assert draws(driver.send(Refund(second.key))) == [(1, 10), (2, 10)]
    assert ending(driver.send(Refund(second.key, 1))) == ("refused", "exceeds_charge")
    assert driver.send(Refund(first.key, 5)).outcome == "applied"
    assert driver.balances() == (45, 10, 25)


def test_a_frozen_account_captures_parts_and_nothing_beyond_the_hold() -> None:
    driver = funded()
    hold = driver.hold(80)
    driver.send(Configure(status="frozen"))
    assert part(driver, hold, 30).outcome == "applied"
    assert ending(part(driver, hold, 51, "charge")) == ("refused", "account_frozen")
    assert part(driver, hold, 51, "overdraw").outcome == "applied"


def test_a_part_changes_nothing_of_a_limit_that_has_counted_the_hold_but_for_what_overruns() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100)]))
    hold = driver.hold(80)
    before = driver.policy()
    part(driver, hold, 30)
    assert driver.policy() is before
    refused = part(driver, hold, 71, "charge")
    assert (ending(refused), refused.shortfall) == (("refused", "limit_exceeded"), 1)
    part(driver, hold, 60, "charge")
    assert used(driver) == [90]
    driver.check()


def test_a_last_capture_leaves_limits_with_what_was_captured() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100)]))
    hold = driver.hold(80)
    part(driver, hold, 30)
    driver.send(CaptureHold(hold, 10))
    assert used(driver) == [40]
    driver.check()


def test_a_part_in_another_window_counts_in_that_window_as_every_capture_does() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100)]))
    hold = driver.hold(80, ttl_ms=3 * DAY_MS)
    driver.now_ms += DAY_MS
    part(driver, hold, 30)
    assert used(driver) == [30]
    driver.send(ReleaseHold(hold))
    assert used(driver) == [30]
    driver.check()


def test_a_limit_of_a_model_counts_the_parts_of_a_hold_that_named_no_model() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100) | {"model": "large"}]))
    hold = driver.hold(80)
    part(driver, hold, 30, model="large")
    part(driver, hold, 20, model="small")
    assert used(driver) == [30]
    driver.check()


def test_a_refund_of_a_part_gives_a_limit_back_what_the_part_has_counted() -> None:
    driver = funded()
    driver.send(Configure(limits=[limit(100)]))
    hold = driver.hold(80)
    entry = part(driver, hold, 30)
    driver.send(Refund(entry.key, 10))
    assert used(driver) == [70]
    driver.check()


def test_of_an_expired_hold_only_what_no_part_has_taken_is_settled() -> None:
    driver = funded(100)
    hold = driver.hold(80)
    part(driver, hold, 30)
    driver.now_ms += TTL_MS
    assert ending(part(driver, hold, 10)) == ("refused", "hold_expired")
    entry = driver.send(CaptureHold(hold, if_expired="charge"))
    assert (entry.amount, shown(entry)) == (-50, ("captured", 80, 0))
    assert driver.balances() == (20, 0, 80)


def test_parts_of_an_expired_hold_are_charged_one_after_the_other_until_a_last_one() -> None:
    driver = funded(100)
    hold = driver.hold(80)
    part(driver, hold, 30)
    driver.now_ms += TTL_MS
    late = part(driver, hold, 20, if_expired="overdraw")
    assert (late.amount, late.before.held, shown(late)) == (-20, 0, ("expired", 50, 0))
    assert part(driver, hold, 60, if_expired="charge").reason == "insufficient_credits"
    assert part(driver, hold, 60, if_expired="overdraw").outcome == "applied"
    assert driver.balances() == (-10, 0, 110)
    assert driver.send(CaptureHold(hold, 1, if_expired="overdraw")).outcome == "applied"
    assert ending(part(driver, hold, 1, if_expired="overdraw")) == ("refused", "hold_captured")


def test_a_late_part_does_not_make_the_account_look_for_holds_that_are_due() -> None:
    driver = funded()
    other, hold = driver.hold(10, ttl_ms=3 * TTL_MS), driver.hold(80)
    driver.now_ms += TTL_MS
    part(driver, hold, 20, if_expired="overdraw")
    assert driver.state().next_hold_expiry_ms == driver.now_ms + 2 * TTL_MS
    assert driver.send(ReleaseHold(other)).outcome == "applied"


def test_a_member_and_its_parents_capture_the_same_parts() -> None:
    driver = family()
    driver.send(GrantCredits(200), ORG)
    driver.send(Configure(parent=ORG.actor), TEAM)
    hold = driver.hold(80)
    for amount in (30, 20):
        part(driver, hold, amount)
    assert [shown(driver.entries(each)[-1])[1:] for each in (TEAM, ORG)] == [(50, 30), (50, 30)]
    assert driver.balances(ORG) == (120, 30, 50)
    driver.send(CaptureHold(hold, 5))
    assert driver.balances(ORG) == (145, 0, 55)
    assert driver.balances(TEAM) == (945, 0, 55)


def test_a_parent_that_is_short_refuses_the_excess_of_a_part_and_takes_part_in_a_partial_one() -> None:
    driver = family(team=100)
    hold = driver.hold(80)
    part(driver, hold, 30)
    refused = part(driver, hold, 75, "charge")
    assert (ending(refused), refused.shortfall, refused.limit) == (
        ("refused", "insufficient_credits"),
        5,
        {"account": TEAM.actor},
    )
    taken = part(driver, hold, 75, "partial")
    assert (taken.amount, taken.shortfall, shown(taken)) == (-70, 5, ("open", 100, 0))
    assert shown(driver.entries(TEAM)[-1]) == ("open", 100, 0)
    assert driver.balances(TEAM) == (0, 0, 100)


def test_the_parent_settles_late_parts_with_its_member() -> None:
    driver = family()
    hold = driver.hold(80)
    driver.now_ms += TTL_MS
    part(driver, hold, 20, if_expired="charge")
    part(driver, hold, 30, if_expired="charge")
    assert driver.balances(TEAM) == (950, 0, 50)
    assert driver.balances() == (950, 0, 50)


def test_a_hold_that_is_extended_between_its_parts_keeps_what_they_have_left() -> None:
    driver = funded()
    placed = driver.send(PlaceHold(80, TTL_MS))
    assert placed.hold is not None
    hold = str(placed.hold["id"])
    part(driver, hold, 30)
    driver.now_ms += TTL_MS - 1
    assert shown(driver.send(ExtendHold(hold, TTL_MS))) == ("open", 30, 50)
    driver.now_ms += TTL_MS - 1
    assert shown(part(driver, hold, 50)) == ("open", 80, 0)
    driver.check()
