"""Spending limits: what they count, when they start again, what they refuse and what they say then."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.ledger.accounts import Account
from shared.ledger.calendar import Periods, zone_of
from shared.ledger.canonical import canonical_json
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    GrantCredits,
    PlaceHold,
    Refund,
    ReleaseHold,
)
from shared.ledger.policies import limit_values, policy_from, policy_values
from shared.usecases.present_state import present_state
from tests.builders import ALICE, NOW_MS, SECOND_MS
from tests.ledger_driver import TTL_MS, LedgerDriver, ending

HOUR_MS = 3600 * SECOND_MS
DAY_MS = 24 * HOUR_MS


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1000


NOON_MS = at("2026-01-14T12:00")
ALLOWED = {"amount": 10, "interval": "daily", "priority": 5, "rollover_minimum": 0, "rollover_maximum": 0}


def limit(
    amount: int,
    window: str | None = "day",
    *,
    app: str | None = None,
    meter: str | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    return {"amount": amount, "window": window, "app": app, "meter": meter} | ({"model": model} if model else {})


def limited(
    *limits: dict[str, Any], zone: str = "UTC", now_ms: int = NOON_MS, credits_there: int = 1000
) -> LedgerDriver:
    driver = LedgerDriver(now_ms=now_ms)
    driver.send(GrantCredits(credits_there))
    driver.send(Configure(limits=list(limits), time_zone=zone))
    return driver


def used(driver: LedgerDriver) -> list[int]:
    driver.check()
    return [each.used for each in driver.policy().limits_at(Periods(driver.now_ms, driver.policy().time_zone))]


def test_a_charge_up_to_the_limit_is_taken_and_one_more_is_refused_with_the_limit_and_its_reset() -> None:
    driver = limited(limit(50, app="chat"))
    assert ending(driver.send(Charge(50), app="chat")) == ("applied", None)
    refused = driver.send(Charge(1), app="chat")
    assert ending(refused) == ("refused", "limit_exceeded")
    assert refused.shortfall == 1
    assert refused.limit == limit(50, app="chat") | {"used": 50, "resets_at_ms": at("2026-01-15")}
    assert driver.balances() == (950, 0, 50)


def test_a_limit_counts_its_app_and_its_meter_alone() -> None:
    driver = limited(limit(10, app="chat"), limit(20, meter="llm"), limit(5, app="mail", meter="llm"))
    driver.send(Charge(7), app="chat", meter="llm")
    driver.send(Charge(2), app="mail", meter="llm")
    driver.send(Charge(100), app="mail")
    assert used(driver) == [7, 9, 2]
    assert ending(driver.send(Charge(4), app="mail", meter="llm")) == ("refused", "limit_exceeded")
    assert ending(driver.send(Charge(4), app="chat", meter="sms")) == ("refused", "limit_exceeded")
    assert ending(driver.send(Charge(3), app="chat", meter="sms")) == ("applied", None)


def test_the_tightest_of_balance_and_limits_is_the_one_that_refuses() -> None:
    driver = limited(limit(50), limit(40, "hour"), credits_there=30)
    assert driver.send(Charge(31)).reason == "insufficient_credits"
    driver.send(GrantCredits(15))
    refused = driver.send(Charge(46))
    assert (refused.reason, refused.limit and refused.limit["window"]) == ("limit_exceeded", "hour")


def test_of_a_balance_and_a_limit_that_leave_the_same_the_balance_refuses() -> None:
    driver = limited(limit(30), credits_there=30)
    assert ending(driver.send(Charge(31))) == ("refused", "insufficient_credits")


def test_a_partial_charge_takes_what_the_limit_leaves() -> None:
    driver = limited(limit(50))
    driver.send(Charge(45))
    entry = driver.send(Charge(9, "partial"))
    assert (entry.outcome, entry.amount, entry.shortfall) == ("partial", -5, 4)
    assert driver.send(Charge(9, "partial")).amount == 0


def test_a_hold_of_what_is_there_takes_what_the_limit_leaves() -> None:
    driver = limited(limit(50))
    entry = driver.send(PlaceHold(80, TTL_MS, 50))
    assert (entry.outcome, entry.amount) == ("partial", -50)
    assert ending(driver.send(PlaceHold(80, TTL_MS, 1))) == ("refused", "limit_exceeded")


def test_an_overdrawing_charge_goes_over_a_limit_and_is_counted() -> None:
    driver = limited(limit(50))
    driver.send(Charge(60, "overdraw"))
    refused = driver.send(Charge(1))
    assert used(driver) == [60]
    assert (refused.reason, refused.shortfall) == ("limit_exceeded", 11)
    assert driver.send(Charge(5, "partial")).amount == 0


@pytest.mark.parametrize(
    ("window", "next_ms"),
    [
        ("hour", at("2026-01-14T13:00")),
        ("day", at("2026-01-15")),
        ("week", at("2026-01-19")),
        ("month", at("2026-02-01")),
        ("PT5H", NOON_MS + 5 * HOUR_MS),
    ],
)
def test_a_window_starts_again_at_its_instant_and_not_before(window: str, next_ms: int) -> None:
    driver = limited(limit(50, window))
    driver.send(Charge(50))
    driver.now_ms = next_ms - 1
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms = next_ms
    assert ending(driver.send(Charge(50))) == ("applied", None)
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")


def test_a_limit_without_a_window_never_starts_again() -> None:
    driver = limited(limit(50, None))
    driver.send(Charge(50))
    driver.now_ms += 3 * 365 * DAY_MS
    refused = driver.send(Charge(1))
    assert refused.reason == "limit_exceeded"
    assert refused.limit is not None
    assert refused.limit["resets_at_ms"] is None


@pytest.mark.parametrize(
    ("zone", "last_ms"),
    [
        ("Asia/Tokyo", at("2026-01-14T14:59:59.999")),
        ("Europe/Amsterdam", at("2026-01-14T22:59:59.999")),
    ],
)
def test_days_are_those_of_the_account(zone: str, last_ms: int) -> None:
    driver = limited(limit(50), zone=zone)
    driver.send(Charge(50))
    driver.now_ms = last_ms + 999
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms = last_ms + 1000
    assert ending(driver.send(Charge(1))) == ("applied", None)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_on_which_clocks_change_is_one_window(day: str, hours: int) -> None:
    begin_ms = at(day, "Europe/Amsterdam")
    driver = limited(limit(50), zone="Europe/Amsterdam", now_ms=begin_ms)
    driver.send(Charge(50))
    driver.now_ms = begin_ms + hours * HOUR_MS - 1
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms += 1
    assert ending(driver.send(Charge(50))) == ("applied", None)


def test_an_hour_is_enforced_also_while_clocks_go_back_by_half_an_hour() -> None:
    driver = limited(
        limit(50, "hour"), zone="Australia/Lord_Howe", now_ms=at("2026-04-05T01:45", "Australia/Lord_Howe", 1)
    )
    driver.send(Charge(50))
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")


def test_a_clock_that_is_behind_counts_as_in_time() -> None:
    driver = limited(limit(50), now_ms=at("2026-01-14T00:00"))
    driver.send(Charge(20))
    driver.now_ms -= 10 * 60 * SECOND_MS
    driver.send(Charge(30))
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms += 10 * 60 * SECOND_MS
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    assert used(driver) == [50]


def test_a_clock_that_is_behind_spends_in_the_window_that_another_clock_has_begun() -> None:
    driver = limited(limit(50))
    driver.send(Charge(50))
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(50))
    driver.now_ms -= 1
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")


def test_what_was_spent_by_a_clock_that_is_behind_is_given_back_to_the_window_that_counted_it() -> None:
    driver = limited(limit(50), now_ms=at("2026-01-14T00:00"))
    driver.now_ms -= 1
    charged = driver.send(Charge(50))
    driver.now_ms += 1
    driver.send(Refund(charged.key, 20))
    assert used(driver) == [30]


def test_what_was_spent_before_a_limit_was_set_is_not_given_back_to_it() -> None:
    driver = LedgerDriver(now_ms=NOON_MS)
    driver.send(GrantCredits(1000))
    charged, hold = driver.send(Charge(40)), driver.hold(30)
    driver.send(Configure(limits=[limit(50)]))
    driver.send(Charge(10))
    driver.send(Refund(charged.key))
    driver.send(ReleaseHold(hold))
    assert used(driver) == [10]


def test_a_hold_counts_when_it_is_placed_and_is_given_back_when_it_is_released() -> None:
    driver = limited(limit(50))
    hold = driver.hold(40)
    assert used(driver) == [40]
    assert ending(driver.send(Charge(11))) == ("refused", "limit_exceeded")
    driver.send(ReleaseHold(hold))
    assert used(driver) == [0]


def test_what_is_captured_of_a_hold_counts_and_the_rest_is_given_back() -> None:
    driver = limited(limit(50))
    driver.send(CaptureHold(driver.hold(40), 15))
    assert used(driver) == [15]


def test_a_capture_above_the_hold_needs_room_for_the_excess_alone() -> None:
    driver = limited(limit(50))
    hold = driver.hold(40)
    assert ending(driver.send(CaptureHold(hold, 51, "charge"))) == ("refused", "limit_exceeded")
    driver.send(CaptureHold(hold, 50, "charge"))
    assert used(driver) == [50]


def test_a_hold_that_expired_makes_room_for_who_needs_it() -> None:
    driver = limited(limit(50))
    driver.hold(40)
    driver.now_ms += TTL_MS
    assert ending(driver.send(Charge(50))) == ("applied", None)
    assert used(driver) == [50]


def test_a_reader_sees_the_room_that_an_expired_hold_leaves() -> None:
    driver = limited(limit(50))
    driver.hold(40)
    seen = present_state(ALICE, driver.ledger, driver.now_ms + TTL_MS)
    assert seen is not None
    assert seen.policy is not None
    assert [each.used for each in seen.policy.limits] == [0]


def test_a_hold_that_ends_in_another_window_gives_back_nothing_to_that_one() -> None:
    driver = limited(limit(50), now_ms=at("2026-01-14T23:59"))
    hold, other = driver.hold(40), driver.hold(10)
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(5))
    driver.send(ReleaseHold(hold))
    assert used(driver) == [5]
    driver.send(CaptureHold(other, 10))
    assert used(driver) == [15]


def test_a_capture_within_its_hold_goes_on_and_counts_where_it_is_made() -> None:
    driver = limited(limit(50), now_ms=at("2026-01-14T23:59"))
    hold = driver.hold(40)
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(50))
    assert ending(driver.send(CaptureHold(hold))) == ("applied", None)
    assert used(driver) == [90]


def test_a_refund_is_given_back_to_the_window_of_its_charge_and_to_no_other() -> None:
    driver = limited(limit(50), limit(500, "month"))
    charged = driver.send(Charge(40), app="chat")
    driver.send(Refund(charged.key, 10))
    assert used(driver) == [30, 30]
    driver.now_ms += DAY_MS
    driver.send(Charge(20))
    driver.send(Refund(charged.key))
    assert used(driver) == [20, 20]


def test_a_refund_goes_to_the_app_that_spent_whatever_the_refund_says() -> None:
    driver = limited(limit(50, app="chat"), limit(50, app="mail"))
    charged = driver.send(Charge(40), app="chat")
    driver.send(Charge(30), app="mail")
    driver.send(Refund(charged.key), app="mail")
    assert used(driver) == [0, 30]


def test_a_capture_and_its_refund_count_for_the_app_that_placed_the_hold() -> None:
    driver = limited(limit(50, app="chat"), limit(50, app="mail"))
    driver.send(Charge(30), app="mail")
    captured = driver.send(CaptureHold(driver.hold(40, app="chat"), 25), app="mail")
    assert used(driver) == [25, 30]
    driver.send(Refund(captured.key))
    assert used(driver) == [0, 30]


def test_an_extension_leaves_a_hold_in_the_window_that_it_was_placed_in() -> None:
    driver = limited(limit(50))
    hold = driver.hold(40)
    driver.send(ExtendHold(hold, 2 * TTL_MS))
    driver.send(ReleaseHold(hold))
    assert used(driver) == [0]


def test_a_limit_that_is_set_again_goes_on_counting_with_its_new_amount() -> None:
    driver = limited(limit(50))
    driver.send(Charge(30))
    driver.send(Configure(limits=[limit(40), limit(10, "hour")]))
    assert used(driver) == [30, 0]
    refused = driver.send(Charge(10))
    assert ending(refused) == ("applied", None)
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")


def test_a_limit_lowered_below_what_was_spent_refuses_until_its_window_is_over() -> None:
    driver = limited(limit(50))
    driver.send(Charge(30))
    driver.send(Configure(limits=[limit(10)]))
    refused = driver.send(Charge(1))
    assert (refused.reason, refused.shortfall) == ("limit_exceeded", 21)
    driver.now_ms += DAY_MS
    assert ending(driver.send(Charge(10))) == ("applied", None)


def test_limits_that_are_left_out_are_gone() -> None:
    driver = limited(limit(50), limit(10, app="chat"))
    driver.send(Configure(limits=[]))
    assert driver.policy().limits == ()
    assert ending(driver.send(Charge(500), app="chat")) == ("applied", None)


def test_another_time_zone_lets_the_running_window_end_where_it_would_have() -> None:
    driver = limited(limit(50))
    driver.send(Charge(50))
    driver.send(Configure(time_zone="Asia/Tokyo"))
    driver.now_ms = at("2026-01-15", "Asia/Tokyo")
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms = at("2026-01-15")
    driver.send(Charge(1))
    assert driver.policy().limits[0].resets_at_ms == at("2026-01-16", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("old", "new"), [("Europe/Amsterdam", "America/New_York"), ("Pacific/Auckland", "Pacific/Honolulu")]
)
def test_a_zone_that_moves_west_gives_no_second_window_of_the_same_day(old: str, new: str) -> None:
    driver = limited(limit(50))
    driver.send(Configure(time_zone=old))
    driver.now_ms = at("2026-01-20", old)
    driver.send(Charge(50))
    driver.send(Configure(time_zone=new))
    driver.now_ms = at("2026-01-21", old)
    driver.send(Charge(50))
    assert driver.policy().limits[0].resets_at_ms == at("2026-01-22", new)
    driver.now_ms = at("2026-01-21T23:00", new)
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.check()


def test_a_window_that_is_over_when_the_zone_moves_is_closed_in_the_old_zone() -> None:
    driver = limited(limit(50))
    driver.send(Configure(time_zone="Europe/Amsterdam"))
    driver.now_ms = at("2026-01-20", "Europe/Amsterdam")
    driver.send(Charge(50))
    driver.now_ms = at("2026-01-22T01:00", "Europe/Amsterdam")
    driver.send(Configure(time_zone="America/New_York"))
    assert driver.policy().limits[0].resets_at_ms == at("2026-01-23", "Europe/Amsterdam")


def test_what_is_refused_is_not_counted() -> None:
    driver = limited(limit(50), credits_there=10)
    driver.send(Charge(11))
    driver.send(PlaceHold(60, TTL_MS))
    assert used(driver) == [0]


def test_a_limit_says_of_itself_what_concerns_whom_it_refuses() -> None:
    driver = limited(limit(50, meter="llm"))
    (only,) = driver.policy().limits
    assert limit_values(only) == limit(50, meter="llm") | {"used": 0, "resets_at_ms": at("2026-01-15")}


def test_an_account_that_moved_on_for_years_counts_from_the_day_it_is_used_again() -> None:
    driver = limited(limit(50), now_ms=NOW_MS)
    driver.send(Charge(50))
    driver.now_ms += 5 * 365 * DAY_MS
    assert used(driver) == [0]
    driver.send(Charge(50))
    assert used(driver) == [50]


def test_an_entry_says_when_the_windows_end_that_begin_with_it() -> None:
    driver = limited(limit(50), limit(80, "month"))
    assert driver.entries()[-1].window_ends == {"day": at("2026-01-15"), "month": at("2026-02-01")}
    assert driver.send(Charge(1)).window_ends is None
    driver.now_ms = at("2026-01-15")
    assert driver.send(Charge(1)).window_ends == {f"day@{at('2026-01-15')}": at("2026-01-16")}


def test_a_refusal_says_when_the_window_ends_that_it_speaks_of() -> None:
    driver = limited(limit(50))
    driver.now_ms = at("2026-01-15")
    refused = driver.send(Charge(51))
    assert refused.window_ends == {f"day@{at('2026-01-15')}": at("2026-01-16")}
    assert refused.limit is not None
    assert refused.limit["resets_at_ms"] == at("2026-01-16")


def eventful(driver: LedgerDriver) -> None:
    """An account in which every kind of entry asks the calendar."""
    driver.send(Configure(time_zone="Europe/Amsterdam", limits=[limit(50), limit(60, "hour"), limit(200, "month")]))
    driver.send(Configure(allowance=ALLOWED))
    for day in ("2026-01-20", "2026-02-11", "2026-03-29"):
        driver.now_ms = at(f"{day}T12:30")
        charge = driver.send(Charge(30))
        driver.hold(10, ttl_ms=DAY_MS)
        released = driver.hold(5)
        captured = driver.hold(5)
        driver.send(Charge(51))
        driver.now_ms += DAY_MS // 2
        driver.send(ReleaseHold(released))
        driver.send(CaptureHold(captured))
        driver.send(Refund(charge.key, 3))
        driver.send(Configure(time_zone="America/New_York" if day < "2026-02" else "Europe/Amsterdam"))


def test_new_rules_for_a_zone_make_no_findings_of_an_honest_record(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = limited()
    eventful(driver)
    monkeypatch.setattr("shared.ledger.calendar._zone_or_utc", lambda _: timezone(timedelta(hours=3, minutes=17)))
    driver.check()


def test_an_account_whose_zone_is_not_known_any_more_works_and_verifies_and_can_be_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = limited()
    eventful(driver)
    monkeypatch.setattr("shared.ledger.calendar.zone_names", lambda: frozenset({"Asia/Tokyo"}))
    zone_of.cache_clear()
    driver.now_ms += 3 * DAY_MS
    assert driver.send(Charge(1)).outcome == "applied"
    assert driver.send(Configure(time_zone="Asia/Tokyo")).outcome == "applied"
    assert driver.policy().time_zone == "Asia/Tokyo"
    driver.check()
    zone_of.cache_clear()


def test_a_hold_that_is_over_is_given_back_to_the_window_in_which_it_was_over() -> None:
    driver = limited(limit(50))
    driver.hold(10, ttl_ms=HOUR_MS)
    driver.now_ms = at("2026-01-15T12:00")
    driver.send(Charge(1))
    expired, charged = driver.entries()[-2:]
    assert (expired.kind, expired.window_ends) == ("expire", None)
    assert charged.window_ends == {f"day@{at('2026-01-15')}": at("2026-01-16")}


def test_a_limit_counts_its_model_alone() -> None:
    driver = limited(limit(10, model="gpt-4o"), limit(100))
    driver.send(Charge(7), meter="llm", model="gpt-4o")
    driver.send(Charge(50), meter="llm", model="o3")
    driver.send(Charge(20), meter="llm")
    assert used(driver) == [7, 77]
    refused = driver.send(Charge(4), meter="llm", model="gpt-4o")
    assert ending(refused) == ("refused", "limit_exceeded")
    assert refused.limit == limit(10, model="gpt-4o") | {"used": 7, "resets_at_ms": at("2026-01-15")}
    assert ending(driver.send(Charge(4), meter="llm", model="o3")) == ("applied", None)


def test_a_refusal_by_a_limit_without_a_model_names_none() -> None:
    refused = limited(limit(10)).send(Charge(11), model="gpt-4o")
    assert refused.limit is not None
    assert "model" not in refused.limit


def test_limits_of_two_models_are_two_limits_and_one_that_is_set_again_keeps_its_count() -> None:
    driver = limited(limit(10, model="gpt-4o"), limit(20, model="o3"))
    driver.send(Charge(7), model="gpt-4o")
    driver.send(Charge(9), model="o3")
    driver.send(Configure(limits=[limit(30, model="o3"), limit(30)]))
    assert used(driver) == [9, 0]


def test_a_hold_counts_for_its_model_until_it_ends_and_its_capture_after_that() -> None:
    driver = limited(limit(100, model="gpt-4o"))
    driver.send(PlaceHold(80, TTL_MS), model="gpt-4o")
    assert used(driver) == [80]
    driver.send(CaptureHold("h3", 30), model="gpt-4o")
    assert used(driver) == [30]
    driver.send(PlaceHold(70, TTL_MS), model="gpt-4o")
    driver.send(ReleaseHold("h5"))
    assert used(driver) == [30]
    driver.send(PlaceHold(70, TTL_MS), model="gpt-4o")
    driver.now_ms += TTL_MS
    driver.send(Charge(1))
    assert used(driver) == [30]


def test_a_refund_gives_back_to_the_model_of_its_charge() -> None:
    driver = limited(limit(100, model="gpt-4o"), limit(100, model="o3"))
    charged = driver.send(Charge(60), model="gpt-4o")
    driver.send(Charge(50), model="o3")
    refund = driver.send(Refund(charged.key, 20))
    assert used(driver) == [40, 50]
    assert refund.origin == {"app": None, "meter": None, "model": "gpt-4o"}


def test_a_capture_counts_for_the_model_of_its_hold_and_is_refunded_there() -> None:
    driver = limited(limit(100, model="gpt-4o"), limit(100, model="o3"))
    hold = driver.send(PlaceHold(60, TTL_MS), model="gpt-4o")
    captured = driver.send(CaptureHold(f"h{hold.seq}", 50), model="o3")
    assert used(driver) == [50, 0]
    driver.send(Refund(captured.key, 20))
    assert used(driver) == [30, 0]


def test_a_capture_of_a_hold_that_named_no_model_counts_for_its_own_and_is_refunded_there() -> None:
    driver = limited(limit(100, model="gpt-4o"))
    hold = driver.send(PlaceHold(60, TTL_MS))
    assert used(driver) == [0]
    captured = driver.send(CaptureHold(f"h{hold.seq}", 50), model="gpt-4o")
    assert used(driver) == [50]
    driver.send(Refund(captured.key, 20))
    assert used(driver) == [30]


def test_a_hold_that_named_no_model_is_captured_within_its_amount_whatever_limits_its_model() -> None:
    driver = limited(limit(10, model="gpt-4o"))
    hold = driver.send(PlaceHold(60, TTL_MS))
    assert ending(driver.send(CaptureHold(f"h{hold.seq}", 50), model="gpt-4o")) == ("applied", None)
    assert used(driver) == [50]
    assert ending(driver.send(Charge(1), model="gpt-4o")) == ("refused", "limit_exceeded")


def test_a_capture_beyond_a_hold_that_named_no_model_finds_no_headroom_that_the_hold_never_took() -> None:
    driver = limited(limit(100, model="gpt-4o"))
    hold = driver.send(PlaceHold(60, TTL_MS))
    driver.send(Charge(90), model="gpt-4o")
    refused = driver.send(CaptureHold(f"h{hold.seq}", 65, "charge"), model="gpt-4o")
    assert ending(refused) == ("refused", "limit_exceeded")
    assert ending(driver.send(CaptureHold(f"h{hold.seq}", 65, "charge"), model="o3")) == ("applied", None)


def test_a_parent_limits_the_model_that_its_member_spends_on() -> None:
    team = Account("main", "team:a")
    driver = limited()
    driver.send(GrantCredits(1000), team)
    driver.send(Configure(limits=[limit(50, model="gpt-4o"), limit(30, "PT5H", model="o3")]), team)
    driver.send(Configure(parent=team.actor))
    refused = driver.send(Charge(51), model="gpt-4o")
    assert refused.reason == "limit_exceeded"
    assert refused.limit == limit(50, model="gpt-4o") | {
        "used": 0,
        "resets_at_ms": at("2026-01-15"),
        "account": team.actor,
    }
    charged = driver.send(Charge(40), model="gpt-4o")
    hold = driver.send(PlaceHold(30, TTL_MS), model="o3")
    assert [each.used for each in driver.policy(team).limits] == [40, 30]
    assert driver.entries(team)[-1].model == "o3"
    driver.send(Refund(charged.key, 15))
    driver.send(CaptureHold(f"h{hold.seq}", 10))
    assert [each.used for each in driver.policy(team).limits] == [25, 10]
    driver.check()


def test_a_week_begins_on_monday_in_the_zone_of_the_account() -> None:
    driver = limited(limit(50, "week"), zone="Asia/Tokyo", now_ms=at("2026-01-18T14:59"))
    driver.send(Charge(50))
    driver.now_ms = at("2026-01-18T15:00") - 1
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms += 1
    assert ending(driver.send(Charge(50))) == ("applied", None)


def test_in_a_rolling_window_each_amount_leaves_by_itself() -> None:
    driver = limited(limit(50, "PT5H"))
    driver.send(Charge(30))
    driver.now_ms += HOUR_MS
    driver.send(Charge(20))
    refused = driver.send(Charge(1))
    assert refused.limit == limit(50, "PT5H") | {"used": 50, "resets_at_ms": NOON_MS + 5 * HOUR_MS}
    driver.now_ms = NOON_MS + 5 * HOUR_MS - 1
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms += 1
    assert used(driver) == [20]
    assert ending(driver.send(Charge(31))) == ("refused", "limit_exceeded")
    assert ending(driver.send(Charge(30))) == ("applied", None)
    driver.now_ms = NOON_MS + 6 * HOUR_MS
    assert used(driver) == [30]


def test_a_rolling_window_takes_back_what_it_still_counts_and_no_more() -> None:
    driver = limited(limit(50, "PT5H"))
    first = driver.send(Charge(30))
    driver.now_ms += HOUR_MS
    second = driver.send(Charge(20))
    driver.send(Refund(first.key, 10))
    assert used(driver) == [40]
    driver.now_ms = NOON_MS + 5 * HOUR_MS
    driver.send(Refund(first.key, 20))
    assert used(driver) == [20]
    driver.send(Refund(second.key))
    assert used(driver) == [0]


def test_a_hold_leaves_a_rolling_window_when_it_ends_or_when_its_time_is_over() -> None:
    driver = limited(limit(50, "PT5H"))
    hold = driver.send(PlaceHold(40, 6 * HOUR_MS))
    driver.now_ms += HOUR_MS
    assert ending(driver.send(CaptureHold(f"h{hold.seq}", 51, "charge"))) == ("refused", "limit_exceeded")
    driver.now_ms = NOON_MS + 5 * HOUR_MS
    driver.send(Charge(5))
    assert used(driver) == [5]
    assert ending(driver.send(CaptureHold(f"h{hold.seq}", 46, "charge"))) == ("refused", "limit_exceeded")
    driver.send(CaptureHold(f"h{hold.seq}", 45, "charge"))
    assert used(driver) == [50]


def test_a_clock_that_is_behind_counts_in_a_rolling_window_as_the_one_before_it() -> None:
    driver = limited(limit(50, "PT5H"))
    driver.send(Charge(30))
    driver.now_ms -= HOUR_MS
    driver.send(Charge(20))
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms = NOON_MS + 5 * HOUR_MS - 1
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms += 1
    assert used(driver) == [0]


def test_a_rolling_window_is_the_same_in_every_zone() -> None:
    driver = limited(limit(50, "P1D"), zone="Europe/Amsterdam", now_ms=at("2026-03-28T12:00"))
    driver.send(Charge(50))
    driver.send(Configure(time_zone="America/New_York"))
    driver.now_ms += 24 * HOUR_MS - 1
    assert ending(driver.send(Charge(1))) == ("refused", "limit_exceeded")
    driver.now_ms += 1
    assert ending(driver.send(Charge(50))) == ("applied", None)


def test_a_policy_is_stored_with_its_models_and_parts_and_without_those_that_it_has_not() -> None:
    driver = limited(limit(50, "PT5H", model="o3"), limit(60))
    driver.send(Charge(20), model="o3")
    stored = canonical_json(policy_values(driver.policy()))
    assert policy_from(json.loads(stored)) == driver.policy()
    rolling, plain = json.loads(stored)["limits"]
    assert (rolling["model"], rolling["parts"]) == ("o3", [[NOON_MS, 3, 20]])
    assert plain.keys().isdisjoint({"model", "parts"})
