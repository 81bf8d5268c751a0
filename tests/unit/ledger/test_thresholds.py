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
    till = LedgerDriver()
    till.send(GrantCredits(credits_there))
    till.send(Configure(low_balance_thresholds=list(amounts), overdraft_limit=overdraft))
    return till


def all_alerts(till: LedgerDriver) -> list[int]:
    till.check()
    return [amount for entry in till.entries() for amount in entry.alerts]


def low_balance_events(entry: Entry) -> list[object]:
    return [event.detail["data"]["threshold"] for event in entry_events(entry)[1:]]


def test_one_charge_from_95_to_40_falls_below_90_70_and_50_at_once_the_highest_first() -> None:
    till = watched(50, 90, 70)
    assert till.send(Charge(55)).alerts == (90, 70, 50)
    assert till.send(Charge(1)).alerts == ()


def test_a_threshold_that_is_met_exactly_does_not_warn_and_one_credit_less_does() -> None:
    till = watched(90)
    assert till.send(Charge(5)).alerts == ()
    assert till.send(Charge(1)).alerts == (90,)


def test_each_threshold_warns_once_while_credits_go_down() -> None:
    till = watched(90, 70, 50)
    assert [till.send(Charge(5)).alerts for _ in range(12)].count(()) == 9
    assert all_alerts(till) == [90, 70, 50]


def test_what_is_refused_warns_of_nothing() -> None:
    till = watched(90)
    assert till.send(Charge(96)).alerts == ()


def test_a_threshold_set_above_what_is_there_warns_at_once_in_the_entry_that_sets_it() -> None:
    till = watched(100)
    assert till.entries()[-1].alerts == (100,)
    assert till.send(Charge(5)).alerts == ()
    till.send(GrantCredits(10))
    assert till.state().available == 100
    assert till.send(Charge(1)).alerts == (100,)
    till.check()


def test_a_funding_that_leaves_the_account_below_a_threshold_warns_once_more() -> None:
    till = watched(500, credits_there=1000)
    assert till.send(Charge(900)).alerts == (500,)
    assert till.send(FundingUpdate(1000, 1300)).alerts == (500,)
    assert till.send(Charge(1)).alerts == ()
    assert till.send(GrantCredits(1)).alerts == (500,)
    assert till.send(GrantCredits(200)).alerts == ()
    assert all_alerts(till) == [500, 500, 500]


def test_a_top_up_of_a_fixed_size_at_every_warning_ends_above_the_threshold() -> None:
    till = watched(500, credits_there=1000)
    alerts = till.send(Charge(950)).alerts
    top_ups = 0
    while alerts:
        alerts, top_ups = till.send(GrantCredits(100)).alerts, top_ups + 1
    assert (top_ups, till.state().available) == (5, 550)


@pytest.mark.parametrize("funding", [GrantCredits(90), FundingUpdate(95, 185)], ids=lambda terms: terms.kind)
def test_a_funding_that_lifts_to_a_threshold_arms_it_again(funding: GrantCredits | FundingUpdate) -> None:
    till = watched(90, 70)
    till.send(Charge(95))
    till.send(funding)
    assert till.send(Charge(30)).alerts == (90, 70)
    assert all_alerts(till) == [90, 70, 90, 70]


def test_a_funding_arms_the_thresholds_that_it_reaches_alone() -> None:
    till = watched(90, 70)
    till.send(Charge(95))
    assert till.send(GrantCredits(80)).alerts == (90,)
    assert till.send(Charge(80)).alerts == (70,)


def test_what_comes_back_arms_nothing() -> None:
    till = watched(90)
    charged = till.send(Charge(10))
    till.send(Refund(charged.key))
    hold = till.hold(10)
    till.send(ReleaseHold(hold))
    till.send(Charge(10))
    assert all_alerts(till) == [90]


def test_a_hold_neither_warns_nor_arms_as_it_may_come_back() -> None:
    till = watched(90)
    hold = till.hold(80)
    assert till.send(ReleaseHold(hold)).alerts == ()
    assert all_alerts(till) == []


