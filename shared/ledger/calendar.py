"""Calendar: where hours, days, weeks and months begin in an account's time zone.

Whatever a zone does with its clocks, a day begins at its 00:00; where that is skipped, at the instant of the skip.

The names and rules of the zones are those of the package `tzdata`, whose version is pinned, and of nothing else: not of
the machine, which has others or none. As the package moves too, what was computed goes on the record (`Periods`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

Period: TypeAlias = Literal["hour", "day", "week", "month"]

_MS_PER_S: Final = 1000
_HOUR_MS: Final = 3_600_000
_CLOCKS_MOVE_MS: Final = 3 * _HOUR_MS
"""More than clocks are ever moved by in a summer: so long after about the beginning of a day it has begun."""
_NO_ZONES: Final = frozenset({"Factory"})
"""Names in the list of the package that stand for no place: `Factory` says that nobody has set a zone."""


@cache
def zone_names() -> frozenset[str]:
    """The names that an account can have."""
    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - _NO_ZONES


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """Raises ValueError for a name that is none of `zone_names`."""
    if name == "UTC":
        return UTC
    if name not in zone_names():
        raise ValueError(f"{name} is not a time zone")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def _zone_or_utc(name: str) -> tzinfo:
    # An account keeps its zone; the package may drop its name. It goes on by UTC until somebody sets another.
    try:
        return zone_of(name)
    except ValueError:
        return UTC


def period_around(period: Period, at_ms: int, zone_name: str) -> tuple[int, int]:
    """The period that `at_ms` lies in: its first instant and that of the next one, in epoch milliseconds.

    By UTC where the zone is not known.
    """
    zone = _zone_or_utc(zone_name)
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


def end_after(period: Period, at_ms: int, zone_name: str, given_until_ms: int | None = None, moved_ms: int = 0) -> int:
    """When the period ends that `at_ms` lies in, after one that was given until `given_until_ms`.

    A period is given once, whatever the zone does. `moved_ms` is by how much the zone has moved west since that end was
    computed (below zero: east). Amsterdam's October ends at 00:00; if the account has moved to New York meanwhile, it
    is still 18:00 of 31 October there: six hours of a second October would follow. They belong to November.
    """
    begin_ms, end_ms = period_around(period, at_ms, zone_name)
    if given_until_ms is None:
        return end_ms
    if period == "hour":
        # An hour is the same everywhere, but for zones that are half an hour off.
        return end_ms if begin_ms >= given_until_ms else period_around(period, end_ms, zone_name)[1]
    follows_ms = given_until_ms + moved_ms
    if at_ms >= follows_ms:
        return end_ms
    return period_around(period, follows_ms + _CLOCKS_MOVE_MS, zone_name)[1]


def offset_ms(at_ms: int, zone_name: str) -> int:
    """How far the clocks of the zone are ahead of UTC."""
    offset = datetime.fromtimestamp(at_ms / _MS_PER_S, _zone_or_utc(zone_name)).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)


class Periods:
    """What the calendar says around one instant: computed once each, or taken from the entry that needed it.

    `ends` is what was asked for: `day` for a first one, `day@1764028800000` for one after another that ended then,
    with `-21600000` behind it where the zone has moved west by six hours since; `moved` for how far it moves now.
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
        """The same instant in another zone; what is asked of that goes on the same record."""
        other = Periods(self.at_ms, zone_name, self._recorded)
        other.ends = self.ends
        return other

    def moved_ms(self, zone_name: str) -> int:
        """By how much another zone lies west of this one; below zero: east."""
        return self._known("moved", lambda: offset_ms(self.at_ms, self.zone_name) - offset_ms(self.at_ms, zone_name))

    def _known(self, name: str, compute: Callable[[], int]) -> int:
        if name not in self.ends:
            recorded = self._recorded.get(name)
            self.ends[name] = compute() if recorded is None else recorded
        return self.ends[name]
