"""Low-balance thresholds: which entry falls below them, how often they warn, and what arms them again."""

import pytest

from shared.ledger.entries import Entry
from shared.ledger.events import LOW_BALANCE_DETAIL_TYPE, entry_events
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    FundingUpdate,
    GrantCredits,
    Refund,
    ReleaseHold,
    VoidGrant,
)
from tests.builders import SECOND_MS
from tests.ledger_driver import TTL_MS, LedgerDriver


def watched(*amounts: int, credits_there: int = 95, overdraft: int = 0) -> LedgerDriver:
    driver = LedgerDriver()
    driver.send(GrantCredits(credits_there))
    driver.send(Configure(low_balance_thresholds=list(amounts), overdraft_limit=overdraft))
    return driver


def all_alerts(driver: LedgerDriver) -> list[int]:
    driver.check()
    return [amount for entry in driver.entries() for amount in entry.alerts]


def low_balance_events(entry: Entry) -> list[object]:
    return [event.detail["data"]["threshold"] for event in entry_events(entry)[1:]]


def test_one_charge_from_95_to_40_falls_below_90_70_and_50_at_once_the_highest_first() -> None:
    driver = watched(50, 90, 70)
    assert driver.send(Charge(55)).alerts == (90, 70, 50)
    assert driver.send(Charge(1)).alerts == ()


def test_a_threshold_that_is_met_exactly_does_not_warn_and_one_credit_less_does() -> None:
    driver = watched(90)
    assert driver.send(Charge(5)).alerts == ()
    assert driver.send(Charge(1)).alerts == (90,)


def test_each_threshold_warns_once_while_credits_go_down() -> None:
    driver = watched(90, 70, 50)
    assert [driver.send(Charge(5)).alerts for _ in range(12)].count(()) == 9
    assert all_alerts(driver) == [90, 70, 50]


def test_what_is_refused_warns_of_nothing() -> None:
    driver = watched(90)
    assert driver.send(Charge(96)).alerts == ()


def test_a_threshold_set_above_what_is_there_warns_at_once_in_the_entry_that_sets_it() -> None:
    driver = watched(100)
    assert driver.entries()[-1].alerts == (100,)
    assert driver.send(Charge(5)).alerts == ()
    driver.send(GrantCredits(10))
    assert driver.state().available == 100
    assert driver.send(Charge(1)).alerts == (100,)
    driver.check()


def test_a_funding_that_leaves_the_account_below_a_threshold_warns_once_more() -> None:
    driver = watched(500, credits_there=1000)
    assert driver.send(Charge(900)).alerts == (500,)
    assert driver.send(FundingUpdate(1000, 1300)).alerts == (500,)
    assert driver.send(Charge(1)).alerts == ()
    assert driver.send(GrantCredits(1)).alerts == (500,)
    assert driver.send(GrantCredits(200)).alerts == ()
    assert all_alerts(driver) == [500, 500, 500]


def test_a_top_up_of_a_fixed_size_at_every_warning_ends_above_the_threshold() -> None:
    driver = watched(500, credits_there=1000)
    alerts = driver.send(Charge(950)).alerts
    top_ups = 0
    while alerts:
        alerts, top_ups = driver.send(GrantCredits(100)).alerts, top_ups + 1
    assert (top_ups, driver.state().available) == (5, 550)


@pytest.mark.parametrize("funding", [GrantCredits(90), FundingUpdate(95, 185)], ids=lambda terms: terms.kind)
def test_a_funding_that_lifts_to_a_threshold_arms_it_again(funding: GrantCredits | FundingUpdate) -> None:
    driver = watched(90, 70)
    driver.send(Charge(95))
    driver.send(funding)
    assert driver.send(Charge(30)).alerts == (90, 70)
    assert all_alerts(driver) == [90, 70, 90, 70]


def test_a_funding_arms_the_thresholds_that_it_reaches_alone() -> None:
    driver = watched(90, 70)
    driver.send(Charge(95))
    assert driver.send(GrantCredits(80)).alerts == (90,)
    assert driver.send(Charge(80)).alerts == (70,)


def test_what_comes_back_arms_nothing() -> None:
    driver = watched(90)
    charged = driver.send(Charge(10))
    driver.send(Refund(charged.key))
    hold = driver.hold(10)
    driver.send(ReleaseHold(hold))
    driver.send(Charge(10))
    assert all_alerts(driver) == [90]


