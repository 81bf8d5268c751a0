"""What governs an account, in plain arithmetic: whether it is open, its limits, thresholds, allowance and parent.

Nothing of the ledger is used, nor any calendar but that of UTC: the zones here are those that never move their clocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
ZONES: Final[Mapping[str, int]] = {"UTC": 0, "Asia/Kolkata": 5 * _HOUR_MS + _HOUR_MS // 2}
"""Each with what it is ahead, in ms."""
_PERIODS: Final = {"daily": "day", "weekly": "week", "monthly": "month"}


def end_of(period: str, at_ms: int, zone: str) -> int:
    """When the hour, day, week or month that `at_ms` lies in is over."""
    local_ms = at_ms + ZONES[zone]
    if period == "hour":
        return (local_ms // _HOUR_MS + 1) * _HOUR_MS - ZONES[zone]
    day = local_ms // _DAY_MS
    if period == "day":
        return (day + 1) * _DAY_MS - ZONES[zone]
    if period == "week":
        # The first day of all was a Thursday.
        return (day + 7 - (day + 3) % 7) * _DAY_MS - ZONES[zone]
    local = datetime.fromtimestamp(local_ms // 1000, UTC)
    following = datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=UTC)
    return int(following.timestamp()) * 1000 - ZONES[zone]


@dataclass(slots=True)
class Cap:
    """A spending limit and what it has counted since the row `since_seq`, until `until_ms`."""

    amount: int
    window: str | None
    app: str | None
    meter: str | None
    used: int = 0
    since_seq: int = 0
    until_ms: int | None = None

    @property
    def scope(self) -> tuple[str | None, ...]:
        return self.window, self.app, self.meter

    def covers(self, app: str | None, meter: str | None) -> bool:
        return (self.app is None or self.app == app) and (self.meter is None or self.meter == meter)

    def is_over(self, at_ms: int) -> bool:
        return self.window is not None and (self.until_ms is None or at_ms >= self.until_ms)

    def left(self, at_ms: int) -> int:
        return self.amount if self.is_over(at_ms) else self.amount - self.used

    def at(self, at_ms: int, zone: str, seq: int) -> "Cap":
        """As the row of `seq` finds it."""
        if self.window is None or not self.is_over(at_ms):
            return replace(self)
        return replace(self, used=0, since_seq=seq, until_ms=end_of(self.window, at_ms, zone))


@dataclass(slots=True)
class Regular:
    """An allowance; it is due at `next_ms`."""

    amount: int
    interval: str
    priority: int
    rollover_minimum: int
    rollover_maximum: int
    next_ms: int

    def falls_due(self, at_ms: int, zone: str, left: int, owed: int) -> tuple[int, int]:
        """What all refills until `at_ms` add, one period after the other, and when the next is due."""
        added, next_ms = 0, self.next_ms
        while next_ms <= at_ms:
            kept = min(left, self.rollover_maximum) if left >= self.rollover_minimum else 0
            more = max(self.amount + kept - left, 0)
            paid = min(owed, more)
            added, owed, left = added + more, owed - paid, left + more - paid
            next_ms = end_of(_PERIODS[self.interval], next_ms, zone)
        return added, next_ms

    def last_refill(self, end_ms: int, zone: str) -> int:
        """The instant of the last refill before `end_ms`, where the period ends that it is for."""
        last_ms = next_ms = self.next_ms
        while next_ms < end_ms:
            last_ms, next_ms = next_ms, end_of(_PERIODS[self.interval], next_ms, zone)
        return last_ms


@dataclass(slots=True)
class Rules:
    """`is_set`: whether there is anything that a POLICY is kept for. `armed` is by threshold."""

    is_set: bool = False
    is_frozen: bool = False
    zone: str = "UTC"
    overdraft: int = 0
    armed: dict[int, bool] = field(default_factory=dict)
    caps: list[Cap] = field(default_factory=list)
    allowance: Regular | None = None
    allowed_until_ms: int = 0
    given_priority: int | None = None
    parent: str | None = None

    def change(self, terms: Mapping[str, Any], available: int, row: Mapping[str, Any]) -> None:
        """What a row of kind configure does."""
        self.is_set = self.is_set or bool(terms.keys() - {"overdraft_limit"})
        self.overdraft = terms.get("overdraft_limit", self.overdraft)
        self.zone = terms.get("time_zone", self.zone)
        if "status" in terms:
            self.is_frozen = terms["status"] == "frozen"
        if "low_balance_thresholds" in terms:
            self.armed = {amount: available >= amount for amount in terms["low_balance_thresholds"]}
        if "parent" in terms:
            self.parent = terms["parent"] or None
        if "limits" in terms:
            self._limit(terms["limits"], row)
        if "allowance" in terms:
            self._allow(terms["allowance"], row["at_ms"])

    def _limit(self, limits: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> None:
        counted = {cap.scope: cap for cap in self.caps}
        self.caps = [
            replace(counted[cap.scope], amount=cap.amount)
            if cap.scope in counted
            else replace(cap.at(row["at_ms"], self.zone, row["seq"]), since_seq=row["seq"])
            for cap in (Cap(**limit) for limit in limits)
        ]

    def _allow(self, terms: Mapping[str, Any], at_ms: int) -> None:
        if self.allowance is not None:
            self.allowed_until_ms, next_ms = (
                (self.allowance.next_ms, 0) if not terms else (self.allowed_until_ms, self.allowance.next_ms)
            )
        else:
            next_ms = max(self.allowed_until_ms, at_ms)
        self.allowance = Regular(**terms, next_ms=next_ms) if terms else None

    def is_refill_due(self, at_ms: int) -> bool:
        return self.allowance is not None and self.allowance.next_ms <= at_ms

    def left_of_limits(self, app: str | None, meter: str | None, at_ms: int) -> list[int]:
        return [cap.left(at_ms) for cap in self.caps if cap.covers(app, meter)]

    def count(self, amount: int, seq: int, through: tuple[str | None, str | None], row: Mapping[str, Any]) -> None:
        """Counts what was spent, or given back of what was spent, by the row of `seq`.

        Where that is nothing to any limit, no window begins either.
        """
        after = [cap.at(row["at_ms"], self.zone, row["seq"]) for cap in self.caps]
        used = [cap.used for cap in after]
        for cap in after:
            if cap.covers(*through) and seq >= cap.since_seq:
                cap.used = max(cap.used + amount, 0)
        if used != [cap.used for cap in after]:
            self.caps = after

    def warn(self, available: int, *, is_funding: bool) -> list[int]:
        """The thresholds that were fallen below, from the highest down."""
        fallen = [amount for amount, is_armed in self.armed.items() if is_armed and available < amount]
        for amount, is_armed in self.armed.items():
            self.armed[amount] = available >= amount and (is_armed or is_funding)
        return sorted(fallen, reverse=True)

    def said(self) -> tuple[Any, ...] | None:
        """All of it, to be compared with the POLICY that is stored."""
        if not self.is_set:
            return None
        given = self.allowance
        return (
            "frozen" if self.is_frozen else "open",
            self.zone,
            self.parent,
            self.allowed_until_ms,
            self.given_priority,
            sorted(self.armed.items()),
            [(*cap.scope, cap.amount, cap.used, cap.since_seq, cap.until_ms) for cap in self.caps],
            given and (given.amount, given.interval, given.priority, given.next_ms),
        )
