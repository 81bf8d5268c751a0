"""Policies: what governs an account beside its balance.

Whether it is open, its time zone, the thresholds that it is warned at, its spending limits, its recurring allowance and
the parent that it spends together with. Most accounts have no policy. One that has is replaced together with the state,
under the condition on the state, so the two always belong to each other. Amounts are microcents.

Theory of operation. A spending limit is a counter and the window that it counts in. No clock resets the counter: it is
read as nothing once its window is over, and the next entry that counts begins the window that is running then. What is
given back (by a release or a refund) is taken from the counter only while the window still runs in which it was
counted, and only by a limit that was there to count it (`counted_from_seq`).

Example, a limit of 100 a day:

    Monday   charge 70      used 70, 30 left
    Monday   hold 20        used 90: a hold counts when it is placed
    Tuesday  charge 10      a new window: used 10
    Tuesday  release        the hold was counted on Monday, whose window is over: still 10

An allowance is the instant of its next refill and the terms of it. Each period is given once, whatever is changed in
between: new terms begin with the next refill, an allowance that is ended and set again waits for the end of the period
that was given, and one that moves to another time zone is not given the hours twice (`moved_ms`).

A threshold warns once when what is there falls below it, and is armed again by funding that lifts it above.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.calendar import Period, Periods, end_after

Status: TypeAlias = Literal["open", "frozen"]
Window: TypeAlias = Literal["hour", "day", "month"]
Interval: TypeAlias = Literal["daily", "weekly", "monthly"]

DEFAULT_TIME_ZONE: Final = "UTC"
MAX_LIMITS: Final = 20
MAX_THRESHOLDS: Final = 10
_PERIOD: Final[Mapping[Interval, Period]] = {"daily": "day", "weekly": "week", "monthly": "month"}


@dataclass(frozen=True, slots=True)
class Spending:
    """`amount` spent by the entry of `seq`; below zero what is given back of that."""

    amount: int
    seq: int
    app: str | None
    meter: str | None


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` may be spent through `app` and on `meter` (None: any) in a window, or ever where that is None.

    `used` counts from the entry of `counted_from_seq` on, holds included, and starts again at `resets_at_ms`;
    `moved_ms` is how far the account's zone has moved west since that was computed.
    """

    amount: int
    window: Window | None = None
    app: str | None = None
    meter: str | None = None
    used: int = 0
    counted_from_seq: int = 0
    resets_at_ms: int | None = None
    moved_ms: int = 0

    @property
    def headroom(self) -> int:
        return self.amount - self.used

    @property
    def scope(self) -> tuple[str | None, str | None, str | None]:
        """What makes it the same limit, whatever its amount."""
        return self.window, self.app, self.meter

    def covers(self, app: str | None, meter: str | None) -> bool:
        return self.app in {None, app} and self.meter in {None, meter}

    def at(self, periods: Periods, seq: int) -> "Limit":
        """As the entry of `seq` at the instant of `periods` finds it: with nothing counted where its window is over.

        A clock that is behind counts as in time.
        """
        if self.window is None or (self.resets_at_ms is not None and periods.at_ms < self.resets_at_ms):
            return self
        end_ms = periods.end_of(self.window, self.resets_at_ms, self.moved_ms)
        return replace(self, used=0, counted_from_seq=seq, resets_at_ms=end_ms, moved_ms=0)

    def counting(self, amount: int) -> "Limit":
        return replace(self, used=max(self.used + amount, 0))


@dataclass(frozen=True, slots=True)
class Threshold:
    """Warns when what is there (available and held) falls below `amount`.

    Once, and again when a funding has lifted it above in between, or leaves it below.
    """

    amount: int
    is_armed: bool


@dataclass(frozen=True, slots=True)
class Allowance:
    """`amount` every interval, next at `next_at_ms`, in a grant that lasts until then; `moved_ms` as for a limit.

    What is left of a period rolls over if it is `rollover_minimum` at least, and up to `rollover_maximum`.
    """

    amount: int
    interval: Interval
    priority: int
    rollover_minimum: int
    rollover_maximum: int
    next_at_ms: int
    moved_ms: int = 0

    def is_due(self, now_ms: int) -> bool:
        return self.next_at_ms <= now_ms

    def due_by(
        self, now_ms: int, time_zone: str, remaining: int, owed: int, *, is_first: bool = False
    ) -> tuple[int, int]:
        """What all the refills that are due by `now_ms` come to, and when the next one is.

        As if each had come in time: of what is `remaining` of a period only what rolls over is left at its end, so a
        refill may come to less than nothing; what the account owes is paid first. `is_first`: it begins in the middle
        of a period.
        """
        total, next_at_ms, period, moved_ms = 0, self.next_at_ms, _PERIOD[self.interval], self.moved_ms
        given_until_ms = None if is_first else next_at_ms
        while next_at_ms <= now_ms:
            refill = self.amount + self._rolled_over(remaining) - remaining
            paid_off = min(owed, max(refill, 0))
            total, owed, remaining = total + refill, owed - paid_off, remaining + refill - paid_off
            # Once one has nothing to add, the others have not either.
            around_ms = next_at_ms if refill else now_ms
            given_until_ms = next_at_ms = end_after(period, around_ms, time_zone, given_until_ms, moved_ms)
            moved_ms = 0
        return total, next_at_ms

    def _rolled_over(self, remaining: int) -> int:
        return min(remaining, self.rollover_maximum) if remaining >= self.rollover_minimum else 0


