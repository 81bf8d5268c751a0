"""Calendar: where hours, days, weeks and months begin in an account's time zone.

Whatever a zone does with its clocks, a day begins at its 00:00; where that is skipped, at the instant of the skip. The
rules of the zones are data from outside (the tz database).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

Period: TypeAlias = Literal["hour", "day", "week", "month"]

_MS_PER_S: Final = 1000
_HOUR_MS: Final = 3_600_000


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """Raises ValueError for a name that the tz database does not have."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, OSError) as unknown:
        raise ValueError(f"{name} is no time zone") from unknown


def period_around(period: Period, at_ms: int, zone_name: str) -> tuple[int, int]:
    """The period that `at_ms` lies in: its first instant and that of the next one, in epoch milliseconds."""
    zone = zone_of(zone_name)
    local = datetime.fromtimestamp(at_ms / _MS_PER_S, zone)
    if period == "hour":
        return _hour(at_ms, local.utcoffset() or timedelta())
    first, following = _DAYS[period](local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None))
    return _midnight_ms(first, zone), _midnight_ms(following, zone)


def _hour(at_ms: int, offset: timedelta) -> tuple[int, int]:
    # The hour that the clock shows now. Where clocks move by half an hour, one hour reaches into another.
    begin_ms = at_ms - (at_ms + offset // timedelta(milliseconds=1)) % _HOUR_MS
    return begin_ms, begin_ms + _HOUR_MS


def _day(today: datetime) -> tuple[datetime, datetime]:
    return today, today + timedelta(days=1)


def _week(today: datetime) -> tuple[datetime, datetime]:
    monday = today - timedelta(days=today.weekday())
    return monday, monday + timedelta(days=7)


def _month(today: datetime) -> tuple[datetime, datetime]:
    first = today.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


_DAYS: Final[Mapping[str, Callable[[datetime], tuple[datetime, datetime]]]] = {
    "day": _day,
    "week": _week,
    "month": _month,
}


def _midnight_ms(day: datetime, zone: tzinfo) -> int:
    # fold=0 is the first of two midnights, and of one that was skipped the instant of the skip.
    return int(day.replace(tzinfo=zone, fold=0).timestamp()) * _MS_PER_S