def test_a_capture_above_its_hold_falls_below_a_threshold() -> None:
    till = watched(90)
    hold = till.hold(2)
    assert till.send(CaptureHold(hold, 10, "charge")).alerts == (90,)


def test_a_capture_warns_of_what_it_takes_and_not_of_what_was_held() -> None:
    till = watched(90, 50)
    hold = till.hold(80)
    assert till.send(CaptureHold(hold, 10)).alerts == (90,)
    assert all_alerts(till) == [90]


def test_a_reduction_a_charge_and_an_overdraft_fall_below_a_threshold() -> None:
    till = watched(90, 20, 0, credits_there=100)
    assert till.send(FundingUpdate(100, 50)).alerts == (90,)
    till.send(GrantCredits(10, "promotional"))
    assert till.send(Charge(50)).alerts == (20,)
    assert till.send(Charge(20, "overdraw")).alerts == (0,)


def test_a_voided_grant_takes_credits_below_a_threshold() -> None:
    till = watched(90)
    assert till.send(VoidGrant("g1")).alerts == (90,)


def test_credits_that_expire_fall_below_a_threshold_in_the_entry_of_their_expiry() -> None:
    till = LedgerDriver()
    till.send(GrantCredits(50))
    till.send(GrantCredits(45, "promotional", expires_at_ms=till.now_ms + SECOND_MS))
    till.send(Configure(low_balance_thresholds=[90, 40]))
    till.now_ms += SECOND_MS
    charge = till.send(Charge(20))
    assert [(entry.kind, entry.alerts) for entry in till.entries()[3:]] == [("expire", (90,)), ("charge", (40,))]
    assert charge.alerts == (40,)
    till.check()


def test_an_expired_hold_arms_nothing() -> None:
    till = watched(90)
    till.hold(95)
    till.now_ms += TTL_MS
    till.send(Charge(10))
    assert all_alerts(till) == [90]


def test_a_refill_below_a_threshold_warns_nobody_by_itself() -> None:
    till = watched(90)
    terms = {"amount": 5, "interval": "daily", "priority": 1, "rollover_minimum": 0, "rollover_maximum": 0}
    till.send(Charge(95))
    till.send(Configure(allowance=terms))
    till.now_ms += 24 * 3600 * SECOND_MS
    till.send(Charge(1))
    assert all_alerts(till) == [90]


def test_an_allowance_arms_thresholds_again() -> None:
    till = watched(90, credits_there=0)
    till.send(
        Configure(
            allowance={"amount": 95, "interval": "daily", "priority": 1, "rollover_minimum": 0, "rollover_maximum": 0}
        )
    )
    assert till.send(Charge(10)).alerts == (90,)
    till.now_ms += 24 * 3600 * SECOND_MS
    assert till.send(Charge(10)).alerts == (90,)
    assert all_alerts(till) == [90, 90, 90]


def test_setting_the_same_thresholds_again_warns_of_nothing_twice() -> None:
    till = watched(90, 50)
    till.send(Charge(10))
    till.send(Configure(low_balance_thresholds=[50, 90]))
    till.send(Charge(10))
    assert all_alerts(till) == [90]


def test_thresholds_that_are_left_out_are_gone() -> None:
    till = watched(90)
    till.send(Configure(low_balance_thresholds=[]))
    assert till.send(Charge(95)).alerts == ()


def test_a_threshold_below_zero_warns_within_an_overdraft() -> None:
    till = watched(-5, credits_there=0, overdraft=10)
    assert till.send(Charge(5)).alerts == ()
    assert till.send(Charge(1)).alerts == (-5,)


def test_every_threshold_is_an_event_of_its_own_beside_that_of_the_entry() -> None:
    till = watched(90_000, 70_000, credits_there=95_000)
    entry = till.send(Charge(55_000))
    events = entry_events(entry)
    assert [event.detail_type for event in events[1:]] == [LOW_BALANCE_DETAIL_TYPE] * 2
    assert low_balance_events(entry) == [90, 70]
    assert len({event.detail["event_id"] for event in events}) == 3
    assert events == entry_events(entry)
