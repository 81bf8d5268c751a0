"""A calendar that is arithmetic: days begin at a fixed offset from UTC, east of it above zero."""

from datetime import UTC, datetime

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_LENGTH_MS = {"hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS, "month": 28 * DAY_MS}
_MONDAY_MS = 4 * DAY_MS
"""The first Monday of 1970."""


def end_of_period(period: str, at_ms: int, offset_ms: int) -> int:
    """The first instant after the hour, day, week or month that `at_ms` lies in."""
    local_ms = at_ms + offset_ms
    if period == "month":
        return _first_of_next_month_ms(local_ms) - offset_ms
    length_ms = _LENGTH_MS[period]
    first_ms = _MONDAY_MS if period == "week" else 0
    return local_ms + length_ms - (local_ms - first_ms) % length_ms - offset_ms


def end_of_the_next(period: str, at_ms: int, offset_ms: int, given_until_wall_ms: int | None) -> int:
    """When a period ends that begins at `at_ms`, or is running then, after others were given.

    `given_until_wall_ms` is the time on the wall when the last one ended, by the zone of then. A period is given once:
    where clocks further west do not show that time yet, what is left until then is the beginning of the next one.
    """
    if given_until_wall_ms is None:
        return end_of_period(period, at_ms, offset_ms)
    if period == "hour":
        # An hour is the same everywhere, but where clocks are off by half of one: the first that begins here.
        return end_of_period(period, at_ms - 1, offset_ms) + HOUR_MS
    return end_of_period(period, max(at_ms, given_until_wall_ms - offset_ms), offset_ms)


def _first_of_next_month_ms(local_ms: int) -> int:
    local = datetime.fromtimestamp(local_ms // 1000, UTC)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