@dataclass(frozen=True, slots=True)
class Policy:
    """`seq` is that of the entry that last changed it; `thresholds` from the highest down.

    `allowed_until_ms` is the end of the period that an allowance which has been ended was last given for, and
    `allowed_moved_ms` how far the zone has moved west since;
    `given_seq` is the grant that the allowance of the running period is in; None where one begins in the middle of a
    period.
    """

    seq: int = 0
    status: Status = "open"
    time_zone: str = DEFAULT_TIME_ZONE
    thresholds: tuple[Threshold, ...] = ()
    limits: tuple[Limit, ...] = ()
    allowance: Allowance | None = None
    parent: str | None = None
    allowed_until_ms: int = 0
    allowed_moved_ms: int = 0
    given_seq: int | None = None

    def limits_at(self, periods: Periods, seq: int = 0) -> tuple[Limit, ...]:
        """The limits as the entry of `seq` finds them; 0 for a reader, who writes none."""
        return tuple(limit.at(periods, seq) for limit in self.limits)

    def counting(self, spending: Spending, periods: Periods, seq: int) -> "Policy":
        """With `spending` counted by the entry of `seq`, wherever it lies in the present window."""
        limits = self.limits_at(periods, seq)
        counted = tuple(
            limit.counting(spending.amount)
            if limit.covers(spending.app, spending.meter) and spending.seq >= limit.counted_from_seq
            else limit
            for limit in limits
        )
        return self if counted == limits else replace(self, limits=counted)

    def crossing(self, there: int, *, arms: bool, warns: bool) -> "tuple[Policy, tuple[int, ...]]":
        """The policy after an entry that left `there` available and held, and the thresholds that it warns of.

        `arms`: credits have come, so that those are armed again that they lifted it to. `warns`: the entry warns of
        every threshold that it leaves the account below, armed or not.
        """
        below = tuple(each.amount for each in self.thresholds if there < each.amount and (each.is_armed or warns))
        thresholds = tuple(
            replace(each, is_armed=there >= each.amount and (each.is_armed or arms)) for each in self.thresholds
        )
        return self if thresholds == self.thresholds else replace(self, thresholds=thresholds), below


def in_zone(policy: Policy, zone_name: str, periods: Periods, seq: int) -> Policy:
    """The policy of an account that moves to another zone. What runs, ends when it would have."""
    moved_ms = periods.moved_ms(zone_name)
    limits = tuple(replace(limit, moved_ms=limit.moved_ms + moved_ms) for limit in policy.limits_at(periods, seq))
    allowance = policy.allowance and replace(policy.allowance, moved_ms=policy.allowance.moved_ms + moved_ms)
    ended_ms = policy.allowed_moved_ms + moved_ms
    return replace(policy, time_zone=zone_name, limits=limits, allowance=allowance, allowed_moved_ms=ended_ms)


def with_limits(policy: Policy, limits: Iterable[Limit], periods: Periods, seq: int) -> Policy:
    """With other limits, by the entry of `seq`. One that limits the same as a present one goes on counting."""
    counted = {limit.scope: limit for limit in policy.limits}
    return replace(
        policy,
        limits=tuple(
            replace(counted[limit.scope], amount=limit.amount)
            if limit.scope in counted
            else replace(limit.at(periods, seq), counted_from_seq=seq)
            for limit in limits
        ),
    )


def limit_values(limit: Limit) -> dict[str, Any]:
    """The limit as plain values, as far as it is of interest to whom it refuses."""
    return {
        "app": limit.app,
        "meter": limit.meter,
        "window": limit.window,
        "amount": limit.amount,
        "used": limit.used,
        "resets_at_ms": limit.resets_at_ms,
    }


def policy_values(policy: Policy) -> dict[str, Any]:
    """The policy as plain JSON values. `policy_from` is the way back."""
    return asdict(policy)


def policy_from(values: Mapping[str, Any]) -> Policy:
    """Raises KeyError or TypeError where the values are no policy."""
    allowance = values["allowance"]
    return Policy(
        seq=values["seq"],
        status=values["status"],
        time_zone=values["time_zone"],
        thresholds=tuple(Threshold(**each) for each in values["thresholds"]),
        limits=tuple(Limit(**each) for each in values["limits"]),
        allowance=None if allowance is None else Allowance(**allowance),
        parent=values["parent"],
        allowed_until_ms=values["allowed_until_ms"],
        allowed_moved_ms=values["allowed_moved_ms"],
        given_seq=values["given_seq"],
    )
