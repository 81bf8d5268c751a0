from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import pytest

from shared.ledger.calendar import Period, period_around, zone_names, zone_of

HOUR_MS = 3_600_000


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(moment.timestamp()) * 1000


def hours(period: tuple[int, int]) -> float:
    begin_ms, end_ms = period
    return (end_ms - begin_ms) / HOUR_MS


@pytest.mark.parametrize(
    ("period", "begins", "ends"),
    [
        ("hour", "2026-01-14T10:00", "2026-01-14T11:00"),
        ("day", "2026-01-14T00:00", "2026-01-15T00:00"),
        ("week", "2026-01-12T00:00", "2026-01-19T00:00"),
        ("month", "2026-01-01T00:00", "2026-02-01T00:00"),
    ],
)
def test_a_period_is_that_of_the_clock_on_the_wall(period: Period, begins: str, ends: str) -> None:
    for zone in ("UTC", "Asia/Tokyo", "Asia/Kathmandu", "America/St_Johns"):
        assert period_around(period, at("2026-01-14T10:59", zone), zone) == (at(begins, zone), at(ends, zone))


@pytest.mark.parametrize("period", ["hour", "day", "week", "month"])
def test_the_first_instant_belongs_to_a_period_and_its_last_is_the_first_of_the_next(period: Period) -> None:
    begin_ms, end_ms = period_around(period, at("2026-06-17T12:34:56"), "UTC")
    assert period_around(period, begin_ms, "UTC") == (begin_ms, end_ms)
    assert period_around(period, end_ms - 1, "UTC") == (begin_ms, end_ms)
    assert period_around(period, end_ms, "UTC")[0] == end_ms


def test_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    amsterdam = "Europe/Amsterdam"
    assert hours(period_around("day", at("2026-03-29T12:00", amsterdam), amsterdam)) == 23
    assert hours(period_around("day", at("2026-10-25T12:00", amsterdam), amsterdam)) == 25
    assert hours(period_around("week", at("2026-03-29T12:00", amsterdam), amsterdam)) == 7 * 24 - 1
    assert hours(period_around("day", at("2026-03-29T12:00", "Asia/Tokyo"), "Asia/Tokyo")) == 24


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    amsterdam = "Europe/Amsterdam"
    first = period_around("hour", at("2026-10-25T02:30", amsterdam), amsterdam)
    second = period_around("hour", at("2026-10-25T02:30", amsterdam, fold=1), amsterdam)
    assert first[1] == second[0]
    assert hours(first) == hours(second) == 1


def test_an_hour_holds_its_instants_also_where_clocks_move_by_half_an_hour() -> None:
    # At 02:00 the clocks of Lord Howe go back to 01:30, so a quarter to two comes twice.
    lord_howe = "Australia/Lord_Howe"
    for fold in (0, 1):
        at_ms = at("2026-04-05T01:45", lord_howe, fold)
        begin_ms, end_ms = period_around("hour", at_ms, lord_howe)
        assert begin_ms <= at_ms < end_ms
        assert end_ms - begin_ms == HOUR_MS
    assert hours(period_around("day", at("2026-04-05T12:00", lord_howe), lord_howe)) == 24.5


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Africa/Cairo", "2026-04-24", "01:00"),
        ("America/Santiago", "2026-09-06", "01:00"),
        ("America/Havana", "2026-03-08", "01:00"),
    ],
)
def test_a_day_without_a_midnight_begins_when_its_first_hour_does(zone: str, day: str, first: str) -> None:
    begin_ms, end_ms = period_around("day", at(f"{day}T12:00", zone), zone)
    assert begin_ms == at(f"{day}T{first}", zone)
    assert hours((begin_ms, end_ms)) == 23
    assert period_around("day", begin_ms - 1, zone)[1] == begin_ms


def test_a_day_with_two_midnights_begins_at_the_first() -> None:
    begin_ms, end_ms = period_around("day", at("2024-11-03T12:00", "America/Havana"), "America/Havana")
    assert begin_ms == at("2024-11-03T00:00", "America/Havana", fold=0)
    assert hours((begin_ms, end_ms)) == 25


def test_a_day_that_a_country_skipped_is_part_of_none() -> None:
    before = period_around("day", at("2011-12-29T12:00", "Pacific/Apia"), "Pacific/Apia")
    after = period_around("day", at("2011-12-31T12:00", "Pacific/Apia"), "Pacific/Apia")
    assert before[1] == after[0]


def test_february_has_its_leap_day() -> None:
    assert hours(period_around("month", at("2028-02-29T23:59"), "UTC")) == 29 * 24
    assert period_around("month", at("2028-02-29T23:59"), "UTC")[1] == at("2028-03-01T00:00")


def test_december_is_followed_by_january() -> None:
    assert period_around("month", at("2026-12-31T23:59"), "UTC") == (at("2026-12-01"), at("2027-01-01"))


@pytest.mark.parametrize("period", ["hour", "day", "week", "month"])
def test_in_every_zone_of_the_world_an_instant_lies_in_its_period_and_periods_follow_each_other(period: Period) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    instants = [int((start + timedelta(hours=n)).timestamp()) * 1000 for n in range(0, 24 * 366, 101)]
    for zone in sorted(zone_names()):
        for at_ms in [*instants, *_around_changes(zone)]:
            begin_ms, end_ms = period_around(period, at_ms, zone)
            assert begin_ms <= at_ms < end_ms, zone
            assert end_ms < period_around(period, end_ms, zone)[1], zone


def _around_changes(zone: str) -> list[int]:
    """Half-hours of the days of 2026 on which the zone's clocks change."""
    start, zone_info = datetime(2026, 1, 1, tzinfo=UTC), zone_of(zone)
    days = [start + timedelta(days=n) for n in range(366)]
    changing = [day for day in days if _offset(day, zone_info) != _offset(day + timedelta(days=1), zone_info)]
    return [int((day + timedelta(minutes=30 * n)).timestamp()) * 1000 for day in changing for n in range(48)]


def _offset(moment: datetime, zone: object) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/localtime", "Europe/Amsterdam\0"]
)
def test_a_name_that_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        zone_of(name)


@pytest.mark.parametrize("name", ["localtime", "right/UTC", "posix/UTC", "posixrules", "Factory"])
def test_what_only_a_machine_calls_a_zone_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        zone_of(name)


def test_zones_come_from_the_pinned_package_whatever_the_machine_has(tmp_path: Path) -> None:
    reset_tzpath([tmp_path])
    try:
        zone_of.cache_clear()
        assert period_around("day", at("2026-01-14T12:00"), "Asia/Tokyo")[0] == at("2026-01-13T15:00")
    finally:
        reset_tzpath()


def test_a_zone_that_is_not_known_counts_as_utc() -> None:
    assert period_around("day", at("2026-01-14T12:00"), "Mars/Olympus") == (at("2026-01-14"), at("2026-01-15"))
