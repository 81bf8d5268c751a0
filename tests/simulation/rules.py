"""What governs an account, in plain arithmetic: whether it is open, its limits, thresholds, allowance and parent.

Nothing of the ledger is used, nor any calendar but that of UTC: the zones here are those that never move their clocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

Through: TypeAlias = tuple[str | None, str | None, str | None]
"""App, meter and model."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
ZONES: Final[Mapping[str, int]] = {"UTC": 0, "Asia/Kolkata": 5 * _HOUR_MS + _HOUR_MS // 2}
"""Each with what it is ahead, in ms."""
ROLLING_MS: Final[Mapping[str | None, int]] = {"PT5H": 5 * _HOUR_MS, "PT30M": _HOUR_MS // 2}
"""Windows that roll."""
_PARTS_MAX: Final = 61
_PERIODS: Final = {"daily": "day", "weekly": "week", "monthly": "month"}


def end_after(period: str, at_ms: int, zone: str, given_until_ms: int | None, behind_ms: int) -> int:
    """As `end_of`, but none is given twice: of a zone that came to lie `behind_ms` further west, the day that follows
    the one that was given until then begins so much later."""
    if given_until_ms is None:
        return end_of(period, at_ms, zone)
    if period == "hour":
        end_ms = end_of(period, at_ms, zone)
        return end_ms if end_ms - _HOUR_MS >= given_until_ms else end_ms + _HOUR_MS
    return end_of(period, max(at_ms, given_until_ms + behind_ms), zone)


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
    """A spending limit and what it has counted since the row `since_seq`, until `until_ms`.

    A rolling one has what it counted in `parts`: an instant, the row and the amount. The first leaves at `until_ms`.
    """

    amount: int
    window: str | None
    app: str | None
    meter: str | None
    used: int = 0
    since_seq: int = 0
    until_ms: int | None = None
    behind_ms: int = 0
    model: str | None = None
    parts: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def scope(self) -> tuple[str | None, ...]:
        return self.window, self.app, self.meter, self.model

    def covers(self, through: Through) -> bool:
        pairs = zip((self.app, self.meter, self.model), through, strict=True)
        return all(wanted is None or wanted == named for wanted, named in pairs)

    def is_over(self, at_ms: int) -> bool:
        return self.window is not None and (self.until_ms is None or at_ms >= self.until_ms)

    def add(self, amount: int, at_ms: int, seq: int) -> None:
        """Counts what the row of `seq` spent, or what is given back of it."""
        if self.window not in ROLLING_MS:
            self.used = max(self.used + amount, 0)
            return
        if amount > 0:
            self.parts.append((max(at_ms, *(each[0] for each in self.parts), 0), seq, amount))
            self._join({each[0] for each in self.parts})
        elif counted := [place for place, each in enumerate(self.parts) if each[1] <= seq]:
            then_ms, first_seq, there = self.parts[counted[-1]]
            self.parts[counted[-1]] = (then_ms, first_seq, there + amount)
        self._follow(self.since_seq)

    def _join(self, instants: set[int]) -> None:
        """Parts of one instant are one; where there are too many, those of a sixtieth of the window."""
        width_ms = 1 if len(instants) <= _PARTS_MAX else ROLLING_MS[self.window] // 60
        joined: dict[int, tuple[int, int, int]] = {}
        for at_ms, seq, amount in self.parts:
            _, first_seq, before = joined.get(at_ms // width_ms, (0, seq, 0))
            joined[at_ms // width_ms] = (at_ms, first_seq, before + amount)
        self.parts = list(joined.values())

    def _follow(self, seq: int) -> None:
        self.parts = [each for each in self.parts if each[2]]
        self.used = sum([each[2] for each in self.parts])
        self.since_seq = self.parts[0][1] if self.parts else seq
        self.until_ms = self.parts[0][0] + ROLLING_MS[self.window] if self.parts else None

    def at(self, at_ms: int, zone: str, seq: int) -> "Cap":
        """As the row of `seq` finds it."""
        if self.window in ROLLING_MS:
            return self._rolled(at_ms, seq)
        if self.window is None or not self.is_over(at_ms):
            return replace(self)
        until_ms = end_after(self.window, at_ms, zone, self.until_ms, self.behind_ms)
        return replace(self, used=0, since_seq=seq, until_ms=until_ms, behind_ms=0)

    def _rolled(self, at_ms: int, seq: int) -> "Cap":
        now_ms = max([at_ms, *(each[0] for each in self.parts)])
        kept = [each for each in self.parts if each[0] > now_ms - ROLLING_MS[self.window]]
        rolled = replace(self, parts=kept)
        if kept != self.parts:
            rolled._follow(seq)
        return rolled


@dataclass(slots=True)
class Regular:
    """An allowance; it is due at `next_ms`."""

    amount: int
    interval: str
    priority: int
    rollover_minimum: int
    rollover_maximum: int
    next_ms: int
    behind_ms: int = 0
    begins: bool = False
    """Whether it begins in the middle of a period."""

    def falls_due(self, at_ms: int, zone: str, left: int, owed: int) -> tuple[int, int]:
        """What all refills until `at_ms` add or take, one period after the other, and when the next is due."""
        added, next_ms, begins, behind_ms = 0, self.next_ms, self.begins, self.behind_ms
        while next_ms <= at_ms:
            kept = min(left, self.rollover_maximum) if left >= self.rollover_minimum else 0
            more = self.amount + kept - left
            paid = min(owed, max(more, 0))
            added, owed, left = added + more, owed - paid, left + more - paid
            next_ms = self._end(next_ms, zone, begins=begins, behind_ms=behind_ms)
            begins, behind_ms = False, 0
        return added, next_ms

    def _end(self, at_ms: int, zone: str, *, begins: bool, behind_ms: int) -> int:
        return end_after(_PERIODS[self.interval], at_ms, zone, None if begins else at_ms, behind_ms)

    def last_refill(self, end_ms: int, zone: str) -> int:
        """The instant of the last refill before `end_ms`, where the period ends that it is for."""
        last_ms, next_ms, begins, behind_ms = self.next_ms, self.next_ms, self.begins, self.behind_ms
        while next_ms < end_ms:
            last_ms, next_ms = next_ms, self._end(next_ms, zone, begins=begins, behind_ms=behind_ms)
            begins, behind_ms = False, 0
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
    allowed_behind_ms: int = 0
    given_seq: int | None = None
    parent: str | None = None

    def change(self, terms: Mapping[str, Any], there: int, row: Mapping[str, Any]) -> None:
        """What a row of kind configure does. `there` is what is available and held."""
        self.is_set = self.is_set or bool(terms.keys() - {"overdraft_limit"})
        self.overdraft = terms.get("overdraft_limit", self.overdraft)
        if terms.get("time_zone", self.zone) != self.zone:
            self._move(terms["time_zone"], row)
        if "status" in terms:
            self.is_frozen = terms["status"] == "frozen"
        if "low_balance_thresholds" in terms:
            amounts = terms["low_balance_thresholds"]
            self.armed = {amount: self.armed.get(amount, True) or there >= amount for amount in amounts}
        if "parent" in terms:
            self.parent = terms["parent"] or None
        if "limits" in terms:
            self._limit(terms["limits"], row)
        if "allowance" in terms:
            self._allow(terms["allowance"], row["at_ms"])

    def _move(self, zone: str, row: Mapping[str, Any]) -> None:
        behind_ms = ZONES[self.zone] - ZONES[zone]
        self.caps = [cap.at(row["at_ms"], self.zone, row["seq"]) for cap in self.caps]
        for each in (*self.caps, *((self.allowance,) if self.allowance else ())):
            each.behind_ms += behind_ms
        self.allowed_behind_ms += behind_ms
        self.zone = zone

    def _limit(self, limits: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> None:
        counted = {cap.scope: cap for cap in self.caps}
        self.caps = [
            replace(counted[cap.scope], amount=cap.amount)
            if cap.scope in counted
            else replace(cap.at(row["at_ms"], self.zone, row["seq"]), since_seq=row["seq"])
            for cap in (Cap(**limit) for limit in limits)
        ]

    def _allow(self, terms: Mapping[str, Any], at_ms: int) -> None:
        present = self.allowance
        until_ms, behind_ms = (
            (present.next_ms, present.behind_ms) if present else (self.allowed_until_ms, self.allowed_behind_ms)
        )
        if not terms:
            self.allowance, self.allowed_until_ms, self.allowed_behind_ms = None, until_ms, behind_ms
        elif present or until_ms > at_ms:
            self.allowance = Regular(**terms, next_ms=until_ms, behind_ms=behind_ms)
        elif until_ms + behind_ms > at_ms:
            self.allowance = Regular(**terms, next_ms=at_ms, behind_ms=until_ms + behind_ms - at_ms)
        else:
            self.allowance, self.given_seq = Regular(**terms, next_ms=at_ms, begins=True), None

    def is_refill_due(self, at_ms: int) -> bool:
        return self.allowance is not None and self.allowance.next_ms <= at_ms

    def left_of_limits(
        self, through: Through, row: Mapping[str, Any], held: tuple[int, int, Through] = (0, -1, (None, None, None))
    ) -> list[int]:
        """`held`: an amount that is to be captured, the row since which it counts, and through what. It is given back
        first."""
        amount, placed_seq, held_through = held
        caps = [cap.at(row["at_ms"], self.zone, row["seq"]) for cap in self.caps if cap.covers(through)]
        return [
            cap.amount - cap.used + (amount if cap.covers(held_through) and placed_seq >= cap.since_seq else 0)
            for cap in caps
        ]

    def count(self, amount: int, seq: int, through: Through, row: Mapping[str, Any]) -> None:
        """Counts what was spent, or given back of what was spent, by the row of `seq`.

        Where that is nothing to any limit, no window begins either.
        """
        after = [cap.at(row["at_ms"], self.zone, row["seq"]) for cap in self.caps]
        used = [cap.used for cap in after]
        for cap in after:
            if cap.covers(through) and seq >= cap.since_seq:
                cap.add(amount, row["at_ms"], seq)
        if used != [cap.used for cap in after]:
            self.caps = after

    def warn(self, there: int, *, is_funding: bool, is_refill: bool) -> list[int]:
        """The thresholds that were fallen below, or that a funding leaves it below, from the highest down."""
        fallen = [amount for amount, is_armed in self.armed.items() if (is_armed or is_funding) and there < amount]
        for amount, is_armed in self.armed.items():
            self.armed[amount] = there >= amount and (is_armed or is_funding or is_refill)
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
            self.given_seq,
            sorted(self.armed.items()),
            [(*cap.scope, cap.amount, cap.used, cap.since_seq, cap.until_ms) for cap in self.caps],
            given and (given.amount, given.interval, given.priority, given.next_ms),
        )
