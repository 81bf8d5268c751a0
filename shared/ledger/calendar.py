"""Calendar: the begin of hours, days, weeks and months in an account's time zone.

A day begins at its 00:00, even when the zone changes its clocks; if 00:00 is skipped, at the instant of the skip. The
zones come from the pinned package `tzdata` alone, not from the machine, which may have others or none. Since the
package changes too, every computed end is recorded in the entry (`Periods`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import Final, Literal, TypeAlias

Period: TypeAlias = Literal["hour", "day", "week", "month"]

_MS_PER_S: Final = 1000
_HOUR_MS: Final = 3_600_000
_CLOCKS_MOVE_MS: Final = 3 * _HOUR_MS
"""Longer than any change of the clocks: so long after the approximate begin of a day, the day has begun."""
_NO_ZONES: Final = frozenset({"Factory"})
"""Names in the package's list that are not places: `Factory` means that no zone was set."""


@cache
def zone_names() -> frozenset[str]:
    """The zone names that an account may have."""
    from importlib.resources import files  # noqa: PLC0415 - few accounts have a zone, and it would take 5 ms of every start

    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - _NO_ZONES


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """Raises ValueError for a name that is not in `zone_names`."""
    if name == "UTC":
        return UTC
    if name not in zone_names():
        raise ValueError(f"{name} is not a time zone")
    from importlib.resources import files  # noqa: PLC0415 - as above
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - as above

    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def _zone_or_utc(name: str) -> tzinfo:
    # The package may drop a zone that an account has. UTC then applies until the account gets another zone.
    try:
        return zone_of(name)
    except ValueError:
        return UTC


def period_around(period: Period, at_ms: int, zone_name: str) -> tuple[int, int]:
    """The first instant of the period around `at_ms` and of the next period, in epoch milliseconds.

    An unknown zone counts as UTC.
    """
    zone = _zone_or_utc(zone_name)
    local = datetime.fromtimestamp(at_ms / _MS_PER_S, zone)
    if period == "hour":
        return _hour(at_ms, local.utcoffset() or timedelta())
    first, following = _DAYS[period](local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None))
    return _midnight_ms(first, zone), _midnight_ms(following, zone)


def _hour(at_ms: int, offset: timedelta) -> tuple[int, int]:
    # The hour on the local clock. If the clocks change by half an hour, one hour overlaps another.
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
    # fold=0 is the first of two midnights; for a skipped midnight it is the instant of the skip.
    return int(day.replace(tzinfo=zone, fold=0).timestamp()) * _MS_PER_S


def end_after(period: Period, at_ms: int, zone_name: str, given_until_ms: int | None = None, moved_ms: int = 0) -> int:
    """The end of the period around `at_ms`, when the period until `given_until_ms` was already given.

    A period is given once, even if the account changes its zone. `moved_ms` is how far the zone has moved west since
    that end was computed (negative: east). Example: Amsterdam's October ends at 00:00. If the account has moved to New
    York by then, it is still 18:00 on 31 October there. The remaining six hours count as November, not as a second
    October.
    """
    begin_ms, end_ms = period_around(period, at_ms, zone_name)
    if given_until_ms is None:
        return end_ms
    if period == "hour":
        # Hours begin at the same instants everywhere, except in zones with a half-hour offset.
        return end_ms if begin_ms >= given_until_ms else period_around(period, end_ms, zone_name)[1]
    follows_ms = given_until_ms + moved_ms
    if at_ms >= follows_ms:
        return end_ms
    return period_around(period, follows_ms + _CLOCKS_MOVE_MS, zone_name)[1]


def offset_ms(at_ms: int, zone_name: str) -> int:
    """How far the zone's clocks are ahead of UTC."""
    offset = datetime.fromtimestamp(at_ms / _MS_PER_S, _zone_or_utc(zone_name)).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)


class Periods:
    """The calendar around one instant. Each answer is computed once, or taken from the recorded entry.

    The keys of `ends` are the questions: `day` for a first period; `day@1764028800000` for the period after one that
    ended then, followed by `-21600000` if the zone has moved west by six hours since; `moved` for the distance of a
    move now.
    """

    def __init__(self, at_ms: int, zone_name: str, recorded: Mapping[str, int] | None = None) -> None:
        self.at_ms = at_ms
        self.zone_name = zone_name
        self.ends: dict[str, int] = {}
        self.is_replayed = recorded is not None
        self._recorded = recorded or {}

    def end_of(self, period: Period, given_until_ms: int | None, moved_ms: int = 0) -> int:
        """As `end_after`."""
        since = "" if given_until_ms is None else f"@{given_until_ms}"
        moved = f"{-moved_ms:+d}" if moved_ms else ""
        return self._known(
            f"{period}{since}{moved}",
            lambda: end_after(period, self.at_ms, self.zone_name, given_until_ms, moved_ms),
        )

    def moved_to(self, zone_name: str) -> "Periods":
        """The same instant in another zone, with the same `ends`."""
        other = Periods(self.at_ms, zone_name, self._recorded)
        other.ends = self.ends
        return other

    def moved_ms(self, zone_name: str) -> int:
        """How far another zone lies west of this one; negative: east."""
        return self._known("moved", lambda: offset_ms(self.at_ms, self.zone_name) - offset_ms(self.at_ms, zone_name))

    def _known(self, name: str, compute: Callable[[], int]) -> int:
        if name not in self.ends:
            recorded = self._recorded.get(name)
            self.ends[name] = compute() if recorded is None else recorded
        return self.ends[name]
