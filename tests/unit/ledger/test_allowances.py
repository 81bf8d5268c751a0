"""Allowances: when they refill, by how much, what rolls over, and that late is the same as in time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.errors import TooManyGrants
from shared.ledger.grants import MAX_OPEN_GRANTS
from shared.ledger.operations import Charge, Configure, FundingUpdate, GrantCredits, Refund, ReleaseHold, VoidGrant
from shared.ledger.policies import Interval
from shared.ledger.reducer import as_of
from tests.builders import SECOND_MS, drawn
from tests.ledger_driver import LedgerDriver, ending

DAY_MS = 24 * 3600 * SECOND_MS


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


START_MS = at("2026-01-14T12:00")


def allowance(
    amount: int, interval: Interval = "daily", *, minimum: int = 0, maximum: int = 0, priority: int = 5
) -> dict[str, Any]:
    return {
        "amount": amount,
        "interval": interval,
        "priority": priority,
        "rollover_minimum": minimum,
        "rollover_maximum": maximum,
    }


def allowed(terms: dict[str, Any], zone: str = "UTC", now_ms: int = START_MS) -> LedgerDriver:
    driver = LedgerDriver(now_ms=now_ms)
    driver.send(Configure(allowance=terms, time_zone=zone))
    return driver


def available(driver: LedgerDriver, now_ms: int | None = None) -> int:
    """What a reader sees now; once the record is checked."""
    driver.check()
    return as_of(driver.state(), driver.now_ms if now_ms is None else now_ms).available


def next_at(driver: LedgerDriver) -> int:
    allowance = driver.policy().allowance
    assert allowance is not None
    return allowance.next_at_ms


def test_an_allowance_begins_with_the_entry_that_sets_it() -> None:
    driver = allowed(allowance(100))
    assert [(entry.kind, entry.amount) for entry in driver.entries()] == [("configure", 0), ("allowance", 100)]
    (grant,) = driver.state().grants
    assert (grant.category, grant.priority, grant.expires_at_ms) == ("allowance", 5, at("2026-01-15"))
    assert driver.state().funded == 100


@pytest.mark.parametrize(
    ("interval", "following"),
    [("daily", "2026-01-15"), ("weekly", "2026-01-19"), ("monthly", "2026-02-01")],
)
def test_an_allowance_refills_at_midnight_of_the_next_day_monday_or_first(interval: Interval, following: str) -> None:
    driver = allowed(allowance(100, interval))
    driver.send(Charge(80))
    assert available(driver, at(following) - 1) == 20
    assert available(driver, at(following)) == 100


@pytest.mark.parametrize(
    ("zone", "first", "second"),
    [
        ("Asia/Tokyo", "2026-01-31T15:00", "2026-02-28T15:00"),
        ("Europe/Amsterdam", "2026-01-31T23:00", "2026-02-28T23:00"),
    ],
)
def test_a_monthly_allowance_comes_at_midnight_of_the_account(zone: str, first: str, second: str) -> None:
    driver = allowed(allowance(100, "monthly"), zone)
    for text in (first, second):
        driver.send(Charge(100))
        assert available(driver, at(text) - 1) == 0
        driver.now_ms = at(text)
        assert available(driver) == 100


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-30", 24)])
def test_a_day_on_which_clocks_change_is_one_period(day: str, hours: int) -> None:
    begin_ms = at(day, "Europe/Amsterdam")
    driver = allowed(allowance(100), "Europe/Amsterdam", begin_ms)
    assert next_at(driver) - begin_ms == hours * 3600 * SECOND_MS


def test_a_refill_on_a_day_without_a_midnight_comes_when_the_day_begins() -> None:
    driver = allowed(allowance(100), "Africa/Cairo", at("2026-04-23T12:00", "Africa/Cairo"))
    assert next_at(driver) == at("2026-04-24T01:00", "Africa/Cairo")
    driver.now_ms = next_at(driver)
    driver.send(Charge(1))
    assert next_at(driver) == at("2026-04-25", "Africa/Cairo")


def test_a_monthly_allowance_of_a_leap_year_lasts_through_the_leap_day() -> None:
    driver = allowed(allowance(100, "monthly"), now_ms=at("2028-02-10"))
    driver.send(Charge(100))
    assert available(driver, at("2028-02-29T23:59")) == 0
    assert available(driver, at("2028-03-01")) == 100


@pytest.mark.parametrize(
    ("minimum", "maximum", "spent", "there"),
    [
        (0, 0, 40, 100),
        (0, 50, 0, 150),
        (0, 50, 40, 150),
        (0, 50, 60, 140),
        (0, 50, 100, 100),
        (61, 50, 40, 100),
        (60, 50, 40, 150),
        (0, 1000, 40, 160),
    ],
)
def test_what_is_left_rolls_over_from_its_minimum_on_and_up_to_its_maximum(
    minimum: int, maximum: int, spent: int, there: int
) -> None:
    driver = allowed(allowance(100, minimum=minimum, maximum=maximum))
    driver.send(Charge(spent))
    driver.now_ms = at("2026-01-15")
    assert available(driver) == there


def test_what_rolled_over_rolls_over_no_further_than_its_maximum() -> None:
    driver = allowed(allowance(100, maximum=50))
    assert [available(driver, at(f"2026-01-{day}")) for day in (15, 16, 17)] == [150, 150, 150]


def test_a_lowered_allowance_lowers_the_next_period_and_what_does_not_roll_over_is_gone() -> None:
    driver = allowed(allowance(100))
    driver.send(Configure(allowance=allowance(20)))
    assert driver.state().available == 100
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(0))
    state = driver.state()
    assert (state.available, state.funded, state.expired) == (20, 100, 80)
    assert driver.entries()[-2].amount == -80
    assert driver.entries()[-2].alerts == ()
    driver.check()


def test_a_lowered_rollover_counts_at_the_end_of_the_period_that_runs() -> None:
    driver = allowed(allowance(100, maximum=1000))
    driver.send(Configure(allowance=allowance(100, maximum=30)))
    driver.now_ms = at("2026-01-17")
    driver.send(Charge(0))
    assert (driver.state().available, driver.state().expired) == (130, 0)
    driver.send(GrantCredits(5))
    driver.send(Configure(allowance=allowance(10, maximum=0)))
    driver.now_ms = at("2026-01-20")
    driver.send(Charge(0))
    assert (driver.state().available, driver.state().expired) == (15, 120)
    driver.check()


def test_a_grant_that_looks_like_the_allowance_of_the_period_is_another_and_expires_by_itself() -> None:
    driver = allowed(allowance(100))
    driver.send(GrantCredits(30, "allowance", priority=5, expires_at_ms=at("2026-01-15")))
    assert [(each.id, each.remaining) for each in driver.state().grants] == [("g2", 100), ("g3", 30)]
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(0))
    assert [each.remaining for each in driver.state().grants] == [100]
    assert driver.state().expired == 30
    driver.check()


def test_what_a_hold_returns_to_an_allowance_that_was_spent_joins_no_grant_that_looks_like_it() -> None:
    driver = allowed(allowance(100))
    hold = driver.hold(100)
    driver.send(GrantCredits(30, "allowance", priority=5, expires_at_ms=at("2026-01-15")))
    driver.send(ReleaseHold(hold))
    assert sorted((each.id, each.remaining) for each in driver.state().grants) == [("g2", 100), ("g4", 30)]
    driver.check()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Europe/Amsterdam", "America/New_York"),
        ("Pacific/Auckland", "Pacific/Honolulu"),
        ("Asia/Tokyo", "Asia/Kathmandu"),
        ("America/New_York", "Europe/Amsterdam"),
        ("Pacific/Honolulu", "Pacific/Kiritimati"),
    ],
)
def test_a_month_is_given_once_wherever_the_account_moves(old: str, new: str) -> None:
    driver = allowed(allowance(100, "monthly", maximum=1000), old)
    driver.send(Configure(time_zone=new))
    driver.now_ms = at("2026-02-01", old)
    driver.send(Charge(0))
    driver.now_ms = max(at("2026-02-01", old), at("2026-02-01", new)) + DAY_MS
    driver.send(Charge(0))
    assert driver.state().funded == 200
    assert next_at(driver) == at("2026-03-01", new)
    driver.check()


def test_a_month_is_given_once_where_the_allowance_was_ended_while_the_account_moved() -> None:
    driver = allowed(allowance(100, "monthly", maximum=1000), "Europe/Amsterdam")
    driver.send(Configure(allowance={}))
    driver.send(Configure(time_zone="America/New_York"))
    driver.send(Configure(allowance=allowance(100, "monthly", maximum=1000)))
    driver.now_ms = at("2026-02-01", "Europe/Amsterdam")
    driver.send(Charge(0))
    assert next_at(driver) == at("2026-03-01", "America/New_York")


def test_a_change_takes_effect_with_the_next_refill() -> None:
    driver = allowed(allowance(100, "monthly"))
    driver.send(Configure(allowance=allowance(300, "daily", priority=1)))
    assert available(driver) == 100
    assert next_at(driver) == at("2026-02-01")
    assert available(driver, at("2026-02-01")) == 300
    driver.now_ms = at("2026-02-01")
    driver.send(Charge(0))
    assert next_at(driver) == at("2026-02-02")
    assert driver.state().grants[0].priority == 1


def test_an_allowance_that_is_ended_lets_its_period_run_out_and_gives_nothing_more() -> None:
    driver = allowed(allowance(100))
    driver.send(Configure(allowance={}))
    assert driver.policy().allowance is None
    assert available(driver) == 100
    assert available(driver, at("2026-01-15")) == 0
    assert available(driver, at("2026-02-15")) == 0


def test_an_allowance_ended_and_set_again_in_one_period_gives_that_period_nothing_twice() -> None:
    driver = allowed(allowance(100))
    driver.send(Charge(100))
    for _ in range(3):
        driver.send(Configure(allowance={}))
        driver.send(Configure(allowance=allowance(100)))
    assert available(driver) == 0
    assert available(driver, at("2026-01-15")) == 100
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(30))
    assert available(driver) == 70


def test_what_is_left_rolls_over_also_when_the_allowance_was_ended_and_set_again() -> None:
    driver = allowed(allowance(100, maximum=50))
    driver.send(Configure(allowance={}))
    driver.send(Configure(allowance=allowance(100, maximum=50)))
    assert available(driver, at("2026-01-15")) == 150


def test_an_allowance_ended_long_ago_begins_at_once_when_it_is_set_again() -> None:
    driver = allowed(allowance(100))
    driver.send(Configure(allowance={}))
    driver.now_ms = at("2026-03-10T09:00")
    driver.send(Configure(allowance=allowance(70)))
    assert available(driver) == 70
    assert next_at(driver) == at("2026-03-11")


def test_ending_an_allowance_that_there_is_none_of_changes_nothing() -> None:
    driver = LedgerDriver()
    driver.send(Configure(allowance={}))
    assert driver.policy().allowance is None
    assert available(driver) == 0


def test_an_account_that_slept_for_three_years_has_one_refill() -> None:
    driver = allowed(allowance(100, maximum=50))
    driver.now_ms += 3 * 365 * DAY_MS + 12
    driver.send(Charge(20))
    assert [(entry.kind, entry.amount) for entry in driver.entries()[2:]] == [("allowance", 50), ("charge", -20)]
    assert driver.state().grants[0].expires_at_ms == next_at(driver) == at("2029-01-14")
    driver.check()


def test_a_refill_first_pays_what_the_account_owes() -> None:
    driver = allowed(allowance(100))
    driver.send(Charge(130, "overdraw"))
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(0))
    assert driver.balances() == (70, 0, 130)
    assert driver.state().grants[0].remaining == 70


def test_refills_that_an_overdraft_swallowed_while_nobody_looked_are_not_lost() -> None:
    driver = allowed(allowance(100))
    driver.send(Charge(350, "overdraw"))
    seen = [available(driver, at(f"2026-01-{day}")) for day in (15, 16, 17, 18)]
    assert seen == [-150, -50, 50, 100]
    driver.now_ms = at("2026-01-17")
    driver.send(Charge(0))
    assert driver.balances() == (50, 0, 350)
    assert driver.state().grants[0].remaining == 50


@given(
    spent=st.integers(0, 400),
    minimum=st.sampled_from([0, 1, 30]),
    maximum=st.sampled_from([0, 20, 500]),
    days=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    interval=st.sampled_from(["daily", "weekly"]),
)
def test_refills_that_come_late_come_to_what_they_would_have_been_in_time(
    spent: int, minimum: int, maximum: int, days: list[int], interval: Interval
) -> None:
    late, in_time = (allowed(allowance(100, interval, minimum=minimum, maximum=maximum)) for _ in range(2))
    for driver in (late, in_time):
        driver.send(Charge(spent, "overdraw"))
    for step in days:
        for _ in range(step):
            in_time.now_ms += DAY_MS
            in_time.send(Charge(0))
    late.now_ms = in_time.now_ms
    late.send(Charge(0))
    assert late.balances() == in_time.balances()
    assert [grant.remaining for grant in late.state().grants] == [grant.remaining for grant in in_time.state().grants]
    assert late.state().funded == in_time.state().funded


def test_charges_draw_on_the_allowance_by_its_priority() -> None:
    driver = allowed(allowance(100, priority=5))
    driver.send(GrantCredits(50, priority=1))
    driver.send(GrantCredits(50))
    assert drawn(driver.send(Charge(170))) == {"g3": 50, "g2": 100, "g4": 20}


def test_a_refund_gives_an_allowance_back_only_while_its_period_runs() -> None:
    driver = allowed(allowance(100))
    first, second = driver.send(Charge(60)), driver.send(Charge(10))
    driver.send(Refund(first.key, 20))
    assert available(driver) == 50
    driver.now_ms = at("2026-01-15")
    driver.send(Refund(second.key))
    assert available(driver) == 100
    assert driver.state().expired == 10


def test_an_allowance_that_was_voided_comes_again_with_the_next_refill() -> None:
    driver = allowed(allowance(100))
    driver.send(VoidGrant("g2"))
    assert available(driver) == 0
    assert available(driver, at("2026-01-15")) == 100


def test_an_allowance_is_given_also_where_a_grant_more_would_be_refused() -> None:
    driver = LedgerDriver(now_ms=START_MS)
    for number in range(MAX_OPEN_GRANTS):
        driver.send(GrantCredits(1, priority=number + 10))
    driver.send(Configure(allowance=allowance(100)))
    assert available(driver) == MAX_OPEN_GRANTS + 100
    with pytest.raises(TooManyGrants):
        driver.send(GrantCredits(1, priority=50))
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(0))
    assert len(driver.state().grants) == MAX_OPEN_GRANTS + 1
    driver.check()


def test_a_refill_goes_before_what_expires_and_each_has_its_entry() -> None:
    driver = allowed(allowance(100))
    driver.send(GrantCredits(10, "promotional", expires_at_ms=at("2026-01-15")))
    driver.send(Charge(30))
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(1))
    assert [(entry.kind, entry.amount) for entry in driver.entries()[-3:]] == [
        ("allowance", 30),
        ("expire", -10),
        ("charge", -1),
    ]
    driver.check()


def test_a_refill_is_written_by_the_ledger_under_a_key_that_no_caller_can_make() -> None:
    driver = allowed(allowance(100))
    entry = driver.entries()[-1]
    assert (entry.key, entry.by, entry.parameters["expires_at_ms"]) == ("~allowance-2", "millicent", at("2026-01-15"))


def test_a_refill_is_a_funding_in_the_funded_total() -> None:
    driver = allowed(allowance(100))
    assert ending(driver.send(FundingUpdate(0, 50))) == ("refused", "funding_conflict")
    assert ending(driver.send(FundingUpdate(100, 150))) == ("applied", None)


def test_a_time_zone_that_changes_lets_the_period_end_where_it_would_have() -> None:
    driver = allowed(allowance(100), "Asia/Tokyo")
    driver.send(Configure(time_zone="UTC"))
    assert next_at(driver) == at("2026-01-15", "Asia/Tokyo")
    driver.now_ms = next_at(driver)
    driver.send(Charge(0))
    # The day that has begun in Tokyo is the fifteenth, which was not given yet; by UTC it has hardly begun.
    assert next_at(driver) == at("2026-01-16")


def test_a_clock_that_is_behind_refills_nothing_early_and_nothing_twice() -> None:
    driver = allowed(allowance(100))
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(100))
    driver.now_ms -= 1
    assert ending(driver.send(Charge(1))) == ("refused", "insufficient_credits")
    driver.now_ms += 1
    assert available(driver) == 0


def test_a_day_that_was_given_is_not_given_again_to_an_allowance_that_is_set_anew_further_west() -> None:
    driver = allowed(allowance(100), "Asia/Tokyo")
    driver.send(Configure(allowance={}))
    driver.send(Configure(time_zone="America/New_York"))
    driver.now_ms = at("2026-01-15", "Asia/Tokyo")
    driver.send(Configure(allowance=allowance(100)))
    assert next_at(driver) == at("2026-01-16", "America/New_York")
    driver.check()
