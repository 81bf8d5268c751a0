"""Policies: what governs an account beside its balance.

Whether it is open, its time zone, the thresholds that it is warned at, its spending limits, its recurring allowance and
the parent that it spends together with. Most accounts have no policy. One that has is replaced together with the state,
under the condition on the state, so the two always belong to each other. Amounts are microcents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.calendar import Period, period_around

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

    `used` counts from the entry of `counted_from_seq` on, holds included, and starts again at `resets_at_ms`.
    """

    amount: int
    window: Window | None = None
    app: str | None = None
    meter: str | None = None
    used: int = 0
    counted_from_seq: int = 0
    resets_at_ms: int | None = None

    @property
    def room(self) -> int:
        return self.amount - self.used

    @property
    def scope(self) -> tuple[str | None, str | None, str | None]:
        """What makes it the same limit, whatever its amount."""
        return self.window, self.app, self.meter

    def covers(self, app: str | None, meter: str | None) -> bool:
        return self.app in {None, app} and self.meter in {None, meter}

    def at(self, now_ms: int, time_zone: str, seq: int) -> "Limit":
        """As the entry of `seq` at `now_ms` finds it: with nothing counted where its window is over.

        A clock that is behind counts as in time.
        """
        if self.window is None or (self.resets_at_ms is not None and now_ms < self.resets_at_ms):
            return self
        _, end_ms = period_around(self.window, now_ms, time_zone)
        return replace(self, used=0, counted_from_seq=seq, resets_at_ms=end_ms)

    def counting(self, amount: int) -> "Limit":
        return replace(self, used=max(self.used + amount, 0))


@dataclass(frozen=True, slots=True)
class Threshold:
    """Warns when what is available falls below `amount`: once, and again only after a funding has lifted it above."""

    amount: int
    is_armed: bool


@dataclass(frozen=True, slots=True)
class Allowance:
    """`amount` every interval, next at `next_at_ms`, in a grant that lasts until then.

    What is left of a period rolls over if it is `rollover_minimum` at least, and up to `rollover_maximum`.
    """

    amount: int
    interval: Interval
    priority: int
    rollover_minimum: int
    rollover_maximum: int
    next_at_ms: int

    def is_due(self, now_ms: int) -> bool:
        return self.next_at_ms <= now_ms

    def due_by(self, now_ms: int, time_zone: str, remaining: int, owed: int) -> tuple[int, int]:
        """What all the refills that are due by `now_ms` come to, and when the next one is.

        As if each had come in time: what the account owes is paid first, the rest is added to what is `remaining`, and
        none lowers that.
        """
        total, next_at_ms = 0, self.next_at_ms
        while next_at_ms <= now_ms:
            refill = max(self.amount + self._rolled_over(remaining) - remaining, 0)
            paid_off = min(owed, refill)
            total, owed, remaining = total + refill, owed - paid_off, remaining + refill - paid_off
            # Once one has nothing to add, the others have not either.
            _, next_at_ms = period_around(_PERIOD[self.interval], next_at_ms if refill else now_ms, time_zone)
        return total, next_at_ms

    def _rolled_over(self, remaining: int) -> int:
        return min(remaining, self.rollover_maximum) if remaining >= self.rollover_minimum else 0


@dataclass(frozen=True, slots=True)
class Policy:
    """`seq` is that of the entry that last changed it; `thresholds` from the highest down.

    `allowed_until_ms` is the end of the period that an allowance which has been ended was last given for;
    `given_priority` that of the grant that an allowance was last given in.
    """

    seq: int = 0
    status: Status = "open"
    time_zone: str = DEFAULT_TIME_ZONE
    thresholds: tuple[Threshold, ...] = ()
    limits: tuple[Limit, ...] = ()
    allowance: Allowance | None = None
    parent: str | None = None
    allowed_until_ms: int = 0
    given_priority: int | None = None

    def limits_at(self, now_ms: int, seq: int = 0) -> tuple[Limit, ...]:
        """The limits as the entry of `seq` finds them; 0 for a reader, who writes none."""
        return tuple(limit.at(now_ms, self.time_zone, seq) for limit in self.limits)

    def counting(self, spending: Spending, now_ms: int, seq: int) -> "Policy":
        """With `spending` counted by the entry of `seq`, wherever it lies in the present window."""
        limits = self.limits_at(now_ms, seq)
        counted = tuple(
            limit.counting(spending.amount)
            if limit.covers(spending.app, spending.meter) and spending.seq >= limit.counted_from_seq
            else limit
            for limit in limits
        )
        return self if counted == limits else replace(self, limits=counted)

    def crossing(self, available: int, *, is_funding: bool) -> "Policy":
        """With the thresholds fired that `available` fell below, and those armed again that a funding lifted it to."""
        thresholds = tuple(
            replace(each, is_armed=available >= each.amount and (each.is_armed or is_funding))
            for each in self.thresholds
        )
        return self if thresholds == self.thresholds else replace(self, thresholds=thresholds)


def fired(before: Policy, after: Policy) -> tuple[int, ...]:
    """The amounts of the thresholds that were armed and are no longer."""
    still = {each.amount for each in after.thresholds if each.is_armed}
    return tuple(each.amount for each in before.thresholds if each.is_armed and each.amount not in still)


def with_limits(policy: Policy, limits: Iterable[Limit], now_ms: int, seq: int) -> Policy:
    """With other limits, by the entry of `seq`. One that limits the same as a present one goes on counting."""
    counted = {limit.scope: limit for limit in policy.limits}
    return replace(
        policy,
        limits=tuple(
            replace(counted[limit.scope], amount=limit.amount)
            if limit.scope in counted
            else replace(limit.at(now_ms, policy.time_zone, seq), counted_from_seq=seq)
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
        given_priority=values["given_priority"],
    )