def test_a_hold_neither_warns_nor_arms_as_it_may_come_back() -> None:
    driver = watched(90)
    hold = driver.hold(80)
    assert driver.send(ReleaseHold(hold)).alerts == ()
    assert all_alerts(driver) == []


def test_a_capture_above_its_hold_falls_below_a_threshold() -> None:
    driver = watched(90)
    hold = driver.hold(2)
    assert driver.send(CaptureHold(hold, 10, "charge")).alerts == (90,)


def test_a_capture_warns_of_what_it_takes_and_not_of_what_was_held() -> None:
    driver = watched(90, 50)
    hold = driver.hold(80)
    assert driver.send(CaptureHold(hold, 10)).alerts == (90,)
    assert all_alerts(driver) == [90]


def test_a_reduction_a_charge_and_an_overdraft_fall_below_a_threshold() -> None:
    driver = watched(90, 20, 0, credits_there=100)
    assert driver.send(FundingUpdate(100, 50)).alerts == (90,)
    driver.send(GrantCredits(10, "promotional"))
    assert driver.send(Charge(50)).alerts == (20,)
    assert driver.send(Charge(20, "overdraw")).alerts == (0,)


def test_a_voided_grant_takes_credits_below_a_threshold() -> None:
    driver = watched(90)
    assert driver.send(VoidGrant("g1")).alerts == (90,)


def test_credits_that_expire_fall_below_a_threshold_in_the_entry_of_their_expiry() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(50))
    driver.send(GrantCredits(45, "promotional", expires_at_ms=driver.now_ms + SECOND_MS))
    driver.send(Configure(low_balance_thresholds=[90, 40]))
    driver.now_ms += SECOND_MS
    charge = driver.send(Charge(20))
    assert [(entry.kind, entry.alerts) for entry in driver.entries()[3:]] == [("expire", (90,)), ("charge", (40,))]
    assert charge.alerts == (40,)
    driver.check()


def test_an_expired_hold_arms_nothing() -> None:
    driver = watched(90)
    driver.hold(95)
    driver.now_ms += TTL_MS
    driver.send(Charge(10))
    assert all_alerts(driver) == [90]


def test_a_refill_below_a_threshold_warns_nobody_by_itself() -> None:
    driver = watched(90)
    terms = {"amount": 5, "interval": "daily", "priority": 1, "rollover_minimum": 0, "rollover_maximum": 0}
    driver.send(Charge(95))
    driver.send(Configure(allowance=terms))
    driver.now_ms += 24 * 3600 * SECOND_MS
    driver.send(Charge(1))
    assert all_alerts(driver) == [90]


def test_an_allowance_arms_thresholds_again() -> None:
    driver = watched(90, credits_there=0)
    driver.send(
        Configure(
            allowance={"amount": 95, "interval": "daily", "priority": 1, "rollover_minimum": 0, "rollover_maximum": 0}
        )
    )
    assert driver.send(Charge(10)).alerts == (90,)
    driver.now_ms += 24 * 3600 * SECOND_MS
    assert driver.send(Charge(10)).alerts == (90,)
    assert all_alerts(driver) == [90, 90, 90]


def test_setting_the_same_thresholds_again_warns_of_nothing_twice() -> None:
    driver = watched(90, 50)
    driver.send(Charge(10))
    driver.send(Configure(low_balance_thresholds=[50, 90]))
    driver.send(Charge(10))
    assert all_alerts(driver) == [90]


def test_thresholds_that_are_left_out_are_gone() -> None:
    driver = watched(90)
    driver.send(Configure(low_balance_thresholds=[]))
    assert driver.send(Charge(95)).alerts == ()


def test_a_threshold_below_zero_warns_within_an_overdraft() -> None:
    driver = watched(-5, credits_there=0, overdraft=10)
    assert driver.send(Charge(5)).alerts == ()
    assert driver.send(Charge(1)).alerts == (-5,)


def test_every_threshold_is_an_event_of_its_own_beside_that_of_the_entry() -> None:
    driver = watched(90_000, 70_000, credits_there=95_000)
    entry = driver.send(Charge(55_000))
    events = entry_events(entry)
    assert [event.detail_type for event in events[1:]] == [LOW_BALANCE_DETAIL_TYPE] * 2
    assert low_balance_events(entry) == [90, 70]
    assert len({event.detail["event_id"] for event in events}) == 3
    assert events == entry_events(entry)
